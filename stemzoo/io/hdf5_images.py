"""Images in HDF5 files: .emd of Velox and of the Berkeley kind, and HyperSpy's .hspy."""

import importlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.io.grey import Refusal
from stemzoo.io.hdf5 import read_part, walk
from stemzoo.io.json_files import parse_json
from stemzoo.io.pixel_size import to_angstrom
from stemzoo.io.stacks import Stack, are_spatial

_AGAIN = "Copy or export it once more"
# Velox pads the metadata of a frame to 60 kB.
_MOST_METADATA = 2**24
# Unpacked pieces that HDF5 keeps for the next frame [bytes].
_CACHE = 2**26


@contextmanager
def open_hdf5(path: Path) -> Iterator[list[Stack]]:
    """Open an .emd or .hspy file; only the wanted frames are read."""
    import h5py

    with path.open("rb") as stream:
        start = stream.read(8)
    if not h5py.is_hdf5(path):
        raise Refusal("an HDF5 file", f"a file that begins with {start!r}", _AGAIN)
    # Where it is installed, it brings more compressions.
    with suppress(ImportError):
        importlib.import_module("hdf5plugin")
    try:
        with h5py.File(path, "r", rdcc_nbytes=_CACHE) as file:
            yield _stacks(file, path.suffix.lower())
    # h5py says in the words of its C library what is wrong.
    except (OSError, RuntimeError, KeyError, UnicodeError) as error:
        raise Refusal("a complete HDF5 file", "a damaged one", _AGAIN) from error


def _stacks(file: Any, suffix: str) -> list[Stack]:
    try:
        arrays = dict(walk(file, lenient=True))
    # A name that is not UTF-8.
    except UnicodeError:
        raise
    except ValueError as error:
        step = "Export the image as TIFF"
        raise Refusal("an HDF5 file that holds its images itself", str(error), step) from None
    if suffix == ".hspy":
        found, stacks = hyperspy_images(arrays)
    elif any(name.startswith("Data/Image/") for name in arrays):
        found, stacks = velox_images(arrays)
    else:
        found, stacks = berkeley_images(arrays)
    if not stacks:
        received = "only spectra or diffraction data" if found else "none in any known place"
        raise Refusal("an image", received, "Export the image as TIFF")
    return stacks


def hyperspy_images(arrays: Mapping[str, Any]) -> tuple[int, list[Stack]]:
    """Find the images in a file of HyperSpy.

    Parameters
    ----------
    arrays : mapping of str to h5py.Dataset
        All arrays of the file by path.

    Returns
    -------
    signals : int
        Number of signals of any kind.
    stacks : list of Stack
        Those that are images.
    """
    signals = {
        name: array
        for name, array in arrays.items()
        if name.startswith("Experiments/") and name.endswith("/data") and name.count("/") == 2
    }
    stacks = []
    for name, array in signals.items():
        axes = [array.parent.get(f"axis-{k}") for k in range(array.ndim)]
        attributes = [{} if axis is None else axis.attrs for axis in axes]
        units = [_text(axis.get("units", "")) for axis in attributes]
        navigate = [bool(axis.get("navigate", False)) for axis in attributes]
        title = name.split("/")[1]
        if array.ndim > 1 and are_spatial(*units[-2:]) and navigate[-1] == navigate[-2]:
            steps = [axis.get("scale") for axis in attributes]
            inner = (array.ndim - 2, array.ndim - 1)
            stacks.append(_stack(array, inner, steps, units, title, "HSPY"))
    return len(signals), [stack for stack in stacks if stack.dtype.kind in "buif"]


def berkeley_images(arrays: Mapping[str, Any]) -> tuple[int, list[Stack]]:
    """Find the images in a Berkeley file: each in a group with a vector for each axis.

    Parameters
    ----------
    arrays : mapping of str to h5py.Dataset
        All arrays of the file by path.

    Returns
    -------
    signals : int
        Number of signals of any kind.
    stacks : list of Stack
        Those that are images.
    """
    signals = {
        name: array
        for name, array in arrays.items()
        if array.parent.attrs.get("emd_group_type") is not None
        and array.ndim > 1
        and array.dtype.kind in "buif"
    }
    stacks = []
    for name, array in signals.items():
        folder = name.rpartition("/")[0]
        first = 0 if f"{folder}/dim0" in arrays else 1
        axes = [arrays.get(f"{folder}/dim{k + first}") for k in range(array.ndim)]
        units = ["" if axis is None else _text(axis.attrs.get("units", "")) for axis in axes]
        names = ["" if axis is None else _text(axis.attrs.get("name", "")) for axis in axes]
        lengths = [k for k, unit in enumerate(units) if to_angstrom(1, unit) is not None]
        rows, columns = lengths if len(lengths) == 2 else (array.ndim - 2, array.ndim - 1)
        if not are_spatial(units[rows], units[columns]):
            continue
        # Some programs write the columns first.
        if (names[rows].lower(), names[columns].lower()) == ("x", "y"):
            rows, columns = columns, rows
        steps = [_step(axis) for axis in axes]
        title = folder.rpartition("/")[2]
        stacks.append(_stack(array, (rows, columns), steps, units, title, "EMD"))
    return len(signals), stacks


def velox_images(arrays: Mapping[str, Any]) -> tuple[int, list[Stack]]:
    """Find the images in a file of Velox: rows, columns, frames, with JSON beside them.

    Images of a detector go before maps of elements, which are computed from spectra.

    Parameters
    ----------
    arrays : mapping of str to h5py.Dataset
        All arrays of the file by path.

    Returns
    -------
    signals : int
        Number of signals of any kind.
    stacks : list of Stack
        Those that are images.
    """
    found = []
    for name, array in arrays.items():
        parts = name.split("/")
        if parts[:2] == ["Data", "Image"] and parts[3:] == ["Data"] and array.ndim == 3:
            result = _velox_metadata(arrays.get(f"Data/Image/{parts[2]}/Metadata"))
            size = result.get("PixelSize", {})
            steps = [size.get("height"), size.get("width"), None]
            units = [result.get("PixelUnitY", ""), result.get("PixelUnitX", ""), ""]
            title = str(result.get("Detector") or "untitled")
            stack = _stack(array, (0, 1), steps, units, title, "EMD")
            if are_spatial(*units[:2]) and array.dtype.kind in "buif":
                found.append(("DetectorIndex" in result, stack))
    recorded = [stack for measured, stack in found if measured]
    return len(found), recorded or [stack for _, stack in found]


def _velox_metadata(array: Any) -> Mapping[str, Any]:
    """Return what Velox says of the first frame of an image."""
    if array is None or array.ndim != 2 or array.dtype != np.uint8:
        return {}
    if max(array.shape[0], math.prod(array.chunks or (1,))) > _MOST_METADATA:
        return {}
    try:
        text = bytes(read_part(array, (slice(None), 0))).split(b"\0")[0]
        return dict(parse_json(text)["BinaryResult"])
    except (ValueError, KeyError, TypeError):
        return {}


def _stack(
    array: Any,
    inner: tuple[int, int],
    steps: Sequence[Any],
    units: Sequence[str],
    title: str,
    source: str,
) -> Stack:
    """Return the frames of an array; `inner` are its axes of rows and columns."""
    outer = [k for k in range(array.ndim) if k not in inner]
    counts = [array.shape[k] for k in outer]

    def read(number: int) -> np.ndarray:
        where: list[int | slice] = [slice(None)] * array.ndim
        for k, index in zip(outer, np.unravel_index(number, counts) if outer else (), strict=True):
            where[k] = int(index)
        try:
            frame = read_part(array, tuple(where))
        except ValueError as error:
            raise Refusal("an image that is complete", str(error), _AGAIN) from None
        return frame if inner[0] < inner[1] else frame.T

    y, x = (to_angstrom(steps[k], units[k]) for k in inner)
    shape = (array.shape[inner[0]], array.shape[inner[1]])
    # A piece is unpacked whole; HDF5 keeps some for the next frame.
    piece = math.prod(array.chunks or (0,)) * array.dtype.itemsize
    overhead = 2 * piece + (min(_CACHE, array.nbytes) if piece else 0)
    count, metadata = math.prod(counts), {"title": title}
    return Stack(shape, array.dtype, read, count, overhead, title, x, y, source, metadata)


def _step(axis: Any) -> float | None:
    """Return the step of an axis of which the file lists the places."""
    if axis is None or axis.ndim != 1 or axis.size < 2 or axis.dtype.kind not in "iuf":
        return None
    if math.prod(axis.chunks or (1,)) > _MOST_METADATA:
        return None
    try:
        first, second = read_part(axis, (slice(0, 2),))
    except ValueError:
        return None
    return abs(float(second) - float(first))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
