"""All verbs together, and how errors and warnings are shown."""

import logging
import os
import sys
import warnings
from typing import Annotated, TextIO

import typer

from stemzoo.cli import images, train, zoo
from stemzoo.cli.terminal import complain

app = typer.Typer(
    help="Keras models and pretrained weights for atomic-resolution STEM images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(images.app)
app.add_typer(train.app)
app.add_typer(zoo.app)


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


def _version(value: bool) -> None:
    if value:
        from stemzoo import __version__

        typer.echo(f"stemzoo {__version__}")
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
