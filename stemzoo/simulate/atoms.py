"""Atoms: what the electron beam meets."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Atoms:
    """Positions and kinds of the atoms of a specimen.

    Parameters
    ----------
    numbers : array_like of int, shape (N,)
        Atomic numbers.
    positions : array_like of float, shape (N, 3)
        x along image columns, y along image rows, z along the beam [Å].
    cell : tuple of float, optional
        Edges of the (orthogonal) cell along x, y, z [Å]; None for a specimen without a period.
    occupancy : array_like of float, shape (N,), optional
        Site occupancies, 1 where not given.

    Raises
    ------
    ValueError
        If the shapes do not fit together or a value is not finite.

    Examples
    --------
    >>> Atoms([74], [[0.0, 0.0, 0.0]], cell=(10, 10, 1)).repeat(2, 2).numbers.size
    4
    """

    numbers: np.ndarray
    positions: np.ndarray
    cell: tuple[float, float, float] | None = None
    occupancy: np.ndarray | None = None

    def __post_init__(self):
        numbers = np.asarray(self.numbers, dtype=np.int64).reshape(-1)
        positions = np.asarray(self.positions, dtype=np.float64).reshape(-1, 3)
        n = numbers.size
        occupancy = np.ones(n) if self.occupancy is None else np.asarray(self.occupancy, float)
        if positions.shape != (n, 3) or occupancy.shape != (n,):
            raise ValueError(
                "Atoms expects numbers (N,), positions (N, 3) and occupancy (N,). Received: "
                f"{numbers.shape}, {positions.shape}, {occupancy.shape}"
            )
        if not (np.isfinite(positions).all() and np.isfinite(occupancy).all()):
            raise ValueError("Atoms expects finite positions and occupancies. Received: NaN or Inf")
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "occupancy", occupancy)
        if self.cell is not None:
            object.__setattr__(self, "cell", tuple(float(edge) for edge in self.cell))

    def __len__(self) -> int:
        return self.numbers.size

    def repeat(self, nx: int = 1, ny: int = 1, nz: int = 1) -> "Atoms":
        """Repeat the cell along x, y and z.

        Parameters
        ----------
        nx, ny, nz : int
            Numbers of cells.

        Returns
        -------
        Atoms

        Raises
        ------
        ValueError
            If the atoms have no cell.
        """
        if self.cell is None:
            raise ValueError("Atoms.repeat needs a cell. Received: cell=None")
        steps = np.stack(np.meshgrid(range(nx), range(ny), range(nz), indexing="ij"), axis=-1)
        shifts = steps.reshape(-1, 3) * np.array(self.cell)
        positions = (shifts[:, None, :] + self.positions[None]).reshape(-1, 3)
        copies = len(shifts)
        assert self.occupancy is not None
        x, y, z = self.cell
        cell = x * nx, y * ny, z * nz
        return Atoms(
            np.tile(self.numbers, copies), positions, cell, np.tile(self.occupancy, copies)
        )


def read_xyz(path: str | PathLike) -> Atoms:
    """Read atoms from a Computem-style .xyz file.

    The first line is a title, the second the cell edges [Å], then one atom a line as
    ``Z x y z occupancy rms`` [Å], ended by a negative number or the end of the file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Atoms

    Raises
    ------
    ValueError
        If a line cannot be read; the message names file and line.

    Examples
    --------
    >>> atoms = read_xyz("wse2.xyz")  # doctest: +SKIP
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    rows: list[list[float]] = []
    cell = 0.0, 0.0, 0.0
    for number, line in enumerate(lines[1:], start=2):
        try:
            values = [float(word) for word in line.split()]
            if number == 2:
                cell = values[0], values[1], values[2]
                continue
            if not values:
                continue
            if values[0] <= 0:
                break
            if len(values) < 4:
                raise ValueError
        except (ValueError, IndexError):
            raise ValueError(
                f"{path}, line {number}: expected cell edges or 'Z x y z occupancy rms'. "
                f"Received: {line!r}"
            ) from None
        rows.append([*values, 1.0][:5])
    if not rows:
        raise ValueError(f"{path}: expected at least one atom line. Received: none")
    table = np.array(rows)
    return Atoms(table[:, 0], table[:, 1:4], cell, table[:, 4])


def write_xyz(path: str | PathLike, atoms: Atoms, title: str = "stemzoo") -> None:
    """Write atoms as a Computem-style .xyz file.

    Parameters
    ----------
    path : path-like
        The file; replaced in one step if it exists.
    atoms : Atoms
        What to write; needs a cell.
    title : str, default="stemzoo"
        First line.

    Raises
    ------
    ValueError
        If the atoms have no cell.
    """
    from stemzoo.io import write_text

    if atoms.cell is None:
        raise ValueError("write_xyz needs atoms with a cell. Received: cell=None")
    assert atoms.occupancy is not None
    lines = [title, " ".join(f"{edge:.9f}" for edge in atoms.cell)]
    for z, (x, y, depth), occupancy in zip(
        atoms.numbers, atoms.positions, atoms.occupancy, strict=True
    ):
        lines.append(f"{z:d} {x:.9f} {y:.9f} {depth:.9f} {occupancy:.6g} 0")
    write_text(Path(path), "\n".join([*lines, "-1", ""]))
