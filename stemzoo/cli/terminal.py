"""What the command line's verbs share: how they speak, and how they start Keras."""

import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path

import typer


def make_folder(path: Path) -> None:
    """Make the folder for results."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"--out expects a folder. Received: {path}, a file")
    path.mkdir(parents=True, exist_ok=True)


def angstrom(picometres: float | None) -> float | None:
    """Convert what ``--pixel-size`` takes [pm] to the unit of the package [Å]; None stays None."""
    return None if picometres is None else picometres / 100


def each(paths: list, act, comparison) -> None:
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


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows under a heading, all but the last column padded to one width.

    Parameters
    ----------
    head : tuple of str
        Names of the columns.
    rows : list of tuple of str
        As many cells each.
    """
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())


@contextmanager
def quiet_start():
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


def start_keras() -> None:
    """Import Keras and start the device, without a word."""
    with quiet_start():
        import keras

        keras.random.SeedGenerator(0)  # the first variable starts the device, with more messages
    # Of each new image size TensorFlow says that it compiles once more.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False):
    """Load a model and see that it is of the kind that a verb needs.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder.
    kind : str
        Name of a class.
    verb : str
        What the user asked for.
    training : bool
        Whether what only training needs is needed, too.

    Raises
    ------
    ValueError
        If the weights are of another kind.
    """
    from stemzoo.zoo.hub import load

    start_keras()
    model = load(weights, training=training)
    if type(model).__name__ != kind:
        raise ValueError(
            f"'stemzoo {verb}' needs weights of a {kind}; see 'stemzoo list'. Received: {weights}, "
            f"a {type(model).__name__}"
        )
    return model
