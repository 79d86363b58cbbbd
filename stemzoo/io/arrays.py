"""NumPy's .npy and .npz files, never unpickled."""

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from stemzoo.io.grey import Refusal, check_array
from stemzoo.io.stacks import Stack


@contextmanager
def open_npy(path: Path) -> Iterator[list[Stack]]:
    """Open a .npy file; only the wanted frames are read from disk."""
    with path.open("rb") as stream:
        shape, fortran, dtype = _npy_header(stream)
    check_array(shape, dtype)
    yield [_stack(shape, dtype, lambda: np.lib.format.open_memmap(path, mode="r"), fortran)]


@contextmanager
def open_npz(path: Path) -> Iterator[list[Stack]]:
    """Open the only image of a .npz file."""
    with zipfile.ZipFile(path) as archive:
        headers = {}
        for entry in archive.infolist():
            # Others than NumPy's may ask for any amount of memory.
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Refusal(
                    "an archive as numpy.savez writes it",
                    f"{entry.filename}, compressed in another way",
                    "Save the image as .npy",
                )
            if entry.filename.endswith(".npy"):
                with archive.open(entry) as stream:
                    headers[entry.filename] = _npy_header(stream)
        flat = [n for n, (shape, *_) in headers.items() if len(shape) == 2 or len(headers) == 1]
        if len(flat) != 1:
            names = ", ".join(n.removesuffix(".npy") for n in headers) or "no arrays"
            raise Refusal(
                "an archive with one 2-D array", names, "Save the image alone as .npy or .npz"
            )
        shape, fortran, dtype = headers[flat[0]]
        check_array(shape, dtype)

        @cache
        def array() -> np.ndarray:
            with archive.open(flat[0]) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)

        yield [_stack(shape, dtype, array, fortran, whole=True)]


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, order (True: Fortran's) and data type of the array of a .npy file."""
    version = np.lib.format.read_magic(stream)
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    return read(stream)


def _stack(
    shape: tuple[int, ...],
    dtype: np.dtype,
    array: Callable[[], np.ndarray],
    fortran: bool,
    whole: bool = False,
) -> Stack:
    """Return an image or a stack of frames; 3 or 4 last are channels, not columns.

    `whole`: reading one frame takes memory for all.
    """
    stacked = len(shape) == 3 and not (shape[2] in (3, 4) and shape[0] > 4)
    count, frame = (shape[0], shape[1:]) if stacked else (1, shape)
    size = math.prod(frame) * dtype.itemsize
    # A frame is copied from the file's pages; one in Fortran order is turned, too.
    overhead = ((count - 1) if whole else 1) * size + (size if fortran else 0)
    return Stack(frame, dtype, lambda k: array()[k] if stacked else array(), count, overhead)
