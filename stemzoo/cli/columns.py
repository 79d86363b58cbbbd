"""The verb that measures all atom columns of images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Frame, Images, JsonLines, PixelSize, Strict, SumFrames
from stemzoo.cli.terminal import Failures, angstrom, each

if TYPE_CHECKING:
    from stemzoo.workflows.atom_columns import ColumnsFile

app = typer.Typer()


@app.command()
def columns(
    images: Images,
    material: Annotated[
        str | None,
        typer.Option(
            help="Crystal, such as wse2, or a structure.json of your own; else identified from "
            "the image."
        ),
    ] = None,
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("columns"),
    strict: Strict = False,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    as_json: JsonLines = False,
) -> None:
    """Measure all atom columns: place, intensity and displacement, a table and an overlay each."""
    from stemzoo.simulate.material_files import open_material
    from stemzoo.simulate.materials import find_material
    from stemzoo.workflows.atom_columns import columns_file, plan_columns
    from stemzoo.workflows.outputs import make_folder
    from stemzoo.workflows.paths import expand

    crystal = None
    if material is not None:  # an unknown one ends the call, not each file
        crystal = open_material(material) if Path(material).is_file() else find_material(material)
    paths = expand(images)
    plan_columns(paths, out)
    make_folder(out)
    untrusted: list[str] = []

    def measure_one(path: Path) -> list[str]:
        found = columns_file(
            path,
            out,
            material=crystal,
            sampling=angstrom(pixel_size),
            frame=frame,
            sum_frames=sum_frames,
        )
        untrusted.extend(found.columns.doubts)
        return [json.dumps(found.report()) if as_json else _line(found)]

    failures = Failures()
    each(paths, measure_one, failures)
    failures.end()
    if strict and untrusted:
        raise typer.Exit(2)


def _line(found: "ColumnsFile") -> str:
    """Say in one line what was found in an image file."""
    measured = found.columns
    counts = ", ".join(f"{count} {name}" for name, count in measured.counts().items())
    parts = (
        f"{found.path}: {measured.material}: {counts} columns",
        *(f"NOT TO BE TRUSTED: {doubt}" for doubt in measured.doubts),
        f"pixel {measured.sampling * 100:.2f} pm ({measured.sampling_source})",
        *([f"note: {'; '.join(measured.notes)}"] if measured.notes else []),
        f"{found.table}, {found.overlay}",
    )
    return " | ".join(parts)
