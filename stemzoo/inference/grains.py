"""The grains of a crystal in an image, turned against each other."""

from collections.abc import Sequence

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask, crystal_mask
from stemzoo.analysis.identification import Identification
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.lattice_count import lattice_difference
from stemzoo.analysis.valid_pixels import filled
from stemzoo.inference.blocks import Blocks, fullest_part
from stemzoo.simulate.materials import Material, find_material

# Smallest part of an image in which another grain is looked for, and how many are.
_GRAIN, _GRAINS = 0.03, 4
# Pixel sizes by the lattices of two grains of one crystal differ by less [relative].
_SAME_CRYSTAL = 0.04
# Lattices that are turned or strained by less are one [rad].
_SAME_LATTICE = 0.03


def find_grains(
    blocks: Blocks,
    lattice: Lattice,
    material: str | Material | None,
    known: Identification | None = None,
) -> tuple[CrystalMask, ...]:
    """Find the grain that a lattice is of, and others of the same crystal.

    Parameters
    ----------
    blocks : Blocks
        An image.
    lattice : Lattice
        A lattice in it, in blocks.
    material : str or Material or None
        Material of the crystal; with None, no others are looked for.
    known : Identification, optional
        Of all of the image: what it has found is not looked for again.

    Returns
    -------
    tuple of CrystalMask
        The first is the grain of the lattice.
    """
    if known is None:
        # Passed on without a name, so that the memory is free as soon as it is not needed.
        found = [crystal_mask(blocks.averaged(), lattice, overwrite=blocks.edge > 1)]
    else:
        found = [known.mask]
    left = found[0].valid & ~found[0].crystal
    if found[0].islands is not None:
        left &= ~found[0].islands  # where the first grain is, too
    if known is not None and known.arrangement.second_layer is not None:
        left &= ~known.arrangement.second_layer  # where the first grain is, too
    while material is not None and left.mean() > _GRAIN and len(found) < _GRAINS:
        part = fullest_part(left)
        try:
            rest = filled(blocks.only(left, part), left[part])
            other = find_lattice(rest, find_material(material))
        except ValueError:
            break
        if abs(other.sampling / lattice.sampling - 1) > _SAME_CRYSTAL:
            break
        layered = any("a second layer" in reason for reason in found[0].reasons)
        if layered and lattice_difference(lattice, other) < _SAME_LATTICE:
            break  # a second layer, which the mask has left out
        del rest
        grain = crystal_mask(blocks.only(left), other, overwrite=True)
        if grain.share < _GRAIN:
            break
        found.append(grain)
        left &= ~grain.crystal
    return tuple(found)


def join_grains(grains: Sequence[CrystalMask]) -> CrystalMask:
    """Return the mask of all grains.

    Examples
    --------
    >>> import numpy as np
    >>> whole = np.ones((2, 2), bool)
    >>> left = CrystalMask(whole, np.array([[True, False]] * 2), ())
    >>> right = CrystalMask(whole, np.array([[False, True]] * 2), ())
    >>> join_grains([left, right]).reasons, join_grains([left, right]).is_whole
    (('2 grains',), True)
    """
    if len(grains) == 1:
        return grains[0]
    crystal, valid = grains[0].crystal.copy(), grains[0].valid
    for grain in grains[1:]:
        crystal |= grain.crystal
    reasons = [reason for reason in grains[0].reasons if " of the image: " not in reason]
    reasons.append(f"{len(grains)} grains")
    if (share := (valid & ~crystal).mean()) > 0:
        reasons.append(f"{share:.1%} of the image: no grain of this crystal")
    return CrystalMask(valid, crystal, tuple(reasons))
