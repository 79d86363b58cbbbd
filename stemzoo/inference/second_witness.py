"""What a column fit says of each detection: a witness that knows nothing of the network."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.column_model import KNOTS, nearest_distance
from stemzoo.analysis.columns import spread_around
from stemzoo.analysis.robust_spread import median_deviation
from stemzoo.inference.crystal_fit import PART, CrystalFit
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.simulate.materials import Material, find_material

# Farther from an ideal site there is no column [distances of nearest neighbours].
_NEAR = 0.5
# Columns nearer to an edge of the image shine out of it [lattice constants].
_BORDER = 0.75
# Of fewer intact columns no one can tell what is usual.
_COLUMNS = 30
# Columns scatter nowhere less than this part of what they do in the whole image: of a few dozen
# the scatter is not known better.
_LEAST_NOISE = 0.25
# Noise of columns above which a background with finer knots (5.7 Å in WSe2) is tried, and taken
# where its noise is less than this part: in haze that changes from column to column.
_HAZY, _FINER_KNOTS, _LESS_NOISE = 0.12, 3.0, 0.75


@dataclass(frozen=True, eq=False)
class ColumnReadings:
    """Intensities of the columns at some places.

    Parameters
    ----------
    intensity : ndarray of shape (K,)
        Relative to the full columns of the same sublattice around: 1 for a full one.
    sigma : ndarray of shape (K,)
        How many standard deviations of the intact columns of the sublattice around it, noise
        included, the intensity is above that of a full column; negative below.
    """

    intensity: np.ndarray
    sigma: np.ndarray

    def __getitem__(self, index: np.ndarray) -> "ColumnReadings":
        """Return the readings of some places."""
        return ColumnReadings(self.intensity[index], self.sigma[index])

    @classmethod
    def unknown(cls, count: int) -> "ColumnReadings":
        """Return readings of which nothing is known: NaN."""
        return cls(np.full(count, np.nan), np.full(count, np.nan))


@dataclass(frozen=True, eq=False)
class CrystalColumns:
    """All columns of a crystal that are judged, and how bright each is.

    Parameters
    ----------
    positions : ndarray of shape (L, 2)
        Row and column [px of the image].
    sublattices : ndarray of str, shape (L,)
        Heaviest element of each column when it is whole.
    intensity : ndarray of shape (L,)
        Relative to the full columns of the same sublattice around: 1 for a full one; NaN where
        there are too few columns of the sublattice.
    noise : ndarray of shape (L,)
        Standard deviation of the intensity of intact columns of the sublattice around it: under
        contamination and at places of more noise it is larger than elsewhere.
    reach : float
        Farther from its position nothing belongs to a column [px].
    """

    positions: np.ndarray
    sublattices: np.ndarray
    intensity: np.ndarray
    noise: np.ndarray
    reach: float

    def __getitem__(self, index: np.ndarray) -> "CrystalColumns":
        """Return some of the columns."""
        return CrystalColumns(
            self.positions[index],
            self.sublattices[index],
            self.intensity[index],
            self.noise[index],
            self.reach,
        )

    def nearest(self, positions: np.ndarray) -> np.ndarray:
        """Return the column at each place.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px].

        Returns
        -------
        ndarray of int, shape (K,)
            Index of the column; -1 where there is none.
        """
        if not len(self.positions) or not len(positions):
            return np.full(len(positions), -1)
        distance, index = cKDTree(self.positions).query(positions)
        return np.where(distance < self.reach, index, -1)

    def readings(self, positions: np.ndarray) -> ColumnReadings:
        """Return what is measured at some places (K, 2) [px]; NaN where there is no column."""
        readings, at = ColumnReadings.unknown(len(positions)), self.nearest(positions)
        on = at >= 0
        readings.intensity[on] = self.intensity[at[on]]
        readings.sigma[on] = (self.intensity[at[on]] - 1) / self.noise[at[on]]
        return readings


def measure_crystal(
    seen: SeenCrystal,
    material: str | Material | None,
    suspects: np.ndarray,
    *,
    part: int = PART,
    finer: bool = True,
) -> CrystalColumns | None:
    """Measure all columns of an image that can be judged.

    Parameters
    ----------
    seen : SeenCrystal
        The image, and where its crystal is.
    material : str or Material or None
        Material of the crystal.
    suspects : ndarray of shape (K, 2)
        Row and column [px of the image]; columns there are not counted as intact.
    part : int
        Edge of the parts in which a large image is gone through [pixels that are added up].
    finer : bool
        Under contamination, measure on a background with finer knots, too.

    Returns
    -------
    CrystalColumns or None
        Without those near an edge of the image, and in a grain other than the first. None where no
        lattice was found, or there are too few columns.

    Examples
    --------
    >>> measure_crystal(seen, "wse2", suspects).noise.mean().round(2)  # doctest: +SKIP
    0.06
    """
    lattice = seen.pixel_size.lattice
    if material is None or lattice is None or not seen.has_lattice:
        return None
    fit = CrystalFit(seen, find_material(material), lattice, part)
    found = _measured(fit, seen, suspects, KNOTS)
    if found is None or not (finer and np.nanmax(found.noise, initial=0) > _HAZY):
        return found
    # Under contamination the background changes from column to column.
    other = _measured(fit, seen, suspects, _FINER_KNOTS)
    return found if other is None else _surer(found, other)


def _measured(
    fit: CrystalFit, seen: SeenCrystal, suspects: np.ndarray, knots: float
) -> CrystalColumns | None:
    """Do as `measure_crystal`, on a background with knots so far apart."""
    block, columns = seen.site_block, fit.contrasts(knots)
    if columns is None:
        return None
    sites, kinds, contrast = columns
    reach = _NEAR * nearest_distance(sites) * block
    sites = sites * block + (block - 1) / 2
    judged = np.isfinite(contrast) & seen.has_own_lattice(sites)
    room = np.minimum(sites, np.array(seen.image.data.shape) - 1 - sites).min(axis=1)
    judged &= room > _BORDER * seen.cell
    sites, kinds, contrast = sites[judged], kinds[judged], contrast[judged]
    unknown = np.full(len(sites), np.nan)
    found = CrystalColumns(sites, kinds, unknown, unknown.copy(), reach)
    intact = np.ones(len(sites), bool)
    suspected = found.nearest(suspects)
    intact[suspected[suspected >= 0]] = False
    for kind in np.unique(kinds):
        own, usual = kinds == kind, intact & (kinds == kind)
        width = median_deviation(contrast[usual])
        full = np.median(contrast[usual])
        # Columns of light atoms may not stand out of what heavy ones leave around them.
        if np.count_nonzero(usual) < _COLUMNS or not width > 0 or not full > 0:
            continue
        around = spread_around(contrast[usual], sites[usual], sites[own], nearest=fit.nearest)
        found.intensity[own] = contrast[own] / full
        found.noise[own] = np.maximum(around, _LEAST_NOISE * width) / full
    return found


def _surer(one: CrystalColumns, other: CrystalColumns) -> CrystalColumns:
    """Of two measurements of the same columns, take for each that with clearly less noise."""
    at = other.nearest(one.positions)
    better = (at >= 0) & (other.noise[at] < _LESS_NOISE * one.noise)
    better &= other.sublattices[at] == one.sublattices
    return replace(
        one,
        intensity=np.where(better, other.intensity[at], one.intensity),
        noise=np.where(better, other.noise[at], one.noise),
    )


def read_columns(
    seen: SeenCrystal, material: str | Material | None, positions: np.ndarray
) -> ColumnReadings:
    """Measure the columns at some places of an image.

    Parameters
    ----------
    seen, material
        As in `measure_crystal`.
    positions : ndarray of shape (K, 2)
        Row and column [px of the image]; columns there are not counted as intact.

    Returns
    -------
    ColumnReadings
        NaN where `measure_crystal` finds no column.

    Examples
    --------
    >>> read_columns(seen, "wse2", positions).intensity.round(2)  # doctest: +SKIP
    array([0.52, 1.48])
    """
    columns = measure_crystal(seen, material, positions) if len(positions) else None
    if columns is None:
        return ColumnReadings.unknown(len(positions))
    return columns.readings(positions)
