"""Crystals from files and from ASE, turned along a zone axis and projected onto an image."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.simulate.projected_columns import ProjectedColumns, lattice_kind, project_columns
from stemzoo.simulate.projected_lattice import innermost_spacing
from stemzoo.simulate.structure_files import read_structure

if TYPE_CHECKING:
    import ase

_MOST_ATOMS = 4000
_GAP = 2.3  # between the atoms of two layers along their normal [Å]: van der Waals, not bonds
_VACUUM = 5.0  # a gap from which on a cell holds a slab, and no crystal that goes on [Å]
# Spacings of the innermost reflections that an image can show, and the longest edge [Å].
_COARSEST, _FINEST = 20.0, 1.05


@dataclass(frozen=True)
class ProjectedCell:
    """What `Material.from_structure` needs to know; the fields are those of `Material`.

    Parameters
    ----------
    name, formula : str
        For code, and for people.
    edges : tuple of float
        Cell edges along x, y, z [Å].
    angle : float
        Between x and y [degrees].
    sites : tuple of (str, tuple of float)
        Symbol and fractional place of each atom; those of one column share x and y.
    spacing : float
        Of the planes behind the innermost reflections [Å].
    symmetry : int
        6, 4 or 2.
    lattice_constant : float
        a [Å].
    layered : bool
        Whether the sites are all there is along the beam.
    """

    name: str
    formula: str
    edges: tuple[float, float, float]
    angle: float
    sites: tuple[tuple[str, tuple[float, float, float]], ...]
    spacing: float
    symmetry: int
    lattice_constant: float
    layered: bool


def project_structure(
    structure: "ase.Atoms | str | PathLike",
    zone_axis: Sequence[int] = (0, 0, 1),
    *,
    layers: int | None = None,
    thickness: float | None = None,
) -> ProjectedCell:
    """Turn a crystal so that the beam runs along a zone axis, and find its columns.

    Parameters
    ----------
    structure : ase.Atoms or path-like
        A crystal, or a file of one.
    zone_axis, layers, thickness
        See `Material.from_structure`.

    Returns
    -------
    ProjectedCell

    Raises
    ------
    ValueError
        If it cannot be read or has no lattice that an image can show; the message names the file.
    """
    name = "structure"
    if isinstance(structure, str | PathLike):
        name, structure = str(structure), read_structure(structure)
    try:
        atoms = _checked(structure)
        axis = _checked_axis(zone_axis)
        if layers is not None and thickness is not None:
            raise ValueError("Expected layers or a thickness. Received: both")
        return _projected(atoms, axis, layers, thickness)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _checked(atoms: "ase.Atoms") -> "ase.Atoms":
    """Return a copy whose cell is complete."""
    if not 0 < len(atoms) <= _MOST_ATOMS:
        raise ValueError(f"Expected 1 to {_MOST_ATOMS} atoms in the cell. Received: {len(atoms)}")
    given = [
        bool(edge) and bool(repeats)
        for edge, repeats in zip(np.linalg.norm(atoms.cell, axis=1) > 1e-6, atoms.pbc, strict=True)
    ]
    if sum(given) < 2:
        raise ValueError(
            "Expected a crystal: a cell that repeats along two directions or three; give a file "
            f"with a lattice. Received: {sum(given)} of them"
        )
    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell[:]).all():
        raise ValueError("Expected finite positions. Received: NaN or infinity")
    if any(number == 0 for number in atoms.numbers):
        raise ValueError("Expected elements. Received: dummy atoms (X); drop them")
    shared = [
        {symbol: float(part) for symbol, part in kinds.items()}
        for kinds in (atoms.info.get("occupancy") or {}).values()
        if len(kinds) > 1 or min(map(float, kinds.values())) < 0.99
    ]
    if shared:
        words = ", ".join(f"{symbol} {part:g}" for symbol, part in shared[0].items())
        raise ValueError(
            "Expected one element a site, fully occupied; replace shared sites by an ordered "
            f"structure. Received: a site of {words}"
        )
    atoms = atoms.copy()
    if not all(given):
        flat = given.index(False)
        axes = [axis for axis in range(3) if axis != flat]
        normal = np.cross(*atoms.cell[axes])
        normal = normal / np.linalg.norm(normal)
        heights = atoms.positions @ normal
        cell = atoms.cell[:].copy()
        cell[flat] = normal * (np.ptp(heights) + 2 * _VACUUM)
        atoms.set_cell(cell)
        atoms.set_pbc(True)
    if abs(atoms.cell.volume) < 1.0:
        raise ValueError(f"Expected a cell of 1 Å³ or more. Received: {atoms.cell.volume:.3g} Å³")
    atoms.wrap()
    return atoms


def _checked_axis(zone_axis: Sequence[int]) -> np.ndarray:
    """Zone axis without a common factor."""
    axis = np.asarray(zone_axis)
    if axis.shape != (3,) or not np.all(axis == np.rint(axis)) or not axis.any():
        raise ValueError(
            "A zone axis is three whole numbers, not all 0, as (1, 1, 0). "
            f"Received: {tuple(zone_axis)}"
        )
    axis = axis.astype(int)
    if abs(axis).max() > 9:
        raise ValueError(f"Expected a zone axis of indices up to 9. Received: {tuple(zone_axis)}")
    return axis // gcd(*axis.tolist())


def _projected(
    atoms: "ase.Atoms", axis: np.ndarray, layers: int | None, thickness: float | None
) -> ProjectedCell:
    """Find the columns along an axis."""
    slab = _along_normal(atoms, axis, layers)
    layered = slab is not None or thickness is not None
    if slab is not None:
        if thickness is not None:
            raise ValueError("Expected no thickness: the cell holds a slab. Received: a thickness")
        vectors, xy, heights, numbers = slab
        period = float(np.ptp(heights)) + 2 * _VACUUM
    else:
        vectors, xy, heights, period, numbers = _along_axis(atoms, axis)
    columns = project_columns(vectors, xy, heights, numbers, None if layered else period)
    if slab is None and thickness is not None:
        columns = columns.stacked(max(round(float(thickness) / period), 1), period, _MOST_ATOMS)
    return _as_cell(atoms, axis, columns, layered=layered, along=slab is not None)


def _along_normal(
    atoms: "ase.Atoms", axis: np.ndarray, layers: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Vectors, places, heights and numbers of layers seen along their normal; None for bulk."""
    if np.count_nonzero(axis) > 1:
        if layers is not None:
            raise ValueError(
                "Layers are seen along their normal: expected a zone axis along one cell vector. "
                f"Received: {tuple(axis.tolist())}"
            )
        return None
    last = int(np.flatnonzero(axis)[0])
    order = [(last + 1) % 3, (last + 2) % 3, last]
    edges = np.array(atoms.cell[order]) * np.sign(axis[last])
    normal = np.cross(edges[0], edges[1])
    normal = normal / np.linalg.norm(normal)
    height = float(edges[2] @ normal)
    if height < 0:  # a left-handed cell
        normal, height = -normal, -height
    heights = (atoms.positions @ normal) % height
    sequence = np.argsort(heights)
    gaps = np.diff(heights[sequence], append=heights[sequence[0]] + height)
    wide = np.flatnonzero(gaps >= (_VACUUM if layers is None else _GAP))
    if not wide.size:
        if layers is not None:
            raise ValueError(
                f"Expected layers, with gaps of {_GAP} Å between them across {tuple(axis.tolist())}"
                f"; leave layers out. Received: gaps up to {gaps.max():.2f} Å"
            )
        return None
    # Atoms in order of their heights, from the widest gap upwards, with as many periods as asked.
    first = int(wide[np.argmax(gaps[wide])]) + 1
    count = len(wide)
    if layers is not None and not 1 <= layers <= 100:
        raise ValueError(f"Expected 1 to 100 layers. Received: {layers}")
    wanted = count if layers is None else layers
    picked, above, found = [], [], 0
    place = first
    while found < wanted:
        turn, at = divmod(place, len(sequence))
        picked.append(sequence[at])
        above.append(turn)
        found += at in wide
        place += 1
    # Heights were taken modulo the cell: the places must move with them.
    wraps = np.rint((atoms.positions @ normal - heights) / height)
    shifts = np.array(above) - wraps[picked]
    positions = atoms.positions[picked] + shifts[:, None] * edges[2]
    frame = _frame(edges[0], normal)
    return edges[:2] @ frame.T, positions @ frame.T, positions @ normal, atoms.numbers[picked]


def _frame(along: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Two unit vectors across a normal, the first near a direction: shape (2, 3)."""
    first = along - (along @ normal) * normal
    first = first / np.linalg.norm(first)
    return np.array([first, np.cross(normal, first)])


def _along_axis(
    atoms: "ase.Atoms", axis: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """Vectors, places, heights, period and numbers of a crystal that goes on along the beam."""
    edges = _completed(axis) @ np.array(atoms.cell[:])
    period = float(np.linalg.norm(edges[2]))
    beam = edges[2] / period
    across = edges[0] - (edges[0] @ beam) * beam
    frame = _frame(across, beam)
    heights = (atoms.positions @ beam) % period
    return edges[:2] @ frame.T, atoms.positions @ frame.T, heights, period, atoms.numbers


def _completed(axis: np.ndarray) -> np.ndarray:
    """Whole numbers (3, 3) of determinant 1 whose last row is an axis without a common factor."""
    rows, left = np.eye(3, dtype=int), axis.copy()
    # Euclid's algorithm on the indices; `rows` always generate all lattice vectors.
    while np.count_nonzero(left) > 1:
        small = min(np.flatnonzero(left), key=lambda i: abs(left[i]))
        for other in np.flatnonzero(left):
            if other != small:
                turns = left[other] // left[small]
                left[other] -= turns * left[small]
                rows[small] += turns * rows[other]
    last = int(np.flatnonzero(left)[0])
    rows[last] *= left[last]
    rows = rows[[(last + 1) % 3, (last + 2) % 3, last]]
    if np.linalg.det(rows) < 0:
        rows[0] *= -1
    return rows


def _as_cell(
    atoms: "ase.Atoms",
    axis: np.ndarray,
    columns: ProjectedColumns,
    *,
    layered: bool,
    along: bool,
) -> ProjectedCell:
    """Describe columns as a material's cell."""
    vectors, places, strengths = columns.vectors, columns.places, columns.strengths
    spacing = innermost_spacing(vectors, places, strengths)
    shortest, longest = np.sort(np.linalg.norm(vectors, axis=1)).tolist()
    if spacing is None or min(spacing, shortest) < _FINEST or longest > _COARSEST:
        seen = "no reflections" if spacing is None else f"a spacing of {spacing:.2f} Å"
        raise ValueError(
            f"Expected columns that an image tells apart: spacings of {_FINEST} Å or more, in a "
            f"cell of at most {_COARSEST:g} Å; choose another zone axis. Received: {seen}, a cell "
            f"of {shortest:.2f} x {longest:.2f} Å"
        )
    kind = lattice_kind(columns)
    formula = atoms.get_chemical_formula("metal", empirical=True)
    indices = "".join(str(i) for i in axis.tolist())
    return ProjectedCell(
        name=formula.lower() if along else f"{formula.lower()}-{indices}",
        formula=formula if along else f"{formula} [{indices}]",
        edges=(*kind.edges, columns.height),
        angle=kind.angle,
        sites=kind.sites(columns),
        spacing=spacing,
        symmetry=kind.symmetry,
        lattice_constant=kind.edges[0],
        layered=layered,
    )


def describe_contents(symbols: Sequence[str]) -> str:
    """Return a column's atoms as a formula.

    Examples
    --------
    >>> describe_contents(["Ti", "O"]), describe_contents(["Se", "Se"])
    ('TiO', 'Se2')
    """
    return "".join(f"{s}{n if n > 1 else ''}" for s, n in Counter(symbols).items())
