"""What software does to a recorded image before it is saved."""

import numpy as np
from scipy import fft, ndimage


def median(image: np.ndarray, size: float) -> np.ndarray:
    """Take the median around each pixel.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    size : float
        Edge of the window [px], rounded to an odd number; below 2 nothing is changed.

    Returns
    -------
    ndarray of shape (M, N)

    Examples
    --------
    >>> median(np.array([[1.0, 1, 1], [1, 9, 1], [1, 1, 1]]), 3.0)[1, 1].item()
    1.0
    """
    edge = 2 * round((size - 1) / 2) + 1
    return ndimage.median_filter(image, edge, mode="nearest") if size >= 2 else image


def sharpen(image: np.ndarray, strength: float, width: float = 2.0) -> np.ndarray:
    """Add to an image what it has more than itself smoothed: an unsharp mask.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    strength : float
        How often the difference is added; at or below 0 nothing is changed.
    width : float
        Standard deviation of the Gaussian that smooths [px].

    Returns
    -------
    ndarray of shape (M, N)

    Examples
    --------
    >>> step = np.array([[0.0, 0, 0, 1, 1, 1]])
    >>> bool(sharpen(step, 1.0).max() > 1)
    True
    """
    if strength <= 0:
        return image
    return image + strength * (image - ndimage.gaussian_filter(image, width, mode="nearest"))


def flatten(image: np.ndarray, width: float) -> np.ndarray:
    """Subtract the slow background.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    width : float
        Standard deviation of the Gaussian that makes the background [px]; at or below 0 nothing is
        changed.

    Returns
    -------
    ndarray of shape (M, N)
        With the mean of the image.

    Examples
    --------
    >>> ramp = np.arange(12.0)[None].repeat(12, 0)
    >>> bool(flatten(ramp, 2.0).std() < ramp.std() / 2)
    True
    """
    if width <= 0:
        return image
    background = ndimage.gaussian_filter(image, width, mode="nearest")
    return image - background + background.mean()


def wiener(image: np.ndarray, strength: float) -> np.ndarray:
    """Weigh each spatial frequency by its signal over signal and noise.

    Power of the noise is that between 0.35 and 0.5 cycles per pixel, power of the image that of the
    spectrum smoothed over some frequencies, so that reflections of a lattice pass.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    strength : float
        Factor on the power of the noise; at or below 0 nothing is changed.

    Returns
    -------
    ndarray of shape (M, N)

    References
    ----------
    R. Kilaas, J. Microsc. 190, 45 (1998): Wiener filters of images of crystals.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> bool(wiener(noise, 1.0).std() < noise.std())
    True
    """
    if strength <= 0:
        return image
    spectrum = fft.rfft2(image)
    frequency = np.hypot(
        *np.meshgrid(fft.fftfreq(len(image)), fft.rfftfreq(image.shape[1]), indexing="ij")
    )
    power = np.abs(spectrum) ** 2
    noise = strength * power[(frequency > 0.35) & (frequency < 0.5)].mean()
    smooth = ndimage.uniform_filter(power, 3, mode="wrap")
    weight = np.clip(smooth - noise, 0, None) / np.maximum(smooth, np.finfo(float).tiny)
    weight[0, 0] = 1.0
    return fft.irfft2(spectrum * weight, s=image.shape)


def butterworth(image: np.ndarray, cutoff: float, order: int = 4) -> np.ndarray:
    """Pass what is coarser than a frequency, by a Butterworth filter.

    A frequency k keeps the part 1 / (1 + (k / cutoff)^(2 order)) of its amplitude.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    cutoff : float
        Frequency of which half is left [cycles/px]; at or below 0 nothing is changed.
    order : int
        How steep the filter is.

    Returns
    -------
    ndarray of shape (M, N)

    References
    ----------
    R. C. Gonzalez, R. E. Woods, Digital Image Processing, 3rd ed., Pearson 2008, sec. 4.8, whose
    squared filter this is.

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(64) / 4)[None].repeat(64, 0)
    >>> round(float(butterworth(wave, 0.25)[0, 0]), 6)
    0.5
    """
    if cutoff <= 0:
        return image
    frequency = np.hypot(fft.fftfreq(len(image))[:, None], fft.rfftfreq(image.shape[1])[None, :])
    passed = 1 / (1 + (frequency / cutoff) ** (2 * order))
    return fft.irfft2(fft.rfft2(image) * passed, s=image.shape)


def jpeg(image: np.ndarray, quality: float) -> np.ndarray:
    """Save an image as JPEG and read it.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N)
        Image.
    quality : float
        1 to 100, rounded, as libjpeg has it; at or below 0 nothing is changed.

    Returns
    -------
    ndarray of uint8, shape (M, N)

    Raises
    ------
    ValueError
        If the image is none of 8 bits.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    >>> bool((jpeg(noise, 50.0) != noise).any())
    True
    """
    if quality <= 0:
        return image
    if image.dtype != np.uint8:
        raise ValueError(f"Expected an image of 8 bits, as JPEG holds. Received: {image.dtype}")
    from imagecodecs import jpeg8_decode, jpeg8_encode

    return jpeg8_decode(jpeg8_encode(image, level=min(max(round(quality), 1), 100)))
