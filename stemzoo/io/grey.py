"""From what a decoder returns to one grey frame; what is refused on the way."""

from collections.abc import Iterable

import numpy as np


class Refusal(Exception):
    """A file that is intact but not usable: expected, received, next step."""

    def __init__(self, expected: str, received: str, step: str) -> None:
        super().__init__(f"expected {expected}. Received: {received}. {step}")


def check_array(shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse what is neither an image nor a stack of real numbers, before it is read.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : dtype
        Its data type.

    Raises
    ------
    Refusal
        If it is no image.
    """
    if dtype.kind not in "buif":
        raise Refusal(
            "real numbers", f"dtype {dtype}", "Save the image as integers or floating point"
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise Refusal(
            "a 2-D image or a 3-D stack with the frames first",
            f"shape {shape}",
            "Save a 2-D array",
        )


def add_frames(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Return the only frame, or the sum of several in 64 bits.

    Parameters
    ----------
    frames : iterable of ndarray of shape (M, N) or (M, N, channels)
        Frames of one size; one at a time is held in memory.

    Returns
    -------
    ndarray of shape (M, N)
        A single frame keeps its data type; sums are int64 or float64.

    Raises
    ------
    Refusal
        If a frame is not grey.

    Examples
    --------
    >>> add_frames([np.full((2, 2), 200, np.uint8)] * 2)
    array([[400, 400],
           [400, 400]])
    """
    grey = (grey_frame(frame) for frame in frames)
    total = next(grey)
    for number, frame in enumerate(grey):
        if number == 0:
            wide = np.float64 if total.dtype.kind == "f" else np.int64
            total = total.astype(np.result_type(total.dtype, wide))
        total += frame
    return total


def grey_frame(pixels: np.ndarray) -> np.ndarray:
    """Return one frame as a contiguous 2-D array in the byte order of the machine.

    Parameters
    ----------
    pixels : ndarray of shape (M, N) or (M, N, channels)
        What a decoder returned.

    Returns
    -------
    ndarray of shape (M, N)
        The grey levels; bool becomes uint8.

    Raises
    ------
    Refusal
        If the channels differ, or there is nothing but NaN.

    Examples
    --------
    >>> grey_frame(np.ones((64, 80, 3), np.uint8)).shape
    (64, 80)
    """
    check_array(pixels.shape, pixels.dtype)
    if isinstance(pixels, np.memmap):
        pixels = np.array(pixels)
    if pixels.ndim == 3:
        channels = pixels.shape[2]
        colours, alpha = np.split(pixels, [3 if channels > 2 else 1], axis=2)
        if channels > 4 or (colours != colours[..., :1]).any() or (alpha != alpha[:1, :1]).any():
            raise Refusal(
                "a grey image",
                f"{channels} channels that differ from each other",
                "Save it as grey levels, without a coloured scale bar (a stack: as grey frames)",
            )
        pixels = pixels[..., 0]
    native = np.dtype(np.uint8) if pixels.dtype == bool else pixels.dtype.newbyteorder("=")
    grey = np.ascontiguousarray(pixels, dtype=native)
    # Row by row: the first one tells, mostly, and nothing of the image's size is made.
    if grey.dtype.kind == "f" and all(np.isnan(row).all() for row in grey):
        raise Refusal("an image", "nothing but NaN", "Look at how the file was exported")
    return grey


def check_signature(payload: bytes, signature: bytes, kind: str) -> None:
    """Refuse a file whose first bytes are not those of its format.

    Parameters
    ----------
    payload : bytes
        The file.
    signature : bytes
        What files of the format begin with.
    kind : str
        Name of the format.

    Raises
    ------
    Refusal
        If it begins with something else.
    """
    if not payload.startswith(signature):
        raise Refusal(
            f"a {kind} file",
            f"a file that begins with {payload[:8]!r}",
            "Give the file the suffix of its real format, or save the image again",
        )
