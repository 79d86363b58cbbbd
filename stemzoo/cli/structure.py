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
