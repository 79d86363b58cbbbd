"""The command that renews weights for new images: a thin door to `stemzoo.batch_adapt`."""

from pathlib import Path
from typing import Annotated

import typer

from stemzoo.terminal import load_kind, start_keras

app = typer.Typer()


@app.command()
def adapt(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="One to ten new images, or a quoted pattern."),
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="WEIGHTS", help="CycleGAN to start from.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    minutes: Annotated[
        float,
        typer.Option(
            help="How long it may take in all. With --detector, under 2 only that is trained."
        ),
    ] = 5.0,
    detector: Annotated[
        bool, typer.Option("--detector", help="Renew a detector, too, in OUT/detector.")
    ] = False,
    detector_from: Annotated[
        str | None,
        typer.Option(metavar="WEIGHTS", help="Detector to start from; else the material's own."),
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="PM", help="Pixel size (pm), if the files lack it.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="What to call these conditions.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
):
    """Renew weights for a microscope that has changed, from a few images without labels."""
    verb = "adapt --from"
    parent = load_kind(start, "CycleGANSTEM", verb, training=True)
    start_keras()
    from stemzoo.batch_adapt import DETECTOR, adapt_files, find_detectors

    detectors = []
    if detector or detector_from:
        known = find_detectors(parent.material)[:1]
        if not known and not detector_from:
            raise ValueError(
                f"'adapt --detector' needs a detector of {parent.material}: name one with "
                "--detector-from. Received: none in the zoo"
            )
        # The default may be better than the one that was asked for.
        names = dict.fromkeys([detector_from, *known] if detector_from else known)
        detectors = [load_kind(name, "DefectFCN", "adapt --detector-from") for name in names]
    adapt_files(
        images,
        parent,
        out,
        minutes=minutes,
        pixel_size=pixel_size,
        session=session,
        detector=detectors[0] if detectors else None,
        rivals=detectors[1:],
        seed=seed,
        report=typer.echo,
    )
    if detectors:
        typer.echo(
            f"detector {out / DETECTOR}: try 'stemzoo detect IMAGE --weights {out / DETECTOR}'"
        )
    typer.echo(f"CycleGAN {out}: try 'stemzoo translate IMAGE --weights {out}'")
