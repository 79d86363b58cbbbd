"""Read what a run has left in its folder, and refuse in one line what cannot be."""

import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_LARGEST_JSON = 16 * 2**20  # bytes
# What an array of a state may hold: numbers, truth values and text, never objects.
_KINDS = "biufU"


def read_json_object(path: str | Path, next_step: str) -> dict[str, Any]:
    """Read a JSON file that holds one object, all of whose numbers are finite.

    Parameters
    ----------
    path : str or Path
        The file, of 16 MB at most.
    next_step : str
        What to do if it is damaged, for the message.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is damaged; names the file, what is wrong and the next step.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> read_json_object("run/adaptation.json", "Delete it.")["seed"]  # doctest: +SKIP
    7
    """
    path = Path(path)
    size = path.stat().st_size
    if size > _LARGEST_JSON:
        raise _damaged(path, "JSON of 16 MB at most", f"{size / 2**20:.0f} MB", next_step)
    try:
        return parse_json_object(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, "one JSON object with finite numbers", error, next_step) from error


def parse_json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a text holds.

    Parameters
    ----------
    text : str
        JSON.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no JSON, no object, nested too deeply, or a number in it is not finite.

    Examples
    --------
    >>> parse_json_object('{"seed": 7}')
    {'seed': 7}
    """
    try:
        content = json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_bounded)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError(f"a {type(content).__name__}")
    return content


def _refuse(text: str) -> float:
    raise ValueError(f"the number {text}")


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refuse(text[:20])


def _bounded(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


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


def check_number(
    record: Mapping[str, Any], key: str, low: float, high: float, *, whole: bool = False
) -> Any:
    """Return a number of a record, if it lies within bounds.

    Parameters
    ----------
    record : mapping of str to object
        What JSON held.
    key : str
        Name of the number.
    low, high : float
        Bounds, included.
    whole : bool
        Whether it has to be an int.

    Returns
    -------
    int or float

    Raises
    ------
    ValueError
        If it is missing, no number, or out of bounds.

    Examples
    --------
    >>> check_number({"epoch": 3}, "epoch", 1, 1e6, whole=True)
    3
    """
    value = record.get(key)
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        kind = "whole number" if whole else "number"
        raise ValueError(f"{key} is a {kind} from {low:g} to {high:g}, not {str(value)[:40]}")
    return value
