"""What a scene does to the atoms of a crystal: it ends, and something else begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.crystal import Specimen
from stemzoo.simulate.defects import EDGE
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.field import FieldOfView
from stemzoo.simulate.materials import Material, find_material
from stemzoo.simulate.scenes import Content, Scene

# Neighbours of a column: columns within this many spacings, those of two nearest columns.
_NEAR = 1.3
# Columns of two grains that are closer than this many spacings do not both exist.
_CLASH = 0.75
# Atoms of amorphous matter have moved by this (standard deviation) [Å], and keep this part of their
# mean distance from others of their element.
_DISORDER = 1.3
_APART = 0.8
# Columns that lack a neighbour have moved by this (standard deviation) [Å].
_RELAXATION = 0.12


@dataclass(frozen=True)
class Crystal:
    """How the crystal of a frame is made.

    Parameters
    ----------
    field : FieldOfView
        Where, and under which conditions.
    origin : tuple of float
        Position of a cell corner, in cells (x, y).
    defects : mapping of str to float, or sequence of (str, float, float)
        As in `make_specimen`.
    """

    field: FieldOfView
    origin: tuple[float, float]
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]]

    @property
    def material(self) -> Material:
        """The crystal's entry of `MATERIALS`."""
        return find_material(self.field.drawn.material)

    @property
    def spacing(self) -> float:
        """Distance of nearest columns [Å]."""
        places = self.material.columns
        four = [(x + i, y + j) for x, y in places for i in (0, 1) for j in (0, 1)]
        points = np.array(four) @ self.material.edges
        return float(cKDTree(points).query(points, 2)[0][:, 1].min())

    def grow(self, rng: np.random.Generator) -> Specimen:
        """Fill the field with it."""
        rotation = self.field.drawn.rotation
        return self.field.grow(rng=rng, rotation=rotation, origin=self.origin, defects=self.defects)


def populate(
    scene: Scene, specimen: Specimen, crystal: Crystal, rng: np.random.Generator
) -> Specimen:
    """Put a scene's matter where the crystal ends.

    Parameters
    ----------
    scene : Scene
        The scene.
    specimen : Specimen
        The crystal, filling the field.
    crystal : Crystal
        How it was made.
    rng : numpy.random.Generator
        Source of randomness; its own numbers stay as they are.

    Returns
    -------
    Specimen
        Lists those defects whose column has all its neighbours, and as ``"edge"`` the columns that
        lack one.
    """
    if not scene.outlines:
        return specimen
    rng = rng.spawn(1)[0]
    spacing = crystal.spacing
    kept = scene.depth(specimen.columns) > 0
    if scene.content is Content.VACUUM:
        if scene.rim == 0:
            kept = _bound(specimen.columns, kept, spacing)
            return _relaxed(_cut(specimen, kept, spacing), rng)
        rim = ~kept & (scene.depth(specimen.columns) > -scene.rim)
        return _with(_cut(specimen, kept, spacing), _disordered(specimen, rim, scene, rng))
    rest = _cut(specimen, kept, spacing)
    if scene.content is Content.AMORPHOUS:
        return _with(rest, _disordered(specimen, ~kept, scene, rng))
    if scene.content is Content.GRAIN:
        other = _second_grain(scene, specimen.columns[kept], crystal, rng)
        places = np.concatenate([rest.positions, other.positions])
        both = replace(rest, defects=rest.defects + other.defects, positions=places)
        return _relaxed(_with(both, other.atoms), rng)
    rest = _listing(specimen, kept)
    if scene.content is Content.LAYER:
        return _with(rest, _second_layer(scene, crystal, rng))
    return _with(rest, _adsorbate(scene, specimen, crystal, rng))


def film(scene: Scene, field: FieldOfView) -> np.ndarray | None:
    """Return where there is matter for contamination to lie on.

    Parameters
    ----------
    scene : Scene
        The scene.
    field : FieldOfView
        The frame.

    Returns
    -------
    ndarray of shape (M, N) or None
        From 0 in vacuum to 1, with the border; None where there is no vacuum.
    """
    if not scene.outlines or scene.content is not Content.VACUUM:
        return None
    return np.clip(scene.depth(field.shown()) + scene.rim + 0.5, 0, 1)


def grains(
    scene: Scene, field: FieldOfView, spacing: float, row_shift: np.ndarray
) -> np.ndarray | None:
    """Return which grain each pixel shows, see `LabelledImage`.

    Parameters
    ----------
    scene : Scene
        The scene.
    field : FieldOfView
        The frame.
    spacing : float
        Distance of nearest columns [Å]; at a boundary of grains half of it belongs to neither.
    row_shift : ndarray of shape (M, 2)
        How far the content of each row has moved [px].

    Returns
    -------
    ndarray of uint8, shape (M, N), or None
        With the border; None where all of the frame shows the crystal.
    """
    if not scene.outlines:
        return None
    depth = scene.depth(field.shown(row_shift))
    if scene.content is not Content.GRAIN:
        return (depth > 0).astype(np.uint8)
    return np.where(depth < -spacing / 2, 2, depth > spacing / 2).astype(np.uint8)


def _neighbours(columns: np.ndarray, kept: np.ndarray, spacing: float) -> np.ndarray:
    """Count the kept ones among the neighbours of each column (C, 2)."""
    pairs = cKDTree(columns).query_pairs(_NEAR * spacing, output_type="ndarray")
    counts = [np.bincount(pairs[kept[pairs[:, 1 - k]], k], minlength=len(kept)) for k in (0, 1)]
    return counts[0] + counts[1]


def _bound(columns: np.ndarray, kept: np.ndarray, spacing: float) -> np.ndarray:
    """Drop columns of an edge that hang on one neighbour only; they do not stay there."""
    whole = _neighbours(columns, np.ones(len(kept), dtype=bool), spacing)
    for _ in range(3):
        found = _neighbours(columns, kept, spacing)
        kept = kept & ((found > 1) | (whole < 3))
    return kept


def _cut(specimen: Specimen, kept: np.ndarray, spacing: float) -> Specimen:
    """Leave only some columns (C,), and list those that now lack a neighbour."""
    columns, atoms = specimen.columns, specimen.atoms
    whole = _neighbours(columns, np.ones(len(kept), dtype=bool), spacing)
    edge = kept & (_neighbours(columns, kept, spacing) < whole)
    tree = cKDTree(columns)
    stays = kept[tree.query(atoms.positions[:, :2])[1]]
    rest = _listing(specimen, kept & ~edge)
    return Specimen(
        Atoms(atoms.numbers[stays], atoms.positions[stays], occupancy=_weights(atoms)[stays]),
        rest.defects + (EDGE,) * int(edge.sum()),
        np.concatenate([rest.positions, columns[edge]]),
        columns[kept],
    )


def _listing(specimen: Specimen, judged: np.ndarray) -> Specimen:
    """List only the defects of some columns (C,)."""
    listed = judged[cKDTree(specimen.columns).query(specimen.positions)[1]]
    names = tuple(name for name, keep in zip(specimen.defects, listed, strict=True) if keep)
    return replace(specimen, defects=names, positions=specimen.positions[listed])


def _relaxed(specimen: Specimen, rng: np.random.Generator) -> Specimen:
    """Move the columns at a border a little, as they do where neighbours are missing."""
    edge = np.array([name == EDGE for name in specimen.defects], dtype=bool)
    if not edge.any():
        return specimen
    places, positions = specimen.positions.copy(), specimen.atoms.positions.copy()
    distance, column = cKDTree(places[edge]).query(positions[:, :2])
    shift = rng.normal(0, _RELAXATION, (int(edge.sum()), 2))
    near = distance < 0.5
    positions[near, :2] += shift[column[near]]
    places[edge] += shift
    atoms = Atoms(specimen.atoms.numbers, positions, occupancy=_weights(specimen.atoms))
    return replace(specimen, atoms=atoms, positions=places)


def _with(specimen: Specimen, added: Atoms) -> Specimen:
    numbers = np.concatenate([specimen.atoms.numbers, added.numbers])
    positions = np.concatenate([specimen.atoms.positions, added.positions])
    weights = np.concatenate([_weights(specimen.atoms), _weights(added)])
    return replace(specimen, atoms=Atoms(numbers, positions, occupancy=weights))


def _weights(atoms: Atoms) -> np.ndarray:
    assert atoms.occupancy is not None  # filled in where not given
    return atoms.occupancy


def _disordered(
    specimen: Specimen, columns: np.ndarray, scene: Scene, rng: np.random.Generator
) -> Atoms:
    """Return the atoms of some columns (C,), as many, without their order."""
    atoms = specimen.atoms
    loose = columns[cKDTree(specimen.columns).query(atoms.positions[:, :2])[1]]
    numbers, xy = atoms.numbers[loose], atoms.positions[loose, :2]
    moved = xy + rng.normal(0, _DISORDER, xy.shape)
    for _ in range(5):
        intruders = scene.depth(moved) > 0
        moved[intruders] = xy[intruders] + rng.normal(0, _DISORDER, (intruders.sum(), 2))
    area = np.prod(np.ptp(specimen.columns, axis=0))
    for number in np.unique(numbers):
        mean_distance = np.sqrt(area / np.count_nonzero(atoms.numbers == number))
        moved[numbers == number] = _apart(moved[numbers == number], _APART * mean_distance)
    outside = scene.depth(moved) < 0.5
    return _flat(numbers[outside], moved[outside])


def _second_grain(
    scene: Scene, taken: np.ndarray, crystal: Crystal, rng: np.random.Generator
) -> Specimen:
    """Return the grain beyond the border, up to the columns (C, 2) of the first."""
    rotation = crystal.field.drawn.rotation + scene.twist
    # A list of defects names places of the first grain.
    defects = crystal.defects if isinstance(crystal.defects, Mapping) else {}
    origin = rng.random(), rng.random()
    if scene.shift is not None:
        # About the first one's cell corner: half a turn takes a place to its opposite.
        sign = -1 if scene.twist == 180 else 1
        x, y = (sign * (a + b) for a, b in zip(crystal.origin, scene.shift, strict=True))
        origin = x, y
    other = crystal.field.grow(rng=rng, rotation=rotation, origin=origin, defects=defects)
    kept = scene.depth(other.columns) < crystal.spacing
    if len(taken):
        kept &= cKDTree(taken).query(other.columns)[0] > _CLASH * crystal.spacing
    return _cut(other, kept, crystal.spacing)


def _second_layer(scene: Scene, crystal: Crystal, rng: np.random.Generator) -> Atoms:
    """Return the atoms of a layer beyond the border: 3R where not twisted, 2H at 180 degrees."""
    places = list(dict.fromkeys(site.position[:2] for site in crystal.material.sites))
    x, y = (a + b for a, b in zip(crystal.origin, places[1], strict=True))
    origin = {0.0: (x, y), 180.0: (-x, -y)}.get(scene.twist, (rng.random(), rng.random()))
    rotation = crystal.field.drawn.rotation + scene.twist
    layer = crystal.field.grow(rng=rng, rotation=rotation, origin=origin, defects={})
    kept = scene.depth(layer.columns) < 0
    return _cut(layer, _bound(layer.columns, kept, crystal.spacing), crystal.spacing).atoms


def _adsorbate(
    scene: Scene, specimen: Specimen, crystal: Crystal, rng: np.random.Generator
) -> Atoms:
    """Return heavy atoms that thin out towards the border of their islands."""
    low, high = specimen.columns.min(axis=0), specimen.columns.max(axis=0)
    # On a crystal of many layers only an island of as many is seen.
    density = scene.density * (1 if crystal.material.layered else crystal.field.drawn.thickness)
    count = rng.poisson(density * np.prod(high - low))
    xy = low + (high - low) * rng.random((count, 2))
    within = rng.random(count) < 0.5 - scene.depth(xy) / 3
    xy = xy[within & (scene.depth(xy) < 0)]
    # The heaviest element is what growth leaves behind; on graphene, silicon.
    heaviest = max(int(specimen.atoms.numbers.max()), atomic_number("Si"))
    return _flat(np.full(len(xy), heaviest), _apart(xy, _APART / np.sqrt(density)))


def _apart(xy: np.ndarray, distance: float) -> np.ndarray:
    """Push points (K, 2) apart that are closer than a distance."""
    xy = xy.copy()
    for _ in range(8):
        first, second = cKDTree(xy).query_pairs(distance, output_type="ndarray").T
        gap = xy[first] - xy[second]
        length = np.maximum(np.hypot(*gap.T), 1e-6)[:, None]
        push = gap / length * (distance - length) / 2
        np.add.at(xy, first, push)
        np.add.at(xy, second, -push)
    return xy


def _flat(numbers: np.ndarray, xy: np.ndarray) -> Atoms:
    return Atoms(numbers, np.column_stack([xy, np.zeros(len(xy))]))
