"""The domains of a grain whose lattice is one, but whose sublattices have changed places."""

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.identification import LARGE_SIDE
from stemzoo.analysis.sites import lattice_sites
from stemzoo.analysis.valid_pixels import filled
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.materials import Material, find_material

# Pixels per lattice constant that are enough, and the least part of a grain that is a domain.
_PIXELS, _SHARE = 5.0, 0.03


def split_grain(
    image: np.ndarray, grain: CrystalMask, lattice: Lattice, material: str | Material
) -> tuple[CrystalMask, ...]:
    """Split a grain into domains: mirror twins, and those shifted by a part of the cell.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        The image, with bright columns.
    grain : CrystalMask
        Where the grain is.
    lattice : Lattice
        Its lattice, in pixels of the image.
    material : str or Material
        Material of the crystal.

    Returns
    -------
    tuple of CrystalMask
        The largest domain first; the grain itself where it is one, and in images of more than 4096
        pixels along a side, of which all would take much memory.
    """
    if lattice.symmetry != 6 or max(image.shape) > LARGE_SIDE:
        return (grain,)
    crystal = find_material(material)
    block = max(int(np.hypot(*lattice.vectors.T).min() / _PIXELS), 1)
    pixels = average_blocks(image, block)
    coarse = lattice.resampled(1.0, float(block))
    if not grain.is_whole:
        rows, columns = pixels.shape
        shown = grain.crystal[: rows * block : block, : columns * block : block]
        pixels = filled(pixels, shown)
    try:
        domains = lattice_sites(pixels, crystal, lattice=coarse).domains
    except ValueError:  # too few columns
        return (grain,)
    if domains is None:
        return (grain,)
    shares = [grain.crystal & mask for mask in domains.masks(grain.crystal.shape, 1 / block)]
    large = [part for part in shares if part.sum() > _SHARE * grain.crystal.sum()]
    if len(large) < 2:
        return (grain,)
    return tuple(CrystalMask(grain.valid, part, grain.reasons) for part in large)
