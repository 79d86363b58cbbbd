"""What a column fit says of each detection: a witness that knows nothing of the network."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.column_model import nearest_distance
from stemzoo.analysis.columns import column_contrast, column_intensities, column_width
from stemzoo.analysis.robust_spread import median_deviation
from stemzoo.analysis.sites import lattice_sites
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.materials import find_material

# Finer pixels are added up, for speed: columns are still told from each other.
_PIXELS = 5.0  # per lattice constant
# Of the fit: changes an intensity by less than a tenth of what noise does.
_TOLERANCE = 1e-4
# Tiles of less than 10,000 columns are fitted one by one: memory stays small, and the algebra does
# not wait for threads. Their margins are fitted, too [lattice constants].
_TILE, _MARGIN = 40.0, 2.0
# Sites of a larger image, added up, would take more memory than the network.
_LARGEST = 4096**2
# Farther from an ideal site there is no column [distances of nearest neighbours].
_NEAR = 0.5
# Columns nearer to an edge of the image shine out of it [lattice constants].
_BORDER = 0.75
# Of fewer intact columns no one can tell what is usual.
_COLUMNS = 30


@dataclass(frozen=True, eq=False)
class ColumnReadings:
    """Intensities of the columns at some places.

    Parameters
    ----------
    intensity : ndarray of shape (K,)
        Relative to the full columns of the same sublattice around: 1 for a full one.
    sigma : ndarray of shape (K,)
        How many standard deviations of the intact columns of the sublattice, noise included, the
        intensity is above that of a full column; negative below.
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


def read_columns(seen: SeenCrystal, material: str | None, positions: np.ndarray) -> ColumnReadings:
    """Measure the columns at some places of an image.

    Parameters
    ----------
    seen : SeenCrystal
        The image, and where its crystal is.
    material : str or None
        Material of the crystal.
    positions : ndarray of shape (K, 2)
        Row and column [px of the image]; columns there are not counted as intact.

    Returns
    -------
    ColumnReadings
        NaN where no lattice was found, no column is near (at an edge, too), in a grain other than
        the first, and in an image that is too large for a fit.

    Examples
    --------
    >>> read_columns(seen, "wse2", positions).intensity.round(2)  # doctest: +SKIP
    array([0.52, 1.48])
    """
    readings = ColumnReadings.unknown(len(positions))
    lattice = seen.pixel_size.lattice
    if material is None or lattice is None or not seen.has_lattice or not len(positions):
        return readings
    block = max(int(seen.cell / _PIXELS), 1)
    image = seen.image.data
    rows, columns = (n // block for n in image.shape)
    if rows * columns > _LARGEST:
        return readings
    coarse = average_blocks(image, block)
    try:
        sites, kinds, contrast = _contrasts(coarse, material, lattice.resampled(1.0, float(block)))
    except ValueError:  # too few columns
        return readings
    near = _NEAR * nearest_distance(sites) * block
    sites = sites * block + (block - 1) / 2
    judged = np.isfinite(contrast) & (seen.grains[0].contains(seen.in_mask(sites)))
    room = np.minimum(sites, np.array(image.shape) - 1 - sites).min(axis=1)
    judged &= room > _BORDER * seen.cell
    sites, kinds, contrast = sites[judged], kinds[judged], contrast[judged]
    if not len(sites):
        return readings
    distance, nearest = cKDTree(sites).query(positions)
    intact = np.ones(len(sites), bool)
    intact[nearest[distance < near]] = False
    for kind in np.unique(kinds):
        usual = contrast[intact & (kinds == kind)]
        width = median_deviation(usual)
        if len(usual) < _COLUMNS or not width > 0:
            continue
        full = np.median(usual)
        at = (distance < near) & (kinds[nearest] == kind)
        readings.intensity[at] = contrast[nearest[at]] / full
        readings.sigma[at] = (contrast[nearest[at]] - full) / width
    return readings


def _contrasts(
    image: np.ndarray, material: str, lattice: Lattice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (K, 2), sublattices and contrasts (K,) of all columns."""
    sites = lattice_sites(image, find_material(material), lattice=lattice)
    cell = float(np.hypot(*lattice.vectors.T).min())
    intensities = _intensities(image, sites.positions, cell)
    known = np.isfinite(intensities)
    positions, kinds = sites.positions[known], sites.kinds[known]
    return positions, kinds, column_contrast(intensities[known], positions, kinds)


def _intensities(image: np.ndarray, positions: np.ndarray, cell: float) -> np.ndarray:
    """Intensities (K,) of columns, fitted in tiles; NaN where a tile has too few."""
    width = column_width(image, positions)
    intensities = np.full(len(positions), np.nan)
    counts = [max(round(n / (_TILE * cell)), 1) for n in image.shape]
    tile = np.array(image.shape) / counts
    for index in np.ndindex(*counts):
        low, high = tile * index, tile * (np.array(index) + 1)
        first = np.maximum(np.floor(low - _MARGIN * cell), 0).astype(int)
        last = np.minimum(np.ceil(high + _MARGIN * cell), image.shape).astype(int)
        fitted = ((positions >= first) & (positions <= last - 1)).all(axis=1)
        if np.count_nonzero(fitted) < 2:
            continue
        part = image[first[0] : last[0], first[1] : last[1]]
        found = np.full(len(positions), np.nan)
        found[fitted] = column_intensities(
            part, positions[fitted] - first, width=width, tolerance=_TOLERANCE
        )
        own = ((positions >= low) & (positions < high)).all(axis=1)
        intensities[own] = found[own]
    return intensities
