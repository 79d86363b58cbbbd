"""How well detected points agree with labelled ones."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

_FAR = 1e6


@dataclass(frozen=True)
class DetectionScore:
    """Counts of a comparison; scores of several images are added with ``+``.

    Parameters
    ----------
    hits : int
        Labelled points that were found.
    false_alarms : int
        Found points that are no labelled point.
    misses : int
        Labelled points that were not found.

    Examples
    --------
    >>> score = DetectionScore(hits=8, false_alarms=2, misses=0)
    >>> round(score.f1, 3)
    0.889
    """

    hits: int
    false_alarms: int
    misses: int

    def __add__(self, other: "DetectionScore") -> "DetectionScore":
        return DetectionScore(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
        )

    @property
    def precision(self) -> float:
        """Hits / (hits + false alarms); NaN when nothing was found."""
        found = self.hits + self.false_alarms
        return self.hits / found if found else float("nan")

    @property
    def recall(self) -> float:
        """Hits / (hits + misses); NaN when nothing is labelled."""
        labelled = self.hits + self.misses
        return self.hits / labelled if labelled else float("nan")

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + false alarms + misses); NaN when there is nothing to find."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else float("nan")


def match_points(
    found: np.ndarray, labelled: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Pair points one to one, as many as possible, then as near as possible.

    Parameters
    ----------
    found : ndarray of shape (K, 2)
        Found points.
    labelled : ndarray of shape (L, 2)
        Labelled points, in the same unit.
    radius : float
        Largest distance of a pair, in that unit.

    Returns
    -------
    found_index, labelled_index : ndarray of int, shape (P,)
        The pairs.

    Raises
    ------
    ValueError
        If `radius` is not positive.

    Examples
    --------
    >>> match_points(np.array([[0.0, 0], [5, 5]]), np.array([[5.0, 6]]), 2.0)[0].tolist()
    [1]
    """
    if not radius > 0:
        raise ValueError(f"radius must be positive. Received: {radius}")
    if not len(found) or not len(labelled):
        return np.zeros(0, int), np.zeros(0, int)
    distance = cdist(found, labelled)
    cost = np.where(distance <= radius, distance, _FAR * radius)
    rows, columns = linear_sum_assignment(cost)
    near = distance[rows, columns] <= radius
    return rows[near], columns[near]


def score_detections(
    found: np.ndarray,
    labelled: np.ndarray,
    radius: float,
    *,
    shape: tuple[int, int] | None = None,
    border: float = 0.0,
    ignore: np.ndarray | None = None,
    ignore_radius: float | None = None,
) -> DetectionScore:
    """Compare found points with labelled ones.

    Parameters
    ----------
    found, labelled : ndarray of shape (K, 2), (L, 2)
        Points (row, column).
    radius : float
        Largest distance of a hit [px].
    shape : tuple of int, optional
        Shape of the image, needed for a border.
    border : float
        Points nearer to an edge than this do not count, on either side; a hit may pair a point
        inside with one that lies just outside [px].
    ignore : ndarray of shape (I, 2), optional
        Uncertain places: a found point near one that is no hit is no false alarm either.
    ignore_radius : float, optional
        How near; `radius` when not given [px].

    Returns
    -------
    DetectionScore

    Raises
    ------
    ValueError
        If `border` is given without `shape`.
    """
    if border and shape is None:
        raise ValueError("A border needs the shape of the image. Received: shape=None")
    found, labelled = np.reshape(found, (-1, 2)), np.reshape(labelled, (-1, 2))
    pairs = match_points(found, labelled, radius)
    keep_found = _inside(found, shape, border)
    keep_labelled = _inside(labelled, shape, border)
    hits = int(keep_labelled[pairs[1]].sum())
    spare = np.setdiff1d(np.flatnonzero(keep_found), pairs[0])
    if ignore is not None and len(ignore) and len(spare):
        near = cdist(found[spare], np.reshape(ignore, (-1, 2))).min(1)
        spare = spare[near > (radius if ignore_radius is None else ignore_radius)]
    return DetectionScore(hits, len(spare), int(keep_labelled.sum()) - hits)


def hit_distances(
    found: np.ndarray,
    labelled: np.ndarray,
    radius: float,
    *,
    shape: tuple[int, int] | None = None,
    border: float = 0.0,
) -> np.ndarray:
    """Return how far each hit of `score_detections` is from its labelled point.

    Parameters
    ----------
    found, labelled, radius, shape, border
        As in `score_detections`.

    Returns
    -------
    ndarray of shape (H,)
        Distances, in the unit of the points.

    Examples
    --------
    >>> hit_distances(np.array([[3.0, 4.0]]), np.array([[0.0, 0.0]]), 6.0).tolist()
    [5.0]
    """
    found, labelled = np.reshape(found, (-1, 2)), np.reshape(labelled, (-1, 2))
    pairs = match_points(found, labelled, radius)
    counts = _inside(labelled, shape, border)[pairs[1]]
    return np.hypot(*(found[pairs[0]] - labelled[pairs[1]])[counts].T)


def _inside(points: np.ndarray, shape: tuple[int, int] | None, border: float) -> np.ndarray:
    """Which points (K, 2) are not nearer to an edge than a border [px]."""
    if not border:
        return np.ones(len(points), dtype=bool)
    return np.all((points >= border) & (points <= np.array(shape) - 1 - border), axis=1)
