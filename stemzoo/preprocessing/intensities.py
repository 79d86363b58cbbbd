"""The intensities of images as networks see them."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import ndtri

# Contract of the package: intensities further from the mean than this saturate.
N_SIGMA = 3.5


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
