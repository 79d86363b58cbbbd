"""Verbs that train: train fcn, train cyclegan, adapt."""

from pathlib import Path
from typing import Annotated

import typer

from stemzoo.cli.options import LackingPixelSize, only_with
from stemzoo.cli.terminal import angstrom, load_kind, say, start_keras

app = typer.Typer()
train = typer.Typer(help="Train a model.", no_args_is_help=True)
app.add_typer(train, name="train")


@train.command("fcn")
def train_fcn(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    material: Annotated[
        str | None,
        typer.Option(
            help="Material to find defects in: all else is chosen, and training stops by itself."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1440, help="With --material: how long it may take; 10 by default."
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE", help="With --material: most frames get the conditions of this image."
        ),
    ] = None,
    session: Annotated[
        list[str] | None, typer.Option(help="Session to simulate; may be given more than once.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="Folder written by 'stemzoo simulate'.")
    ] = None,
    through: Annotated[
        list[str] | None,
        typer.Option(
            "--translate",
            metavar="WEIGHTS",
            help="CycleGAN that makes simulated frames realistic; may be given more than once.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="WEIGHTS", help="Start from these weights.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Simulated frames a session, or a CycleGAN.")
    ] = 200,
    size: Annotated[
        int, typer.Option(min=64, help="Edge of simulated frames at 0.2074 Å/px (px).")
    ] = 512,
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    steps: Annotated[int, typer.Option(min=1, help="Steps an epoch.")] = 50,
    batch: Annotated[int, typer.Option(min=1, help="Patches a step.")] = 16,
    patch: Annotated[int, typer.Option(min=16, help="Edge of a patch (px).")] = 128,
    filters: Annotated[int, typer.Option(min=1)] = 16,
    depth: Annotated[int, typer.Option(min=1)] = 3,
    learning_rate: Annotated[float, typer.Option()] = 2e-3,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="PM", help="Pixel size that the network takes; 20.74 pm by default."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train a defect detector: of a material, or on labelled frames, simulated now or read."""
    if material is not None:
        of_image = ["pixel_size"] if like else []
        only_with(context, "--material", "minutes", "like", "seed", *of_image)
        from stemzoo.simulate.materials import find_material

        find_material(material)  # before Keras starts, which takes its time
        start_keras()
        from stemzoo.workflows.detector_training import train_detector

        train_detector(
            material,
            minutes=minutes or 10.0,
            out=out,
            like=like,
            like_sampling=angstrom(pixel_size),
            seed=seed,
            report=say,
        )
        return
    if minutes is not None or like is not None:
        raise ValueError(
            "--minutes and --like go with --material, which names what to train for. Received: no "
            "--material"
        )
    from stemzoo.workflows.training import FCNOptions, train_fcn_files

    start_keras()
    from stemzoo.training import FCNRecipe

    recipe = FCNRecipe(
        epochs=epochs,
        steps_per_epoch=steps,
        batch_size=batch,
        patch=patch,
        learning_rate=learning_rate,
        filters=filters,
        depth=depth,
        seed=seed,
    )
    options = FCNOptions(
        out=out,
        recipe=recipe,
        sessions=tuple(session or ()),
        translators=tuple(through or ()),
        folders=tuple(data or ()),
        start=start,
        frames=frames,
        size=size,
        sampling=angstrom(pixel_size),
    )
    train_fcn_files(options, report=say)


@train.command("cyclegan")
def train_cyclegan(
    experimental: Annotated[
        list[Path], typer.Option(help="Measured image, or a quoted pattern; may be repeated.")
    ],
    material: Annotated[str, typer.Option(help="Material, for the simulations.")],
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    pixel_size: LackingPixelSize = None,
    session: Annotated[str | None, typer.Option(help="What to call this day.")] = None,
    simulated: Annotated[int, typer.Option(min=1, help="Number of simulated frames.")] = 20,
    size: Annotated[str, typer.Option(help="zoo, or paper (for a GPU).")] = "zoo",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps an epoch.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Patches of each domain a step, on all devices.")
    ] = None,
    patch: Annotated[int | None, typer.Option(min=32, help="Edge of a patch (px).")] = None,
    filters: Annotated[int | None, typer.Option(min=1)] = None,
    depth: Annotated[int | None, typer.Option(min=1)] = None,
    fft: Annotated[
        bool | None, typer.Option("--fft/--no-fft", help="Use Fourier-space discriminators.")
    ] = None,
    rotations: Annotated[
        bool | None, typer.Option(help="Rotate patches by 90°, which turns streaks, too.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="WEIGHTS", help="Start from these weights.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Epochs between sample pictures.")] = 5,
    strategy: Annotated[
        str | None,
        typer.Option(help="mirrored (all GPUs here), or multiworker (hosts of TF_CONFIG)."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the losses to OUT/tensorboard.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train a CycleGAN on one session's measured images; it simulates the other domain itself."""
    from stemzoo.workflows.training import CycleGANOptions, train_cyclegan_files

    changes = {
        "epochs": epochs,
        "steps_per_epoch": steps,
        "batch_size": batch,
        "patch": patch,
        "filters": filters,
        "depth": depth,
        "rotations": rotations,
        "fft_discriminators": fft,
    }
    options = CycleGANOptions(
        experimental=tuple(experimental),
        material=material,
        out=out,
        sampling=angstrom(pixel_size),
        session=session,
        simulated=simulated,
        size=size,
        changes={key: value for key, value in changes.items() if value is not None},
        start=start,
        samples_every=samples,
        strategy=strategy,
        tensorboard=tensorboard,
        seed=seed,
    )
    train_cyclegan_files(options, report=say)


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
    pixel_size: LackingPixelSize = None,
    session: Annotated[str | None, typer.Option(help="What to call these conditions.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Renew weights for a microscope that has changed, from a few images without labels."""
    from stemzoo.workflows.weights import check_folder

    check_folder(out, [start])
    check_folder(out / "detector", [detector_from])
    verb = "adapt --from"
    parent = load_kind(start, "CycleGANSTEM", verb, training=True)
    start_keras()
    from stemzoo.workflows.adaptation import DETECTOR, adapt_files, find_detectors

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
        sampling=angstrom(pixel_size),
        session=session,
        detector=detectors[0] if detectors else None,
        rivals=detectors[1:],
        seed=seed,
        report=say,
    )
    if detectors:
        say(f"detector {out / DETECTOR}: try 'stemzoo detect IMAGE --weights {out / DETECTOR}'")
    say(f"CycleGAN {out}: try 'stemzoo translate IMAGE --weights {out}'")
