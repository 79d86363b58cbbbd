"""One reader per kind of image file.

A reader takes the path and `choose(count, labels=())`, which returns the indices of the wanted
frames, and returns a `Contents`. What it refuses on purpose it raises as a `Refusal`; whatever else
it lets through means a damaged file. `stemzoo.io.read_image` turns both into one ValueError.
"""

import importlib
import logging
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from stemzoo.io.grey import Refusal, add_frames, check_array, check_signature, check_size
from stemzoo.io.pixel_size import TIFF_TAGS, imagej_fields, tiff_pixel_size, to_angstrom

# Takes the number of frames, and names of those that differ in kind.
Choose = Callable[..., list[int]]

_PNG_START = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, eq=False)
class Contents:
    """What a reader found in a file.

    Parameters
    ----------
    data : ndarray of shape (M, N)
        Grey levels.
    x, y : float or None
        Pixel width and height [Å/px].
    source : str or None
        Where they were found.
    metadata : mapping
        More entries.
    """

    data: np.ndarray
    x: float | None = None
    y: float | None = None
    source: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


def read_tiff(path: Path, choose: Choose) -> Contents:
    """Read a TIFF file; only the wanted frames of a stack are decoded."""
    import tifffile

    # is_ome=False: the OME reader would follow the names of other files in the XML.
    with tifffile.TiffFile(path, is_ome=False) as file:
        # tifffile ends its list of pages where the file ends.
        where = file.pages.next_page_offset
        file.filehandle.seek(where or 0)
        if where and any(file.filehandle.read(file.tiff.offsetsize)):
            raise Refusal(
                "a complete TIFF",
                "a list of pages that is broken off",
                "Copy or export it once more",
            )
        series = [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)
        frames = [frame for one in series for frame in _tiff_frames(one, path)]
        labels = ["x".join(map(str, one.keyframe.shape)) for one in series for _ in one.pages]
        chosen = choose(len(frames), labels if len(series) > 1 else ())
        data = add_frames(frames[k]() for k in chosen)
        tags = {code: series[0].keyframe.tags.valueof(code) for code in (*TIFF_TAGS, 305)}
    metadata = imagej_fields(tags[270]) | {"frames": len(frames)}
    if isinstance(tags[305], str):
        metadata["software"] = tags[305]
    return Contents(data, *tiff_pixel_size(tags), metadata)


def _tiff_frames(series: Any, path: Path) -> list[Callable[[], np.ndarray]]:
    """Return one function for each frame of a series; calling it decodes the frame."""
    key = series.keyframe
    count = math.prod(
        n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "YXS"
    )
    if count == len(series.pages):
        return [partial(_tiff_page, page, path) for page in series.pages]
    if series.dataoffset is None:
        raise Refusal(
            "a frame in each page", f"a TIFF volume of axes {series.axes}", "Save it as a stack"
        )
    # ImageJ keeps a stack of more than 4 GB in one page.
    dtype = key.dtype.newbyteorder(key.parent.byteorder)
    shape = (count, *key.shape)
    stack = np.memmap(path, dtype, "r", series.dataoffset, shape)
    return [partial(_rising, frame, key) for frame in stack]


def _tiff_page(page: Any, path: Path) -> np.ndarray:
    """Decode a page that is complete."""
    key = page.keyframe
    check_size(path, math.prod(key.shape), key.dtype)
    ends = np.add(page.dataoffsets, page.databytecounts)
    missing = len(ends) < math.prod(key.chunked) or 0 in page.databytecounts
    if missing or ends.max() > path.stat().st_size:
        raise Refusal(
            "a complete TIFF",
            "a file without some of its strips or tiles",
            "Copy or export it once more",
        )
    return _rising(page.asarray(), key)


def _rising(pixels: np.ndarray, key: Any) -> np.ndarray:
    """Return a decoded page with levels that rise with brightness and its channels last."""
    # Without the tag, tifffile reports 0, which would mean inverted levels.
    photometric = key.photometric.name if 262 in key.tags else "MINISBLACK"
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


def read_png(path: Path, choose: Choose) -> Contents:
    """Read a PNG file of 8 or 16 bits."""
    from imagecodecs import png_decode

    payload = path.read_bytes()
    check_signature(payload, _PNG_START, "PNG")
    payload = _essential_png(payload)
    check_size(path, math.prod(struct.unpack_from(">II", payload, 16)), np.dtype("u8"))
    choose(1)
    return Contents(add_frames([png_decode(payload)]), metadata={"frames": 1})


def _essential_png(payload: bytes) -> bytes:
    """Return a PNG file without the chunks that only make libpng print warnings."""
    kept, position = [_PNG_START], len(_PNG_START)
    while kept[-1][4:8] != b"IEND":
        end = position + 12 + int.from_bytes(payload[position : position + 4], "big")
        chunk = payload[position:end]
        if end > len(payload) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise Refusal(
                "a complete PNG",
                f"a file that is damaged at byte {position}",
                "Copy or export it once more",
            )
        if chunk[4:8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(chunk)
        position = end
    return b"".join(kept)


def read_jpeg(path: Path, choose: Choose) -> Contents:
    """Read a JPEG file."""
    from imagecodecs import jpeg_decode

    payload = path.read_bytes()
    check_signature(payload, b"\xff\xd8\xff", "JPEG")
    # Inside a scan, FF is followed by 00 or a restart marker, so FF D9 after the last start of a
    # scan is the end of the image. libjpeg fills what is missing with grey and does not complain.
    if payload.rfind(b"\xff\xd9") < payload.rfind(b"\xff\xda"):
        raise Refusal("a complete JPEG", "a file without its end", "Copy or export it once more")
    check_size(path, _jpeg_pixels(payload), np.dtype("u8"))
    choose(1)
    return Contents(add_frames([jpeg_decode(payload)]), metadata={"frames": 1})


def _jpeg_pixels(payload: bytes) -> int:
    """Return the number of pixels that the header of a JPEG file declares."""
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", payload, position)
        # Start of frame, except the markers of tables that share its range.
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            return math.prod(struct.unpack_from(">HH", payload, position + 5))
        position += 2 + length


def read_npy(path: Path, choose: Choose) -> Contents:
    """Read a .npy file, never unpickling; only the wanted frames are read from disk."""
    with path.open("rb") as stream:
        check_array(*_npy_header(stream))
    return _from_array(np.lib.format.open_memmap(path, mode="r"), choose)


def read_npz(path: Path, choose: Choose) -> Contents:
    """Read the only image of a .npz file, never unpickling."""
    with zipfile.ZipFile(path) as archive:
        headers = {}
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as stream:
                    headers[name] = _npy_header(stream)
        flat = [n for n, (shape, _) in headers.items() if len(shape) == 2 or len(headers) == 1]
        if len(flat) != 1:
            names = ", ".join(n.removesuffix(".npy") for n in headers) or "no arrays"
            raise Refusal(
                "an archive with one 2-D array", names, "Save the image alone as .npy or .npz"
            )
        shape, dtype = headers[flat[0]]
        check_array(shape, dtype)
        check_size(path, math.prod(shape), dtype)
        with archive.open(flat[0]) as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
    return _from_array(array, choose)


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Return shape and data type of the array that a .npy file holds."""
    version = np.lib.format.read_magic(stream)
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def _from_array(array: np.ndarray, choose: Choose) -> Contents:
    """Return an image or the chosen frames of a stack; 3 or 4 last are channels, not columns."""
    if array.ndim == 3 and not (array.shape[2] in (3, 4) and array.shape[0] > 4):
        chosen = choose(len(array))
        return Contents(add_frames(array[k] for k in chosen), metadata={"frames": len(array)})
    choose(1)
    return Contents(add_frames([array]), metadata={"frames": 1})


def read_microscope_file(path: Path, choose: Choose) -> Contents:
    """Read .dm3, .dm4, .emd, .ser, .mrc and .hspy through RosettaSciIO."""
    suffix = path.suffix.lower()
    module = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph", ".ser": "tia"}.get(
        suffix, suffix[1:]
    )
    try:
        reader = importlib.import_module(f"rsciio.{module}")
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
    # A lazily read HDF5 file stays open, and would hide what is written to it later.
    hdf5 = suffix in (".emd", ".hspy")
    options = {"select_type": "images"} if module == "emd" else {}
    found = reader.file_reader(str(path), lazy=not hdf5, **options)
    signals = [signal for signal in found if _is_image(signal)]
    if not signals:
        raise Refusal("an image", "only spectra or diffraction data", "Export the image as TIFF")
    frames = [
        (signal, index) for signal in signals for index in np.ndindex(signal["data"].shape[:-2])
    ]
    titles = [_title(signal) for signal, _ in frames] if len(signals) > 1 else ()
    chosen = [frames[k] for k in choose(len(frames), titles)]
    signal = chosen[0][0]
    check_size(path, math.prod(signal["data"].shape[-2:]), signal["data"].dtype)
    data = add_frames(np.array(signal["data"][index]) for signal, index in chosen)
    y, x = (to_angstrom(axis["scale"], axis["units"]) for axis in signal["axes"][-2:])
    metadata = {"title": _title(signal), "frames": len(frames)}
    return Contents(data, x, y, suffix[1:].upper(), metadata)


def _is_image(signal: dict[str, Any]) -> bool:
    """Whether the last two axes of a signal are both lengths, or both without a unit."""
    if signal["data"].ndim < 2:
        return False
    first, second = signal["axes"][-2:]
    spatial = all(
        str(axis["units"]) in ("", "None", "<undefined>", "px", "pixels")
        or to_angstrom(1, axis["units"]) is not None
        for axis in (first, second)
    )
    return spatial and first["navigate"] == second["navigate"]


def _title(signal: dict[str, Any]) -> str:
    return str(signal["metadata"].get("General", {}).get("title") or "untitled")
