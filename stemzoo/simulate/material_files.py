"""Crystals of one's own as small JSON files, so that a model folder can hold them."""

from pathlib import Path
from typing import Any

from stemzoo.io import write_json
from stemzoo.io.json_files import Field, read_json
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import MATERIALS, Material, find_material
from stemzoo.simulate.structure_files import is_structure_file
from stemzoo.simulate.unit_cell import Site

_FORMAT = 1
_LENGTH = Field(float, low=0.5, high=1000.0)
# What a structure.json holds; sites are [symbol, x, y, z], in cell edges.
STRUCTURE_FIELDS = {
    "format": Field(int, low=_FORMAT, high=_FORMAT, required=True),
    "name": Field(str, low=1, high=100, required=True),
    "formula": Field(str, low=1, high=200, required=True),
    "cell": Field(list, low=3, high=3, required=True, items=_LENGTH),
    "angle": Field(float, low=45.0, high=135.0, required=True),
    "symmetry": Field(int, low=2, high=6, required=True),
    "spacing": Field(float, low=0.5, high=50.0, required=True),
    "lattice_constant": Field(float, low=0.5, high=50.0, required=True),
    "layered": Field(bool, required=True),
    "sites": Field(list, low=1, high=8000, required=True, items=Field(list, low=4, high=4)),
}
_PLACE = Field(float, low=-2.0, high=2.0)
_LONGEST = 25.0  # edges across the beam [Å]


def write_material(path: str | Path, material: Material) -> None:
    """Write a crystal to a JSON file.

    Parameters
    ----------
    path : path-like
        The file.
    material : Material
        The crystal.
    """
    content = {
        "format": _FORMAT,
        "name": material.name,
        "formula": material.formula,
        "cell": list(material.cell),
        "angle": material.angle,
        "symmetry": material.symmetry,
        "spacing": material.spacing,
        "lattice_constant": material.lattice_constant,
        "layered": material.layered,
        "sites": [[site.symbol, *site.position] for site in material.sites],
    }
    write_json(Path(path), content)


def read_material(path: str | Path) -> Material:
    """Read a crystal from a JSON file, which may come from anywhere.

    Parameters
    ----------
    path : path-like
        What `write_material` wrote.

    Returns
    -------
    Material

    Raises
    ------
    ValueError
        If it holds something else; the message names the file.

    Examples
    --------
    >>> read_material("my-detector/structure.json").name  # doctest: +SKIP
    'gan-110'
    """
    content = read_json(path, STRUCTURE_FIELDS)
    try:
        return _checked(content)
    except ValueError as error:
        raise ValueError(
            f"{path}: expected a structure as stemzoo writes it. Received: {error}. Make it again "
            "from the CIF."
        ) from None


def _checked(content: dict[str, Any]) -> Material:
    """See that a crystal from a file can be computed with."""
    if not (content["name"].isprintable() and content["formula"].isprintable()):
        raise ValueError("a name that cannot be printed")
    if content["symmetry"] not in (2, 4, 6):
        raise ValueError(f"symmetry={content['symmetry']}, where 2, 4 and 6 are possible")
    if max(content["cell"][:2]) > _LONGEST:
        raise ValueError(f"a cell of {max(content['cell'][:2])} Å, where {_LONGEST} are possible")
    sites = []
    for symbol, *place in content["sites"]:
        if not isinstance(symbol, str):
            raise ValueError(f"a site of {symbol!r}, no element")
        atomic_number(symbol)
        for value in place:
            if fault := _PLACE.fault("site", value):
                raise ValueError(fault)
        x, y, z = (float(value) for value in place)
        sites.append(Site(symbol, (x, y, z)))
    a, b, c = (float(edge) for edge in content["cell"])
    return Material(
        content["name"],
        content["formula"],
        (a, b, c),
        tuple(sites),
        float(content["spacing"]),
        content["symmetry"],
        float(content["lattice_constant"]),
        content["layered"],
        float(content["angle"]),
    )


def open_material(
    source: str | Path,
    zone_axis: tuple[int, int, int] = (0, 0, 1),
    *,
    layers: int | None = None,
    thickness: float | None = None,
) -> Material:
    """Return the crystal that a user names: a structure file, or an entry of the table.

    Parameters
    ----------
    source : str or Path
        CIF, POSCAR or xyz; a ``structure.json``; or a name such as ``"wse2"``.
    zone_axis, layers, thickness
        See `Material.from_structure`; not for entries of the table and JSON files, which are seen
        along one axis already.

    Returns
    -------
    Material

    Raises
    ------
    ValueError
        If it is none, or a zone axis is given for what is seen along one already.

    Examples
    --------
    >>> open_material("WSe2").formula
    'WSe2'
    """
    path = Path(source)
    known = str(source).lower() in MATERIALS and not path.is_file()
    if not known and path.suffix.lower() != ".json":
        if not path.exists() and not is_structure_file(path):
            raise ValueError(
                f"{source}: expected a structure file (CIF, POSCAR, xyz, JSON) or one of "
                f"{', '.join(sorted(MATERIALS))}. Received: neither"
            )
        return Material.from_structure(path, zone_axis, layers=layers, thickness=thickness)
    if tuple(zone_axis) != (0, 0, 1) or layers is not None or thickness is not None:
        raise ValueError(
            f"{source}: a zone axis, layers and a thickness are for CIF, POSCAR and xyz. Received: "
            "a crystal that is seen along one axis already; leave them out"
        )
    return find_material(str(source)) if known else read_material(path)
