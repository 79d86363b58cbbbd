"""The response of a detector, from how the contrast of a lattice changes with the background."""

import numpy as np

from stemzoo.adaptation.signal_and_noise import find_background
from stemzoo.preprocessing import normal_scores

# Where the background is weaker than this part of the lattice, it tells nothing.
_LEAST = 0.5


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
    if slope <= 0 or strength < _LEAST:
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
