"""The verb that shows a crystal of one's own: its columns, and the defects that it may have."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Json
from stemzoo.cli.terminal import say

if TYPE_CHECKING:
    from stemzoo.simulate.materials import Material

app = typer.Typer()

StructureFile = Annotated[
    str | None,
    typer.Option(
        "--structure", metavar="FILE", help="A crystal of your own: CIF, POSCAR, xyz, or JSON."
    ),
]
DefectsFile = Annotated[
    Path | None,
    typer.Option(
        "--defects",
        metavar="JSON",
        help="With --structure: its defects, as 'stemzoo structure --defects' writes them.",
    ),
]
ZoneAxis = Annotated[
    str, typer.Option(help="Direction of the beam in cell vectors, such as 1,1,0 or -1,1,0.")
]
Layers = Annotated[
    int | None, typer.Option(min=1, help="So many layers of a layered crystal, along their normal.")
]
Thickness = Annotated[
    float | None, typer.Option(min=0.1, help="A slab about as thick [Å]; else one cell is told.")
]


def parse_axis(text: str) -> tuple[int, int, int]:
    """Read a zone axis.

    Parameters
    ----------
    text : str
        Three whole numbers.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError
        If they are none.

    Examples
    --------
    >>> parse_axis("1,-1,0")
    (1, -1, 0)
    """
    try:
        a, b, c = (int(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(
            f"--zone-axis takes three whole numbers, such as 1,1,0. Received: {text!r}"
        ) from None
    return a, b, c


def open_structure(
    file: str | None,
    zone_axis: str,
    layers: int | None,
    thickness: float | None,
    defects: Path | None,
) -> "tuple[Material, dict[str, float] | None] | None":
    """Read a crystal of one's own.

    Parameters
    ----------
    file, zone_axis, layers, thickness, defects
        As options give them.

    Returns
    -------
    material : Material
        The crystal; None in place of both without a file.
    defects : dict of str to float, or None
        Its defects, if they are given.

    Raises
    ------
    ValueError, OSError
        If a file cannot be read, or there is none and other options are given.
    """
    if file is None:
        others = {"--layers": layers, "--thickness": thickness, "--defects": defects}
        given = [option for option, value in others.items() if value is not None]
        if given or zone_axis != "0,0,1":
            raise ValueError(
                "--structure FILE names the crystal that a zone axis, layers, a thickness and "
                f"defects are of. Received: {(given or ['--zone-axis'])[0]} without it"
            )
        return None
    from stemzoo.simulate.material_files import open_material
    from stemzoo.simulate.proposed_defects import read_defects

    material = open_material(file, parse_axis(zone_axis), layers=layers, thickness=thickness)
    return material, None if defects is None else read_defects(defects, material)


@app.command()
def structure(
    file: Annotated[str, typer.Argument(help="CIF, POSCAR or xyz; or a material such as wse2.")],
    zone_axis: ZoneAxis = "0,0,1",
    layers: Layers = None,
    thickness: Thickness = None,
    show: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw the columns with their names.")
    ] = None,
    defects: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Write the defects that an image can show, to edit."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a crystal as an image sees it: columns, lattice, and the point defects it may have."""
    from stemzoo.simulate.material_files import open_material
    from stemzoo.simulate.proposed_defects import defect_probabilities, write_defects
    from stemzoo.workflows.structures import describe_structure, structure_report

    material = open_material(file, parse_axis(zone_axis), layers=layers, thickness=thickness)
    if show is not None:
        from stemzoo.plotting import plot_structure

        plot_structure(material, show)
    if defects is not None:
        write_defects(defects, material, defect_probabilities(material))
    if as_json:
        say(json.dumps(structure_report(material)))
    else:
        say(*describe_structure(material), *_written(material, show, defects))


def _written(material: "Material", show: Path | None, defects: Path | None) -> list[str]:
    """Say which files there are now."""
    lines = [f"picture: {show}"] if show is not None else []
    if defects is not None:
        lines.append(
            f"defects: {defects}; edit the probabilities, drop lines, or add names like these"
        )
    return lines
