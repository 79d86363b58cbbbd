"""Peaks of the power spectrum of an image, and how surely each is more than noise.

Positions in the spectrum are complex numbers, column frequency + i row frequency [1/px].
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.spectrum import windowed_power

WEAK_PEAK = 5.0  # of the background; noise exceeds it in 0.8 % of all places
SURROUNDINGS = (2, 6, 10)  # [bins]: what is left out, and how far the background is taken from
_LEAST_SHAPE = 256  # [px]: smaller images are padded, so that peaks are sampled finely enough
# The mean power of the surroundings is estimated from about so many independent neighbours.
_NEIGHBOURS = 60


@dataclass(frozen=True, eq=False)
class SpectrumPeaks:
    """Local maxima of half a power spectrum, strongest first.

    Parameters
    ----------
    position : ndarray of complex, shape (P,)
        Column frequency + i row frequency [1/px].
    strength : ndarray of shape (P,)
        Power over the mean power of the surroundings.
    shape : tuple of int
        Shape of the image [px].
    points : ndarray of int, shape (P, 2)
        Nearest points of the spectrum, along rows and columns from its centre.
    sizes : tuple of int
        Points of the spectrum along rows and columns.
    """

    position: np.ndarray
    strength: np.ndarray
    shape: tuple[int, int]
    points: np.ndarray
    sizes: tuple[int, int]

    def bins(self, frequency: np.ndarray) -> np.ndarray:
        """Return the length of frequencies [1/px] in units of the resolution of the spectrum."""
        return np.hypot(frequency.real * self.shape[1], frequency.imag * self.shape[0])

    def within(self, limit: float) -> "SpectrumPeaks":
        """Return the peaks up to a frequency along rows and along columns [1/px]."""
        inside = (abs(self.points) <= _reach(limit, self.sizes)).all(axis=1)
        return replace(
            self,
            position=self.position[inside],
            strength=self.strength[inside],
            points=self.points[inside],
        )


def find_spectrum_peaks(image: np.ndarray, limit: float) -> SpectrumPeaks:
    """Find the peaks of the power spectrum of an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values.
    limit : float
        Highest frequency along rows and along columns [1/px].

    Returns
    -------
    SpectrumPeaks
        Places where the power exceeds that of all neighbours within the resolution, and five times
        that of the surroundings; refined by a parabola along both axes.
    """
    shape = tuple(fft.next_fast_len(max(n, _LEAST_SHAPE)) for n in image.shape)
    padding = tuple(p / n for p, n in zip(shape, image.shape, strict=True))
    power = windowed_power(image, shape)
    least = 1e-9 * power.mean() + np.finfo(np.float32).tiny
    reach = _reach(limit, shape)
    # The background of a peak at the limit is measured beyond it.
    margins = [round(max(SURROUNDINGS) * p) + 1 for p in padding]
    # Bins from the centre; of columns one half, as the other is the same by symmetry.
    rows, columns = (
        np.arange(first - margin, last + margin + 1)
        for first, last, margin in zip((-reach[0], 0), reach, margins, strict=True)
    )
    part = np.ix_(*((n // 2 + bins) % n for n, bins in zip(shape, (rows, columns), strict=True)))
    log_power = np.log(power[part] + least)
    excess = log_power - log_background(log_power, padding)
    size = [2 * round(p) + 1 for p in padding]
    is_peak = ndimage.maximum_filter(log_power, size, mode="wrap") == log_power
    is_peak &= excess > np.log(WEAK_PEAK)
    inner = tuple(slice(margin, -margin) for margin in margins)
    at = tuple(
        index + margin for index, margin in zip(np.nonzero(is_peak[inner]), margins, strict=True)
    )
    points = np.stack([rows[at[0]], columns[at[1]]], axis=1)
    y = points[:, 0] + _vertex_offset(log_power, at)
    x = points[:, 1] + _vertex_offset(log_power.T, at[::-1])
    position = x / shape[1] + 1j * y / shape[0]
    strength = np.exp(excess[at])
    order = np.argsort(-strength)
    return SpectrumPeaks(position[order], strength[order], image.shape, points[order], shape)


def _reach(limit: float, sizes: tuple[int, ...]) -> list[int]:
    """Points of a spectrum up to a frequency [1/px], along rows and columns."""
    return [min(int(np.ceil(limit * n)), n // 2 - 1) for n in sizes]


def log_background(log_power: np.ndarray, padding: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Return the log of the mean power around every point of a spectrum.

    The mean of the log is used, as a few strong spots hardly move it and slopes cancel; it is less
    than the log of the mean by Euler's constant (exponentially distributed power). The highest of
    three: an annulus (2 to 6 bins), a stretch of the row and of the column (2 to 10 bins), so
    that a point of a streak is compared with the streak.

    Parameters
    ----------
    log_power : ndarray of shape (M, N)
        Natural log of a power spectrum, centred or not.
    padding : tuple of float
        Points per bin along rows and columns: padded length over image length.

    Returns
    -------
    ndarray of shape (M, N)
    """

    def surrounding(outer: tuple[int, int], inner: tuple[int, int]) -> np.ndarray:
        sizes = [
            [2 * round(reach * p) + 1 for reach, p in zip(reaches, padding, strict=True)]
            for reaches in (outer, inner)
        ]
        sums = [ndimage.uniform_filter(log_power, s, mode="wrap") * np.prod(s) for s in sizes]
        return (sums[0] - sums[1]) / (np.prod(sizes[0]) - np.prod(sizes[1]))

    near, around, along = SURROUNDINGS
    mean = surrounding((around, around), (near, near))
    np.maximum(mean, surrounding((along, 0), (near, 0)), out=mean)
    np.maximum(mean, surrounding((0, along), (0, near)), out=mean)
    return mean + np.euler_gamma


def _vertex_offset(values: np.ndarray, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Offset (P,) of the vertex of the parabola through three neighbours along the first axis."""
    index, rest = at
    below, here, above = (values[index + step, rest] for step in (-1, 0, 1))
    return (below - above) / (2 * np.minimum(below - 2 * here + above, -1e-9))


def noise_evidence(strength: np.ndarray) -> np.ndarray:
    """Return how unlikely noise makes peaks of some strength.

    Parameters
    ----------
    strength : ndarray of shape (P,) or float
        Power over the mean power of the surroundings.

    Returns
    -------
    ndarray of shape (P,) or float
        -log of the chance. Power over its mean, when that is estimated from some 60 independent
        neighbours, follows an F(2, 120) distribution.

    Examples
    --------
    >>> round(float(noise_evidence(5.0)), 2)
    4.8
    """
    return _NEIGHBOURS * np.log1p(strength / _NEIGHBOURS)
