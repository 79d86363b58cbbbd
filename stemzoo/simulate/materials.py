"""The table of materials: one unit cell an entry."""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

_NONMETALS = frozenset("H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Te I Xe At Rn".split())


@dataclass(frozen=True)
class Site:
    """An atom of the unit cell.

    Parameters
    ----------
    symbol : str
        Chemical symbol.
    position : tuple of float
        Fractional coordinates along the (orthogonal) cell edges x, y and z.
    """

    symbol: str
    position: tuple[float, float, float]


@dataclass(frozen=True)
class Material:
    """A crystal, as an orthogonal cell with the beam along z.

    Parameters
    ----------
    name : str
        Key in `MATERIALS`.
    formula : str
        For people.
    cell : tuple of float
        Cell edges along x, y, z [Å].
    sites : tuple of Site
        Atoms of the cell.
    spacing : float
        Spacing of the lattice planes behind the innermost reflections of an image [Å].
    symmetry : int
        Number of these innermost reflections: 6 (hexagonal) or 4 (square).
    lattice_constant : float
        In-plane lattice constant a [Å].
    layered : bool
        False when the cell repeats along the beam (a thickness in cells applies).
    """

    name: str
    formula: str
    cell: tuple[float, float, float]
    sites: tuple[Site, ...]
    spacing: float
    symmetry: int
    lattice_constant: float
    layered: bool = True

    @property
    def metal(self) -> str | None:
        """Symbol of its metal; None where it holds none, or several."""
        metals = {site.symbol for site in self.sites} - _NONMETALS
        return metals.pop() if len(metals) == 1 else None

    @property
    def column_spacing(self) -> float:
        """Distance of the nearest two atomic columns in projection [Å]."""
        places = {(round(x, 6), round(y, 6)) for x, y, _ in (s.position for s in self.sites)}
        x, y, _ = self.cell
        distances = [
            math.hypot(_folded(a - c) * x, _folded(b - d) * y)
            for a, b in places
            for c, d in places
            if (a, b) != (c, d)
        ]
        return min([x, y, *distances])


def _folded(step: float) -> float:
    """Return a step in cells to the nearest of the equivalent places."""
    return step - round(step)


def _dichalcogenide(name: str, metal: str, chalcogen: str, a: float, height: float) -> Material:
    """1H-MX2 on its orthogonal cell a x a sqrt(3); `height` is the X-X distance [Å]."""
    third = 1 / 3
    columns = ((0.0, 0.0), (0.5, 0.5))
    sites = []
    for x, y in columns:
        sites.append(Site(metal, (x, y, 0.5)))
        for z in (0.0, 1.0):
            sites.append(Site(chalcogen, (x, (y + 2 * third) % 1, z)))
    return Material(
        name=name,
        formula=f"{metal}{chalcogen}2",
        cell=(a, a * 3**0.5, height),
        sites=tuple(sites),
        spacing=a * 3**0.5 / 2,
        symmetry=6,
        lattice_constant=a,
    )


def _honeycomb(name: str, formula: str, symbols: tuple[str, str], a: float) -> Material:
    """One layer of two kinds of atoms on their orthogonal cell a x a sqrt(3)."""
    first, second = symbols
    return Material(
        name=name,
        formula=formula,
        cell=(a, a * 3**0.5, 1.0),
        sites=(
            Site(first, (0.0, 0.0, 0.0)),
            Site(second, (0.0, 1 / 3, 0.0)),
            Site(first, (1 / 2, 1 / 2, 0.0)),
            Site(second, (1 / 2, 5 / 6, 0.0)),
        ),
        spacing=a * 3**0.5 / 2,
        symmetry=6,
        lattice_constant=a,
    )


def _perovskite(name: str, a_site: str, b_site: str, a: float, c: float) -> Material:
    """ABO3 along [001], of a square cell with edge a; c along the beam [Å]."""
    return Material(
        name=name,
        formula=f"{a_site}{b_site}O3 [001]",
        cell=(a, a, c),
        sites=(
            Site(a_site, (0.0, 0.0, 0.0)),
            Site(b_site, (0.5, 0.5, 0.5)),
            Site("O", (0.5, 0.5, 0.0)),
            Site("O", (0.5, 0.0, 0.5)),
            Site("O", (0.0, 0.5, 0.5)),
        ),
        spacing=a,
        symmetry=4,
        lattice_constant=a,
        layered=False,
    )


# In-plane constants of WSe2, MoS2, WS2, MoSe2: Schutte, de Boer, Jellinek,
# J. Solid State Chem. 70, 207 (1987); 2H-MoTe2: Puotinen, Newnham, Acta Cryst. 14, 691 (1961);
# 2H-NbSe2: Marezio et al., J. Solid State Chem. 4, 425 (1972); h-BN: Lynch, Drickamer, J. Chem.
# Phys. 44, 181 (1966); BaTiO3 (tetragonal): Kwei et al., J. Phys. Chem. 97, 2368 (1993); graphene
# and SrTiO3: textbook room-temperature values.
MATERIALS = MappingProxyType(
    {
        m.name: m
        for m in (
            _dichalcogenide("wse2", "W", "Se", 3.282, 3.36),
            _dichalcogenide("mos2", "Mo", "S", 3.161, 3.17),
            _dichalcogenide("ws2", "W", "S", 3.153, 3.14),
            _dichalcogenide("mose2", "Mo", "Se", 3.288, 3.34),
            _dichalcogenide("mote2", "Mo", "Te", 3.519, 3.62),
            _dichalcogenide("nbse2", "Nb", "Se", 3.4425, 3.36),
            _honeycomb("graphene", "C", ("C", "C"), 2.46),
            _honeycomb("hbn", "BN", ("B", "N"), 2.504),
            _perovskite("srtio3", "Sr", "Ti", 3.905, 3.905),
            _perovskite("batio3", "Ba", "Ti", 3.992, 4.036),
        )
    }
)


def atomic_number(symbol: str) -> int:
    """Atomic number of a chemical symbol; ValueError if there is no such element."""
    from periodictable import elements

    try:
        return elements.symbol(symbol).number
    except ValueError:
        raise ValueError(f"Expected the symbol of an element. Received: {symbol!r}") from None


def find_material(name: str) -> Material:
    """Return an entry of the table by name, whatever its case.

    Parameters
    ----------
    name : str
        For instance ``"wse2"``.

    Returns
    -------
    Material

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.

    Examples
    --------
    >>> find_material("WSe2").lattice_constant
    3.282
    """
    key = name.lower()
    if key not in MATERIALS:
        near = ", ".join(nearest_names(key, MATERIALS))
        raise KeyError(f"Unknown material; expected one of {near}. Received: {name!r}")
    return MATERIALS[key]


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that an unknown one is most like, for a message.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        Names that there are.

    Returns
    -------
    list of str
        Up to three; all, sorted, where none is alike.

    Examples
    --------
    >>> nearest_names("wse3", ["wse2", "graphene"])
    ['wse2']
    """
    names = sorted(known)
    return difflib.get_close_matches(name, names, n=3) or names
