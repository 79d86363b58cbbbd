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
