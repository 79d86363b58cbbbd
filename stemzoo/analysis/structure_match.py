"""How a known structure lies in an image: which way round, and where its cell begins."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from stemzoo.simulate.elements import atomic_number, scattering_strength
from stemzoo.simulate.materials import Material
from stemzoo.simulate.projected_lattice import amplitudes, symmetry_operations

# Columns that are nearer than an image resolves are measured as one [Å].
_MERGED = 0.7
_GRID = 48  # places along each cell edge at which the beginning of the cell is tried
# Agreement of the phases of the reflections (1 in frames of the structure, also with coma and
# astigmatism), below which it is another structure: random ones reach 0.58 to 0.67, 100 Å of
# defocus 0.44 to 0.78.
_AGREE = 0.85


@dataclass(frozen=True, eq=False)
class StructureMatch:
    """A structure as it lies in an image.

    Parameters
    ----------
    places : ndarray of shape (C, 2)
        Each column that is told apart, in lattice vectors of the image from where its reflections
        were measured.
    kinds : tuple of str
        Heaviest element of each; its whole contents where that is not unique.
    agreement : float
        Of the phases, 1 at best.
    """

    places: np.ndarray
    kinds: tuple[str, ...]
    agreement: float


def match_structure(
    material: Material, indices: np.ndarray, coefficients: np.ndarray
) -> StructureMatch:
    """Find which way round a structure lies, and where its cell begins.

    Parameters
    ----------
    material : Material
        A crystal of symmetry 2.
    indices : ndarray of int, shape (G, 2)
        Reflections.
    coefficients : ndarray of complex, shape (G,)
        Of each, as measured.

    Returns
    -------
    StructureMatch
        The best of all rotations and mirror images that leave the lattice as it is.

    Raises
    ------
    ValueError
        If the columns do not lie as in this structure.
    """
    places, strengths, kinds = told_apart(material)
    steps = np.arange(_GRID) / _GRID
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    waves = np.exp(2j * np.pi * (grid @ indices.T))
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for operation in symmetry_operations(material.edges @ material.edges.T):
        turned = places @ operation
        expected = amplitudes(indices, material.edges, turned, strengths)
        products = coefficients * expected.conj()
        scores = (waves @ products).real
        at = int(scores.argmax())
        if best is None or scores[at] > best[0]:
            best = float(scores[at]), grid[at], turned
    assert best is not None  # the identity is one of the operations
    expected = amplitudes(indices, material.edges, best[2], strengths)
    products = coefficients * expected.conj()
    size = max(float(abs(products).sum()), 1e-30)

    def missed(shift: np.ndarray) -> float:
        return -float((np.exp(2j * np.pi * (indices @ shift)) @ products).real) / size

    found = optimize.minimize(missed, best[1], method="BFGS")
    agreement = -float(found.fun)
    if agreement < _AGREE:
        raise ValueError(
            f"Expected columns that lie as in {material.name}; give the right material, or an "
            f"image in focus. Received: reflections that agree by {agreement:.2f} of 1"
        )
    return StructureMatch(best[2] + found.x, kinds, agreement)


def told_apart(material: Material) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the columns that an image tells apart: those within 0.7 Å of each other are one.

    Parameters
    ----------
    material : Material
        A crystal.

    Returns
    -------
    places : ndarray of shape (C, 2)
        In cell edges.
    strengths : ndarray of shape (C,)
        How strongly each scatters, the strongest first.
    kinds : tuple of str
        See `StructureMatch`.
    """
    places: list[np.ndarray] = []
    contents: list[list[str]] = []
    weights: list[float] = []
    strongest = sorted(material.columns.items(), key=lambda item: -scattering_strength(item[1]))
    for place, symbols in strongest:
        away = np.array([np.array(place) - other for other in places]).reshape(-1, 2)
        distance = np.linalg.norm((away - np.rint(away)) @ material.edges, axis=1)
        if distance.size and distance.min() < _MERGED:
            near = int(distance.argmin())
            step = away[near] - np.rint(away[near])
            total = weights[near] + scattering_strength(symbols)
            places[near] = places[near] + step * scattering_strength(symbols) / total
            weights[near] = total
            contents[near] += symbols
        else:
            places.append(np.array(place))
            contents.append(list(symbols))
            weights.append(scattering_strength(symbols))
    return np.array(places), np.array(weights), column_kinds(contents)


def column_kinds(contents: list[list[str]]) -> tuple[str, ...]:
    """Name columns by their heaviest element, or by all they hold where that is not unique.

    Examples
    --------
    >>> column_kinds([["Sr"], ["Ti", "O"], ["O"]])
    ('Sr', 'Ti', 'O')
    >>> column_kinds([["Te", "Te"], ["Te"]])
    ('Te2', 'Te')
    """
    formulas = [
        "".join(f"{s}{n if n > 1 else ''}" for s, n in sorted(Counter(symbols).items()))
        for symbols in contents
    ]
    heaviest = [max(symbols, key=atomic_number) for symbols in contents]
    unique = {
        symbol: len({f for f, h in zip(formulas, heaviest, strict=True) if h == symbol}) == 1
        for symbol in heaviest
    }
    return tuple(h if unique[h] else f for f, h in zip(formulas, heaviest, strict=True))
