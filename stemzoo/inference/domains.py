"""Ideal sites of the columns of an image, and the domains in which sublattices change places."""

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.sites import LatticeSites, lattice_sites
from stemzoo.analysis.valid_pixels import filled
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.materials import Material

# The least part of a grain that is a domain.
_SHARE = 0.03


def sites_in_blocks(
    image: np.ndarray,
    shown: np.ndarray | None,
    lattice: Lattice,
    material: Material,
    block: int,
) -> LatticeSites:
    """Find the ideal sites of an image whose pixels are averaged in blocks.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        The image, with bright columns.
    shown : ndarray of bool, shape (M // block, N // block), or None
        Where the crystal is: what else there is, such as a second layer with metal above chalcogen,
        is not to tell which sublattice is the brighter one. None if it is everywhere.
    lattice : Lattice
        Its lattice, in blocks.
    material : Material
        The crystal.
    block : int
        Edge of a block [px].

    Returns
    -------
    LatticeSites
        In blocks.

    Raises
    ------
    ValueError
        If there are too few columns.
    """
    pixels = average_blocks(image, block)
    crystal = pixels if shown is None else filled(pixels, shown)
    return lattice_sites(crystal, material, lattice=lattice)


def split_grain(
    grain: CrystalMask, sites: LatticeSites | None, block: int
) -> tuple[CrystalMask, ...]:
    """Split a grain into domains: mirror twins, and those shifted by a part of the cell.

    Parameters
    ----------
    grain : CrystalMask
        Where the grain is [px].
    sites : LatticeSites or None
        Its sites, in blocks; None where they are not known.
    block : int
        Edge of a block [px].

    Returns
    -------
    tuple of CrystalMask
        The largest domain first; the grain itself where it is one.
    """
    if sites is None or sites.domains is None:
        return (grain,)
    shares = [grain.crystal & mask for mask in sites.domains.masks(grain.crystal.shape, 1 / block)]
    large = [part for part in shares if part.sum() > _SHARE * grain.crystal.sum()]
    if len(large) < 2:
        return (grain,)
    return tuple(CrystalMask(grain.valid, part, grain.reasons) for part in large)
