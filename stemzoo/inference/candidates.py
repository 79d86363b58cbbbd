"""Places that may be defects: what the network marks, and every other column of the crystal."""

from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.calibration import Witnesses
from stemzoo.inference.second_witness import ColumnReadings, CrystalColumns


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places that may be defects, and what is seen there.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column [px of the image]: of the network's mark, else of the column's ideal site.
    seen : Witnesses
        What network and columns say.
    """

    positions: np.ndarray
    seen: Witnesses

    def __getitem__(self, index: np.ndarray) -> "Candidates":
        """Return some of the places."""
        return Candidates(self.positions[index], self.seen[index])

    @property
    def readings(self) -> ColumnReadings:
        """Return what a column fit measures at each."""
        return ColumnReadings(self.seen.intensity, (self.seen.intensity - 1) / self.seen.noise)


def join_witnesses(
    positions: np.ndarray,
    classes: np.ndarray,
    scores: np.ndarray,
    columns: CrystalColumns | None,
) -> Candidates:
    """Put what the network marks and what columns measure side by side.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of the network's marks [px of the image], the highest score first.
    classes : ndarray of int, shape (K,)
        Class of each.
    scores : ndarray of shape (K,)
        Score of each.
    columns : CrystalColumns or None
        All columns that are judged.

    Returns
    -------
    Candidates
        All columns, and the marks that are at none. Of two marks at a column, that of the higher
        score counts.
    """
    if columns is None:
        unknown = np.full(len(positions), np.nan)
        kinds = np.full(len(positions), "", dtype=str)
        return Candidates(positions, Witnesses(classes, scores, kinds, unknown, unknown))
    at = columns.nearest(positions)
    mark = np.full(len(columns.positions), -1)
    on = np.flatnonzero(at >= 0)[::-1]
    mark[at[on]] = on  # of several, the first mark is written last
    free, has_mark = np.flatnonzero(at < 0), mark >= 0
    sites, marks = columns.positions.copy(), np.full(len(mark), -1)
    sites[has_mark] = positions[mark[has_mark]]
    marks[has_mark] = classes[mark[has_mark]]
    strength = np.zeros(len(mark))
    strength[has_mark] = scores[mark[has_mark]]
    unknown = np.full(len(free), np.nan)
    seen = Witnesses(
        np.concatenate([marks, classes[free]]),
        np.concatenate([strength, scores[free]]),
        np.concatenate([columns.sublattices.astype(str), np.full(len(free), "", dtype=str)]),
        np.concatenate([columns.intensity, unknown]),
        np.concatenate([columns.noise, unknown]),
    )
    return Candidates(np.concatenate([sites, positions[free]]), seen)
