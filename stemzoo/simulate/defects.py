"""Point defects: what each one does to a column of atoms, and how detectors name them."""

import re
from dataclasses import dataclass

from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material

_NAME = re.compile(
    r"(?P<lost>[a-z]{1,2})_(?P<vacancy>vacancy|divacancy|column_vacancy)$"
    r"|(?P<new>[a-z]{1,2}?)(?P<count>2?)_on_(?P<old>[a-z]{1,2})(?P<pair>2?)$"
    r"|(?P<top>[a-z]{1,2})_atop_(?P<base>[a-z]{1,2})$"
    r"|(?P<adatom>[a-z]{1,2})_adatom$"
)


# Name and class of a column that lacks a neighbour: at the edge of a flake, a hole or a grain.
EDGE = "edge"


@dataclass(frozen=True)
class Defect:
    """A point defect as a change of one projected column.

    Parameters
    ----------
    name : str
        For instance ``"se_vacancy"``.
    element : str or None
        Symbol of the atoms that go; None for an adatom.
    count : int
        How many atoms of the column go; 0 where one comes on top of them.
    replacement : str or None
        Symbol of the atoms that come instead; None for a vacancy.
    with_neighbour : bool
        Whether the nearest column goes too and the new atom sits half-way: silicon on the
        4-fold site of graphene.
    whole : bool
        Whether all atoms of the element go, however many the column holds.
    """

    name: str
    element: str | None
    count: int
    replacement: str | None = None
    with_neighbour: bool = False
    whole: bool = False


def find_defect(material: Material, name: str) -> Defect:
    """Return the defect that a name means in a material.

    Parameters
    ----------
    material : Material
        The host.
    name : str
        ``"se_vacancy"`` (one atom of a column), ``"se_divacancy"`` (two atoms of a column),
        ``"sr_column_vacancy"`` (all of its atoms of strontium),
        ``"v_on_w"`` (one atom replaced), ``"w2_on_se"`` (two atoms of a column replaced),
        ``"si_on_c2"`` (one atom in place of two neighbouring columns), ``"w_atop_w"`` (one atom on
        top of a column of tungsten), ``"w_adatom"`` (anywhere).

    Returns
    -------
    Defect

    Raises
    ------
    ValueError
        If the name cannot be read, or names an element that does not exist or that the material
        does not hold.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> find_defect(find_material("wse2"), "v_on_w")
    Defect(name='v_on_w', element='W', count=1, replacement='V', with_neighbour=False, whole=False)
    """
    found = _NAME.match(name.lower())
    symbols = {site.symbol for site in material.sites}
    if not found:
        raise ValueError(
            "A defect is named like 'se_vacancy', 'se_divacancy', 'sr_column_vacancy', 'v_on_w', "
            f"'w2_on_se', 'si_on_c2', 'w_atop_w' or 'w_adatom'. Received: {name!r}"
        )
    old = found["lost"] or found["old"] or found["base"]
    element = old.capitalize() if old else None
    if element is not None and element not in symbols:
        raise ValueError(
            f"{material.formula} holds {', '.join(sorted(symbols))}, so {name!r} cannot be. "
            f"Received: {element}"
        )
    new = found["new"] or found["adatom"] or found["top"]
    count = 2 if found["vacancy"] == "divacancy" or found["count"] else int(element is not None)
    replacement = new.capitalize() if new else None
    if replacement:
        atomic_number(replacement)  # refuse what is no element here, not when the first is drawn
    if found["top"]:
        count = 0
    whole = found["vacancy"] == "column_vacancy"
    return Defect(name.lower(), element, count, replacement, bool(found["pair"]), whole)


def defect_class(material: Material, name: str) -> str:
    """Return the class under which detectors label a defect.

    Vacancies keep their name, but for that of a material's only metal. What cannot be told apart
    in an image shares a class: ``"metal_dark"`` for a missing or lighter atom of the only metal,
    ``"bright"`` for heavier atoms and adatoms, ``"dark"`` for a lighter atom on another site.

    Parameters
    ----------
    material : Material
        The host.
    name : str
        As for `find_defect`, or ``"edge"``, its own class.

    Returns
    -------
    str

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> defect_class(find_material("wse2"), "mo_on_w")
    'metal_dark'
    """
    if name == EDGE:
        return EDGE
    defect = find_defect(material, name)
    if defect.element is None or defect.count == 0:
        return "bright"
    if defect.replacement and atomic_number(defect.replacement) > atomic_number(defect.element):
        return "bright"
    if defect.element == material.metal:
        return "metal_dark"
    return "dark" if defect.replacement else defect.name
