"""PNG and JPEG files."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stemzoo.io.grey import Refusal, check_signature
from stemzoo.io.stacks import Stack

_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
_AGAIN = "Copy or export it once more"

# Channels that a PNG of each colour type is decoded to; a palette becomes RGB, perhaps with alpha.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}


@contextmanager
def open_png(path: Path) -> Iterator[list[Stack]]:
    """Open a PNG file of 8 or 16 bits."""
    from imagecodecs import png_decode

    with path.open("rb") as stream:
        start = stream.read(26)
    check_signature(start, _PNG_START, "PNG")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", start, 16)
    channels = _PNG_CHANNELS.get(colour, 4)
    shape = (rows, columns) if channels == 1 else (rows, columns, channels)

    def read(k: int) -> np.ndarray:
        return png_decode(essential_png(path.read_bytes()))

    dtype = np.dtype(np.uint16 if bits > 8 else np.uint8)
    # The file, and its copy without what is not needed.
    yield [Stack(shape, dtype, read, overhead=2 * path.stat().st_size)]


def essential_png(payload: bytes) -> bytes:
    """Return a PNG file without the chunks that only make libpng print warnings.

    Parameters
    ----------
    payload : bytes
        The file.

    Returns
    -------
    bytes

    Raises
    ------
    Refusal
        If a chunk is damaged.
    """
    kept, position = [_PNG_START], len(_PNG_START)
    while kept[-1][4:8] != b"IEND":
        end = position + 12 + int.from_bytes(payload[position : position + 4], "big")
        chunk = payload[position:end]
        if end > len(payload) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise Refusal(
                "a complete PNG",
                f"a file that is damaged at byte {position}",
                _AGAIN,
            )
        if chunk[4:8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(chunk)
        position = end
    return b"".join(kept)


@contextmanager
def open_jpeg(path: Path) -> Iterator[list[Stack]]:
    """Open a JPEG file."""
    from imagecodecs import jpeg_decode

    with path.open("rb") as stream:
        check_signature(stream.read(8), _JPEG_START, "JPEG")
        rows, columns, channels, progressive = jpeg_header(stream)

    def read(k: int) -> np.ndarray:
        payload = path.read_bytes()
        # Inside a scan, FF is followed by 00 or a restart marker, so FF D9 after the last start of
        # a scan is the end of the image. libjpeg fills what is missing with grey, without a word.
        end = payload.rfind(b"\xff\xd9")
        if end < payload.rfind(b"\xff\xda"):
            raise Refusal("a complete JPEG", "a file without its end", _AGAIN)
        pixels = jpeg_decode(payload)
        if (pixels[-1, -1] == 128).all() and reads_beyond(payload, end, pixels):
            received = f"data for fewer than its {rows} x {columns} px"
            raise Refusal("a complete JPEG", received, _AGAIN)
        return pixels

    shape = (rows, columns) if channels == 1 else (rows, columns, channels)
    # The file twice and the picture twice, while it is checked; 16 bits for each value of a
    # progressive file.
    size = rows * columns * channels
    overhead = 2 * path.stat().st_size + size + (2 * size if progressive else 0)
    yield [Stack(shape, np.dtype(np.uint8), read, overhead=overhead)]


def jpeg_header(stream: BinaryIO) -> tuple[int, int, int, bool]:
    """Read what a JPEG file declares.

    Parameters
    ----------
    stream : binary file
        The file.

    Returns
    -------
    rows, columns, channels : int
        Shape of the picture.
    progressive : bool
        Whether it is stored in several scans.
    """
    stream.seek(2)
    while True:
        marker, length = struct.unpack(">HH", stream.read(4))
        # Start of frame, except the markers of tables that share its range.
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            _, rows, columns, channels = struct.unpack(">BHHB", stream.read(6))
            return rows, columns, channels, marker not in (0xFFC0, 0xFFC1)
        stream.seek(length - 2, 1)


def reads_beyond(payload: bytes, end: int, pixels: np.ndarray) -> bool:
    """Whether a JPEG decoder still wants data where they end: more of them change the picture.

    Parameters
    ----------
    payload : bytes
        The file.
    end : int
        Where its data end.
    pixels : ndarray
        What it is decoded to.

    Returns
    -------
    bool
    """
    from imagecodecs import jpeg_decode

    scan = payload[payload.rfind(b"\xff\xda") : end]
    restarts = [scan.rfind(bytes([0xFF, code])) for code in range(0xD0, 0xD8)]
    # Where restart markers divide the data, more data begin with the next marker.
    more = bytes([0xFF, 0xD0 + (int(np.argmax(restarts)) + 1) % 8]) if max(restarts) >= 0 else b""
    more += bytes(range(1, 251))
    return bool((jpeg_decode(payload[:end] + more + payload[end:]) != pixels).any())
