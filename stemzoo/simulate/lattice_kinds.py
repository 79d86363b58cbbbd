"""Which symmetry a lattice of columns has, and the cell that `Material` keeps for it."""

from dataclasses import dataclass

import numpy as np

from stemzoo.simulate.projected_columns import ProjectedColumns
from stemzoo.simulate.projected_lattice import shown_reflections

_LENGTHS, _ANGLES = 0.002, 0.15  # strain and degrees by which a lattice may miss its symmetry
_RING = 0.15  # amplitude, of the strongest, that the innermost reflections of a ring need
_NEAR = 0.1  # columns this near to a place of full symmetry are at it [Å]


@dataclass(frozen=True)
class LatticeKind:
    """Symmetry of a lattice of columns, and the cell that `Material` has for it.

    Parameters
    ----------
    symmetry : int
        6, 4 or 2.
    edges : tuple of float
        Of the cell along x and y [Å].
    angle : float
        Between them [degrees].
    """

    symmetry: int
    edges: tuple[float, float]
    angle: float

    def sites(
        self, columns: ProjectedColumns
    ) -> tuple[tuple[str, tuple[float, float, float]], ...]:
        """Return symbols and fractional places of all atoms of the cell."""
        low = min(z for column in columns.contents for _, z in column)
        places = columns.places
        shifts = [(0.0, 0.0)]
        if self.symmetry == 6:
            # From vectors that are 60° apart to the orthogonal cell, which holds two of theirs.
            places = places @ np.array([[1.0, 0.0], [0.5, 0.5]])
            shifts.append((0.5, 0.5))
        found = []
        for shift in shifts:
            for place, column in zip(places, columns.contents, strict=True):
                x, y = (round(float(p), 6) % 1.0 for p in (place + shift))
                found += [(s, (x, y, round((z - low) / columns.height, 6))) for s, z in column]
        return tuple(found)


def lattice_kind(columns: ProjectedColumns) -> LatticeKind:
    """Tell the symmetry of a lattice of columns.

    Parameters
    ----------
    columns : ProjectedColumns
        The columns.

    Returns
    -------
    LatticeKind
        Hexagonal or square where the columns stand at places of full symmetry, and an image shows
        the innermost reflections.
    """
    a, b = (float(length) for length in np.linalg.norm(columns.vectors, axis=1))
    first, second = columns.vectors
    angle = float(
        np.degrees(np.arctan2(first[0] * second[1] - first[1] * second[0], first @ second))
    )
    if abs(b / a - 1) < 2 * _LENGTHS:
        mean = round((a * b) ** 0.5, 6)
        if abs(angle - 60) < _ANGLES and _on_hexagonal_places(columns):
            return LatticeKind(6, (mean, mean * 3**0.5), 90.0)
        if abs(angle - 90) < _ANGLES and _on_square_places(columns):
            return LatticeKind(4, (mean, mean), 90.0)
    if abs(angle - 90) < _ANGLES:
        angle = 90.0
    return LatticeKind(2, (round(a, 6), round(b, 6)), round(angle, 4))


def _on_hexagonal_places(columns: ProjectedColumns) -> bool:
    thirds = columns.places * 3
    off = (thirds - np.rint(thirds)) / 3 @ columns.vectors
    whole = np.rint(thirds).astype(int) % 3
    diagonal = bool(np.all(whole[:, 0] == whole[:, 1]))
    near = bool(np.all(np.linalg.norm(off, axis=1) < _NEAR))
    return diagonal and near and _shows(columns, ((1, 0), (0, 1)))


def _on_square_places(columns: ProjectedColumns) -> bool:
    halves = columns.places * 2
    off = (halves - np.rint(halves)) / 2 @ columns.vectors
    whole = [tuple(place) for place in (np.rint(halves).astype(int) % 2).tolist()]
    at = dict(zip(whole, columns.strengths.round(6), strict=True))
    equal = at.get((0, 1)) == at.get((1, 0))
    near = bool(np.all(np.linalg.norm(off, axis=1) < _NEAR))
    return equal and near and _shows(columns, ((1, 0), (0, 1), (1, 1)))


def _shows(columns: ProjectedColumns, needed: tuple[tuple[int, int], ...]) -> bool:
    """Whether an image shows these reflections."""
    indices, relative = shown_reflections(columns.vectors, columns.places, columns.strengths)
    bright = {tuple(i) for i in indices[relative >= _RING].tolist()}
    return all((h, k) in bright or (-h, -k) in bright for h, k in needed)
