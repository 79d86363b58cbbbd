"""What every image goes through before a network sees it, in training and in use."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage
from scipy.special import ndtri

# Contract of the package: intensities further from the mean than this saturate.
N_SIGMA = 3.5
# Pixel size of images for networks that were not told another [Å/px]: that of the paper's WSe2.
ZOO_SAMPLING = 0.2074


def _spread(
    image: np.ndarray, n_sigma: float, measured: np.ndarray | None
) -> tuple[np.ndarray, float, float]:
    """Return an image as float32, its mean, and n_sigma of its standard deviations."""
    values = np.asarray(image, dtype=np.float32)
    counted = values if measured is None or measured.all() else values[measured]
    if measured is not None and not counted.size:
        raise ValueError("Expected at least one measured pixel. Received: none")
    return values, counted.mean(dtype=np.float64), n_sigma * counted.std(dtype=np.float64)


def saturate(
    image: np.ndarray, n_sigma: float = N_SIGMA, *, measured: np.ndarray | None = None
) -> np.ndarray:
    """Clip intensities that lie further from the mean than `n_sigma` standard deviations.

    Parameters
    ----------
    image : ndarray of shape (..., M, N)
        One image, or a group that shares mean and standard deviation.
    n_sigma : float
        Number of standard deviations.
    measured : ndarray of bool, optional
        Of the same shape: pixels that mean and standard deviation are taken of, where not all are
        (see `stemzoo.analysis.crystal_mask`).

    Returns
    -------
    ndarray of float32
        Same shape.

    Raises
    ------
    ValueError
        If no pixel is measured.
    """
    values, mean, reach = _spread(image, n_sigma, measured)
    return np.clip(values, np.float32(mean - reach), np.float32(mean + reach))


def rescale(
    image: np.ndarray,
    n_sigma: float = N_SIGMA,
    *,
    measured: np.ndarray | None = None,
    scale: tuple[float, float] | None = None,
) -> np.ndarray:
    """Saturate, then map mean ± n_sigma standard deviations linearly to [-1, 1].

    The ends of the scale come from mean and standard deviation, not from the extreme pixels, so
    that one hot pixel does not change the contrast of the rest.

    Parameters
    ----------
    image : ndarray of shape (..., M, N)
        One image, or a group that shares mean and standard deviation.
    n_sigma : float
        Number of standard deviations.
    measured : ndarray of bool, optional
        Of the same shape: pixels that mean and standard deviation are taken of, where not all are
        (see `stemzoo.analysis.crystal_mask`).
    scale : pair of float, optional
        Mean and `n_sigma` standard deviations of the image that this is a part of, see
        `scale_of_parts`.

    Returns
    -------
    ndarray of float32
        Same shape; zeros for a constant image.

    Raises
    ------
    ValueError
        If no pixel is measured.

    Examples
    --------
    >>> float(np.abs(rescale(np.arange(100.0).reshape(10, 10))).max()) <= 1
    True
    """
    if scale is None:
        values, mean, reach = _spread(image, n_sigma, measured)
    else:
        values, (mean, reach) = np.asarray(image, dtype=np.float32), scale
    if not reach > 0:
        return np.zeros_like(values)
    scaled = (values - np.float32(mean)) * np.float32(1 / reach)
    return np.clip(scaled, -1.0, 1.0, out=scaled)


def scale_of_parts(parts: Iterable[np.ndarray], n_sigma: float = N_SIGMA) -> tuple[float, float]:
    """Return the scale of an image that comes in parts, for `rescale`.

    Parameters
    ----------
    parts : iterable of ndarray
        Its pixels, each once.
    n_sigma : float
        Number of standard deviations.

    Returns
    -------
    mean, reach : float
        Mean, and `n_sigma` standard deviations.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, The American Statistician 37, 242 (1983), equation 2.1.

    Examples
    --------
    >>> scale_of_parts([np.array([1.0, 2.0]), np.array([3.0, 6.0])], 1.0)
    (3.0, 1.8708286933869707)
    """
    count, mean, squares = 0, 0.0, 0.0
    for part in parts:
        _, of_part, deviation = _spread(part, 1.0, None)
        away = of_part - mean
        squares += part.size * (deviation**2 + away**2 * count / (count + part.size))
        count += part.size
        mean += away * part.size / count
    return float(mean), float(n_sigma * np.sqrt(squares / count))


def normal_scores(image: np.ndarray, *, measured: np.ndarray | None = None) -> np.ndarray:
    """Give each pixel the value of a normal distribution that has its rank.

    What is measured then does not depend on the response of the detector, as long as that rises.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    measured : ndarray of bool, optional
        Of the same shape: pixels among which ranks are taken, where not all are; the others get
        the values that these would have there.

    Returns
    -------
    ndarray of float64
        Same shape; equal pixels stay equal.

    Examples
    --------
    >>> normal_scores(np.array([[1.0, 4.0, 90.0]])).round(2).tolist()
    [[-0.67, 0.0, 0.67]]
    """
    if measured is not None and not measured.all():
        ordered = np.sort(np.asarray(image)[measured])
        ranks = (np.searchsorted(ordered, image) + np.searchsorted(ordered, image, "right") + 1) / 2
        return ndtri(ranks / (ordered.size + 1))
    from scipy.stats import rankdata  # takes a quarter of a second, which few detectors need

    ranks = rankdata(image, axis=None).reshape(np.shape(image))
    return ndtri(ranks / (ranks.size + 1))


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


# Pixels around a part of an image beyond which splines no longer reach: 0.27^40 of a value.
_SPLINE_REACH = 40


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
    if sigma:
        values = ndimage.gaussian_filter(values, sigma, mode="nearest")
    return ndimage.affine_transform(
        values,
        [factor, factor],
        offset=[first * factor - top, 0.0],
        output_shape=(last - first, resampled_shape(image.shape, sampling, target)[1]),
        order=3,
        mode="nearest",
    )


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


def dihedral(image: np.ndarray, index: int) -> np.ndarray:
    """Rotate or flip an image: one of the 8 symmetries of the square.

    Parameters
    ----------
    image : ndarray of shape (M, N, ...)
        Image; a square one keeps its shape.
    index : int
        0 to 7; k turns by 90° (index % 4), flipped left to right first from 4 on.

    Returns
    -------
    ndarray
        A view.
    """
    flipped = image[:, ::-1] if index >= 4 else image
    return np.rot90(flipped, index % 4)


def dihedral_inverse(image: np.ndarray, index: int) -> np.ndarray:
    """Undo `dihedral` with the same index.

    Parameters
    ----------
    image : ndarray of shape (M, N, ...)
        What `dihedral` returned.
    index : int
        0 to 7.

    Returns
    -------
    ndarray
        A view.
    """
    turned = np.rot90(image, -(index % 4))
    return turned[:, ::-1] if index >= 4 else turned


def random_patch(
    arrays: Sequence[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Cut the same random square out of several arrays, and rotate or flip it at random.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (M, N)
        An image and, for instance, its mask.
    size : int
        Edge of the square [px].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of ndarray of shape (size, size)

    Raises
    ------
    ValueError
        If an array is smaller than the square.
    """
    rows, columns = arrays[0].shape[:2]
    if min(rows, columns) < size:
        raise ValueError(
            f"Patches of {size} px need larger images; choose a smaller patch. Received: an image "
            f"of {rows} x {columns} px"
        )
    top, left = rng.integers(rows - size + 1), rng.integers(columns - size + 1)
    index = int(rng.integers(8))
    return tuple(dihedral(a[top : top + size, left : left + size], index) for a in arrays)


def rescale_group(images: Sequence[np.ndarray], n_sigma: float = N_SIGMA) -> list[np.ndarray]:
    """Saturate and scale images that belong together by one mean and standard deviation.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        For instance all frames of a session; shapes may differ.
    n_sigma : float
        Number of standard deviations.

    Returns
    -------
    list of ndarray of float32
        In [-1, 1]; see `rescale`.

    Raises
    ------
    ValueError
        If the group is empty.
    """
    if not len(images):
        raise ValueError("Expected at least one image. Received: none")
    sizes = [np.asarray(image).reshape(-1) for image in images]
    together = rescale(np.concatenate(sizes), n_sigma)
    ends = np.cumsum([part.size for part in sizes])[:-1]
    return [
        part.reshape(np.shape(image))
        for part, image in zip(np.split(together, ends), images, strict=True)
    ]
