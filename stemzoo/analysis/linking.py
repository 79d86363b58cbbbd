"""Defects of a series of frames that are one and the same: those that stay, then those that jump.

A defect of a crystal stays at its site for many frames and then may jump to the next one. So what
lies at one place is linked first, over frames in which it was missed, and then the ends of such
stays to beginnings of others nearby, all at once, by the assignment of least cost.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

# Place of a defect: mean of this many of its last positions.
_LAST = 5
# Cost of what must not be linked.
_FORBIDDEN = 1e6


@dataclass(frozen=True, eq=False)
class Jump:
    """A defect that left its place.

    Parameters
    ----------
    before, after : int
        Frames in which it was last seen at the old place, and first at the new one.
    step : ndarray of shape (2,)
        From the old place to the new one, rows and columns [px].
    """

    before: int
    after: int
    step: np.ndarray


@dataclass(frozen=True, eq=False)
class Chain:
    """One defect through the frames.

    Parameters
    ----------
    frames : ndarray of int, shape (K,)
        Frames in which it was found, as they are counted here.
    members : ndarray of int, shape (K,)
        Which of the points of each frame it is.
    positions : ndarray of shape (K, 2)
        Where it was [px].
    jumps : tuple of Jump
        What it did in between.
    """

    frames: np.ndarray
    members: np.ndarray
    positions: np.ndarray
    jumps: tuple[Jump, ...] = ()


def link_points(
    frames: Sequence[np.ndarray],
    kinds: Sequence[Sequence[str]],
    *,
    near: float,
    jump: float,
    memory: int,
    numbers: Sequence[int] | None = None,
) -> list[Chain]:
    """Link points of one place, and what jumped from one place to another.

    Parameters
    ----------
    frames : sequence of ndarray of shape (K, 2)
        Positions in each frame, without drift [px].
    kinds : sequence of sequence of str
        Class of each; only points of the same class, for most of the time, jump.
    near : float
        Points this near to each other are at one place [px].
    jump : float
        Longest jump [px]; 0 for none.
    memory : int
        Frames in a row that a defect may be missed.
    numbers : sequence of int, optional
        Numbers of the frames, where some are missing.

    Returns
    -------
    list of Chain
        In the order of their first frames.

    References
    ----------
    Linking in two steps, each an assignment: K. Jaqaman et al., Nature Methods 5, 695 (2008).

    Examples
    --------
    >>> frames = [np.array([[10.0, 10.0]]), np.empty((0, 2)), np.array([[10.2, 10.0]])]
    >>> (chain,) = link_points(frames, [["a"], [], ["a"]], near=1, jump=0, memory=1)
    >>> chain.frames
    array([0, 2])
    """
    times = list(range(len(frames))) if numbers is None else list(numbers)
    stays = _stays(frames, times, near, memory)
    follow = _jumps(stays, frames, kinds, times, (near, jump), memory) if jump > 0 else {}
    chains = []
    for first in sorted(set(range(len(stays))) - set(follow.values())):
        parts = [first]
        while parts[-1] in follow:
            parts.append(follow[parts[-1]])
        chains.append(_chain([stays[part] for part in parts], frames))
    return sorted(chains, key=lambda chain: (chain.frames[0], *chain.positions[0]))


_Stay = list[tuple[int, int]]  # frame, and which of its points


def _stays(
    frames: Sequence[np.ndarray], times: Sequence[int], near: float, memory: int
) -> list[_Stay]:
    """Link what lies at one place."""
    stays: list[_Stay] = []
    active: list[int] = []
    for k, points in enumerate(frames):
        active = [i for i in active if times[k] - times[stays[i][-1][0]] <= memory + 1]
        places = np.reshape([_place(stays[i], frames) for i in active], (-1, 2))
        away = cdist(places, np.reshape(points, (-1, 2)))
        rows, columns = linear_sum_assignment(np.where(away <= near, away, _FORBIDDEN))
        free = set(range(len(points)))
        for row, column in zip(rows, columns, strict=True):
            if away[row, column] <= near:
                stays[active[row]].append((k, int(column)))
                free.remove(int(column))
        for column in sorted(free):
            active.append(len(stays))
            stays.append([(k, column)])
    return stays


def _place(stay: _Stay, frames: Sequence[np.ndarray], *, at_start: bool = False) -> np.ndarray:
    some = stay[:_LAST] if at_start else stay[-_LAST:]
    return np.mean([frames[k][i] for k, i in some], axis=0)


def _jumps(
    stays: Sequence[_Stay],
    frames: Sequence[np.ndarray],
    kinds: Sequence[Sequence[str]],
    times: Sequence[int],
    reach: tuple[float, float],
    memory: int,
) -> dict[int, int]:
    """Return which stay is followed by which, at a distance of `reach` (least, most)."""
    kind = [most_common(kinds[k][i] for k, i in stay) for stay in stays]
    old = np.reshape([_place(stay, frames) for stay in stays], (-1, 2))
    new = np.reshape([_place(stay, frames, at_start=True) for stay in stays], (-1, 2))
    pairs = []
    for i, near in enumerate(cKDTree(new).query_ball_point(old, reach[1]) if len(new) else []):
        for j in near:
            gap = times[stays[j][0][0]] - times[stays[i][-1][0]]
            away = float(np.hypot(*(new[j] - old[i])))
            if 1 <= gap <= memory + 1 and away > reach[0] and kind[i] == kind[j]:
                # Of equals the one that was missed for the shorter time.
                pairs.append((i, j, away / reach[1] + gap - 1))
    return dict(_assigned(pairs, len(stays)))


def _assigned(pairs: Sequence[tuple[int, int, float]], count: int) -> Iterator[tuple[int, int]]:
    """Yield as many pairs as possible, none sharing a member, at the least cost."""
    if not pairs:
        return
    before, after, cost = np.array(pairs).T
    before, after = before.astype(int), after.astype(int)
    graph = coo_array((np.ones(len(pairs)), (before, after + count)), (2 * count, 2 * count))
    part = connected_components(graph, directed=False)[1][before]
    for number in np.unique(part):
        own = part == number
        rows, row = np.unique(before[own], return_inverse=True)
        columns, column = np.unique(after[own], return_inverse=True)
        table = np.full((len(rows), len(columns)), _FORBIDDEN)
        table[row, column] = cost[own]
        for i, j in zip(*linear_sum_assignment(table), strict=True):
            if table[i, j] < _FORBIDDEN:
                yield int(rows[i]), int(columns[j])


def _chain(parts: Sequence[_Stay], frames: Sequence[np.ndarray]) -> Chain:
    """Join the stays of one defect."""
    members = [pair for part in parts for pair in part]
    jumps = tuple(
        Jump(old[-1][0], new[0][0], _place(new, frames, at_start=True) - _place(old, frames))
        for old, new in pairwise(parts)
    )
    return Chain(
        np.array([k for k, _ in members]),
        np.array([i for _, i in members]),
        np.array([frames[k][i] for k, i in members]),
        jumps,
    )


def most_common(names: Iterable[str]) -> str:
    """Return the most frequent of some names, the first of equals.

    Examples
    --------
    >>> most_common(["a", "b", "b"])
    'b'
    """
    return Counter(names).most_common(1)[0][0]
