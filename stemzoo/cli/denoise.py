"""The verb that takes noise out of images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Frame, Images, JsonLines, PixelSize, Strict, SumFrames
from stemzoo.cli.terminal import Failures, angstrom, complain, each, load_kind

if TYPE_CHECKING:
    from stemzoo.workflows.denoising import DenoisedFile

app = typer.Typer()


@app.command()
def denoise(
    images: Images,
    weights: Annotated[
        str, typer.Option(help="Name of the zoo, or a model folder of 'stemzoo train denoise'.")
    ] = "denoise-wse2",
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("denoised"),
    force: Annotated[
        bool, typer.Option("--force", help="Go on though the image shows another material.")
    ] = False,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Undo nothing: flicker of rows, hum, shifts, gamma.")
    ] = False,
    strict: Strict = False,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    as_json: JsonLines = False,
) -> None:
    """Take the noise out of images: picture, uncertainty of its pixels, and an overview each."""
    from stemzoo.inference.advice import MisfitSummary
    from stemzoo.workflows.denoising import denoise_file, plan_denoised
    from stemzoo.workflows.outputs import make_folder
    from stemzoo.workflows.paths import expand

    paths = expand(images)
    plan_denoised(paths, out)
    model = load_kind(weights, "DenoisingUNet", "denoise")
    make_folder(out)
    misfits = MisfitSummary("denoising")
    untrusted: list[str] = []

    def denoise_one(path: Path) -> list[str]:
        done = denoise_file(
            path,
            model,
            out,
            sampling=angstrom(pixel_size),
            force=force,
            as_is=as_is,
            frame=frame,
            sum_frames=sum_frames,
        )
        misfits.add(done.image, done.found.match)
        untrusted.extend(done.found.doubts)
        return [json.dumps(done.report()) if as_json else _line(done)]

    failures = Failures()
    each(paths, denoise_one, failures)
    if (text := misfits.warning()) is not None:
        complain(f"warning: {text}")
    failures.end()
    if strict and untrusted:
        raise typer.Exit(2)


def _line(done: "DenoisedFile") -> str:
    """Say in one line what was made of an image file."""
    found = done.found
    parts = (
        f"{done.image.path}: {done.picture}",
        *(f"NOT TO BE TRUSTED: {doubt}" for doubt in found.doubts),
        f"pixel {found.pixel_size.value * 100:.2f} pm ({found.pixel_size.source})",
        f"a pixel is sure to {100 * done.relative_uncertainty:.0f} % of the contrast",
        *found.undone,
        *([f"note: {'; '.join(found.notes)}"] if found.notes else []),
        f"{done.uncertainty}, {done.overview}",
    )
    return " | ".join(parts)
