"""The table of atom columns, as it is returned."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.robust_spread import median_deviation
from stemzoo.inference.seen_crystal import SeenCrystal

COLUMN_HEAD = (
    "row",
    "column",
    "x_nm",
    "y_nm",
    "sublattice",
    "intensity",
    "row_displacement_pm",
    "column_displacement_pm",
)


@dataclass(frozen=True, eq=False)
class Columns:
    """Atom columns of a crystal in an image.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of the centre of each in the input image [px]; of one without intensity, of
        its ideal site.
    sublattices : tuple of str
        Atoms of a full column of each one's sublattice, for instance ``"W"`` and ``"Se2"``.
    intensity : ndarray of shape (K,)
        Relative to full columns of its sublattice around it, see `column_contrast`: about 0.4 to
        0.6 where one of two atoms is missing. NaN where these have none.
    displacement_pm : ndarray of shape (K, 2)
        From the ideal site to the centre, along rows and columns [pm]; NaN for a column without
        intensity.
    material : str
        Name of the crystal.
    sampling : float
        Pixel size of the input image [Å/px].
    sampling_source : str
        Where the pixel size comes from.
    shape : tuple of int
        Shape of the input image.
    crystal : SeenCrystal
        Where the crystal is.
    notes : tuple of str
        What of the image was left out or turned, and why.
    doubts : tuple of str
        Why the result should not be trusted: the image shows another material than the given one.
    """

    positions: np.ndarray
    sublattices: tuple[str, ...]
    intensity: np.ndarray
    displacement_pm: np.ndarray
    material: str
    sampling: float
    sampling_source: str
    shape: tuple[int, int]
    crystal: SeenCrystal
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sublattices)

    @property
    def trusted(self) -> bool:
        """Whether nothing is known that makes the result doubtful."""
        return not self.doubts

    @property
    def positions_nm(self) -> np.ndarray:
        """Return x and y of each column [nm] from the centre of the first pixel; shape (K, 2)."""
        return self.positions[:, ::-1] * (self.sampling / 10)

    def counts(self) -> dict[str, int]:
        """Count the columns of each sublattice."""
        return dict(Counter(self.sublattices))

    def scatter(self) -> dict[str, float]:
        """Return the standard deviation of the intensities of each sublattice, without outliers."""
        names, known = np.array(self.sublattices, dtype=object), ~np.isnan(self.intensity)
        return {
            name: median_deviation(self.intensity[(names == name) & known])
            for name in self.counts()
        }

    def is_odd(self) -> np.ndarray:
        """Tell which columns (K,) differ from full ones, by a quarter and three deviations."""
        scatter = self.scatter()
        usual = np.array([scatter[name] for name in self.sublattices])
        return np.asarray(abs(self.intensity - 1) > np.maximum(0.25, 3 * usual), dtype=bool)

    def rows(self) -> list[list]:
        """Return the table, with the columns of `COLUMN_HEAD`: a list each, None for NaN."""
        numbers = np.column_stack(
            [
                self.positions.round(3),
                self.positions_nm.round(4),
                self.intensity.round(4),
                self.displacement_pm.round(2),
            ]
        )
        cells = numbers.astype(object)
        cells[np.isnan(numbers)] = None
        return [
            [*row[:4], name, *row[4:]]
            for row, name in zip(cells.tolist(), self.sublattices, strict=True)
        ]
