"""Tell the signal of an image, its lattice and what is slower, from its noise."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from stemzoo.adaptation.reflections import away_from_reflections
from stemzoo.lattice import Lattice

# Of what belongs to a reflection, in units of the reciprocal lattice (standard deviation): wide
# enough for distortions of the scan, and for a contrast that changes from place to place.
_PERIODIC = 0.08
_MARGIN = 48  # [px]: Fourier filters wrap around
_LEVELS = 24


@dataclass(frozen=True, eq=False)
class NoiseLevels:
    """How strong the noise is where the signal is dark or bright.

    Parameters
    ----------
    signal, rms : ndarray of shape (L,)
        Values of the signal, rising, and standard deviations of the noise there.
    """

    signal: np.ndarray
    rms: np.ndarray

    @classmethod
    def of(cls, signal: np.ndarray, noise: np.ndarray) -> "NoiseLevels":
        """Measure noise by the signal under it.

        Parameters
        ----------
        signal, noise : ndarray of shape (M, N)
            Parts of an image.

        Returns
        -------
        NoiseLevels
            Of as many pixels each.

        Examples
        --------
        >>> signal = np.repeat([1.0, 3.0], 24)
        >>> NoiseLevels.of(signal, signal / 2).at(np.array([0.0, 2.0, 3.0])).tolist()
        [0.5, 1.0, 1.5]
        """
        order = np.argsort(signal, axis=None)
        parts = np.array_split(order, _LEVELS)
        values, squares = signal.ravel(), np.square(noise).ravel()
        return cls(
            np.array([values[part].mean() for part in parts]),
            np.sqrt([squares[part].mean() for part in parts]),
        )

    def at(self, signal: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the noise where the signal has some values."""
        return np.interp(signal, self.signal, self.rms)


def find_signal(image: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return what is periodic in an image, or slow.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    ndarray of shape (M, N)
        What is left is noise, and a little of the defects.

    Notes
    -----
    Each reflection passes, the zeroth among them, with a Gaussian around it: columns become means
    over some lattice spacings.
    """
    padded = np.pad(np.asarray(image, dtype=np.float64), _MARGIN, mode="symmetric")
    away = away_from_reflections(padded.shape, lattice)
    spectrum = fft.rfft2(padded) * np.exp(-0.5 * (away / _PERIODIC) ** 2)
    signal = fft.irfft2(spectrum, s=padded.shape)
    return signal[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
