"""Clean simulations that lie, sway and are doped as measured images are."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.lattice import find_rotation
from stemzoo.analysis.scan_errors import all_scan_errors
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.sessions import AcquisitionSession

_DOPANT = "v"  # light, and known to `fcn-wse2`
# Images that are looked at, at most, and edge of the middle of each [px]: thousands of columns.
_IMAGES, _EDGE = 2, 640
# Less is no doping; and columns that stand out by less [standard deviations] may be noise.
_LEAST, _APART = 0.01, 4.0


def matched_session(
    images: Sequence[np.ndarray], material: str, sampling: float
) -> tuple[AcquisitionSession, tuple[float, float] | None]:
    """Return clean simulations that lie, sway and are doped as measured images are.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    domain : AcquisitionSession
        See `domain_session`, with the dopants, the orientation and the shifted lines of the images:
        a CycleGAN could learn to shift lines only by moving columns away from their labels.
    rotation : pair of float, or None
        See `find_rotation`.
    """
    errors = all_scan_errors(images, find_material(material), sampling)
    straight = [one.undo(image) for one, image in zip(errors, images, strict=True)]
    rotation = find_rotation(straight, material, sampling)
    shifts = ()
    if any(one.line_shifts for one in errors):
        # Images that do not sway are part of the session, too.
        shifts = tuple(
            one.line_shifts or (0.0,) * len(image)
            for one, image in zip(errors, images, strict=True)
        )
    session = with_dopants(domain_session(material, sampling, rotation), images)
    return replace(session, line_shifts=shifts), rotation


def with_dopants(session: AcquisitionSession, images: Sequence[np.ndarray]) -> AcquisitionSession:
    """Give simulations as many dark metal columns as measured images have.

    Parameters
    ----------
    session : AcquisitionSession
        Clean simulations of the material and the pixel size of the images.
    images : sequence of ndarray of shape (M, N)
        Measured images; two of them, well apart, are looked at.

    Returns
    -------
    AcquisitionSession
        The same if the images have less than 1 % of them, or they do not stand out clearly; else
        with vanadium on so many sites of the metal.

    Examples
    --------
    >>> doped = with_dopants(domain_session("wse2", 0.2), images)  # doctest: +SKIP
    >>> doped.defects["v_on_w"]  # doctest: +SKIP
    0.065
    """
    material = find_material(session.material)
    name = f"{_DOPANT}_on_{material.sites[0].symbol.lower()}"
    if defect_class(material, name) != "metal_dark":
        return session
    chosen = images[:: ceil(len(images) / _IMAGES)]
    parts = [middle(np.asarray(image), _EDGE) for image in chosen]
    seen = [one for one in column_evidence(parts, material, name, session.sampling) if one]
    if not seen or seen[0].separation < _APART:
        return session
    probability = np.concatenate([one.probability for one in seen])
    if probability.mean() < _LEAST:
        return session
    return replace(session, defects={**session.defects, name: float(probability.mean())})
