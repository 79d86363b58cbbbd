"""From what a decoder returns to one grey frame; what is refused on the way."""

import numpy as np

MAX_PIXELS = 2**31

# No compression of a real image comes near this; damaged headers and decompression bombs do.
MAX_EXPANSION = 10_000


class Refusal(Exception):
    """A file that is intact but not usable: expected, received, next step."""

    def __init__(self, expected: str, received: str, step: str):
        super().__init__(f"expected {expected}. Received: {received}. {step}")


def check_array(shape, dtype):
    """Refuse what is neither an image nor a stack of real numbers."""
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


def add_frames(frames) -> np.ndarray:
    """Return the only frame, or the sum of several in 64 bits."""
    grey = (_grey(frame) for frame in frames)
    total = next(grey)
    for number, frame in enumerate(grey):
        if number == 0:
            wide = np.float64 if total.dtype.kind == "f" else np.int64
            total = total.astype(np.result_type(total.dtype, wide))
        total += frame
    return total


def _grey(pixels) -> np.ndarray:
    """Return one frame as a contiguous 2-D array in the byte order of the machine."""
    check_array(pixels.shape, pixels.dtype)
    if isinstance(pixels, np.memmap):
        pixels = np.array(pixels)
    if pixels.ndim == 3:
        pixels = _one_channel(pixels)
    native = np.dtype(np.uint8) if pixels.dtype == bool else pixels.dtype.newbyteorder("=")
    grey = np.ascontiguousarray(pixels, dtype=native)
    if grey.dtype.kind == "f" and np.isnan(grey).all():
        raise Refusal("an image", "nothing but NaN", "Look at how the file was exported")
    return grey


def _one_channel(pixels):
    """Return the grey channel of pixels of shape (M, N, channels)."""
    channels = pixels.shape[2]
    colours, alpha = np.split(pixels, [3 if channels > 2 else 1], axis=2)
    if channels > 4 or (colours != colours[..., :1]).any() or (alpha != alpha[:1, :1]).any():
        raise Refusal(
            "a grey image",
            f"{channels} channels that differ from each other",
            "Save it as grey levels, without a coloured scale bar (a stack: as grey frames)",
        )
    return pixels[..., 0]


def check_size(path, pixels, dtype):
    """Refuse a declared size before memory is taken for it."""
    size = path.stat().st_size
    if not 0 < pixels <= MAX_PIXELS or pixels * dtype.itemsize > MAX_EXPANSION * size:
        raise Refusal(
            f"1 to {MAX_PIXELS} pixels",
            f"a file of {size} bytes that declares {pixels} pixels",
            "Copy the file once more, or crop the image",
        )
