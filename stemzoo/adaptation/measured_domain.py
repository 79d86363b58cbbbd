"""Clean simulations that lie, sway and are doped as measured images are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stemzoo.adaptation.dopants import with_dopants
from stemzoo.analysis.lattice import find_rotation
from stemzoo.analysis.scan_errors import all_scan_errors
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.sessions import AcquisitionSession


def measured_domain(
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
