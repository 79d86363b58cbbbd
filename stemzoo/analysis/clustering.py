"""Whether defects cluster or avoid each other, against chance on the sites of the crystal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

# Random placements, of which the range is the 95 % interval.
_DRAWS = 39
# Shells of neighbours up to this distance are told apart, if they differ by this much, and rings of
# one lattice constant follow [lattice constants].
_SHELLS, _APART, _LARGEST = 3.3, 0.2, 8
# Of more defects in a frame some are taken.
_MOST = 400


@dataclass(frozen=True)
class DefectField:
    """Where defects of one class lie in a frame.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column [px].
    shape : tuple of int
        Rows and columns of the frame, which is all crystal.
    vectors : ndarray of shape (2, 2)
        Lattice vectors, (row, column) each [px].
    sampling : float
        Pixel size [Å/px].
    """

    positions: np.ndarray
    shape: tuple[int, int]
    vectors: np.ndarray
    sampling: float


@dataclass(frozen=True, eq=False)
class Clustering:
    """How often defects lie at a distance from each other, against chance.

    Parameters
    ----------
    edges : ndarray of shape (B + 1,)
        Of rings of distances [nm].
    ratio, low, high : ndarray of shape (B,)
        Pairs found by pairs expected by chance, and the range of that by chance alone, 95 %.
    nearest, expected : float
        Mean distance to the nearest neighbour, and by chance [nm].
    interval : tuple of float
        In which that lies by chance, 95 %.
    pairs : float
        Pairs expected by chance in all rings together.
    count : int
        Defects.
    frames : int
        Frames with at least two.
    """

    edges: np.ndarray
    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    nearest: float
    expected: float
    interval: tuple[float, float]
    pairs: float
    count: int
    frames: int

    def summary(self) -> str:
        """Say in one line what it means."""
        low, high = self.interval
        if self.nearest < low:
            words = "nearer to each other than chance makes them: they cluster"
        elif self.nearest > high:
            words = "farther from each other than chance makes them: they avoid each other"
        else:
            words = "as near to each other as chance makes them"
        return (
            f"the nearest neighbour is {self.nearest:.2f} nm away on average, by chance "
            f"{self.expected:.2f} nm ({low:.2f} to {high:.2f}): {words}"
        )


def find_clustering(fields: Sequence[DefectField], *, seed: int = 0) -> Clustering | None:
    """Compare distances between defects with those of as many on random sites of a lattice.

    Parameters
    ----------
    fields : sequence of DefectField
        Frames of one crystal; each with less than two defects is left out.
    seed : int
        Of the random placements.

    Returns
    -------
    Clustering or None
        None where no frame has two defects.

    Notes
    -----
    Chance is drawn 39 times in each frame: as many defects on distinct sites of one sublattice in
    the same rectangle, so that edges and the distances of the lattice are accounted for. The least
    and the largest of 39 draws are a 95 % interval.

    References
    ----------
    B. D. Ripley, J. R. Stat. Soc. B 39, 172 (1977); envelopes: J. Besag, P. J. Diggle, Appl. Stat.
    26, 327 (1977).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = np.rint(rng.uniform(0, 49, (30, 2))) * 10
    >>> field = DefectField(points, (500, 500), 10.0 * np.eye(2), 0.3)
    >>> find_clustering([field]).summary().split(": ")[1]
    'as near to each other as chance makes them'
    """
    rng = np.random.default_rng(seed)
    fields = [field for field in fields if len(field.positions) > 1]
    if not fields:
        return None
    constants = [np.hypot(*field.vectors.T).min() * field.sampling / 10 for field in fields]
    edges = _edges(fields[0].vectors) * float(np.mean(constants))
    found = np.zeros(len(edges) - 1)
    drawn = np.zeros((_DRAWS, len(edges) - 1))
    nearest, chance, count = 0.0, np.zeros(_DRAWS), 0
    for field in fields:
        nm = field.sampling / 10
        points = field.positions
        if len(points) > _MOST:
            points = points[rng.choice(len(points), _MOST, replace=False)]
        sites = _sites(field)
        found += np.histogram(pdist(points) * nm, edges)[0]
        nearest += _nearest(points) * nm
        count += len(points)
        for k in range(_DRAWS):
            some = sites[rng.choice(len(sites), min(len(points), len(sites)), replace=False)]
            drawn[k] += np.histogram(pdist(some) * nm, edges)[0]
            chance[k] += _nearest(some) * nm
    mean = np.maximum(drawn.mean(axis=0), np.finfo(float).tiny)
    known = drawn.mean(axis=0) > 0
    ratio, low, high = (
        np.where(known, values / mean, np.nan)
        for values in (found, drawn.min(axis=0), drawn.max(axis=0))
    )
    interval = (float(chance.min() / count), float(chance.max() / count))
    expected = float(chance.mean() / count)
    pairs = float(drawn.sum() / _DRAWS)
    return Clustering(
        edges, ratio, low, high, nearest / count, expected, interval, pairs, count, len(fields)
    )


def _nearest(points: np.ndarray) -> float:
    """Sum of the distances to the nearest neighbour."""
    return float(cKDTree(points).query(points, 2)[0][:, 1].sum())


def _sites(field: DefectField) -> np.ndarray:
    """All lattice points (S, 2) of a frame."""
    corners = np.array([[r, c] for r in (0, field.shape[0]) for c in (0, field.shape[1])])
    index = corners @ np.linalg.inv(field.vectors)
    low, high = np.floor(index.min(axis=0)), np.ceil(index.max(axis=0))
    ranges = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*ranges), -1).reshape(-1, 2) @ field.vectors
    return points[((points >= 0) & (points < field.shape)).all(axis=1)]


def _edges(vectors: np.ndarray) -> np.ndarray:
    """Edges of rings that hold one shell of neighbours each [lattice constants]."""
    constant = np.hypot(*vectors.T).min()
    cells = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 2), -1).reshape(-1, 2)
    away = np.sort(np.hypot(*(cells @ vectors / constant).T))
    shells = [away[1]]
    for distance in away[(away > 0.5) & (away < _SHELLS)]:
        if distance > shells[-1] + _APART:
            shells.append(distance)
    middles = [(a + b) / 2 for a, b in zip(shells[:-1], shells[1:], strict=True)]
    last = shells[-1] + _APART
    return np.array([0.6, *middles, last, *np.arange(np.ceil(last + 0.3), _LARGEST + 0.5)])
