"""Filter images in Fourier space without one edge reaching the other."""

import numpy as np
from scipy import fft

MARGIN = 48  # [px]


def with_margins(image: np.ndarray) -> np.ndarray:
    """Add mirrored margins: Fourier filters wrap around.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Any.

    Returns
    -------
    ndarray of shape (M + 96, N + 96)
    """
    return np.pad(image, MARGIN, mode="symmetric")


def frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies of half the spectrum of an image.

    Parameters
    ----------
    shape : tuple of int
        Of the image, with its margins.

    Returns
    -------
    y, x : ndarray of shape (M, 1), (1, N // 2 + 1)
        Along rows and columns [1/px].

    Examples
    --------
    >>> y, x = frequencies((4, 4))
    >>> y.ravel().tolist(), x.ravel().tolist()
    ([0.0, 0.25, -0.5, -0.25], [0.0, 0.25, 0.5])
    """
    return fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None]


def filter_and_crop(padded: np.ndarray, transfer: np.ndarray) -> np.ndarray:
    """Filter an image in Fourier space and cut off its margins.

    Parameters
    ----------
    padded : ndarray of shape (M, N)
        An image with margins.
    transfer : ndarray of shape (M, N // 2 + 1)
        At `frequencies` of that shape.

    Returns
    -------
    ndarray of shape (M - 96, N - 96)
    """
    filtered = fft.irfft2(fft.rfft2(padded) * transfer, s=padded.shape)
    return filtered[MARGIN:-MARGIN, MARGIN:-MARGIN]
