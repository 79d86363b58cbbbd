"""The command line: one function a verb, each a thin door to one library function."""

import json
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Keras models and pretrained weights for atomic-resolution STEM images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train_app = typer.Typer(help="Train a model.", no_args_is_help=True)
app.add_typer(train_app, name="train")


def _complain(error: BaseException | str) -> None:
    """Print one line; KeyError would quote its message."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    typer.echo("stemzoo: " + " ".join(str(text).split()), err=True)


def _show_warning(message, category, *_, **__):
    if issubclass(category, UserWarning):
        _complain(f"warning: {message}")


@contextmanager
def _quiet_start():
    """Keep TensorFlow's start-up messages, which it writes straight to file 2, off the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _start_keras() -> None:
    with _quiet_start():
        import keras

        keras.random.SeedGenerator(0)  # the first variable starts the device, with more messages


def _load(weights: str, kind: str, verb: str):
    """Load a model and see that it is of the kind that a verb needs."""
    from stemzoo.hub import load

    _start_keras()
    model = load(weights)
    if type(model).__name__ != kind:
        raise ValueError(
            f"'stemzoo {verb}' needs weights of a {kind}; see 'stemzoo list'. Received: {weights}, "
            f"a {type(model).__name__}"
        )
    return model


def _make_folder(path: Path) -> None:
    """Make the folder for results."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"--out expects a folder. Received: {path}, a file")
    path.mkdir(parents=True, exist_ok=True)


def _each(paths: list[Path], act) -> None:
    """Print what `act` says of each file; one that fails is one line, and the rest go on."""
    failed = False
    for path in paths:
        try:
            line = act(path)
        except (ValueError, OSError) as error:
            _complain(error)
            failed = True
            continue
        typer.echo(line)
    if failed:
        raise typer.Exit(2)


def _print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows under a heading, all but the last column padded to one width."""
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


def _version(value: bool):
    if value:
        from stemzoo import __version__

        typer.echo(f"stemzoo {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
):
    pass


@app.command("list")
def list_(
    material: Annotated[str | None, typer.Option(help="Only this material.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
):
    """List the weights of the zoo."""
    from stemzoo.registry import list_weights

    entries = list_weights(material=material, task=task)
    if as_json:
        keys = ("name", "task", "material", "session", "licence", "repo_id", "revision", "summary")
        typer.echo(json.dumps([{k: getattr(e, k) for k in keys} for e in entries], indent=1))
        return
    _print_table(
        ("NAME", "TASK", "MATERIAL", "SESSION", "SUMMARY"),
        [(e.name, e.task, e.material, e.session, e.summary) for e in entries],
    )


@app.command()
def detect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    weights: Annotated[str, typer.Option(help="Name of the zoo, or a model folder.")] = "fcn-wse2",
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="PM",
            help="Pixel size [pm]; else from the file's metadata, else measured from the lattice.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("detections"),
    threshold: Annotated[float, typer.Option(help="Lowest score to report, 0 to 1.")] = 0.35,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over 8 rotations and flips (slower).")
    ] = False,
    frame: Annotated[int | None, typer.Option(help="Frame of a stack to take, from 0.")] = None,
    sum_frames: Annotated[
        bool, typer.Option("--sum-frames", help="Sum the frames of a stack.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object an image instead of a line.")
    ] = False,
):
    """Find single-atom defects in images: a table and an overlay for each."""
    from stemzoo.batch import detect_file

    model = _load(weights, "DefectFCN", "detect")
    _make_folder(out)
    written: dict[Path, Path] = {}

    def detect_one(path: Path) -> str:
        report = detect_file(
            path,
            model,
            out,
            sampling=None if pixel_size is None else pixel_size / 100,
            threshold=threshold,
            tta=tta,
            frame=frame,
            sum_frames=sum_frames,
            taken=written,
            inputs=images,
        )
        return json.dumps(report) if as_json else _line(report)

    _each(images, detect_one)


def _line(report: dict) -> str:
    found = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    return (
        f"{report['image']}: {found} | pixel {report['pixel_size_pm']:.2f} pm "
        f"({report['pixel_size_source']}) | {report['csv']}, {report['overlay']}"
    )


@app.command()
def translate(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    weights: Annotated[str, typer.Option(help="Name of the zoo, or a model folder.")],
    direction: Annotated[
        str, typer.Option(help="sim-to-exp, or exp-to-sim (denoises).")
    ] = "sim-to-exp",
    pixel_size: Annotated[
        float | None, typer.Option(metavar="PM", help="Pixel size [pm], if the files lack it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("translated"),
    frame: Annotated[int | None, typer.Option(help="Frame of a stack to take, from 0.")] = None,
    sum_frames: Annotated[
        bool, typer.Option("--sum-frames", help="Sum the frames of a stack.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Feed the generator noise of this seed.")
    ] = None,
):
    """Make simulations look like a session's images, or the reverse."""
    from stemzoo.batch import translate_file

    model = _load(weights, "CycleGANSTEM", "translate")
    _make_folder(out)

    def translate_one(path: Path) -> str:
        target = translate_file(
            path,
            model,
            out,
            direction=direction,
            sampling=None if pixel_size is None else pixel_size / 100,
            frame=frame,
            sum_frames=sum_frames,
            seed=seed,
        )
        return f"{path}: {target}"

    _each(images, translate_one)


@app.command()
def evaluate(
    real: Annotated[str, typer.Argument(metavar="REAL", help="Folder or pattern of images.")],
    fake: Annotated[str, typer.Argument(metavar="FAKE", help="Folder or pattern of images.")],
    material: Annotated[
        str, typer.Option(help="Material, for figures that need the lattice.")
    ] = "wse2",
    simulated: Annotated[
        str | None, typer.Option(help="Folder or pattern of raw simulations, for the ceiling.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="PM", help="Pixel size [pm], if the files lack it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("evaluation"),
    extractor: Annotated[
        str, typer.Option(help="efficientnet-lite0, or inception-v3 (needs internet once).")
    ] = "efficientnet-lite0",
    protocol: Annotated[str, typer.Option(help="standard, or khan2023.")] = "standard",
    patch: Annotated[int, typer.Option(min=32, help="Edge of the compared patches [px].")] = 256,
    classifier: Annotated[
        bool, typer.Option(help="Train a network to tell them apart (the slow part).")
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
):
    """Compare generated with measured images: table, JSON and one page with pictures."""
    from stemzoo.batch import evaluate_files

    _start_keras()
    _make_folder(out)
    found = evaluate_files(
        real,
        fake,
        out,
        simulated=simulated,
        material=material,
        pixel_size=pixel_size,
        extractor=extractor,
        protocol=protocol,
        patch=patch,
        classifier=classifier,
        seed=seed,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1))
        return
    _print_table(("FIGURE", "GENERATED", "FLOOR", "CEILING"), found.rows())
    typer.echo(f"{out / 'evaluation.html'}, {out / 'evaluation.json'}")


@app.command()
def simulate(
    material: Annotated[str | None, typer.Option(help="Material, for instance wse2.")] = None,
    session: Annotated[
        str | None, typer.Option(help="Microscope session, for instance wse2-dayB.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of frames.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the frames.")] = Path("simulated"),
    size: Annotated[int, typer.Option(min=64, help="Edge of a frame [px].")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same frames.")] = 0,
):
    """Simulate labelled frames: TIFF, table of defects and class mask for each."""
    from rich.console import Console
    from rich.progress import Progress

    from stemzoo.datasets import write_frame
    from stemzoo.simulate.dataset import simulate_session
    from stemzoo.simulate.named_sessions import choose_session

    chosen = choose_session(session, material)
    _make_folder(out)
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(f"simulating {chosen.name}", total=n)
        for i, frame in enumerate(simulate_session(chosen, n, (size, size), seed=seed)):
            write_frame(frame, out, f"{chosen.name}_{seed}_{i:04d}", seed=seed, index=i)
            progress.advance(task)
    typer.echo(f"{n} frames of {chosen.name} in {out}")


@train_app.command("fcn")
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
        int, typer.Option(min=64, help="Edge of simulated frames at 0.2074 Å/px [px].")
    ] = 512,
    epochs: Annotated[int, typer.Option(min=1)] = 60,
    steps: Annotated[int, typer.Option(min=1, help="Steps an epoch.")] = 50,
    batch: Annotated[int, typer.Option(min=1, help="Patches a step.")] = 16,
    patch: Annotated[int, typer.Option(min=16, help="Edge of a patch [px].")] = 128,
    filters: Annotated[int, typer.Option(min=1)] = 16,
    depth: Annotated[int, typer.Option(min=1)] = 3,
    learning_rate: Annotated[float, typer.Option()] = 2e-3,
    seed: Annotated[int, typer.Option(min=0)] = 0,
):
    """Train a defect detector on labelled frames, simulated now or read from folders."""
    from stemzoo.datasets import training_set, write_training_data

    translators = [
        _load(weights, "CycleGANSTEM", "train fcn --translate") for weights in through or ()
    ]
    _start_keras()
    from stemzoo import training
    from stemzoo.hub import load, save
    from stemzoo.progress import TrainingProgress

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
        model=None if start is None else load(start),
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
    write_training_data(out, {**facts, "data": [folder.name for folder in data or []]})
    save(model, out)
    typer.echo(f"model folder {out}: try 'stemzoo detect IMAGE --weights {out}'")


@train_app.command("cyclegan")
def train_cyclegan(
    experimental: Annotated[
        list[Path], typer.Option(help="Measured image, or a quoted pattern; may be repeated.")
    ],
    material: Annotated[str, typer.Option(help="Material, for the simulations.")],
    out: Annotated[Path, typer.Option(help="Model folder; a run that was killed goes on in it.")],
    pixel_size: Annotated[
        float | None, typer.Option(metavar="PM", help="Pixel size [pm], if the files lack it.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="What to call this day.")] = None,
    simulated: Annotated[int, typer.Option(min=1, help="Number of simulated frames.")] = 20,
    size: Annotated[str, typer.Option(help="zoo, or paper (for a GPU).")] = "zoo",
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps an epoch.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Patches of each domain a step.")] = None,
    patch: Annotated[int | None, typer.Option(min=32, help="Edge of a patch [px].")] = None,
    filters: Annotated[int | None, typer.Option(min=1)] = None,
    depth: Annotated[int | None, typer.Option(min=1)] = None,
    fft: Annotated[bool, typer.Option(help="Use Fourier-space discriminators.")] = True,
    samples: Annotated[int, typer.Option(min=1, help="Epochs between sample pictures.")] = 5,
    seed: Annotated[int, typer.Option(min=0)] = 0,
):
    """Train a CycleGAN on one session's measured images; it simulates the other domain itself."""
    from stemzoo.datasets import experimental_set, write_training_data

    images = experimental_set(experimental, material, pixel_size)
    _start_keras()
    from stemzoo import training
    from stemzoo.hub import save
    from stemzoo.progress import TrainingProgress
    from stemzoo.simulate.domain import simulate_domain
    from stemzoo.training.cyclegan import recipe_of_size

    changes = {
        "epochs": epochs,
        "steps_per_epoch": steps,
        "batch_size": batch,
        "patch": patch,
        "filters": filters,
        "depth": depth,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    recipe = recipe_of_size(size, fft_discriminators=fft, seed=seed, **given)
    frames = simulate_domain(
        images.images, images.material, images.sampling, n=simulated, seed=seed
    )
    model = training.train_cyclegan(
        images.images,
        [frame.image for frame in frames],
        recipe,
        sampling=images.sampling,
        material=images.material,
        session=session,
        out=out,
        samples_every=samples,
        callbacks=[TrainingProgress(typer.echo)],
    )
    write_training_data(
        out,
        {
            "sampling": images.sampling,
            "experimental": images.hashes,
            "session": session,
            "simulated": simulated,
            "seed": seed,
        },
    )
    save(model, out)
    typer.echo(f"model folder {out}: try 'stemzoo translate IMAGE --weights {out}'")


def main() -> None:
    """Run the command line; errors are one line and exit code 2, never a stack trace."""
    warnings.showwarning = _show_warning
    try:
        app()
    except KeyboardInterrupt:
        _complain("stopped")
        sys.exit(130)
    except (ValueError, KeyError, OSError) as error:
        _complain(error)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("STEMZOO_DEBUG"):
            raise
        _complain(
            f"unexpected {type(error).__name__}: {error}. Set STEMZOO_DEBUG=1 to see where, and "
            "please report it."
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
