"""What users hand over as an image: arrays, files, and the images of other programs."""

import os
from typing import Any

import numpy as np

from stemzoo.io.images import Image, read_image
from stemzoo.io.signals import data_array_pixels, is_data_array, is_signal, signal_pixels


def as_image(image: Any) -> Image:
    """Return an image with what is known of it.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N), Image, path, signal of HyperSpy, or DataArray
        A path is read. Scale and units of a signal's axes, or of the coordinates of an array of
        xarray, are its pixel size. Arrays of dask are computed.

    Returns
    -------
    Image

    Raises
    ------
    ValueError, OSError
        As `read_image` does, of a path.

    Examples
    --------
    >>> as_image(np.eye(64)).sampling is None
    True
    """
    if isinstance(image, Image):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(os.fspath(image))
    if is_signal(image):
        data, sampling = signal_pixels(image)
        return Image(data, sampling, None if sampling is None else "HyperSpy")
    if is_data_array(image):
        data, sampling = data_array_pixels(image)
        return Image(data, sampling, None if sampling is None else "xarray")
    return Image(np.asanyarray(image))


def image_list(images: Any) -> list[np.ndarray | Image]:
    """Return one image, or several, as a list.

    Parameters
    ----------
    images : ndarray of shape (M, N), Image, or sequence of these
        One image, or several; all else that `as_image` takes becomes an `Image` each.

    Returns
    -------
    list of ndarray or Image

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> len(image_list(np.eye(64))), len(image_list([np.eye(64), np.eye(80)]))
    (1, 2)
    """
    one = isinstance(images, Image | str | os.PathLike) or is_signal(images)
    if one or getattr(images, "ndim", None) == 2:
        return [_as_known(images)]
    found = [_as_known(image) for image in images]
    if not found:
        raise ValueError("Expected one image or more. Received: none")
    return found


def _as_known(image: Any) -> np.ndarray | Image:
    """Return an array as it is, all else as an image."""
    return image if isinstance(image, np.ndarray) else as_image(image)
