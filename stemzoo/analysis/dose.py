"""How many electrons a pixel counted, from how its noise grows with its brightness."""

import numpy as np
from scipy import ndimage

# Takes smooth content away and leaves white noise with its variance (Immerkaer).
_NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6.0
# Standard deviation of the window in which brightness and noise are averaged [px].
_WINDOW = 1.5
# Classes of brightness, and fewest pixels of an image.
_CLASSES, _LEAST = 12, 64 * 64
# Of white noise after that filter: correlation of neighbours, and of pixels two apart.
_LAGS = ((1, -2 / 3), (2, 1 / 6))
# Standard errors by which noise may depart from that, and least ratio of the slope to its error.
_SHARED, _SURE = 3.0, 8.0


def detected_electrons(image: np.ndarray) -> float | None:
    """Estimate the electrons that a pixel counted on average.

    Noise of counting grows with the signal: its variance is the gain times the signal above black.
    The slope is the gain, whatever the black level, and the variance at the mean by the square of
    the gain is the count.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Grey levels that are linear in the signal; NaN are left out.

    Returns
    -------
    float or None
        Electrons per pixel, mostly within a factor of 1.6; noise of the detector is taken for noise
        of counting, so that r electrons of it add r². None where it cannot be told: neighbouring
        pixels share their noise (registered, smoothed or resampled frames), or noise does not grow
        with brightness.

    References
    ----------
    Photon transfer: J. R. Janesick, Photon Transfer, SPIE Press (2007). Noise of an image with
    content: J. Immerkær, Comput. Vis. Image Underst. 64, 300 (1996).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> signal = 60 + 30 * np.sin(np.arange(300) / 4)
    >>> counts = rng.poisson(np.broadcast_to(signal, (300, 300)))
    >>> 45 < detected_electrons(7.0 * counts + 500) < 75
    True
    """
    image = np.asarray(image, dtype=np.float64)
    if not np.isfinite(image).all():
        image = np.where(np.isfinite(image), image, np.nanmean(image))
    if image.size < _LEAST or np.ptp(image) == 0:
        return None
    noise = ndimage.convolve(image, _NOISE, mode="reflect")
    if not _is_white(noise):
        return None
    near = ndimage.gaussian_filter(noise**2, _WINDOW)
    level = ndimage.gaussian_filter(image, _WINDOW)
    ends = np.quantile(level, np.linspace(0.02, 0.98, _CLASSES + 1))
    which = np.digitize(level, ends) - 1
    own = [which == k for k in range(_CLASSES)]
    if min(np.count_nonzero(part) for part in own) < 50:
        return None
    levels = np.array([level[part].mean() for part in own])
    values = np.array([near[part].mean() for part in own])
    (slope, start), covariance = np.polyfit(levels, values, 1, cov=True)
    if not slope > _SURE * np.sqrt(covariance[0, 0]):
        return None
    return float((slope * image.mean() + start) / slope**2)


def _is_white(noise: np.ndarray) -> bool:
    """Whether neighbours of filtered noise (M, N) share no more of it than the filter makes."""
    power = (noise**2).mean()
    for lag, expected in _LAGS:
        for one, other in ((noise[lag:], noise[:-lag]), (noise[:, lag:], noise[:, :-lag])):
            if abs((one * other).mean() / power - expected) > _SHARED / np.sqrt(noise.size):
                return False
    return True
