"""The verb that averages frames of one place."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Images, PixelSize
from stemzoo.cli.terminal import Failures, angstrom, each

if TYPE_CHECKING:
    from stemzoo.workflows.alignment import AlignedFile

app = typer.Typer()


@app.command()
def align(
    images: Images,
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("aligned"),
) -> None:
    """Average frames of one place that drift: the mean of each stack, or of all single images."""
    from stemzoo.workflows.alignment import align_files, plan_aligned
    from stemzoo.workflows.outputs import make_folder
    from stemzoo.workflows.paths import expand

    series = {paths[0]: (paths, plan) for paths, plan in plan_aligned(expand(images), out)}
    make_folder(out)

    def align_one(first: Path) -> list[str]:
        return [_line(align_files(*series[first], sampling=angstrom(pixel_size)))]

    failures = Failures()
    each(series, align_one, failures)
    failures.end()


def _line(done: "AlignedFile") -> str:
    """Say in one line what was made of a series."""
    found, farthest = done.found, done.found.farthest
    length = "" if done.sampling is None else f" ({farthest * done.sampling / 10:.2f} nm)"
    parts = [
        f"{done.frames.sources[0][0]}: {len(found.used)} frames, drift {farthest:.1f} px{length}",
        f"{done.image}",
        f"{done.drift}",
        f"try 'stemzoo detect {done.image}'",
    ]
    if found.left_out:
        why = "their drift is known but for a lattice vector"
        parts.insert(1, f"{found.left_out} left out: {why}; more electrons a frame would tell")
    return " | ".join(parts)
