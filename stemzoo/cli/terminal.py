"""What the command line's verbs share: how they speak, go on after a failure, and start Keras."""

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

# Kinds of operating system errors: what was received, and what to do.
_SYSTEM = {
    errno.ENOENT: ("no such file or folder", "Check the path"),
    errno.EACCES: ("no permission", "Change the permissions, or choose another place"),
    errno.EPERM: ("no permission", "Change the permissions, or choose another place"),
    errno.EROFS: ("a read-only disk", "Choose another folder"),
    errno.ENOSPC: ("no space left on the disk", "Free some, or choose another folder"),
    errno.EDQUOT: ("no space left of your quota", "Free some, or choose another folder"),
    errno.EFBIG: ("a file larger than allowed", "Raise the limit, or choose another folder"),
    errno.ELOOP: ("a link that leads to itself", "Name the file itself"),
    errno.ENAMETOOLONG: ("a name that is too long", "Choose a shorter one"),
    errno.EISDIR: ("a folder", "Name a file"),
    errno.ENOTDIR: ("a file in place of a folder", "Check the path"),
    errno.EIO: ("an error of the disk", "Copy the file from its source once more"),
    errno.EMFILE: ("too many open files", "Give fewer at a time"),
}
# Packages whose modules have another name.
_PACKAGES = {"PIL": "pillow", "skimage": "scikit-image", "huggingface_hub": "huggingface-hub"}
# What the library calls an argument is an option here.
_OPTIONS = ((r"\bsum_frames(=True)?\b", "--sum-frames"), (r"\bframe=(?=\S)", "--frame "))


def angstrom(picometres: float | None) -> float | None:
    """Convert what ``--pixel-size`` takes [pm] to the unit of the package [Å]; None stays None."""
    # Rounded far below any meaning, so that 41.48 pm are 0.4148 Å and not 0.41479999999999995.
    return None if picometres is None else round(picometres / 100, 12)


def printable(text: str) -> str:
    r"""Replace what moves the cursor, changes colours or is invisible, as file names may hold it.

    Parameters
    ----------
    text : str
        One line; bytes of a file name that are no UTF-8 are in it as Python holds them.

    Returns
    -------
    str

    Examples
    --------
    >>> print(printable("scan\x1b[2J\n.tif"))
    scan\x1b[2J\n.tif
    >>> print(printable("Å" + chr(0xDCFF)))
    Å\xff
    """
    return "".join(
        part if part.isprintable() else _escaped(part) for part in re.split(r"([^ -~])", text)
    )


def _escaped(character: str) -> str:
    """Return a character as Python writes it; U+DC80 to U+DCFF stand for single bytes."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return rf"\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def say(*lines: str, error: bool = False) -> None:
    """Print lines for people; what the console's encoding lacks is replaced, see `cli.main`.

    Parameters
    ----------
    *lines : str
        Each becomes one line, whatever it holds.
    error : bool
        Whether to print to the error output.
    """
    for line in lines:
        # Not typer.echo, which writes past a bar of progress that keeps itself below all lines.
        print(printable(line), file=sys.stderr if error else sys.stdout, flush=True)


def complain(error: BaseException | str) -> None:
    """Print one line on the error output.

    Parameters
    ----------
    error : exception or str
        What went wrong.
    """
    say("stemzoo: " + " ".join(explain(error).split()), error=True)


def warn(text: str | None) -> None:
    """Print a warning as one line on the error output; nothing where there is none.

    Parameters
    ----------
    text : str or None
        The warning.
    """
    if text is not None:
        complain(f"warning: {text}")


def explain(error: BaseException | str, item: object = None) -> str:
    """Say in one sentence what went wrong, and what to do.

    Parameters
    ----------
    error : exception or str
        What went wrong; KeyError would quote its message.
    item : object, optional
        File or name that it happened to.

    Returns
    -------
    str

    Examples
    --------
    >>> explain(OSError(errno.ENOSPC, "No space left on device"), "scan.tif")
    'scan.tif: no space left on the disk. Free some, or choose another folder.'
    """
    place = f"{item}: " if item is not None else ""
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        received, step = _SYSTEM.get(error.errno, (error.strerror, "Try again"))
        # Of a copy, the second is the one that is written.
        name = error.filename2 or error.filename
        path = os.fsdecode(name) if isinstance(name, str | bytes) else ""
        where = f"{path}: " if path and item is None else place
        elsewhere = f" ({path})" if path and item is not None and path != str(item) else ""
        return f"{where}{received}{elsewhere}. {step}."
    if isinstance(error, MemoryError):
        return (
            f"{place}not enough memory ({error}). Give a smaller part of the image, or close other "
            "programs."
        )
    if isinstance(error, ModuleNotFoundError) and str(error) == f"No module named {error.name!r}":
        module = str(error.name).partition(".")[0]
        return (
            f"{place}expected the package {module}, which this needs. Received: none. Install it: "
            f"pip install {_PACKAGES.get(module, module)}."
        )
    if not is_expected(error):
        return (
            f"{place}unexpected {type(error).__name__}: {error}. Set STEMZOO_DEBUG=1 to see where, "
            "and please report it."
        )
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    for argument, option in _OPTIONS:
        text = re.sub(argument, option, text)
    return text


def is_expected(error: BaseException | str) -> bool:
    """Whether a message is written for people: no error that nobody thought of."""
    return isinstance(
        error,
        str
        | ValueError
        | KeyError
        | OSError
        | ModuleNotFoundError
        | MemoryError
        | FloatingPointError,
    )


@dataclass
class Failures:
    """Items of a call that could not be done, each of which is one line.

    Parameters
    ----------
    items : list
        Files or names.
    """

    items: list[object] = field(default_factory=list)

    def add(self, item: object, error: Exception) -> None:
        """Say what went wrong with an item.

        Parameters
        ----------
        item : object
            File or name.
        error : Exception
            What went wrong; what nobody expected is raised if STEMZOO_DEBUG is set.
        """
        if not is_expected(error) and os.environ.get("STEMZOO_DEBUG"):
            raise error
        complain(explain(error, item))
        self.items.append(item)

    def end(self) -> None:
        """End the call with exit code 2, if an item failed."""
        if self.items:
            raise typer.Exit(2)


def each(items: Iterable[Any], act: Callable[[Any], Sequence[str]], failures: Failures) -> None:
    """Print what `act` says of each item; one that fails is one line, and the rest go on.

    Parameters
    ----------
    items : iterable
        Files or names.
    act : callable
        Does one, and returns lines.
    failures : Failures
        Gathers those that fail.
    """
    for item in items:
        try:
            lines = act(item)
        except Exception as error:
            failures.add(item, error)
        else:
            say(*lines)


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
        say("  ".join([*cells, row[-1]]).rstrip())


def start_keras() -> None:
    """Import Keras and start the device, without a word.

    Raises
    ------
    ModuleNotFoundError
        If Keras cannot start, in words.
    """
    from stemzoo.models.start import start_device

    start_device()


def start_networks() -> None:
    """Start what computes networks: Keras, or nothing where ONNX Runtime takes its place.

    Raises
    ------
    ModuleNotFoundError
        If neither is installed, in words.
    """
    from stemzoo.models.start import choose_runtime

    if choose_runtime(None) == "keras":
        start_keras()


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False) -> Any:
    """Start what computes networks and load a model of the kind that a verb needs.

    Parameters
    ----------
    weights, kind, verb, training
        As in `stemzoo.workflows.weights.load_kind`.

    Returns
    -------
    DefectFCN or CycleGANSTEM
    """
    from stemzoo.workflows import weights as files

    if training:
        start_keras()
    start_networks()
    return files.load_kind(weights, kind, verb, training=training)
