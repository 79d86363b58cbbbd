"""Verbs that train: train fcn, train cyclegan."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stemzoo.cli.options import LackingPixelSize, only_with
from stemzoo.cli.structure import (
    DefectsFile,
    Layers,
    StructureFile,
    Thickness,
    ZoneAxis,
    open_structure,
)
from stemzoo.cli.terminal import angstrom, say, start_keras

Out = Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")]
Sessions = Annotated[
    list[str] | None, typer.Option(help="Session to simulate; may be given more than once.")
]
Start = Annotated[
    str | None, typer.Option("--from", metavar="WEIGHTS", help="Start from these weights.")
]
FrameSize = Annotated[
    int, typer.Option(min=64, help="Edge of simulated frames at 0.2074 Å/px (px).")
]
Count = Annotated[int, typer.Option(min=1)]
Steps = Annotated[int, typer.Option(min=1, help="Steps an epoch.")]
Batch = Annotated[int, typer.Option(min=1, help="Patches a step.")]
Patch = Annotated[int, typer.Option(min=16, help="Edge of a patch (px).")]
Seed = Annotated[int, typer.Option(min=0)]

app = typer.Typer()
train = typer.Typer(help="Train a model.", no_args_is_help=True)
app.add_typer(train, name="train")


@train.command("fcn")
def train_fcn(
    context: typer.Context,
    out: Out,
    material: Annotated[
        str | None,
        typer.Option(
            help="Material to find defects in: all else is chosen, and training stops by itself; "
            "with --images, theirs, else identified."
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=1440,
            help="With --material or --structure: how long it may take; 10 by default.",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGE",
            help="With --material or --structure: most frames get the conditions of this image.",
        ),
    ] = None,
    session: Sessions = None,
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
    images: Annotated[
        Path | None, typer.Option(help="Folder of your own images, with --labels.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Folder of their labels: a file of each image's name.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="MAP",
            help="What labels are called: own=class,other=ignore, one class for marks without a "
            "name, or a file of two columns.",
        ),
    ] = None,
    start: Start = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Simulated frames a session, or a CycleGAN.")
    ] = 200,
    size: FrameSize = 512,
    epochs: Count = 60,
    steps: Steps = 50,
    batch: Batch = 16,
    patch: Patch = 128,
    filters: Count = 16,
    depth: Count = 3,
    learning_rate: Annotated[float, typer.Option()] = 2e-3,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="PM",
            help="Pixel size that the network takes, 20.74 pm by default; with --images, that of "
            "images that state none.",
        ),
    ] = None,
    structure: StructureFile = None,
    zone_axis: ZoneAxis = "0,0,1",
    layers: Layers = None,
    thickness: Thickness = None,
    defects: DefectsFile = None,
    seed: Seed = 0,
) -> None:
    """Train a defect detector: of a material, or on labelled frames, simulated now or read."""
    own = open_structure(structure, zone_axis, layers, thickness, defects)
    labelled = bool(images or labels or classes)
    if own is not None or (material is not None and not labelled):
        names = ("minutes", "like", "seed", *(["pixel_size"] if like else []))
        if own is None:
            only_with(context, "--material", *names)
        else:
            of_file = ("zone_axis", "layers", "thickness", "defects")
            only_with(context, "--structure", *names, *of_file)
        _train_for_crystal(own or material, minutes, like, angstrom(pixel_size), out, seed)
        return
    if minutes is not None or like is not None:
        raise ValueError(
            "--minutes and --like go with --material or --structure, which name what to train for. "
            "Received: neither"
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
    if labelled:
        from stemzoo.workflows.own_labels import OwnLabelOptions, train_on_own_labels

        of_labels = OwnLabelOptions(
            images=images,
            labels=labels,
            out=out,
            recipe=recipe,
            classes=classes,
            material=material,
            start=start,
            sampling=angstrom(pixel_size),
            simulated=bool(session or data or through),
        )
        train_on_own_labels(of_labels, report=say)
        return
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


def _train_for_crystal(
    crystal: Any,
    minutes: float | None,
    like: Path | None,
    like_sampling: float | None,
    out: Path,
    seed: int,
) -> None:
    """Train for a material by its name, or for a crystal from a file with its defects."""
    from stemzoo.simulate.materials import find_material

    # Before Keras starts, which takes its time.
    crystal, defects = (find_material(crystal), None) if isinstance(crystal, str) else crystal
    start_keras()
    from stemzoo.workflows.detector_training import train_detector

    train_detector(
        crystal,
        defects=defects,
        minutes=minutes or 10.0,
        out=out,
        like=like,
        like_sampling=like_sampling,
        seed=seed,
        report=say,
    )


@train.command("denoise")
def train_denoise(
    out: Out,
    material: Annotated[
        str | None,
        typer.Option(help="Material: its own session, and widely randomised conditions."),
    ] = None,
    session: Sessions = None,
    frames: Annotated[int, typer.Option(min=1, help="Simulated frames a session.")] = 80,
    size: FrameSize = 512,
    epochs: Count = 40,
    steps: Steps = 25,
    batch: Batch = 16,
    patch: Patch = 64,
    filters: Count = 24,
    depth: Count = 2,
    learning_rate: Annotated[float, typer.Option()] = 4e-3,
    pixel_size: Annotated[
        float | None,
        typer.Option(metavar="PM", help="Pixel size that the network takes; 41.48 pm by default."),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train what takes noise out of images, on pairs of simulated frames with noise and without."""
    from stemzoo.workflows.denoiser_training import DenoiserOptions, train_denoiser_files

    start_keras()
    from stemzoo.training import DenoiserRecipe

    recipe = DenoiserRecipe(
        epochs=epochs,
        steps_per_epoch=steps,
        batch_size=batch,
        patch=patch,
        learning_rate=learning_rate,
        filters=filters,
        depth=depth,
        seed=seed,
    )
    options = DenoiserOptions(
        out=out,
        recipe=recipe,
        sessions=tuple(session or ()),
        material=material,
        frames=frames,
        size=size,
        sampling=angstrom(pixel_size),
    )
    train_denoiser_files(options, report=say)


@train.command("cyclegan")
def train_cyclegan(
    experimental: Annotated[
        list[Path], typer.Option(help="Measured image, or a quoted pattern; may be repeated.")
    ],
    material: Annotated[str, typer.Option(help="Material, for the simulations.")],
    out: Out,
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
    start: Start = None,
    samples: Annotated[int, typer.Option(min=1, help="Epochs between sample pictures.")] = 5,
    strategy: Annotated[
        str | None,
        typer.Option(help="mirrored (all GPUs here), or multiworker (hosts of TF_CONFIG)."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the losses to OUT/tensorboard.")
    ] = False,
    seed: Seed = 0,
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
