"""Verbs that train: train fcn, train cyclegan, adapt."""

from pathlib import Path
from typing import Annotated

import typer

from stemzoo.cli.terminal import angstrom, load_kind, quiet_start, start_keras

app = typer.Typer()
train = typer.Typer(help="Train a model.", no_args_is_help=True)
app.add_typer(train, name="train")


@train.command("fcn")
def train_fcn(
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
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
    seed: Annotated[int, typer.Option(min=0)] = 0,
):
    """Train a defect detector on labelled frames, simulated now or read from folders."""
    from stemzoo.analysis.conditions import TrainingConditions
    from stemzoo.workflows.datasets import hash_frames, training_set, write_training_data

    translators = [
        load_kind(weights, "CycleGANSTEM", "train fcn --translate") for weights in through or ()
    ]
    parent = None if start is None else load_kind(start, "DefectFCN", "train fcn --from")
    start_keras()
    from stemzoo import training
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.zoo.hub import save

    labelled = training_set(
        session or (), data or (), frames=frames, size=size, seed=seed, translators=translators
    )
    recipe = training.FCNRecipe(
        epochs=epochs,
        steps_per_epoch=steps,
        batch_size=batch,
        patch=patch,
        learning_rate=learning_rate,
        filters=filters,
        depth=depth,
        seed=seed,
    )
    model = training.train_fcn(
        labelled.images,
        labelled.masks,
        recipe,
        classes=labelled.classes,
        sampling=labelled.sampling,
        material=labelled.material,
        model=parent,
        out=out,
        callbacks=[TrainingProgress(typer.echo)],
    )
    facts = {
        "from": start and Path(start).name,
        "session": session or [],
        "translate": [Path(weights).name for weights in through or ()],
        "frames": frames,
        "size": size,
        "seed": seed,
    }
    facts["data"] = {folder.name: hash_frames(folder) for folder in data or ()}
    write_training_data(out, facts)
    sources = [*facts["session"], *facts["translate"], *facts["data"]]
    conditions = TrainingConditions.from_training(
        labelled.images,
        session="+".join(sources),
        material=labelled.material,
        sampling=labelled.sampling,
    )
    save(model, out, conditions=conditions)
    typer.echo(f"model folder {out}: try 'stemzoo detect IMAGE --weights {out}'")


@train.command("cyclegan")
def train_cyclegan(
    experimental: Annotated[
        list[Path], typer.Option(help="Measured image, or a quoted pattern; may be repeated.")
    ],
    material: Annotated[str, typer.Option(help="Material, for the simulations.")],
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    pixel_size: Annotated[
        float | None, typer.Option(metavar="PM", help="Pixel size (pm), if the files lack it.")
    ] = None,
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
):
    """Train a CycleGAN on one session's measured images; it simulates the other domain itself."""
    from stemzoo.analysis.conditions import TrainingConditions
    from stemzoo.workflows.datasets import experimental_set, write_training_data

    images = experimental_set(experimental, material, angstrom(pixel_size))
    parent = (
        None
        if start is None
        else load_kind(start, "CycleGANSTEM", "train cyclegan --from", training=True)
    )
    if strategy == "multiworker":
        typer.echo("waiting for the other workers")
    with quiet_start():
        from stemzoo.training.strategy import is_chief, make_strategy, wait_for_all

        devices = make_strategy(strategy)
    start_keras()
    from stemzoo import training
    from stemzoo.analysis.lattice import find_rotation
    from stemzoo.simulate.domain import largest_shape, simulate_domain
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.training.recipes import recipe_from, recipe_of_size
    from stemzoo.zoo.hub import save

    changes = {
        "epochs": epochs,
        "steps_per_epoch": steps,
        "batch_size": batch,
        "patch": patch,
        "filters": filters,
        "depth": depth,
        "rotations": rotations,
        "fft_discriminators": fft,
        "seed": seed,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    recipe = (
        recipe_of_size(size, **given)
        if parent is None
        else recipe_from(parent.get_config(), size, **given)
    )
    conditions = {"material": images.material, "sampling": images.sampling}
    conditions["rotation"] = find_rotation(images.images, **conditions)
    shape = largest_shape(images.images)
    frames = simulate_domain(**conditions, shape=shape, n=simulated, seed=seed)
    model = training.train_cyclegan(
        images.images,
        [frame.image for frame in frames],
        recipe,
        **conditions,
        session=session,
        model=parent and parent.successor(**conditions, session=session, patch_size=recipe.patch),
        out=out,
        samples_every=samples,
        callbacks=[TrainingProgress(typer.echo)] if is_chief(devices) else [],
        strategy=devices,
        tensorboard=out / "tensorboard" if tensorboard else None,
    )
    if is_chief(devices):
        facts = {
            "from": start and Path(start).name,
            "sampling": images.sampling,
            "experimental": images.hashes,
            "session": session,
            "simulated": simulated,
            "seed": seed,
        }
        write_training_data(out, facts)
        described = TrainingConditions.from_training(
            images.images,
            session=session or out.resolve().name,
            material=images.material,
            sampling=images.sampling,
        )
        save(model, out, parent=parent and parent.provenance, conditions=described)
        typer.echo(f"model folder {out}: try 'stemzoo translate IMAGE --weights {out}'")
    wait_for_all(devices)


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
        report=typer.echo,
    )
    if detectors:
        typer.echo(
            f"detector {out / DETECTOR}: try 'stemzoo detect IMAGE --weights {out / DETECTOR}'"
        )
    typer.echo(f"CycleGAN {out}: try 'stemzoo translate IMAGE --weights {out}'")
