"""All verbs together, and how errors and warnings are shown."""

import logging
import os
import sys
import warnings
from io import TextIOWrapper
from typing import Annotated, Any, TextIO

import typer
from typer.rich_utils import rich_format_error

from stemzoo.cli import (
    adapt,
    align,
    columns,
    denoise,
    detect,
    identify,
    images,
    page,
    scoring,
    structure,
    train,
    watch,
    zoo,
)
from stemzoo.cli.terminal import complain, is_expected, say

# A wrong option or argument, which Typer explains well; the class has moved between its versions.
_WRONG_USE: Any = typer.BadParameter.__base__

app = typer.Typer(
    help="Keras models and pretrained weights for atomic-resolution STEM images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(detect.app)
app.add_typer(watch.app)
app.add_typer(images.app)
app.add_typer(columns.app)
app.add_typer(denoise.app)
app.add_typer(align.app)
app.add_typer(identify.app)
app.add_typer(structure.app)
app.add_typer(scoring.app)
app.add_typer(train.app)
app.add_typer(adapt.app)
app.add_typer(zoo.app)
app.add_typer(page.app)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        complain(f"warning: {message}")


class _Complaints(logging.Handler):
    """Prints what the library logs, as all text for people: a name in it may hold anything."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(f"warning: {record.getMessage()}")


def _version(value: bool) -> None:
    if value:
        from stemzoo import __version__

        say(f"stemzoo {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; errors are one line and exit code 2, never a stack trace."""
    warnings.showwarning = _show_warning
    # Of each new image size TensorFlow says that it compiles once more.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("stemzoo").handlers = [_Complaints(logging.WARNING)]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A name that the console cannot show must not end the call.
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(app(standalone_mode=False))
    except BrokenPipeError:
        # Who reads the output wants no more of it, as `head` does.
        sys.exit(1)
    except Exception as error:
        if isinstance(error, _WRONG_USE):
            rich_format_error(error)
            sys.exit(error.exit_code)
        # Typer turns the unexpected end of a file into an Abort.
        cause = error.__cause__ if isinstance(error, typer.Abort) and error.__cause__ else error
        if not is_expected(cause) and os.environ.get("STEMZOO_DEBUG"):
            raise
        complain(cause)
        sys.exit(2)
