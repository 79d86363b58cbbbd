"""Options and arguments that several verbs have, each with one wording."""

from pathlib import Path
from typing import Annotated

import typer

Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE...", help="Image files, or quoted patterns.")
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
