"""The verb that tells which crystal images show."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Frame, JsonLines, SumFrames
from stemzoo.cli.terminal import Failures, angstrom, each

if TYPE_CHECKING:
    from stemzoo.analysis.identification import Identification

app = typer.Typer()


@app.command()
def identify(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="PM", help="Pixel size (pm); else from the file's metadata."),
    ] = None,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    as_json: JsonLines = False,
) -> None:
    """Tell which crystal images show, where, and what would decide between candidates."""
    from stemzoo import io
    from stemzoo.analysis.identification import identify as identify_image
    from stemzoo.workflows.paths import expand

    def identify_one(path: Path) -> list[str]:
        image = io.read_image(path, frame=frame, sum_frames=sum_frames)
        found = identify_image(image, angstrom(pixel_size))
        if as_json:
            return [json.dumps({"image": str(path), **found.report()})]
        return [f"{path}: {_words(found)}"]

    failures = Failures()
    each(expand(images), identify_one, failures)
    failures.end()


def _words(found: "Identification") -> str:
    """Say in one line what was found."""
    if not found.candidates:
        return "no hexagonal or square lattice"
    parts = [
        " or ".join(
            f"{c.material} {c.probability:.0%} (pixel {c.sampling * 100:.2f} pm)"
            for c in found.candidates
            if c.material in found.possible
        )
        or "none of the materials of stemzoo"
    ]
    if found.lattice_constant is not None:
        parts.append(f"lattice constant {found.lattice_constant * 100:.0f} pm")
    if found.is_inverted:
        parts.append("columns are dark: invert it")
    if found.arrangement.count > 1:
        parts.append(f"{found.arrangement.count} lattices: {found.arrangement.words}")
    if found.mirrored:
        parts.append(
            f"{found.mirrored:.0%} of it turned by 60 degrees (a mirror twin, or a second layer)"
        )
    parts.append(f"crystal on {found.mask.share:.0%} of the image")
    parts += found.mask.reasons
    if found.deciding:
        parts.append(f"would decide: {', '.join(found.deciding)}")
    return " | ".join(parts)
