"""Options and arguments that several verbs have, each with one wording."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.terminal import angstrom

if TYPE_CHECKING:
    from stemzoo.workflows.detect_task import DetectOptions

Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Image files, or quoted patterns.")
]
ManyImages = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Image files, folders or quoted patterns.")
]
PixelSize = Annotated[
    float | None,
    typer.Option(
        metavar="PM",
        help="Pixel size (pm); else from the file's metadata, else measured from the lattice.",
    ),
]
LackingPixelSize = Annotated[
    float | None, typer.Option(metavar="PM", help="Pixel size (pm), if the files lack it.")
]
Frame = Annotated[int | None, typer.Option(help="Frame of a stack to take, from 0.")]
SumFrames = Annotated[bool, typer.Option("--sum-frames", help="Sum the frames of a stack.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit code 2 if a result is not to be trusted.")
]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object an image instead of a line.")
]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Weights = Annotated[
    str | None,
    typer.Option(
        help="Name of the zoo, or a model folder; else the detector for the material that the "
        "image shows."
    ),
]
Threshold = Annotated[
    float,
    typer.Option(help="Lowest probability to report, 0 to 1; score if it is not calibrated."),
]
TTA = Annotated[bool, typer.Option("--tta", help="Average over 8 rotations and flips (slower).")]
Edges = Annotated[
    bool, typer.Option("--edges", help='Report class "edge", too: marks where crystal ends.')
]
Force = Annotated[
    bool, typer.Option("--force", help="Go on though the image shows another material.")
]
AsIs = Annotated[
    bool, typer.Option("--as-is", help="Undo nothing: flicker of rows, hum, shifts, gamma.")
]
Frames = Annotated[
    str | None,
    typer.Option(help="Frames of stacks, each as an image: all, or a range such as 0:100."),
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into folders of folders, too.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Skip what is done: same file, weights and options.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first image that fails.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Share the work: local:N for N processes, or tcp://HOST:PORT of a dask scheduler.",
    ),
]
Runtime = Annotated[
    str | None,
    typer.Option(
        metavar="keras|onnx",
        envvar="STEMZOO_RUNTIME",
        help="What computes the network: ONNX Runtime starts sooner than Keras, the default.",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        help="Write this, too: parquet, geojson (QGIS), roi (ImageJ), xyz (ASE, OVITO). May be "
        "given several times.",
    ),
]


def one_of_frames(frames: str | None, frame: int | None, sum_frames: bool) -> None:
    """See that at most one option says what to take of a stack.

    Parameters
    ----------
    frames, frame, sum_frames
        As `Frames`, `Frame` and `SumFrames`.

    Raises
    ------
    ValueError
        If two are given.
    """
    if frames is not None and (frame is not None or sum_frames):
        raise ValueError(
            "expected --frames, --frame or --sum-frames. Received: two of them. Give only one."
        )


def detect_options(context: typer.Context) -> "DetectOptions":
    """Return what the options of a verb that detects say, by their names.

    Parameters
    ----------
    context : typer.Context
        Of the command; what it has no option for stays as in `DetectOptions`.

    Returns
    -------
    DetectOptions

    Raises
    ------
    ValueError
        If a format is unknown, or needs a package that is not installed.
    """
    from stemzoo.workflows.detect_task import DetectOptions
    from stemzoo.workflows.result_files import check_formats

    given = context.params
    same = {one.name: given[one.name] for one in fields(DetectOptions) if one.name in given}
    sampling, formats = angstrom(given["pixel_size"]), check_formats(given["formats"] or [])
    return DetectOptions(**{**same, "sampling": sampling, "formats": formats})


def only_with(context: typer.Context, option: str, *others: str) -> None:
    """See that no options are given beside one that chooses them by itself.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    option : str
        The one that chooses, as users type it.
    *others : str
        Parameters that go with it; ``out`` always does.

    Raises
    ------
    ValueError
        If one is given.
    """
    fit = {"out", option.removeprefix("--"), *others}
    given = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        # By name: the enum is of click, or of the copy that newer versions of typer carry.
        if parameter.name not in fit and source is not None and source.name == "COMMANDLINE":
            given.append(parameter.opts[0])
    if given:
        raise ValueError(
            f"{option} chooses all else by itself; leave out {', '.join(given)}, or {option}"
        )
