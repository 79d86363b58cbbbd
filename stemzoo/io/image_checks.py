"""What an image must be so that it can be analysed."""

from pathlib import Path

import numpy as np

# Smallest edge of an image [px]: fewer hold too few unit cells to tell their spots from haze.
MIN_SIDE = 64
_CHECKED = 2**24  # pixels that are looked at together for NaN


def check_shape(data: np.ndarray, name: str | Path) -> None:
    """Check that an image has a shape that can be analysed.

    Parameters
    ----------
    data : ndarray
        The image.
    name : str or Path
        Its name, for the message.

    Raises
    ------
    ValueError
        If it is not 2-D, or smaller than 64 pixels on a side.

    Examples
    --------
    >>> check_shape(np.eye(64), "identity")
    """
    shape = np.shape(data)
    if len(shape) != 2:
        raise ValueError(
            f"{name}: expected a 2-D image. Received: shape {shape}. Choose one frame."
        )
    if min(shape) < MIN_SIDE:
        raise ValueError(
            f"{name}: expected at least {MIN_SIDE} px on each side. Received: "
            f"{shape[0]} x {shape[1]} px. Use a larger image."
        )


def check_image(data: np.ndarray, name: str | Path) -> None:
    """Check that an image can be analysed.

    Parameters
    ----------
    data : ndarray
        The image.
    name : str or Path
        Its name, for the message.

    Raises
    ------
    ValueError
        If it is not 2-D, smaller than 64 pixels on a side, constant, or holds NaN or Inf.

    Examples
    --------
    >>> check_image(np.eye(64), "identity")
    """
    check_shape(data, name)
    data = np.asarray(data)
    # By rows: a mask of all pixels is much beside a large image.
    parts = np.array_split(data, -(-data.size // _CHECKED), axis=0)
    bad = data.size - sum(np.count_nonzero(np.isfinite(part)) for part in parts)
    if bad:
        raise ValueError(
            f"{name}: expected finite values. Received: {bad} of {data.size} pixels NaN or Inf. "
            "Crop the image, or fill them (for example with numpy.nan_to_num)."
        )
    if data.min() == data.max():
        raise ValueError(
            f"{name}: expected an image with contrast. Received: {data.min()} in every pixel. "
            "Look at how the file was exported."
        )
