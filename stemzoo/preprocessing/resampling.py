"""Pixels of another size."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

# Pixel size of images for networks that were not told another [Å/px]: that of the paper's WSe2.
ZOO_SAMPLING = 0.2074

# Pixels beside an image in which splines go on, as `scipy.ndimage` has it, and how many are made at
# once, so that they stay in the processor's cache.
_SPLINE_MARGIN, _AT_ONCE = 12, 2**15
# Pixels around a part of an image beyond which splines no longer reach: 0.27^40 of a value.
_SPLINE_REACH = 40


def average_blocks(image: np.ndarray, block: int, dtype: type = np.float64) -> np.ndarray:
    """Average square blocks of pixels.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N)
        Image.
    block : int
        Edge of a block [px]; what is left at the bottom and right is left out.
    dtype : type
        Of the means.

    Returns
    -------
    ndarray of shape (M // block, N // block)

    Examples
    --------
    >>> average_blocks(np.arange(12).reshape(3, 4), 2).tolist()
    [[2.5, 4.5]]
    """
    rows, columns = (n // block for n in image.shape)
    parts = image[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return parts.mean(axis=(1, 3), dtype=dtype)


def resample(
    image: np.ndarray, sampling: float, target: float, *, rows: tuple[int, int] | None = None
) -> np.ndarray:
    """Change the pixel size of an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image; pixel (r, c) shows the point (r, c) · sampling.
    sampling, target : float
        Pixel size before and after [Å/px].
    rows : pair of int, optional
        First row of the result, and the row after its last, if only a part of it is wanted.

    Returns
    -------
    ndarray of float32
        Pixel (r, c) shows the point (r, c) · target. A Gaussian first takes away what the coarser
        grid cannot hold; values in between are cubic splines.

    Examples
    --------
    >>> resample(np.ones((100, 50)), 0.1, 0.2).shape
    (50, 25)
    """
    factor = target / sampling
    first, last = rows or (0, resampled_shape(image.shape, sampling, target)[0])
    # Spare the interpolation where no pixel would move by more than a tenth of a pixel.
    if _is_same(image.shape, factor):
        return np.asarray(image[first:last], dtype=np.float32)
    sigma = 0.5 * np.sqrt(factor**2 - 1) if factor > 1 else 0.0
    reach = int(np.ceil(4 * sigma)) + _SPLINE_REACH
    top = 0 if rows is None else max(int(first * factor) - reach, 0)
    bottom = len(image) if rows is None else int(np.ceil(last * factor)) + reach
    values = np.asarray(image[top:bottom], dtype=np.float32)
    if 4 * sigma >= 0.5:  # a narrower Gaussian is cut to its middle pixel
        values = ndimage.gaussian_filter(values, sigma, mode="nearest")
    columns = resampled_shape(image.shape, sampling, target)[1]
    return _spline(values, np.arange(first, last) * factor - top, np.arange(columns) * factor)


def _spline(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cubic splines at the crossings of some rows and columns [px], as float32.

    As `scipy.ndimage.affine_transform` of order 3 and mode "nearest", in half the time: rows and
    columns by themselves.
    """
    padded = np.pad(values, _SPLINE_MARGIN, mode="edge")
    knots = ndimage.spline_filter(padded, 3, output=np.float64, mode="nearest")
    del padded
    along, across = (
        _spline_weights(np.clip(places, 0, n - 1) + _SPLINE_MARGIN)
        for places, n in zip((rows, columns), values.shape, strict=True)
    )
    found = np.empty((len(rows), len(columns)), np.float32)
    step = max(_AT_ONCE // max(knots.shape[1], len(columns)), 1)
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        lines = sum(weight[some, None] * knots[at[some]] for at, weight in along)
        found[some] = sum(weight * lines[:, at] for at, weight in across)
    return found


def _spline_weights(places: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Four neighbours of each place (K,), and what a cubic B-spline makes of them."""
    low = np.floor(places).astype(int)
    t = places - low
    u = 1 - t
    weights = (u**3, t * t * (t - 2) * 3 + 4, u * u * (u - 2) * 3 + 4, t**3)
    return [(low + k - 1, weight / 6) for k, weight in enumerate(weights)]


def resampled_shape(shape: tuple[int, int], sampling: float, target: float) -> tuple[int, int]:
    """Return the shape of what `resample` returns.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image (M, N).
    sampling, target : float
        Pixel size before and after [Å/px].

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> resampled_shape((100, 50), 0.1, 0.2)
    (50, 25)
    """
    factor = target / sampling
    if _is_same(shape, factor):
        return shape
    rows, columns = (max(int(np.floor((n - 1) / factor + 1e-6)) + 1, 1) for n in shape)
    return rows, columns


def resampling_memory(shape: tuple[int, int], sampling: float, target: float) -> int:
    """Return what `resample` takes in memory at most, its result included.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image (M, N).
    sampling, target : float
        Pixel size before and after [Å/px].

    Returns
    -------
    int
        Peak [bytes], without the image that is given.

    Examples
    --------
    >>> resampling_memory((100, 50), 0.1, 0.2)
    155112
    """
    rows, columns = resampled_shape(shape, sampling, target)
    # As float32, and smoothed; SciPy widens it by 12 px and takes splines of float64.
    wide = (shape[0] + 24) * (shape[1] + 24)
    return 4 * rows * columns + 8 * shape[0] * shape[1] + 12 * wide


def _is_same(shape: Sequence[int], factor: float) -> bool:
    return abs(factor - 1) * max(shape) < 0.1
