"""The training commands: one function a model, a thin door to one library function."""

from pathlib import Path
from typing import Annotated

import typer

from stemzoo.terminal import load_kind, quiet_start, start_keras

app = typer.Typer(help="Train a model.", no_args_is_help=True)


@app.command("fcn")
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
    from stemzoo.analysis.conditions import Conditions
    from stemzoo.datasets import hash_frames, training_set, write_training_data

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
    conditions = Conditions.from_training(
        labelled.images,
        session="+".join(sources),
        material=labelled.material,
        sampling=labelled.sampling,
    )
    save(model, out, conditions=conditions)
    typer.echo(f"model folder {out}: try 'stemzoo detect IMAGE --weights {out}'")


@app.command("cyclegan")
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
    from stemzoo.analysis.conditions import Conditions
    from stemzoo.datasets import experimental_set, write_training_data

    images = experimental_set(experimental, material, pixel_size)
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
        described = Conditions.from_training(
            images.images,
            session=session or out.resolve().name,
            material=images.material,
            sampling=images.sampling,
        )
        save(model, out, parent=parent and parent.provenance, conditions=described)
        typer.echo(f"model folder {out}: try 'stemzoo translate IMAGE --weights {out}'")
    wait_for_all(devices)
