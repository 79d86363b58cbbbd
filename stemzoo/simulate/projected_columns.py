"""Atoms gathered into the columns that an image shows, on the smallest cell that repeats."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.simulate.elements import is_metal, scattering_strength
from stemzoo.simulate.projected_lattice import reduced_vectors

_TOGETHER = 0.15  # atoms that are nearer across the beam are one column [Å]
_ALIKE = 0.1  # columns that a translation brings so near to each other are equal [Å]


@dataclass(frozen=True, eq=False)
class ProjectedColumns:
    """Columns of atoms in the smallest cell of their lattice.

    Parameters
    ----------
    vectors : ndarray of shape (2, 2)
        Lattice vectors across the beam, the shortest [Å].
    places : ndarray of shape (C, 2)
        Position of each column, in lattice vectors; that of the heaviest metal at 0.
    contents : tuple of tuple of (str, float)
        Symbol and height [Å] of each column's atoms, upwards, metals first.
    height : float
        Of a layer, or the period along the beam [Å].
    """

    vectors: np.ndarray
    places: np.ndarray
    contents: tuple[tuple[tuple[str, float], ...], ...]
    height: float

    @property
    def strengths(self) -> np.ndarray:
        """Return how strongly each column scatters."""
        return np.array(
            [scattering_strength([symbol for symbol, _ in atoms]) for atoms in self.contents]
        )

    def stacked(self, count: int, period: float, most: int) -> "ProjectedColumns":
        """Return a slab of so many periods.

        Raises
        ------
        ValueError
            If it has more atoms than `most`.
        """
        atoms = count * sum(map(len, self.contents))
        if atoms > most:
            raise ValueError(
                f"Expected a slab of at most {most} atoms; leave the thickness to the session. "
                f"Received: {atoms}"
            )
        contents = tuple(
            tuple((symbol, z + turn * period) for turn in range(count) for symbol, z in column)
            for column in self.contents
        )
        heights = [z for column in contents for _, z in column]
        return replace(self, contents=contents, height=max(max(heights) - min(heights), 1.0))


def project_columns(
    vectors: np.ndarray,
    xy: np.ndarray,
    heights: np.ndarray,
    numbers: np.ndarray,
    period: float | None,
) -> ProjectedColumns:
    """Gather atoms into columns, and find the smallest cell.

    Parameters
    ----------
    vectors : ndarray of shape (2, 2)
        Two lattice vectors across the beam [Å].
    xy : ndarray of shape (A, 2)
        Places of the atoms [Å].
    heights : ndarray of shape (A,)
        Along the beam [Å].
    numbers : ndarray of int, shape (A,)
        Atomic numbers.
    period : float or None
        Along the beam [Å]; None where the crystal does not go on.

    Returns
    -------
    ProjectedColumns
    """
    from periodictable import elements

    vectors = reduced_vectors(vectors)
    places, owners = _gathered(xy @ np.linalg.inv(vectors), vectors, _TOGETHER)
    symbols = [elements[int(number)].symbol for number in numbers]
    contents = [
        sorted(
            ((symbols[i], float(heights[i])) for i in np.flatnonzero(owners == column)),
            key=lambda atom: atom[1],
        )
        for column in range(len(places))
    ]
    smaller = _smallest_cell(vectors, places, contents)
    places, owners = _gathered(places @ vectors @ np.linalg.inv(smaller), smaller, _TOGETHER)
    first = [int(np.flatnonzero(owners == column)[0]) for column in range(len(places))]
    contents = [contents[column] for column in first]
    if period is None:
        all_heights = [z for column in contents for _, z in column]
        height = max(max(all_heights) - min(all_heights), 1.0)
    else:
        contents, height = _shortest_period(contents, period)
    order = sorted(range(len(contents)), key=lambda c: _rank([s for s, _ in contents[c]]))
    places = places[order] - places[order[0]]
    return ProjectedColumns(
        smaller, places % 1.0, tuple(_metals_first(contents[c]) for c in order), float(height)
    )


def _metals_first(column: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Atoms upwards, those of metals before the others."""
    return tuple(sorted(column, key=lambda atom: not is_metal(atom[0])))


def _rank(symbols: list[str]) -> tuple[bool, float]:
    """Columns with a metal first, and the strongest of these."""
    metals = [symbol for symbol in symbols if is_metal(symbol)]
    return not metals, -scattering_strength(metals or symbols)


def _gathered(
    places: np.ndarray, vectors: np.ndarray, within: float
) -> tuple[np.ndarray, np.ndarray]:
    """Group places (A, 2) that are nearly the same; their means (C, 2), and the group of each."""
    centres: list[np.ndarray] = []
    counts: list[int] = []
    owners = np.empty(len(places), dtype=int)
    for index, place in enumerate(places):
        away = np.array([place - centre for centre in centres]).reshape(-1, 2)
        away -= np.rint(away)
        distance = np.linalg.norm(away @ vectors, axis=1)
        near = int(distance.argmin()) if len(distance) else -1
        if near < 0 or distance[near] > within:
            near = len(centres)
            centres.append(place.astype(float))
            counts.append(1)
        else:
            counts[near] += 1
            centres[near] = centres[near] + away[near] / counts[near]
        owners[index] = near
    return np.array(centres), owners


def _smallest_cell(
    vectors: np.ndarray, places: np.ndarray, contents: list[list[tuple[str, float]]]
) -> np.ndarray:
    """Vectors of the smallest cell that repeats across the beam."""
    kinds = [tuple(sorted(Counter(s for s, _ in column).items())) for column in contents]
    rare = min(set(kinds), key=lambda kind: (kinds.count(kind), kind))
    members = [c for c, kind in enumerate(kinds) if kind == rare]
    shifts = [np.zeros(2)]
    for other in members[1:]:
        shift = places[other] - places[members[0]]
        if _is_translation(shift, vectors, places, kinds):
            shifts.append(shift)
    if len(shifts) == 1:
        return vectors
    steps = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    candidates = ((np.array(shifts) % 1.0)[:, None] + steps).reshape(-1, 2) @ vectors
    length = np.linalg.norm(candidates, axis=1)
    candidates = candidates[np.argsort(length, kind="stable")]
    candidates = candidates[np.linalg.norm(candidates, axis=1) > _ALIKE]
    area = abs(np.linalg.det(vectors)) / len(shifts)
    first = candidates[0]
    for second in candidates[1:]:
        if abs(abs(first[0] * second[1] - first[1] * second[0]) / area - 1) < 0.2:
            pair = np.array([first, second])
            # Exactly a part of the given cell, whatever single columns are off by.
            whole = np.rint(vectors @ np.linalg.inv(pair))
            return reduced_vectors(np.linalg.inv(whole) @ vectors)
    return vectors


def _is_translation(
    shift: np.ndarray, vectors: np.ndarray, places: np.ndarray, kinds: list[tuple]
) -> bool:
    """Whether a shift brings all columns onto equal ones."""
    for place, kind in zip(places, kinds, strict=True):
        away = places - place - shift
        away = away - np.rint(away)
        near = np.linalg.norm(away @ vectors, axis=1) <= _ALIKE
        if not any(kinds[c] == kind for c in np.flatnonzero(near)):
            return False
    return True


def _shortest_period(
    contents: list[list[tuple[str, float]]], period: float
) -> tuple[list[list[tuple[str, float]]], float]:
    """Keep of columns what repeats along the beam."""
    most = min(len(column) for column in contents)
    for parts in range(most, 1, -1):
        step = period / parts
        if all(len(c) % parts == 0 and _repeats(c, step, period) for c in contents):
            kept = []
            for column in contents:
                low = column[0][1]
                kept.append([(s, z) for s, z in column if z < low + step - _TOGETHER])
            if all(len(k) * parts == len(c) for k, c in zip(kept, contents, strict=True)):
                return kept, step
    return contents, period


def _repeats(column: list[tuple[str, float]], step: float, period: float) -> bool:
    """Whether a column is the same a step higher."""
    for symbol, z in column:
        away = [(other - z - step) / period for s, other in column if s == symbol]
        if min(abs(a - round(a)) for a in away) * period > _TOGETHER:
            return False
    return True
