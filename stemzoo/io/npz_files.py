"""Check .npz files that may be damaged or forged before any array of them is read."""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What an array of a state may hold: numbers, truth values and text, never objects.
_KINDS = "biufU"


def npz_shapes(path: str | Path, what: str, next_step: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all arrays of an uncompressed .npz file, whose every byte is checked.

    No array is read: a shape that the file only declares costs no memory.

    Parameters
    ----------
    path : str or Path
        A file that `numpy.savez` wrote.
    what : str
        What it should be, for the message.
    next_step : str
        What to do if it is damaged, for the message.

    Returns
    -------
    dict of str to tuple of int
        By name.

    Raises
    ------
    ValueError
        If it is damaged, compressed or holds objects; names the file, what is wrong and the next
        step.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> npz_shapes("run/training_state.npz", "a state", "Delete it.")["log"]  # doctest: +SKIP
    ()
    """
    path = Path(path)
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
                shapes = {
                    entry.filename.removesuffix(".npy"): _shape(archive, entry) for entry in entries
                }
                broken = archive.testzip()
        except (
            ValueError,
            EOFError,
            KeyError,
            RuntimeError,
            NotImplementedError,
            OSError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            reason = "; ".join(str(error).split("\n")) or type(error).__name__
            raise _damaged(path, what, reason, next_step) from error
    if broken is not None or len(shapes) != len(entries):
        raise _damaged(path, what, f"a bad entry {broken}", next_step)
    return shapes


def _shape(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, ...]:
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"the entry {entry.filename} is compressed")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read:
            raise ValueError(f"the entry {entry.filename} is of version {version}")
        shape, _, dtype = read[version](file)
        begin = file.tell()
    if dtype.kind not in _KINDS or begin + math.prod(shape) * dtype.itemsize != entry.file_size:
        raise ValueError(f"the entry {entry.filename} is no array of numbers of its size")
    return tuple(shape)


def _damaged(path: Path, what: str, received: object, next_step: str) -> ValueError:
    return ValueError(
        f"{path}: expected {what}. Received: a damaged file ({received}). {next_step}"
    )
