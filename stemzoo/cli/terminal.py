"""What the command line's verbs share: how they speak, and how they start Keras."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer


def make_folder(path: Path) -> None:
    """Make the folder for results."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"--out expects a folder. Received: {path}, a file")
    path.mkdir(parents=True, exist_ok=True)


def angstrom(picometres: float | None) -> float | None:
    """Convert what ``--pixel-size`` takes [pm] to the unit of the package [Å]; None stays None."""
    return None if picometres is None else picometres / 100


def each(paths: Sequence[Any], act: Callable[[Any], str], comparison: Any) -> None:
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


def complain(error: BaseException | str) -> None:
    """Print one line on the error output.

    Parameters
    ----------
    error : exception or str
        What went wrong; KeyError would quote its message.
    """
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    typer.echo("stemzoo: " + " ".join(str(text).split()), err=True)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a heading, all but the last column padded to one width.

    Parameters
    ----------
    head : tuple of str
        Names of the columns.
    rows : sequence of tuple of str
        As many cells each.
    """
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


def start_keras() -> None:
    """Import Keras and start the device, without a word."""
    from stemzoo.models.start import start_device

    start_device()


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False) -> Any:
    """Start Keras and load a model of the kind that a verb needs.

    Parameters
    ----------
    weights, kind, verb, training
        As in `stemzoo.workflows.weights.load_kind`.

    Returns
    -------
    DefectFCN or CycleGANSTEM
    """
    from stemzoo.workflows import weights as files

    start_keras()
    return files.load_kind(weights, kind, verb, training=training)
