"""Power spectra of images: windows, tiles, rings, Fourier filters."""

from itertools import product

import numpy as np
from scipy import fft

MARGIN = 48  # [px]
TILE = 256  # [px]
SPOT = 2.5  # radius of a spot [bins of a tile]
POWER_FLOOR = 1e-12


def hann_window(n: int) -> np.ndarray:
    """Return a Hann window without its two zeros.

    Parameters
    ----------
    n : int
        Number of pixels.

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> hann_window(3).round(3).tolist()
    [0.5, 1.0, 0.5]
    """
    return np.hanning(n + 2)[1:-1]


def tile_starts(length: int, edge: int, count: int) -> np.ndarray:
    """Return the first pixels of tiles that are spread evenly from end to end.

    Parameters
    ----------
    length : int
        Of the image along one axis [px].
    edge : int
        Of a tile, not more than that [px].
    count : int
        Number of tiles; one if less than that.

    Returns
    -------
    ndarray of int, shape (count,)

    Examples
    --------
    >>> tile_starts(512, 256, 3).tolist()
    [0, 128, 256]
    """
    return np.rint(np.linspace(0, length - edge, max(count, 1))).astype(int)


def windowed_power(image: np.ndarray, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the power spectrum of the standardised, Hann-windowed image, its centre in the middle.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Mean and standard deviation are taken out, so brightness and contrast have no effect.
    shape : tuple of int, optional
        Zero-pad to this shape (P, Q).

    Returns
    -------
    ndarray of shape (M, N) or (P, Q)
        abs(FT(w x))² / sum(w²): white noise has a mean of 1 whatever the size of the image.
    """
    x = np.asarray(image, dtype=np.float64)
    x = x - x.mean()
    x /= x.std() or 1.0
    rows, columns = (hann_window(n) for n in x.shape)
    spectrum = fft.fft2((x * rows[:, None] * columns).astype(np.float32), s=shape)
    power = (spectrum.real**2 + spectrum.imag**2) / ((rows**2).sum() * (columns**2).sum())
    return fft.fftshift(power)


def with_margins(image: np.ndarray) -> np.ndarray:
    """Add mirrored margins: Fourier filters wrap around.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least 48 px a side.

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


def tile_power(image: np.ndarray) -> np.ndarray:
    """Return the mean power of tiles that overlap by half.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values; one tile where it is smaller than 256 px.

    Returns
    -------
    ndarray of shape (256, 256)
        Mean 1 for white noise of variance 1; zero frequency in the middle.
    """
    edge = min(TILE, *image.shape)
    starts = (tile_starts(n, edge, 2 * n // edge - 1) for n in image.shape)
    tiles = [image[r : r + edge, c : c + edge] for r, c in product(*starts)]
    # `windowed_power` is in units of the variance.
    powers = [windowed_power(tile, (TILE, TILE)) * tile.var() for tile in tiles]
    return np.mean(powers, axis=0)


def log_power_spectrum(image: np.ndarray) -> np.ndarray:
    """Return log10 of the power spectrum, zero frequency at ``[M // 2, N // 2]``.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values that are not all equal.

    Returns
    -------
    ndarray of shape (M, N)
        0 is the level of white noise; cut off at -12.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, not finite, or constant.

    Examples
    --------
    >>> log_power_spectrum(np.eye(8)).shape
    (8, 8)
    """
    return np.log10(np.maximum(image_power(image), POWER_FLOOR))


def radial_power_spectrum(
    image: np.ndarray, sampling: float, *, bins: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Average the power spectrum over rings, up to the Nyquist frequency.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values that are not all equal.
    sampling : float
        Pixel size [Å/px].
    bins : int, optional
        Number of rings, of equal width; half the shorter side by default, and at most.

    Returns
    -------
    frequency : ndarray of shape (bins,)
        Middle of each ring [1/Å].
    log_power : ndarray of shape (bins,)
        log10 of the mean power in each ring (zero frequency left out).

    Raises
    ------
    ValueError
        If the image, the sampling or the number of bins is not usable.

    Examples
    --------
    >>> frequency, power = radial_power_spectrum(np.eye(64), 0.1, bins=5)
    >>> frequency
    array([0.5, 1.5, 2.5, 3.5, 4.5])
    """
    power = image_power(image)
    check_sampling(sampling)
    most = min(power.shape) // 2
    bins = most if bins is None else bins
    if not 1 <= bins <= most:
        raise ValueError(f"Expected 1 to {most} bins for this image. Received: bins={bins}")
    frequency = np.hypot(*centred_frequencies(power.shape))
    ring = np.floor(frequency * 2 * bins).astype(int)
    use = (ring < bins) & (frequency > 0)
    count = np.bincount(ring[use], minlength=bins)
    mean = np.bincount(ring[use], power[use], minlength=bins) / count
    middle = (np.arange(bins) + 0.5) / (2 * bins * sampling)
    return middle, np.log10(np.maximum(mean, POWER_FLOOR))


def image_power(image: np.ndarray) -> np.ndarray:
    """Return the power spectrum of a checked image, see `windowed_power`.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Any real type.

    Returns
    -------
    ndarray of shape (M, N)

    Raises
    ------
    ValueError
        If the image is not two-dimensional, not finite, or constant.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(f"Expected one image of shape (M, N). Received: shape {image.shape}")
    image = image.astype(np.float64)
    if not np.isfinite(image).all() or np.ptp(image) == 0:
        raise ValueError(
            "Expected finite pixels that are not all equal. "
            f"Received: minimum {image.min()}, maximum {image.max()}"
        )
    return windowed_power(image)


def centred_frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the frequencies of a spectrum with its zero frequency in the middle.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image [px].

    Returns
    -------
    y, x : ndarray of shape (M, 1), (1, N)
        Along rows and columns [1/px].
    """
    rows, columns = (fft.fftshift(fft.fftfreq(n)) for n in shape)
    return rows[:, None], columns[None]


def check_sampling(sampling: float) -> None:
    """Raise a ValueError unless a pixel size [Å/px] is finite and positive."""
    if not (np.isfinite(sampling) and sampling > 0):
        raise ValueError(f"Expected a sampling above 0 Å/px. Received: sampling={sampling}")
