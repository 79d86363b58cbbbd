"""Crystals that images can be of, and the table of those that are known by name."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING

from stemzoo.simulate.unit_cell import Site, UnitCell

if TYPE_CHECKING:
    import ase


@dataclass(frozen=True)
class Material(UnitCell):
    """A crystal, as a cell with the beam along z.

    Parameters
    ----------
    name : str
        Key in `MATERIALS`, or the name of a structure of your own.
    formula : str
        For people.
    cell : tuple of float
        Cell edges along x, y, z [Å].
    sites : tuple of Site
        Atoms of the cell.
    spacing : float
        Spacing of the lattice planes behind the innermost reflections of an image [Å].
    symmetry : int
        Number of these innermost reflections: 6 (hexagonal) or 4 (square), with columns at places
        of full symmetry. 2 for every other lattice of columns (rectangular, oblique), of which the
        cell is the smallest.
    lattice_constant : float
        In-plane lattice constant a [Å]: of an oblique or rectangular cell, its shorter edge.
    layered : bool
        False when the cell repeats along the beam (a thickness in cells applies).
    angle : float
        Between the cell edges x and y [degrees]; edge x lies along the x axis.
    """

    @classmethod
    def from_structure(
        cls,
        structure: "ase.Atoms | str | PathLike",
        zone_axis: tuple[int, int, int] = (0, 0, 1),
        *,
        layers: int | None = None,
        thickness: float | None = None,
        name: str | None = None,
    ) -> "Material":
        """Return a crystal as it is seen along a zone axis.

        Parameters
        ----------
        structure : ase.Atoms or path-like
            A periodic crystal, or a file of one: CIF, POSCAR or xyz.
        zone_axis : tuple of int
            Direction [uvw] of the beam, in cell vectors of the structure.
        layers : int, optional
            So many layers of a layered crystal, seen along their normal.
        thickness : float, optional
            A slab about as thick [Å]; else a crystal goes on along the beam, and the thickness of
            a session applies.
        name : str, optional
            How to call it; else its formula in small letters, with the zone axis of a bulk crystal,
            and with ``-own`` where the table has another crystal of that name.

        Returns
        -------
        Material

        Raises
        ------
        ValueError
            If the file cannot be read, or the structure has no lattice across the beam that an
            image can show (the message names the file), or the name is that of another crystal.

        Examples
        --------
        >>> from ase.build import mx2
        >>> tungsten = mx2("WSe2", a=3.282, thickness=3.36, vacuum=5)
        >>> found = Material.from_structure(tungsten)
        >>> found.name, found.symmetry, round(found.spacing, 3)
        ('wse2', 6, 2.842)
        """
        from stemzoo.simulate.structures import project_structure

        found = project_structure(structure, zone_axis, layers=layers, thickness=thickness)
        sites = tuple(Site(symbol, place) for symbol, place in found.sites)
        own = cls(
            name or found.name,
            found.formula,
            found.edges,
            sites,
            found.spacing,
            found.symmetry,
            found.lattice_constant,
            found.layered,
            found.angle,
        )
        known = MATERIALS.get(own.name.lower())
        if known is None or own.is_like(known):
            return own
        if name is not None:
            raise ValueError(
                f"Expected a name that no other crystal has; choose another one. Received: {name!r}"
                f", that of {known.formula} with a = {known.lattice_constant} Å in the table"
            )
        return replace(own, name=f"{own.name}-own")


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


# By `Material.from_structure`: of one layer, and of bulk along the direction of its dumbbells.
_TUNGSTEN_DITELLURIDE = Material(
    name="wte2",
    formula="WTe2 (1T')",
    cell=(3.477, 6.249, 4.1412),
    sites=(
        Site("W", (0.0, 0.0, 0.4745)),
        Site("W", (0.5, 0.35958, 0.526)),
        Site("Te", (0.5, 0.10093, 0.0)),
        Site("Te", (0.0, 0.6066, 0.1491)),
        Site("Te", (0.5, 0.75307, 0.8506)),
        Site("Te", (0.0, 0.25699, 1.0)),
    ),
    spacing=6.249,
    symmetry=2,
    lattice_constant=3.477,
)
_SILICON = Material(
    name="si-110",
    formula="Si [110]",
    cell=(3.3258, 3.3258, 3.8403),
    sites=(Site("Si", (0.0, 0.0, 0.0)), Site("Si", (0.25, 0.75, 0.5))),
    spacing=3.1356,
    symmetry=2,
    lattice_constant=3.3258,
    layered=False,
    angle=109.4712,
)
_GALLIUM_NITRIDE = Material(
    name="gan-110",
    formula="GaN [110]",
    cell=(2.7618, 5.185, 3.189),
    sites=(
        Site("Ga", (0.0, 0.0, 0.0)),
        Site("Ga", (1 / 3, 0.5, 0.0)),
        Site("N", (0.0, 0.377, 0.0)),
        Site("N", (1 / 3, 0.877, 0.0)),
    ),
    spacing=2.7618,
    symmetry=2,
    lattice_constant=2.7618,
    layered=False,
)

# In-plane constants of WSe2, MoS2, WS2, MoSe2: Schutte, de Boer, Jellinek,
# J. Solid State Chem. 70, 207 (1987); 2H-MoTe2: Puotinen, Newnham, Acta Cryst. 14, 691 (1961);
# 2H-NbSe2: Marezio et al., J. Solid State Chem. 4, 425 (1972); h-BN: Lynch, Drickamer, J. Chem.
# Phys. 44, 181 (1966); BaTiO3 (tetragonal): Kwei et al., J. Phys. Chem. 97, 2368 (1993); WTe2, a
# layer of the orthorhombic crystal: Mar, Jobic, Ibers, J. Am. Chem. Soc. 114, 8963 (1992); GaN:
# Schulz, Thiemann, Solid State Commun. 23, 815 (1977); graphene, SrTiO3 and silicon (5.4310 Å):
# textbook room-temperature values.
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
            _TUNGSTEN_DITELLURIDE,
            _SILICON,
            _GALLIUM_NITRIDE,
        )
    }
)


def find_material(name: str | Material) -> Material:
    """Return an entry of the table by name, whatever its case.

    Parameters
    ----------
    name : str or Material
        For instance ``"wse2"``; a crystal of your own is returned as it is.

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
    if isinstance(name, Material):
        return name
    key = name.lower()
    if key not in MATERIALS:
        near = ", ".join(nearest_names(key, MATERIALS))
        raise KeyError(f"Unknown material; expected one of {near}. Received: {name!r}")
    return MATERIALS[key]


def own_structure(material: str | Material | None) -> Material | None:
    """Return a crystal that the table does not have; None for its entries and names.

    Parameters
    ----------
    material : str or Material or None
        What a session, or weights, are of.

    Returns
    -------
    Material or None

    Examples
    --------
    >>> own_structure("wse2") is None, own_structure(MATERIALS["wse2"]) is None
    (True, True)
    """
    if not isinstance(material, Material) or MATERIALS.get(material.name) == material:
        return None
    return material


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
