"""Files of microscope programs that RosettaSciIO reads: .dm3, .dm4, .ser and .mrc."""

import importlib
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.io.dm_tags import check_dm
from stemzoo.io.grey import Refusal
from stemzoo.io.pixel_size import to_angstrom
from stemzoo.io.stacks import Stack, are_spatial

_MODULES = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph", ".ser": "tia", ".mrc": "mrc"}
# Bytes a pixel of each mode of MRC files.
_MRC_MODES = {0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 2, 12: 2, 101: 0.5}
# dask reads a file in pieces of this size [bytes].
_PIECE = 2**27


@contextmanager
def open_microscope_file(path: Path) -> Iterator[list[Stack]]:
    """Open a file through RosettaSciIO; only the wanted frames are read."""
    suffix = path.suffix.lower()
    try:
        reader = importlib.import_module(f"rsciio.{_MODULES[suffix]}")
        # Imported in the middle of reading, dask keeps a traceback, and with it the file, for good.
        importlib.import_module("dask.array")
    except ImportError:
        raise Refusal(
            f"RosettaSciIO, which reads {suffix} files",
            "it is not installed",
            "Run: pip install 'stemzoo[formats]' (or save the image as TIFF)",
        ) from None
    # RosettaSciIO sets its log level when it is imported.
    logging.getLogger("rsciio").setLevel(logging.CRITICAL + 1)
    if suffix == ".mrc":
        check_mrc(path)
    if suffix in (".dm3", ".dm4"):
        check_dm(path)
    found = reader.file_reader(str(path), lazy=True)
    signals = []
    for signal in found:
        axes = signal["axes"][-2:]
        spatial = are_spatial(*(axis["units"] for axis in axes)) if len(axes) == 2 else False
        if spatial and axes[0]["navigate"] == axes[1]["navigate"]:
            signals.append(signal)
    if not signals:
        raise Refusal("an image", "only spectra or diffraction data", "Export the image as TIFF")
    yield [_stack(signal, suffix) for signal in signals]


def _stack(signal: dict[str, Any], suffix: str) -> Stack:
    """Return the frames of a signal: its last two axes are the image's."""
    data = signal["data"]
    outer, shape = data.shape[:-2], data.shape[-2:]

    def read(k: int) -> np.ndarray:
        return np.array(data[np.unravel_index(k, outer)] if outer else data)

    y, x = (to_angstrom(axis["scale"], axis["units"]) for axis in signal["axes"][-2:])
    # In MRC, a voxel of 1 Å is what programs write that know none.
    if suffix == ".mrc" and x is not None and y is not None and np.allclose([x, y], 1, atol=1e-4):
        x = y = None
    title = str(signal["metadata"].get("General", {}).get("title") or "untitled")
    count = math.prod(outer)
    overhead = min(_PIECE, count * math.prod(shape) * data.dtype.itemsize)
    return Stack(
        shape, data.dtype, read, count, overhead, title, x, y, suffix[1:].upper(), {"title": title}
    )


def check_mrc(path: Path) -> None:
    """Refuse an MRC file that is shorter than its header says.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    Refusal
        If pixels are missing.
    """
    for order in "<>":
        with path.open("rb") as stream:
            header = np.fromfile(stream, f"{order}i4", 24)
        if len(header) == 24 and header[3] in _MRC_MODES:
            sides = [int(n) for n in header[:3]]
            declared = 1024 + int(header[23]) + math.prod(sides) * _MRC_MODES[header[3]]
            if min(sides) > 0 and declared <= path.stat().st_size:
                return
            raise Refusal(
                "a complete MRC file",
                f"{path.stat().st_size} bytes with a header of {sides[0]} x {sides[1]} px in "
                f"{sides[2]} frames",
                "Copy or export it once more",
            )
