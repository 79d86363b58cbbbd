"""Write images, JSON and text, each in one step."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.io.pixel_size import imagej_fields
from stemzoo.io.temporaries import sweep_once, temporary_path

# Written or interpreted by ImageJ and read_image themselves.
_RESERVED = {"ImageJ", "images", "channels", "slices", "frames", "unit", "yunit", "software"}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that is moved to `path` on success and deleted on failure.

    Parameters
    ----------
    path : str or Path
        The file to write; an existing one is replaced.

    Yields
    ------
    Path
        A new name with the same suffix in the same folder.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    IsADirectoryError
        If `path` is a folder.
    PermissionError
        If the folder may not be written to.

    Examples
    --------
    >>> with atomic_path("result.json") as temporary:  # doctest: +SKIP
    ...     temporary.write_text("{}")
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(
            f"{path}: expected the name of a file to write. Received: a folder. Add a file name."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{path}: expected a file in an existing folder. Received: no folder {path.parent}. "
            "Create it first."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"{path}: expected a folder to write to. Received: a read-only one. Choose another."
        )
    sweep_once(path.parent)
    temporary = temporary_path(path.parent, path.suffix)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # A full disk does not say which file it was for, or names the temporary one.
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    r"""Write UTF-8 text with "\n" line ends, in one step.

    Parameters
    ----------
    path : str or Path
        The file to write.
    text : str
        Its content.

    Examples
    --------
    >>> write_text("notes.txt", "adapted to day B\n")  # doctest: +SKIP
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: dict | list | tuple) -> None:
    """Write JSON in one step; what is no number (NaN, infinity) becomes null.

    Parameters
    ----------
    path : str or Path
        The file to write.
    content : dict, list or tuple
        Made of what JSON knows, tuples and NumPy numbers.

    Examples
    --------
    >>> write_json("scores.json", {"f1": np.float32(0.9), "p": np.nan})  # doctest: +SKIP
    """
    write_text(path, json.dumps(_known_to_json(content), indent=1, allow_nan=False) + "\n")


def _known_to_json(value: Any) -> Any:
    """Return a value as JSON holds it: None for what is not finite."""
    if isinstance(value, dict):
        return {key: _known_to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_known_to_json(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_tiff(
    path: str | Path,
    data: np.ndarray,
    *,
    sampling: float | None = None,
    metadata: Mapping[str, object] | None = None,
) -> None:
    """Write an image as an ImageJ TIFF, from which Fiji and `read_image` take the pixel size.

    Parameters
    ----------
    path : str or Path
        The file to write.
    data : ndarray of shape (M, N)
        uint8, uint16 and float32 are stored as they are, bool as uint8, and every other type,
        float64 and int32 among them, as float32.
    sampling : float, optional
        Pixel size [Å/px]; stored in nm.
    metadata : mapping, optional
        Entries of the ImageJ description, one line each; `read_image` returns them as text.

    Raises
    ------
    ValueError
        If the data are not a real 2-D image, do not fit into float32, or if the pixel size or an
        entry of the metadata cannot be stored.

    Examples
    --------
    >>> write_tiff("clean.tif", np.eye(64), sampling=0.2)  # doctest: +SKIP
    """
    import tifffile

    stored = _storable(path, np.asarray(data))
    if sampling is not None and not 0 < sampling < np.inf:
        raise ValueError(
            f"{path}: expected a positive sampling [Å/px]. Received: {sampling}. "
            "Give the pixel size, or None."
        )
    entries = {str(key): str(value) for key, value in (metadata or {}).items()}
    lines = ["ImageJ=1.54f", "images=1", *(f"{key}={value}" for key, value in entries.items())]
    text = "\n".join(("ImageJ=", *lines[2:]))
    if imagej_fields(text) != {"ImageJ": "", **entries} or _RESERVED & {*entries} or "\0" in text:
        raise ValueError(
            f"{path}: expected metadata of one line per entry, with keys without '=' and other "
            f"than {', '.join(sorted(_RESERVED))}. Received: {metadata!r}. Rename or shorten."
        )
    resolution = None
    if sampling is not None:
        lines.append("unit=nm")
        resolution = (10 / sampling, 10 / sampling)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            stored,
            photometric="minisblack",
            description="\n".join((*lines, "")).encode(),
            metadata=None,
            resolution=resolution,
            resolutionunit="none",
            software="stemzoo",
        )


def _storable(path: str | Path, data: np.ndarray) -> np.ndarray:
    """Return an image in a type that an ImageJ TIFF holds."""
    if data.ndim != 2 or data.size == 0 or data.dtype.kind not in "buif":
        raise ValueError(
            f"{path}: expected a real 2-D image to write. Received: shape {data.shape}, "
            f"dtype {data.dtype}. Write one frame at a time."
        )
    native = data.dtype.newbyteorder("=")
    if native in (np.uint8, np.uint16, np.float32):
        return data.astype(native, copy=False)
    if data.dtype == bool:
        return data.astype(np.uint8)
    with np.errstate(over="ignore"):
        stored = data.astype(np.float32)
    if np.count_nonzero(np.isinf(stored)) > np.count_nonzero(np.isinf(data)):
        raise ValueError(
            f"{path}: expected values within the range of float32. Received: up to "
            f"{np.nanmax(np.abs(data)):.3g}. Rescale the image first."
        )
    return stored


def write_png(path: str | Path, data: np.ndarray) -> None:
    """Write a PNG image.

    Parameters
    ----------
    path : str or Path
        The file to write.
    data : ndarray of shape (M, N) or (M, N, 3)
        Grey levels or RGB; uint8.

    Raises
    ------
    ValueError
        If the data are of another shape or type.

    Examples
    --------
    >>> write_png("preview.png", np.zeros((64, 64, 3), np.uint8))  # doctest: +SKIP
    """
    data = np.asarray(data)
    grey_or_rgb = data.ndim == 2 or data.shape[2:] == (3,)
    if data.dtype != np.uint8 or data.size == 0 or not grey_or_rgb:
        raise ValueError(
            f"{path}: expected uint8 of shape (M, N) or (M, N, 3). Received: {data.dtype} of "
            f"shape {data.shape}. Rescale to 0..255 and convert first."
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(_png_bytes(np.ascontiguousarray(data)))


def _png_bytes(data: np.ndarray) -> bytes:
    """Pack a picture; where imagecodecs is not installed, by Pillow."""
    # Five times quicker than the usual level 6, for files that are 7 % larger.
    level = 2
    try:
        from imagecodecs import png_encode
    except ModuleNotFoundError:
        from PIL import Image

        packed = BytesIO()
        Image.fromarray(data).save(packed, format="PNG", compress_level=level)
        return packed.getvalue()
    return bytes(png_encode(data, level=level))
