"""A crystal as its unit cell, seen along the beam."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from stemzoo.simulate.elements import is_metal, scattering_strength

# Cells are read before anything heavy is needed: numpy is loaded where it is used.
if TYPE_CHECKING:
    import numpy as np

    from stemzoo.simulate.projected_lattice import LatticeShape


@dataclass(frozen=True)
class Site:
    """An atom of the unit cell.

    Parameters
    ----------
    symbol : str
        Chemical symbol.
    position : tuple of float
        Fractional coordinates along the cell edges x, y and z.
    """

    symbol: str
    position: tuple[float, float, float]


@dataclass(frozen=True)
class UnitCell:
    """A cell with the beam along z, and what follows from it; `Material` says what each part is."""

    name: str
    formula: str
    cell: tuple[float, float, float]
    sites: tuple[Site, ...]
    spacing: float
    symmetry: int
    lattice_constant: float
    layered: bool = True
    angle: float = 90.0

    def __str__(self) -> str:
        return self.name

    def is_like(self, other: "UnitCell") -> bool:
        """Tell whether another crystal has the same columns within two per cent of the length."""
        contents = [sorted(map(sorted, m.columns.values())) for m in (self, other)]
        return (
            self.symmetry == other.symmetry
            and contents[0] == contents[1]
            and abs(self.lattice_constant / other.lattice_constant - 1) < 0.02
            and abs(self.spacing / other.spacing - 1) < 0.02
        )

    @property
    def metal(self) -> str | None:
        """Symbol of its metal; None where it holds none, or several."""
        metals = {site.symbol for site in self.sites if is_metal(site.symbol)}
        return metals.pop() if len(metals) == 1 else None

    @property
    def column_spacing(self) -> float:
        """Distance of the nearest two atomic columns in projection [Å]."""
        places = {(round(x, 6), round(y, 6)) for x, y, _ in (s.position for s in self.sites)}
        a, b, _ = self.cell
        turn = math.radians(self.angle)
        across, along = (0.0, b) if self.angle == 90 else (b * math.cos(turn), b * math.sin(turn))
        cells = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        steps = [
            (_folded(x - u) + i, _folded(y - v) + j)
            for x, y in places
            for u, v in places
            for i, j in cells
            if (x, y) != (u, v) or i or j
        ]
        return min(math.hypot(x * a + y * across, y * along) for x, y in steps)

    @property
    def edges(self) -> "np.ndarray":
        """Return the cell edges across the beam, (x, y) of each [Å], shape (2, 2)."""
        return cell_edges(self.cell, self.angle)

    @property
    def columns(self) -> dict[tuple[float, float], list[str]]:
        """Return the symbols of each column of the cell, by its fractional place."""
        places: dict[tuple[float, float], list[str]] = {}
        for site in self.sites:
            places.setdefault(site.position[:2], []).append(site.symbol)
        return places

    @property
    def shape(self) -> "LatticeShape | None":
        """Return the shape of the lattice; None for hexagonal and square ones."""
        return _shape(self) if self.symmetry == 2 else None


@lru_cache(maxsize=64)
def _shape(cell: UnitCell) -> "LatticeShape":
    import numpy as np

    from stemzoo.simulate.projected_lattice import find_shape

    columns = cell.columns
    strengths = np.array([scattering_strength(column) for column in columns.values()])
    return find_shape(cell.edges, np.array([*columns]), strengths, cell.spacing)


def cell_edges(cell: tuple[float, float, float], angle: float) -> "np.ndarray":
    """Return the edges of a cell across the beam.

    Parameters
    ----------
    cell : tuple of float
        Lengths along x, y, z [Å].
    angle : float
        Between the edges x and y [degrees].

    Returns
    -------
    ndarray of shape (2, 2)
        x and y of each [Å].

    Examples
    --------
    >>> cell_edges((2.0, 3.0, 1.0), 90.0).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    import numpy as np

    a, b, _ = cell
    if angle == 90:
        return np.array([[a, 0.0], [0.0, b]])
    turn = np.deg2rad(angle)
    return np.array([[a, 0.0], [b * np.cos(turn), b * np.sin(turn)]])


def _folded(step: float) -> float:
    """Return a step in cells to the nearest of the equivalent places."""
    return step - round(step)
