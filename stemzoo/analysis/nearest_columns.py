"""The nearest columns to places, found once for all that is measured of the same columns."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

_AT_ONCE = 10_000  # places, so that memory stays small; of no more the answer is kept


class NearestColumns:
    """Finds the nearest columns to places; asked for the same ones again, it knows.

    Two fits of the same columns, on one background and another, then share the search, which takes
    longer than what is made of its answer.

    Examples
    --------
    >>> columns = np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 5.0]])
    >>> [near.tolist() for near in NearestColumns().to(np.array([[0.0, 1.9]]), columns, 2)]
    [[[1, 0]]]
    """

    def __init__(self) -> None:
        self._known: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def to(self, places: np.ndarray, columns: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """Yield the nearest columns to some places at a time.

        Parameters
        ----------
        places : ndarray of shape (L, 2)
            Row and column [px].
        columns : ndarray of shape (K, 2)
            Row and column of each [px].
        count : int
            How many, at most K.

        Yields
        ------
        ndarray of int, shape (at most 10,000, count)
            Indices of the columns, the nearest first.
        """
        for asked, of, near in self._known:
            same = near.shape == (len(places), count) and len(of) == len(columns)
            if same and np.array_equal(asked, places) and np.array_equal(of, columns):
                yield near
                return
        tree, ranks = cKDTree(columns), np.arange(1, count + 1)
        for start in range(0, len(places), _AT_ONCE):
            near = tree.query(places[start : start + _AT_ONCE], ranks)[1]
            if len(near) == len(places):
                self._known.append((places, columns, near))
            yield near
