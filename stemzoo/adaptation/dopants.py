"""How many dark metal columns measured images have, for simulations to have as many."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.materials import find_material

_DOPANT = "v"  # light, and known to `fcn-wse2`
# Images that are looked at, at most, and edge of the middle of each [px]: thousands of columns.
_IMAGES, _EDGE = 2, 640
# Less is no doping; and columns that stand out by less [standard deviations] may be noise.
_LEAST, _APART = 0.01, 4.0


def find_dopants(images: Sequence[np.ndarray], material: str, sampling: float) -> dict[str, float]:
    """Measure which fraction of the metal columns of some images is dark.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images; two of them, well apart, are looked at.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    dict of str to float
        Fraction of the sites of the metal with vanadium, by the name of that defect; empty if it is
        below 1 %, if dark columns do not stand out clearly, or for a material without a metal.

    Examples
    --------
    >>> find_dopants(images, "wse2", 0.2074)  # doctest: +SKIP
    {'v_on_w': 0.065}
    """
    crystal = find_material(material)
    name = f"{_DOPANT}_on_{crystal.sites[0].symbol.lower()}"
    if defect_class(crystal, name) != "metal_dark":
        return {}
    chosen = images[:: ceil(len(images) / _IMAGES)]
    middles = [middle(np.asarray(image), _EDGE) for image in chosen]
    evidence = [seen for seen in column_evidence(middles, crystal, name, sampling) if seen]
    if not evidence or evidence[0].separation < _APART:
        return {}
    fraction = float(np.concatenate([seen.probability for seen in evidence]).mean())
    return {} if fraction < _LEAST else {name: fraction}
