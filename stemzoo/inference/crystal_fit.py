"""All columns of a crystal, fitted on one background or several, a large image part by part."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.column_tiles import fit_in_tiles
from stemzoo.analysis.columns import column_contrast, column_width
from stemzoo.analysis.nearest_columns import NearestColumns
from stemzoo.analysis.sites import LatticeSites, lattice_sites
from stemzoo.analysis.valid_pixels import filled
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.materials import Material, find_material

# Of the fit: changes an intensity by less than a tenth of what noise does.
_TOLERANCE = 1e-4
# Tiles of less than 10,000 columns are fitted one by one: memory stays small, and the algebra does
# not wait for threads. Their margins are fitted, too [lattice constants].
_TILE, _MARGIN = 40.0, 2.0
# An image of more than four parts of this edge [px, added up] is gone through part by part: all of
# its sites would take more memory than the network. How far parts overlap, and within what distance
# columns that two of them find are one [lattice constants].
PART = 2048
_OVERLAP, _TWIN = 10.0, 0.1
# Positions (K, 2), sublattices and contrasts (K,).
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of an image.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Means of blocks.
    sites : LatticeSites
        Of all its columns [blocks].
    width : float
        Standard deviation of a column [blocks].
    first : ndarray of int, shape (2,)
        Row and column of its first block in the image.
    low, high : ndarray of shape (2,)
        Between which columns are its own, and no other part's [blocks of the image].
    """

    pixels: np.ndarray
    sites: LatticeSites
    width: float
    first: np.ndarray
    low: np.ndarray
    high: np.ndarray


class CrystalFit:
    """The columns of a crystal, and how each compares with those around on some background.

    What does not depend on the background is found once: of an image that is one part, sites and
    the width of a column, too.

    Parameters
    ----------
    seen : SeenCrystal
        The image, and where its crystal is.
    material : Material
        Of the crystal.
    lattice : Lattice
        Its lattice.
    part : int
        Edge of the parts in which a large image is gone through [blocks of pixels].

    Attributes
    ----------
    nearest : NearestColumns
        Knows the neighbours of the columns that were compared.

    Examples
    --------
    >>> CrystalFit(seen, find_material("wse2"), lattice).contrasts(5.7)  # doctest: +SKIP
    """

    def __init__(self, seen: SeenCrystal, material: Material, lattice: Lattice, part: int = PART):
        self.nearest = NearestColumns()
        self._seen, self._material, self._block = seen, material, seen.site_block
        self._lattice = lattice.resampled(1.0, float(self._block))
        self._cell = seen.cell / self._block
        self._shape = np.array(seen.image.data.shape) // self._block
        large = self._shape.prod() > 4 * part**2
        self._counts = -(-self._shape // part) if large else np.ones(2, int)
        self._single: list[_Part] | None = None

    def contrasts(self, knots: float) -> Columns | None:
        """Fit all columns.

        Parameters
        ----------
        knots : float
            Distance of the knots of the background, in those of nearest neighbours.

        Returns
        -------
        positions, sublattices, contrasts : ndarray of shape (K, 2), (K,), (K,), or None
            In blocks of `SeenCrystal.site_block` pixels; see `column_contrast`. None where there
            are too few columns.
        """
        found = []
        for part in self._parts():
            try:
                sites, kinds, contrast = self._fitted(part, knots)
            except ValueError:  # too few columns
                continue
            sites, margin = sites + part.first, _TWIN * self._cell
            own = ((sites >= part.low - margin) & (sites < part.high + margin)).all(axis=1)
            found.append((sites[own], kinds[own], contrast[own]))
        if len(found) < 2:
            return found[0] if found else None
        sites, kinds, contrast = (np.concatenate(values) for values in zip(*found, strict=True))
        # Columns on a seam, which two parts have found.
        once = np.ones(len(sites), bool)
        twins = cKDTree(sites).query_pairs(2 * _TWIN * self._cell, output_type="ndarray")
        once[twins[:, 1]] = False
        return sites[once], kinds[once], contrast[once]

    def _parts(self) -> Iterator[_Part]:
        """Yield the parts that show columns; of several, none is kept, as memory is short."""
        if self._single is not None:
            yield from self._single
            return
        shown = self._seen.measured(
            (int(self._shape[0]), int(self._shape[1])), self._seen.pixel_size.value * self._block
        )
        for index in np.ndindex(*self._counts):
            try:
                part = self._part(index, shown)
            except ValueError:  # too few columns
                continue
            if self._counts.prod() == 1:
                self._single = [part]
            yield part

    def _part(self, index: tuple[int, ...], shown: np.ndarray | None) -> _Part:
        """Average the pixels of a part, and find its sites."""
        image, block, size = self._seen.image.data, self._block, self._shape / self._counts
        low, high = size * index, size * (np.array(index) + 1)
        first = np.maximum(np.floor(low - _OVERLAP * self._cell), 0).astype(int)
        last = np.minimum(np.ceil(high + _OVERLAP * self._cell), self._shape).astype(int)
        rows, columns = (slice(a, b) for a, b in zip(first, last, strict=True))
        pixels = average_blocks(
            image[
                rows.start * block : rows.stop * block, columns.start * block : columns.stop * block
            ],
            block,
        )
        known = self._seen.material
        same = known is not None and find_material(known) is self._material
        sites = self._seen.sites if same and self._counts.prod() == 1 else None
        if sites is None:
            crystal = pixels if shown is None else filled(pixels, shown[rows, columns])
            sites = lattice_sites(crystal, self._material, lattice=self._lattice)
        width = column_width(pixels, sites.positions)
        return _Part(pixels, sites, width, first, low, high)

    def _fitted(self, part: _Part, knots: float) -> Columns:
        """Fit the columns of a part."""
        cell = float(np.hypot(*part.sites.lattice.vectors.T).min())
        rows, columns = (max(round(n / (_TILE * cell)), 1) for n in part.pixels.shape)
        intensities = fit_in_tiles(
            part.pixels,
            part.sites.positions,
            (rows, columns),
            _MARGIN * cell,
            width=part.width,
            tolerance=_TOLERANCE,
            knots=knots,
        ).intensities
        known = np.isfinite(intensities)
        positions, kinds = part.sites.positions[known], part.sites.kinds[known]
        contrast = column_contrast(intensities[known], positions, kinds, nearest=self.nearest)
        return positions, kinds, contrast
