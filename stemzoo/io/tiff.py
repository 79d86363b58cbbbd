"""TIFF files, read frame by frame."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.io.grey import Refusal
from stemzoo.io.pixel_size import TIFF_TAGS, imagej_fields, tiff_pixel_size
from stemzoo.io.stacks import Stack

_DESCRIPTION, _SOFTWARE, _PHOTOMETRIC = 270, 305, 262


@contextmanager
def open_tiff(path: Path) -> Iterator[list[Stack]]:
    """Open a TIFF file; only the wanted frames of a stack are decoded."""
    import tifffile

    # is_ome=False: the OME reader would follow the names of other files in the XML.
    with tifffile.TiffFile(path, is_ome=False) as file:
        # tifffile ends its list of pages where the file ends.
        where = file.pages.next_page_offset
        file.filehandle.seek(where or 0)
        if where and any(file.filehandle.read(file.tiff.offsetsize)):
            raise _incomplete("a list of pages that is broken off")
        series = [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)
        tags = {code: series[0].keyframe.tags.valueof(code) for code in (*TIFF_TAGS, _SOFTWARE)}
        metadata = imagej_fields(tags[_DESCRIPTION])
        if isinstance(tags[_SOFTWARE], str):
            metadata["software"] = tags[_SOFTWARE]
        labels = (file.imagej_metadata or {}).get("Labels") or []
        yield [
            replace(_stack(one, path, tags, metadata), channels=_channels(one, labels, tags))
            for one in series
        ]


def _channels(series: Any, labels: Sequence[str], tags: dict[int, Any]) -> tuple[str, ...]:
    """Names of the channels that the frames are of in turn, empty if not known; none without."""
    axes = [
        (n, axis) for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS"
    ]
    count = math.prod(n for n, _ in axes)
    number = axes[-1][0] if axes and axes[-1][1] == "C" else 1
    found = re.search(r'<Pixels[^>]*\bSizeC="(\d+)"', str(tags[_DESCRIPTION]))
    if found and count % max(int(found[1]), 1) == 0 and count == int(found[1]):
        number = count
    if number < 2:
        return ()
    if len(set(labels[:number])) == number:
        return tuple(str(label) for label in labels[:number])
    return ("",) * number


def _stack(series: Any, path: Path, tags: dict[int, Any], metadata: dict[str, str]) -> Stack:
    """Return the frames of a series; each is decoded when it is read."""
    key, size = series.keyframe, path.stat().st_size
    counted = [n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS"]
    count = math.prod(counted)
    in_pages = count == len(series.pages)
    if not in_pages and series.dataoffset is None:
        raise Refusal(
            "a frame in each page", f"a TIFF volume of axes {series.axes}", "Save it as a stack"
        )
    # ImageJ keeps a stack of more than 4 GB in one page.
    dtype = key.dtype if in_pages else key.dtype.newbyteorder(key.parent.byteorder)
    frame = math.prod(key.shape) * dtype.itemsize
    if not in_pages and series.dataoffset + count * frame > size:
        raise _incomplete(f"{count} frames that do not lie in the file")

    def read(k: int) -> np.ndarray:
        if not in_pages:
            where = series.dataoffset + k * frame
            return rising_levels(np.memmap(path, dtype, "r", where, key.shape), key)
        page = series.pages[k]
        missing = len(page.dataoffsets) < math.prod(key.chunked) or 0 in page.databytecounts
        if missing or np.add(page.dataoffsets, page.databytecounts).max() > size:
            raise _incomplete("a file without some of its strips or tiles")
        return rising_levels(page.asarray(), key)

    shape = [n for n, axis in zip(key.shape, key.axes, strict=True) if axis != "S"]
    shape += [n for n, axis in zip(key.shape, key.axes, strict=True) if axis == "S"]
    # Inverted levels are a copy.
    overhead = (frame if key.photometric == 0 else 0) + (unpacking_memory(key) if in_pages else 0)
    title = "x".join(map(str, key.shape))
    place = tiff_pixel_size(tags)
    return Stack(tuple(shape), dtype, read, count, overhead, title, *place, metadata)


def unpacking_memory(key: Any) -> int:
    """Return what decoding a page takes in memory beside its pixels [bytes].

    Parameters
    ----------
    key : tifffile.TiffPage
        A page.

    Returns
    -------
    int

    Raises
    ------
    Refusal
        If its compression is not known.
    """
    import tifffile

    if key.compression == 1 and key.is_contiguous:
        return 0
    try:
        tifffile.TIFF.DECOMPRESSORS[key.compression]
    except (KeyError, ValueError):
        step = "Save it with LZW or Deflate, or without compression"
        if find_spec("imagecodecs") is None:
            step = "Install what unpacks it (pip install imagecodecs), or save it uncompressed"
        raise Refusal(
            "a TIFF of a known compression", f"compression {int(key.compression)}", step
        ) from None
    # Some strips or tiles are unpacked at a time; of the packed ones, many are held.
    tiles = min(len(key.databytecounts), tifffile.TIFF.MAXWORKERS + 1)
    packed = 2 * min(sum(key.databytecounts), tifffile.TIFF.BUFFERSIZE)
    return tiles * math.prod(key.chunks) * key.dtype.itemsize + packed


def _incomplete(received: str) -> Refusal:
    return Refusal("a complete TIFF", received, "Copy or export it once more")


def rising_levels(pixels: np.ndarray, key: Any) -> np.ndarray:
    """Return a decoded page with levels that rise with brightness and its channels last.

    Parameters
    ----------
    pixels : ndarray
        What was decoded.
    key : tifffile.TiffPage
        The page, which says what the levels mean.

    Returns
    -------
    ndarray of shape (M, N) or (M, N, channels)

    Raises
    ------
    Refusal
        If the levels mean colours.
    """
    # Without the tag, tifffile reports 0, which would mean inverted levels.
    photometric = key.photometric.name if _PHOTOMETRIC in key.tags else "MINISBLACK"
    if photometric not in ("MINISBLACK", "MINISWHITE", "RGB", "YCBCR", "PALETTE"):
        raise Refusal("a grey or RGB TIFF", f"photometric {photometric}", "Save it as grey levels")
    if photometric == "PALETTE":
        # A grey palette is a display setting (GMS stores its contrast curve in it): the levels are
        # the data, unless a falling palette says that they are inverted.
        palette = np.asarray(key.colormap, dtype=int)
        if np.ptp(palette, axis=0).any() or (np.diff(palette[0]) < 0).any():
            raise Refusal(
                "grey levels or a rising grey palette",
                "a TIFF with a coloured or inverted palette",
                "Save it as 8-bit grey (Fiji: Image > Lookup Tables > Grays)",
            )
    if photometric == "MINISWHITE" and pixels.dtype.kind in "bu":
        pixels = pixels ^ pixels.dtype.type(2**key.bitspersample - 1)
    return np.moveaxis(pixels, key.axes.index("S"), -1) if "S" in key.axes else pixels
