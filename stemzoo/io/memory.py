"""One budget of memory for everything that is done to one image."""

import numpy as np

from stemzoo.io.grey import Refusal, check_array
from stemzoo.io.stacks import Stack

# Peak of the arrays that one image may take [bytes]: with the 0.7 GB that TensorFlow takes, a call
# stays below 3 GB.
BUDGET = 2**31

# No compression of a real image comes near this; damaged headers and decompression bombs do.
MAX_EXPANSION = 10_000


def check_memory(name: object, needed: int, what: str, step: str = "Crop the image") -> None:
    """Refuse work on an image that would take more memory than the budget, before it is begun.

    Parameters
    ----------
    name : path or str
        The image, for the message.
    needed : int
        Peak of the arrays that the work takes [bytes].
    what : str
        What takes so much, for the message: "11850 x 11850 px at 20.74 pm".
    step : str
        What else to do, without a full stop.

    Raises
    ------
    ValueError
        If it is more than `BUDGET`.

    Examples
    --------
    >>> check_memory("scan.tif", 2**30, "16384 x 16384 px of float32")
    """
    if needed > BUDGET:
        raise ValueError(f"{name}: {_too_large(needed, what, step)}.")


def _too_large(needed: int, what: str, step: str) -> Refusal:
    return Refusal(
        f"an image that needs at most {BUDGET / 1e9:.1f} GB of memory",
        f"{what}, which needs {needed / 1e9:.1f} GB",
        step,
    )


def check_stack(stack: Stack, frames: int, file_size: int) -> None:
    """Refuse what a file declares, before any of it is read.

    Parameters
    ----------
    stack : Stack
        Frames that the file declares.
    frames : int
        How many of them are to be read, and added if they are several.
    file_size : int
        Size of the file [bytes].

    Raises
    ------
    Refusal
        If it is no image, is many times larger than the file can hold, or needs more memory than
        the budget.
    """
    check_array(stack.shape, stack.dtype)
    pixels = stack.pixels * stack.count
    if stack.bytes * stack.count > MAX_EXPANSION * file_size:
        raise Refusal(
            "an image that fits into its file",
            f"a file of {file_size} bytes that declares {pixels} pixels",
            "Copy the file once more, or crop the image",
        )
    needed = stack.peak(frames)
    if needed > BUDGET:
        count = f"{frames} frames of " if frames > 1 else ""
        size = " x ".join(map(str, stack.shape))
        what = f"{count}{size} px of {np.dtype(stack.dtype).name}"
        step = "Choose one frame" if frames > 1 else "Crop the image, or save it as a smaller type"
        if needed - stack.overhead <= BUDGET / 2:
            what += ", unpacked together with more of the file"
            step = "Save the image alone as TIFF"
        raise _too_large(needed, what, step)
