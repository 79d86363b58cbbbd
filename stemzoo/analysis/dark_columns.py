"""Which of two sublattices holds the half-empty columns: that of the chalcogen, mostly."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.columns import column_contrast, column_intensities
from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.robust_spread import median_deviation
from stemzoo.analysis.sites import lattice_sites
from stemzoo.simulate.materials import find_material

_FIELD = 28.0  # lattice constants along each side of the part that is looked at
_BORDER = 2.0  # lattice constants from an edge, or a boundary of domains, on columns are judged
_HALF = (0.3, 0.68)  # contrast of a column that lost one of two atoms
_HIDDEN = 0.4  # lowest contrast that must stand out, for counts to mean anything
_PIXELS = 7.0  # per lattice constant: finer ones are added up, for speed
_TOLERANCE = 1e-4  # of the fit: changes an intensity by less than a tenth of what noise does
_STANDS_OUT = 4.0  # standard deviations of full columns


@dataclass(frozen=True)
class DarkColumns:
    """Number of columns of about half the intensity, by sublattice.

    Parameters
    ----------
    weaker, stronger : int
        Of the sublattice with the less and with the more intense columns.
    """

    weaker: int = 0
    stronger: int = 0


def find_dark_columns(
    image: np.ndarray, mask: CrystalMask, lattice: Lattice, *, mirrored: bool = False
) -> DarkColumns:
    """Count half-empty columns of a hexagonal crystal in the middle of an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values; columns are bright.
    mask : CrystalMask
        Where the crystal is.
    lattice : Lattice
        Its lattice.
    mirrored : bool
        A part of the crystal is a mirror twin.

    Returns
    -------
    DarkColumns
        None where columns cannot be measured, or noise hides them, and in a twin whose domains are
        not told apart.

    Examples
    --------
    >>> find_dark_columns(image, mask, lattice)  # doctest: +SKIP
    DarkColumns(weaker=31, stronger=2)
    """
    cell = float(np.hypot(*lattice.vectors.T).min())
    edge = round(_FIELD * cell)
    top, left = (max(n - edge, 0) // 2 for n in image.shape)
    block = max(int(cell / _PIXELS), 1)
    rows, columns = (min(n, edge) // block for n in image.shape)
    part = np.asarray(image[top : top + rows * block, left : left + columns * block], np.float64)
    part = part.reshape(rows, block, columns, block).mean(axis=(1, 3))
    lattice, cell = lattice.resampled(1.0, float(block)), cell / block
    # Of any material with two sublattices: the first kind is the brighter one.
    material = find_material("wse2")
    try:
        sites = lattice_sites(part, material, lattice=lattice)
        intensities = column_intensities(part, sites.positions, tolerance=_TOLERANCE)
        contrast = column_contrast(intensities, sites.positions, sites.kinds)
    except ValueError:  # too few columns
        return DarkColumns()
    if mirrored and sites.domains is None:
        return DarkColumns()
    room = np.minimum(sites.positions, np.array(part.shape) - 1 - sites.positions).min(axis=1)
    whole = sites.positions * block + (block - 1) / 2 + (top, left)
    judged = (room > _BORDER * cell) & (mask.depth(whole) > _BORDER * cell * block)
    if sites.domains is not None:
        pixels = tuple(np.rint(sites.positions).astype(int).T)
        inside = [
            ndimage.distance_transform_edt(domain)[pixels] > _BORDER * cell
            for domain in sites.domains.masks(part.shape)
        ]
        judged &= np.any(inside, axis=0)
    counts = []
    for kind in ("Se", "W"):
        values = contrast[judged & (sites.kinds == kind) & np.isfinite(contrast)]
        low, high = _HALF
        limit = 1 - _STANDS_OUT * median_deviation(values)
        if not limit > _HIDDEN:  # by noise, on this sublattice
            return DarkColumns()
        counts.append(int(np.count_nonzero((values > low) & (values < min(high, limit)))))
    return DarkColumns(*counts)
