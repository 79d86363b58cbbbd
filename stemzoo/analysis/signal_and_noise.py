"""Tell the signal of an image, its lattice and what is slower, from its noise and its defects."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.reflections import away_from_reflections, innermost_frequency
from stemzoo.analysis.spectrum import filter_and_crop, frequencies, with_margins
from stemzoo.preprocessing import normal_scores

# Of what belongs to a reflection, in units of the reciprocal lattice (standard deviation): wide
# enough for distortions of the scan, and for a contrast that changes from place to place.
_PERIODIC = 0.08
_SLOWER = 0.2  # than this part of the frequency of the innermost reflections is background
_LEVELS = 24
_EDGE = 1.5  # where edges are felt, in widths of the filter: its means take in what is mirrored
# A defect stands out of the noise by so many standard deviations in a Gaussian of the width of a
# column, and reaches so far [spacings].
_ODD, _COLUMN, _REACH = 4.0, 0.12, 0.5
_LEAST = 0.5  # part of the image: where less is left, what stands out are no single defects


# Where the background is weaker than this part of the lattice, it tells nothing.
_LEAST_CONTRAST = 0.5


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


@dataclass(frozen=True, eq=False)
class Parts:
    """The inner part of an image, taken apart.

    Parameters
    ----------
    image, signal : ndarray of shape (M, N)
        The image, and what is periodic or slow in it.
    intact : ndarray of bool, shape (M, N)
        Where no defect stands out: those are no noise. Where 6.5 % of the metal columns are
        dopants, they have half as much power between the reflections as the noise.
    inner : tuple of slice
        Which part it is.
    """

    image: np.ndarray
    signal: np.ndarray
    intact: np.ndarray
    inner: tuple[slice, slice]

    @classmethod
    def of(cls, image: np.ndarray, lattice: Lattice) -> "Parts":
        """Take an image apart and leave its edges, where the signal cannot be told.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            Measured image.
        lattice : Lattice
            Its lattice.

        Returns
        -------
        Parts
        """
        spacing = float(np.hypot(*lattice.vectors.T).min())
        edge = round(min(_EDGE * spacing / (2 * np.pi * _PERIODIC), min(image.shape) / 8))
        inner = (slice(edge, -edge),) * 2
        # Ranked pixels, as the response of the detector is open.
        ranked = normal_scores(image).astype(np.float64)
        away = ranked - find_signal(ranked, lattice)
        away = ndimage.gaussian_filter(away, _COLUMN * spacing, mode="reflect")
        odd = abs(away) > _ODD * stats.median_abs_deviation(away, axis=None, scale="normal")
        intact = np.ones(odd.shape, bool)
        if odd.any():
            clear = ndimage.distance_transform_edt(~odd) > _REACH * spacing
            intact = clear if clear.mean() > _LEAST else intact
        signal = find_signal(image, lattice)
        return cls(image[inner], signal[inner], intact[inner], inner)

    @property
    def without_defects(self) -> np.ndarray:
        """The image with the signal where defects stand out."""
        return np.where(self.intact, self.image, self.signal)

    @property
    def levels(self) -> NoiseLevels:
        """How strong the noise is."""
        noise = self.image - self.signal
        return NoiseLevels.of(self.signal[self.intact], noise[self.intact])


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
    Each reflection passes with a Gaussian around it, so that columns become means over some lattice
    spacings; so does what `background_part` passes.
    """
    padded = with_margins(np.asarray(image, dtype=np.float64))
    periodic = np.exp(-0.5 * (away_from_reflections(padded.shape, lattice) / _PERIODIC) ** 2)
    slow = background_part(*frequencies(padded.shape), innermost_frequency(lattice))
    return filter_and_crop(padded, np.maximum(periodic, slow))


def background_part(y: np.ndarray, x: np.ndarray, innermost: float) -> np.ndarray:
    """Return the transfer of a filter that passes what is slower than a lattice.

    Parameters
    ----------
    y, x : ndarray
        Frequencies along rows and columns [1/px].
    innermost : float
        Frequency of the innermost reflections [1/px].

    Returns
    -------
    ndarray
        Flat, so that waves over some lattice spacings keep their strength, and smooth, so that
        nothing rings.
    """
    return np.exp(-0.5 * (np.hypot(y, x) / (_SLOWER * innermost)) ** 4)


def find_background(image: np.ndarray, innermost: float) -> np.ndarray:
    """Return what is slower than the lattice in an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Any.
    innermost : float
        Frequency of the innermost reflections [1/px].

    Returns
    -------
    ndarray of shape (M, N)
    """
    padded = with_margins(image)
    return filter_and_crop(padded, background_part(*frequencies(padded.shape), innermost))


def even_contrast(signal: np.ndarray, innermost: float) -> np.ndarray:
    """Undo a response that makes the contrast of the lattice rise with the background.

    Parameters
    ----------
    signal : ndarray of shape (M, N)
        An image without its noise.
    innermost : float
        Frequency of the innermost reflections [1/px].

    Returns
    -------
    ndarray of shape (M, N)
        Of unit variance; the signal itself where the background is weak.

    Notes
    -----
    Contamination adds to an image and leaves the lattice in it as it is; only a response that is
    not linear makes it stronger or weaker there. The values of a normal distribution by rank, which
    take off what is too bright, are mixed in until it is the same everywhere.
    """
    linear = standardise(signal)
    slope, strength = _unevenness(linear, innermost)
    if slope <= 0 or strength < _LEAST_CONTRAST:
        return linear
    ranked = standardise(normal_scores(signal).astype(np.float64))
    least, _ = _unevenness(ranked, innermost)
    # The slope falls about linearly with the part of the ranks.
    part = min(slope / (slope - least), 1.0) if least < slope else 1.0
    return standardise((1 - part) * linear + part * ranked)


def standardise(values: np.ndarray) -> np.ndarray:
    """Shift and scale to a mean of 0 and a variance of 1.

    Parameters
    ----------
    values : ndarray
        Not all the same.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    return (values - values.mean()) / values.std()


def _unevenness(linear: np.ndarray, innermost: float) -> tuple[float, float]:
    """Relative change of the contrast where the background rises by as much; its strength."""
    slow = find_background(linear, innermost)
    fine = linear - slow
    contrast = np.sqrt(np.maximum(find_background(fine**2, innermost), 0))
    slope = np.mean((slow - slow.mean()) * (contrast - contrast.mean())) / slow.var()
    return slope * fine.std() / contrast.mean(), slow.std() / fine.std()
