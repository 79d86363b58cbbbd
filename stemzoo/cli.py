"""The command line: one function a verb, each a thin door to one library function."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from stemzoo import cli_adapt, cli_match, cli_train, cli_zoo
from stemzoo.terminal import complain, load_kind, print_table, start_keras

app = typer.Typer(
    help="Keras models and pretrained weights for atomic-resolution STEM images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_train.app, name="train")
app.add_typer(cli_adapt.app)
app.add_typer(cli_match.app)
app.add_typer(cli_zoo.app)


def _show_warning(message, category, *_, **__):
    if issubclass(category, UserWarning):
        complain(f"warning: {message}")


def _make_folder(path: Path) -> None:
    """Make the folder for results."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"--out expects a folder. Received: {path}, a file")
    path.mkdir(parents=True, exist_ok=True)


def _each(paths: list[Path], act, comparison) -> None:
    """Print what `act` says of each file; one that fails is one line, and the rest go on.

    At last, one line about images that are unlike the frames that the weights were trained on.
    """
    failed = False
    for path in paths:
        try:
            line = act(path)
        except (ValueError, OSError) as error:
            complain(error)
            failed = True
            continue
        typer.echo(line)
    if (text := comparison.warning()) is not None:
        complain(f"warning: {text}")
    if failed:
        raise typer.Exit(2)


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
    from stemzoo.zoo.registry import list_weights

    entries = list_weights(material=material, task=task)
    if as_json:
        keys = ("name", "task", "material", "session", "licence", "repo_id", "revision", "summary")
        typer.echo(json.dumps([{k: getattr(e, k) for k in keys} for e in entries], indent=1))
        return
    print_table(
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
            help="Pixel size (pm); else from the file's metadata, else measured from the lattice.",
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
    from stemzoo.inference.advice import Comparison

    model = load_kind(weights, "DefectFCN", "detect")
    _make_folder(out)
    written: dict[Path, Path] = {}
    comparison = Comparison("detection")

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
            comparison=comparison,
        )
        return json.dumps(report) if as_json else _line(report)

    _each(images, detect_one, comparison)


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
        float | None, typer.Option(metavar="PM", help="Pixel size (pm), if the files lack it.")
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
    from stemzoo.inference.advice import Comparison

    model = load_kind(weights, "CycleGANSTEM", "translate")
    _make_folder(out)
    comparison = Comparison("translation")

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
            comparison=comparison,
        )
        return f"{path}: {target}"

    _each(images, translate_one, comparison)


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
        float | None, typer.Option(metavar="PM", help="Pixel size (pm), if the files lack it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("evaluation"),
    extractor: Annotated[
        str, typer.Option(help="efficientnet-lite0, or inception-v3 (needs internet once).")
    ] = "efficientnet-lite0",
    protocol: Annotated[str, typer.Option(help="standard, or khan2023.")] = "standard",
    patch: Annotated[int, typer.Option(min=32, help="Edge of the compared patches (px).")] = 256,
    classifier: Annotated[
        bool, typer.Option(help="Train a network to tell them apart (the slow part).")
    ] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
):
    """Compare generated with measured images: table, JSON and one page with pictures."""
    from stemzoo.batch import evaluate_files

    start_keras()
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
    print_table(("FIGURE", "GENERATED", "FLOOR", "CEILING"), found.rows())
    typer.echo(f"{out / 'evaluation.html'}, {out / 'evaluation.json'}")


@app.command()
def simulate(
    material: Annotated[str | None, typer.Option(help="Material, for instance wse2.")] = None,
    session: Annotated[
        str | None, typer.Option(help="Microscope session, for instance wse2-dayB.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of frames.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for the frames.")] = Path("simulated"),
    size: Annotated[int, typer.Option(min=64, help="Edge of a frame (px).")] = 1024,
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


def main() -> None:
    """Run the command line; errors are one line and exit code 2, never a stack trace."""
    warnings.showwarning = _show_warning
    try:
        app()
    except KeyboardInterrupt:
        complain("stopped")
        sys.exit(130)
    except (ValueError, KeyError, OSError, ModuleNotFoundError) as error:
        complain(error)
        sys.exit(2)
    except Exception as error:
        if os.environ.get("STEMZOO_DEBUG"):
            raise
        complain(
            f"unexpected {type(error).__name__}: {error}. Set STEMZOO_DEBUG=1 to see where, and "
            "please report it."
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
