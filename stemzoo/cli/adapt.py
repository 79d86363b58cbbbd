"""The verb that renews weights for a microscope that has changed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemzoo.cli.options import Frame, LackingPixelSize, SumFrames
from stemzoo.cli.terminal import angstrom, load_kind, say, start_keras

app = typer.Typer()


@app.command()
def adapt(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="One to ten new images, or a quoted pattern."),
    ],
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WEIGHTS",
            help="CycleGAN to start from; else the nearest of the material, if the zoo has one.",
        ),
    ] = None,
    material: Annotated[
        str | None, typer.Option(help="Material of the images; else that which they show.")
    ] = None,
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
    force: Annotated[
        bool, typer.Option("--force", help="Train though a detector masters the images already.")
    ] = False,
    pixel_size: LackingPixelSize = None,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    session: Annotated[str | None, typer.Option(help="What to call these conditions.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Renew weights for a microscope that has changed, from a few images without labels."""
    from stemzoo.workflows.adaptation_plan import plan_adaptation
    from stemzoo.workflows.weights import check_folder

    check_folder(out, [start])
    check_folder(out / "detector", [detector_from])
    parent = None
    if start is not None:
        parent = load_kind(start, "CycleGANSTEM", "adapt --from", training=True)
    files: dict[str, Any] = {
        "sampling": angstrom(pixel_size),
        "frame": frame,
        "sum_frames": sum_frames,
    }
    plan = plan_adaptation(
        images,
        known=None if parent is None else parent.material,
        material=material,
        detector=detector,
        detector_from=detector_from,
        **files,
    )
    say(*plan.reasons)
    start_keras()
    from stemzoo.workflows.adaptation import DETECTOR, adapt_files

    if parent is None and plan.start is not None:
        parent = load_kind(plan.start, "CycleGANSTEM", "adapt --from", training=True)
    detectors = [load_kind(name, "DefectFCN", "adapt --detector-from") for name in plan.detectors]
    adapt_files(
        images,
        parent,
        out,
        minutes=minutes,
        **files,
        session=session,
        detector=detectors[0] if detectors else None,
        rivals=detectors[1:],
        force=force,
        seed=seed,
        report=say,
    )
    if detectors:
        say(f"detector {out / DETECTOR}: try 'stemzoo detect IMAGE --weights {out / DETECTOR}'")
    if parent is not None:
        say(f"CycleGAN {out}: try 'stemzoo translate IMAGE --weights {out}'")
