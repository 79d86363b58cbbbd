"""Crystals with point defects, cut to the field of view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.channelling import channelling_weights
from stemzoo.simulate.crystal_columns import CrystalColumns, crystal_transform, fill_columns
from stemzoo.simulate.defects import Defect, find_defect
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.imaging import MARGIN
from stemzoo.simulate.materials import Material, find_material


@dataclass(frozen=True, eq=False)
class Specimen:
    """Atoms with a list of their point defects.

    Parameters
    ----------
    atoms : Atoms
        All atoms in the field and a margin around it.
    defects : tuple of str
        Names, one a defect.
    positions : ndarray of shape (K, 2)
        x and y of each defect [Å].
    columns : ndarray of shape (C, 2)
        x and y of each column of the crystal without defects [Å].
    """

    atoms: Atoms
    defects: tuple[str, ...]
    positions: np.ndarray
    columns: np.ndarray


# Defects with the columns that each of them takes, and adatoms with their places (x, y) [Å].
_HostedDefects = list[tuple[Defect, tuple[int, ...]]]
_Adatoms = list[tuple[Defect, np.ndarray]]


def _hosts(columns: CrystalColumns, defect: Defect) -> np.ndarray:
    """Columns that hold enough atoms of the element that the defect replaces."""
    holds = np.bincount(
        columns.atom_column[columns.symbols == defect.element], minlength=len(columns.positions)
    )
    return np.flatnonzero(holds >= max(defect.count, 1))


def _drawn(
    columns: CrystalColumns,
    material: Material,
    defects: Mapping[str, float],
    extent: tuple[float, float],
    margin: float,
    rng: np.random.Generator,
) -> tuple[_HostedDefects, _Adatoms]:
    """Choose columns and places of adatoms at random; a column hosts one defect at most."""
    table = {find_defect(material, name): p for name, p in defects.items()}
    free = np.ones(len(columns.positions), dtype=bool)
    chosen, adatoms = [], []
    for defect, probability in table.items():
        if defect.element is not None:
            hosts = _hosts(columns, defect)
            hit = hosts[(rng.random(hosts.size) < probability) & free[hosts]]
            free[hit] = False
            chosen += [(defect, column) for column in hit]
    area = material.edges[0, 0] * material.edges[1, 1]
    n_cells = (extent[0] + 2 * margin) * (extent[1] + 2 * margin) / area
    for defect, probability in table.items():
        if defect.element is None:
            span = np.array(extent)[::-1] + 2 * margin
            places = rng.random((rng.poisson(probability * n_cells), 2)) * span - margin
            adatoms += [(defect, place) for place in places]
    return _sites(columns, chosen), adatoms


def _listed(
    columns: CrystalColumns, material: Material, defects: Sequence[tuple[str, float, float]]
) -> tuple[_HostedDefects, _Adatoms]:
    """Choose the host column nearest to each listed position; adatoms stay where they are."""
    chosen, adatoms = [], []
    for name, x, y in defects:
        defect = find_defect(material, name)
        if defect.element is None:
            adatoms.append((defect, np.array([x, y])))
            continue
        hosts = _hosts(columns, defect)
        distance = np.hypot(*(columns.positions[hosts] - (x, y)).T)
        if not hosts.size or distance.min() > 2.0:
            raise ValueError(
                f"No column for {defect.name!r} within 2 Å of the listed position. Received: "
                f"x = {x}, y = {y}"
            )
        chosen.append((defect, hosts[distance.argmin()]))
    sites = _sites(columns, chosen)
    if len(sites) < len(chosen):
        raise ValueError(
            "A column hosts one defect at most; move or drop one of the listed defects. Received: "
            f"{len(chosen)} defects on {len(sites)} free sites"
        )
    return sites, adatoms


def _sites(columns: CrystalColumns, chosen: Sequence[tuple[Defect, int]]) -> _HostedDefects:
    """Columns that each defect takes; one that meets an earlier defect is left out."""
    taken: set[int] = set()
    sites: _HostedDefects = []
    for defect, column in chosen:
        hosts: tuple[int, ...] = (int(column),)
        if defect.with_neighbour:
            distance = np.hypot(*(columns.positions - columns.positions[column]).T)
            distance[column] = np.inf
            hosts = (int(column), int(distance.argmin()))
        if taken.isdisjoint(hosts):
            taken.update(hosts)
            sites.append((defect, hosts))
    return sites


@dataclass(frozen=True, eq=False)
class _Placed:
    """Symbol, column, place (x, y, z) [Å] and weight of each atom of columns with defects."""

    symbols: np.ndarray
    owners: np.ndarray
    positions: np.ndarray
    weights: np.ndarray


def _apply(
    columns: CrystalColumns,
    sites: _HostedDefects,
    vacancy_contrast: float,
    rng: np.random.Generator,
) -> tuple[_Placed, list[np.ndarray]]:
    """Remove and replace atoms; return those of the columns, and xy of the defects."""
    keep = np.ones(columns.symbols.size, dtype=bool)
    weights = np.ones(columns.symbols.size)
    order = np.argsort(columns.atom_column, kind="stable")
    start = np.searchsorted(columns.atom_column[order], np.arange(len(columns.positions) + 1))
    new_symbols, new_owners, new_positions, places = [], [], [], []
    for defect, hosts in sites:
        column = order[start[hosts[0]] : start[hosts[0] + 1]]
        atoms = column[columns.symbols[column] == defect.element]
        gone = rng.permutation(atoms)[: len(atoms) if defect.whole else defect.count]
        keep[gone] = False
        if len(column) == len(atoms) == 2 and len(gone) == 1 and defect.replacement is None:
            weights[atoms] = 2 * vacancy_contrast
        for neighbour in hosts[1:]:
            keep[columns.atom_column == neighbour] = False
        place = columns.positions[list(hosts)].mean(axis=0)
        if defect.replacement:
            copies = 1 if defect.with_neighbour else max(defect.count, 1)
            # In place of those that go; on the entrance face where none goes.
            heights = columns.heights[gone[:copies]].tolist() or [0.0]
            new_symbols += [defect.replacement] * copies
            new_owners += [hosts[0]] * copies
            new_positions += [(*place, height) for height in heights]
        places.append(place)
    xyz = np.column_stack([columns.positions[columns.atom_column], columns.heights])[keep]
    placed = _Placed(
        np.concatenate([columns.symbols[keep], np.array(new_symbols, dtype="U2")]),
        np.concatenate([columns.atom_column[keep], np.array(new_owners, dtype=np.int64)]),
        np.concatenate([xyz, np.reshape(new_positions, (-1, 3))]),
        np.concatenate([weights[keep], np.ones(len(new_symbols))]),
    )
    return placed, places


def make_specimen(
    material: Material | str,
    extent: tuple[float, float],
    *,
    rng: np.random.Generator,
    rotation: float = 0.0,
    strain: tuple[float, float, float] = (0.0, 0.0, 0.0),
    origin: tuple[float, float] = (0.0, 0.0),
    thickness: int = 1,
    displacement: float = 0.01,
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]] = (),
    margin: float = MARGIN,
    reach: float = 0.0,
    vacancy_contrast: float = 0.5,
    channelling: float = 0.0,
) -> Specimen:
    """Fill a field of view with a crystal and its point defects.

    Parameters
    ----------
    material : Material or str
        An entry of `MATERIALS` or its name.
    extent : tuple of float
        Size of the field (y, x) [Å].
    rng : numpy.random.Generator
        Source of randomness.
    rotation : float
        From x towards y [degrees].
    strain : tuple of float
        ε_xx, ε_yy and ε_xy of the lattice before rotation.
    origin : tuple of float
        Position of a cell corner, in cells (x, y); whole cells make no difference.
    thickness : int
        Number of cells along the beam; monolayers ignore it.
    displacement : float
        Standard deviation of a random displacement of each atom along x and y [Å]. The default
        keeps sampling stripes out of the power spectrum (Khan et al. 2023, Methods).
    defects : mapping of str to float, or sequence of (str, float, float)
        Names (see `find_defect`) with a probability per column that could host them (for
        adatoms: per cell), or a list of names with their x and y [Å]. A column hosts one defect
        at most; of drawn ones the earlier name has precedence.
    margin : float
        The crystal reaches this far beyond the field [Å].
    reach : float
        Defects up to this far beyond the field are listed too [Å].
    vacancy_contrast : float
        Intensity of a column of two equal atoms that lost one, in units of the whole one. Atoms
        scatter each by itself at 0.5; exact multislice calculations give 0.44 for selenium in
        WSe2, real images 0.49 to 0.59.
    channelling : float
        From 0 for atoms that scatter each by itself to 1 for columns of a crystal on its zone axis,
        see `stemzoo.simulate.channelling.channelling_weights`. Adatoms lie on the entrance face.

    Returns
    -------
    Specimen
        Defects farther out than `reach` are not listed.

    Raises
    ------
    KeyError
        For an unknown material.
    ValueError
        For an impossible defect or thickness, or two listed defects on one column.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> specimen = make_specimen("wse2", (50, 50), rng=rng, defects={"se_vacancy": 0.03})
    >>> set(specimen.defects)
    {'se_vacancy'}
    """
    material = find_material(material) if isinstance(material, str) else material
    if thickness < 1:
        raise ValueError(f"thickness is a number of cells, at least 1. Received: {thickness}")
    columns = fill_columns(
        material, extent, crystal_transform(rotation, strain), origin, thickness, margin
    )
    if isinstance(defects, Mapping):
        sites, adatoms = _drawn(columns, material, defects, extent, margin, rng)
    else:
        sites, adatoms = _listed(columns, material, defects)
    crystal, hosted = _apply(columns, sites, vacancy_contrast, rng)
    loose = np.array([defect.replacement for defect, _ in adatoms], "U2")
    symbols = np.append(crystal.symbols, loose)
    on_top = np.reshape([(*place, 0.0) for _, place in adatoms], (-1, 3))
    xyz = np.concatenate([crystal.positions, on_top])
    xyz[:, :2] += rng.normal(0, displacement, (len(xyz), 2))
    kinds, index = np.unique(symbols, return_inverse=True)
    numbers = np.array([atomic_number(symbol) for symbol in kinds])[index]
    weights = np.append(crystal.weights, np.ones(len(adatoms)))
    if channelling != 0:
        count = len(crystal.owners)
        depths, known = crystal.positions[:, 2], numbers[:count]
        weights[:count] *= channelling_weights(
            crystal.owners, depths, known, columns.densities, channelling
        )
    atoms = Atoms(numbers, xyz, occupancy=weights)
    places = np.reshape([*hosted, *(place for _, place in adatoms)], (-1, 2))
    inside = np.all((places >= -reach) & (places <= np.array(extent)[::-1] + reach), axis=1)
    placed = [*(defect for defect, _ in sites), *(defect for defect, _ in adatoms)]
    names = tuple(defect.name for defect, keep in zip(placed, inside, strict=True) if keep)
    return Specimen(atoms, names, places[inside], columns.positions)
