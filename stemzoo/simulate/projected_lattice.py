"""The lattice of columns seen along the beam, and the reflections that an image of it shows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# Width of a probe that resolves 1 Å, as at 80 kV and 25 mrad: reflections fade with it [Å].
_PROBE = 1.1
_FINEST = 1.0  # [1/Å], the information limit
# Amplitudes, relative to the strongest reflection: of one that counts, and of an innermost one.
_SHOWN, _CLEAR = 0.1, 0.3
# Of structure factors, relative to the largest: of one that is as good as extinct, up to a
# frequency that a microscope shows at best [1/Å].
_EXTINCT, _BEST = 0.15, 1.25
_SAME = 1e-6  # [1/Å]


@dataclass(frozen=True)
class LatticeShape:
    """Shape of a lattice of columns by its reflections, for lattices of no high symmetry.

    Reflections are complex numbers, x + i y of the crystal, in units of the innermost ones that an
    image shows.

    Parameters
    ----------
    first, second : complex
        Reflections (1, 0) and (0, 1).
    required : tuple of pair of int
        Indices of strong reflections that tell the lattice, of a pair of opposites one.
    shown : tuple of pair of int
        Indices of all that an image shows, of a pair of opposites one, strongest first.
    amplitudes : tuple of complex
        Of each that is shown, relative to the strongest; the crystal's cell begins at 0.
    extinct : tuple of pair of int
        Indices of those that no image shows, of a pair of opposites one.
    """

    first: complex
    second: complex
    required: tuple[tuple[int, int], ...]
    shown: tuple[tuple[int, int], ...]
    amplitudes: tuple[complex, ...]
    extinct: tuple[tuple[int, int], ...] = ()

    def is_extinct(self, h: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Tell which reflections no image shows; indices are whole numbers up to 1000."""
        codes = [2000 * a + b for a, b in self.extinct]
        return np.isin(2000 * h + k, codes) | np.isin(-2000 * h - k, codes)

    @property
    def area(self) -> float:
        """Return the area between the two reflections."""
        return abs((self.first.conjugate() * self.second).imag)

    def squared_length(self, h: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the squared length of reflections, in units of the innermost that are shown."""
        return abs(h * self.first + k * self.second) ** 2

    def mirrored(self) -> "LatticeShape":
        """Return the shape as seen from the other side."""
        first, second = self.first.conjugate(), self.second.conjugate()
        return replace(self, first=first, second=second)

    def is_mirrored_alike(self) -> bool:
        """Tell whether the lattice looks the same from the other side: all but oblique ones."""
        return len(symmetry_operations(self.metric)) > 2

    @property
    def metric(self) -> np.ndarray:
        """Return the products (2, 2) of the lattice vectors that belong to the two reflections."""
        spots = np.array([[z.real, z.imag] for z in (self.first, self.second)])
        vectors = np.linalg.inv(spots).T
        return vectors @ vectors.T

    def half_plane(self, finest: float) -> np.ndarray:
        """Return the indices of all reflections up to a squared length, of opposites one.

        Parameters
        ----------
        finest : float
            In units of the innermost ones that are shown.

        Returns
        -------
        ndarray of int, shape (G, 2)
        """
        # An index is the product of a reflection with a lattice vector.
        reach = np.floor(np.sqrt(finest * np.diag(self.metric)) + _SAME).astype(int)
        grid = np.indices(tuple(2 * reach + 1)).reshape(2, -1).T - reach
        h, k = grid.T
        inside = self.squared_length(h, k) <= finest + _SAME
        return grid[inside & ((h > 0) | ((h == 0) & (k > 0)))]


def symmetry_operations(metric: np.ndarray, tolerance: float = 0.01) -> list[np.ndarray]:
    """Return the rotations and mirrors that bring a lattice onto itself.

    Parameters
    ----------
    metric : ndarray of shape (2, 2)
        Products of two lattice vectors that are as short as possible.
    tolerance : float
        Part of the longer vector's square by which products may differ.

    Returns
    -------
    list of ndarray of int, shape (2, 2)
        New lattice vectors in terms of the old ones; the identity and the half turn always.

    Examples
    --------
    >>> len(symmetry_operations(np.eye(2))), len(symmetry_operations(np.diag([1.0, 4.0])))
    (8, 4)
    """
    found = []
    for entries in np.ndindex(3, 3, 3, 3):
        matrix = np.reshape(entries, (2, 2)) - 1
        if abs(round(np.linalg.det(matrix))) == 1:
            change = matrix @ metric @ matrix.T - metric
            if abs(change).max() <= tolerance * metric.max():
                found.append(matrix)
    return found


def amplitudes(
    indices: np.ndarray, vectors: np.ndarray, places: np.ndarray, strengths: np.ndarray
) -> np.ndarray:
    """Return the reflections of columns as a probe of 1.1 Å shows them.

    Parameters
    ----------
    indices : ndarray of shape (G, 2)
        h and k of each reflection.
    vectors : ndarray of shape (2, 2)
        Lattice vectors (x, y) [Å].
    places : ndarray of shape (C, 2)
        Position of each column, in lattice vectors.
    strengths : ndarray of shape (C,)
        How strongly each scatters.

    Returns
    -------
    ndarray of complex, shape (G,)
    """
    length = np.linalg.norm(indices @ np.linalg.inv(vectors).T, axis=1)
    probe = np.exp(-((np.pi * _PROBE * length) ** 2) / (4 * np.log(2)))
    return probe * (np.exp(-2j * np.pi * (indices @ places.T)) @ strengths)


def shown_reflections(
    vectors: np.ndarray, places: np.ndarray, strengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the reflections that an image with a resolution of 1 Å shows.

    Parameters
    ----------
    vectors, places, strengths
        See `amplitudes`.

    Returns
    -------
    indices : ndarray of int, shape (G, 2)
        Of a pair of opposites one, strongest first.
    relative : ndarray of shape (G,)
        Their amplitudes, in units of the strongest; 0.1 or more.
    """
    reach = np.floor(np.linalg.norm(vectors, axis=1) * _FINEST).astype(int) + 1
    grid = np.indices(tuple(2 * reach + 1)).reshape(2, -1).T - reach
    h, k = grid.T
    grid = grid[(h > 0) | ((h == 0) & (k > 0))]
    length = np.linalg.norm(grid @ np.linalg.inv(vectors).T, axis=1)
    grid = grid[length <= _FINEST]
    seen = abs(amplitudes(grid, vectors, places, strengths))
    order = np.argsort(-seen.round(9), kind="stable")
    relative = seen[order] / max(float(seen.max(initial=0.0)), 1e-30)
    kept = relative >= _SHOWN
    return grid[order][kept], relative[kept]


def innermost_spacing(
    vectors: np.ndarray, places: np.ndarray, strengths: np.ndarray
) -> float | None:
    """Return the spacing of the planes behind the innermost clear reflections.

    Parameters
    ----------
    vectors, places, strengths
        See `amplitudes`.

    Returns
    -------
    float or None
        Of reflections with 0.3 or more of the strongest amplitude [Å]; None where nothing coarser
        than 1 Å is shown.
    """
    indices, relative = shown_reflections(vectors, places, strengths)
    if not len(indices):
        return None
    length = np.linalg.norm(indices[relative >= _CLEAR] @ np.linalg.inv(vectors).T, axis=1)
    return float(1 / length.min())


def find_shape(
    vectors: np.ndarray, places: np.ndarray, strengths: np.ndarray, spacing: float
) -> LatticeShape:
    """Describe a lattice of columns by its reflections.

    Parameters
    ----------
    vectors, places, strengths
        See `amplitudes`; lattice vectors as short as possible.
    spacing : float
        Of the planes behind the innermost reflections [Å], the unit.

    Returns
    -------
    LatticeShape
    """
    indices, _ = shown_reflections(vectors, places, strengths)
    reciprocal = np.linalg.inv(vectors).T * spacing
    first, second = (complex(x, y) for x, y in reciprocal)
    shown = [(int(h), int(k)) for h, k in indices]
    seen = amplitudes(indices, vectors, places, strengths)
    relative = tuple(complex(z) for z in seen / abs(seen).max())
    found = LatticeShape(first, second, tuple(_spanning(shown)), tuple(shown), relative)
    grid = found.half_plane((_BEST * spacing) ** 2)
    factors = abs(np.exp(-2j * np.pi * (grid @ places.T)) @ strengths)
    faint = grid[factors < _EXTINCT * factors.max()]
    return replace(found, extinct=tuple((int(h), int(k)) for h, k in faint))


def _spanning(indices: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the first of some reflections, strongest first, that generate the lattice of all."""
    whole = cell_index(indices)
    for count in range(2, len(indices) + 1):
        if 0 < cell_index(indices[:count]) == whole:
            kept = list(indices[:count])
            # Those that the others do not need only cost certainty.
            for one in reversed(kept[:]):
                rest = [other for other in kept if other != one]
                if len(rest) > 1 and cell_index(rest) == whole:
                    kept = rest
            return kept
    return list(indices)


def cell_index(indices: Sequence[tuple[int, int]]) -> int:
    """Return how many times smaller the cell is that some reflections generate; 0 on one line.

    Parameters
    ----------
    indices : sequence of pair of int
        h and k of each.

    Returns
    -------
    int
        1 where they tell the whole lattice.

    Examples
    --------
    >>> cell_index([(1, 0), (0, 3)]), cell_index([(1, 0), (0, 3), (1, 2)])
    (3, 1)
    """
    pairs = [a * d - b * c for i, (a, b) in enumerate(indices) for c, d in indices[:i]]
    return int(np.gcd.reduce(pairs)) if pairs else 0


def reduced_vectors(vectors: np.ndarray) -> np.ndarray:
    """Return the shortest vectors of a lattice, the second counter-clockwise of the first.

    Parameters
    ----------
    vectors : ndarray of shape (2, 2)
        Two lattice vectors (x, y).

    Returns
    -------
    ndarray of shape (2, 2)
        60° apart rather than 120°.

    References
    ----------
    Gauss's reduction: H. Cohen, A Course in Computational Algebraic Number Theory, Springer 1993,
    algorithm 1.3.14.

    Examples
    --------
    >>> reduced_vectors(np.array([[2.0, 0.0], [4.0, 3.0]])).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    first, second = (np.array(v, dtype=np.float64) for v in vectors)
    while True:
        if first @ first > second @ second + _SAME:
            first, second = second, first
        turns = np.rint(first @ second / (first @ first))
        if turns == 0:
            break
        second = second - turns * first
    if first[0] * second[1] < first[1] * second[0]:
        second = -second
    longer = second + first
    if longer @ longer < 1.01 * (second @ second):
        second = longer
    return np.array([first, second])
