"""What electronics do to an image: flicker of rows, hum, swaying lines, a curved response."""

import numpy as np
from scipy import ndimage

# Part of the variance of a flicker that is new in each row; the rest changes over some ten rows.
_WHITE = 0.7
_SLOW_ROWS = 6.0


def flicker(rows: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Draw what the beam current, or the zero of a detector, does from row to row.

    Parameters
    ----------
    rows : int
        Number of rows.
    strength : float
        Standard deviation.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (rows, 1)
        About 0.

    Examples
    --------
    >>> changes = flicker(400, 0.1, np.random.default_rng(0))
    >>> bool(0.08 < changes.std() < 0.12)
    True
    """
    slow = ndimage.gaussian_filter1d(rng.standard_normal(rows), _SLOW_ROWS, mode="wrap")
    # The variance that a Gaussian filter leaves of white noise is 1 / (2 sqrt(pi) width).
    slow *= np.sqrt(2 * np.sqrt(np.pi) * _SLOW_ROWS)
    drawn = np.sqrt(_WHITE) * rng.standard_normal(rows) + np.sqrt(1 - _WHITE) * slow
    return strength * drawn[:, None]


def hum(shape: tuple[int, int], period: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the wave that a ground loop leaves in a scan.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns).
    period : float
        Of the wave along a row [px]; from row to row its phase goes on by any amount, the same for
        all rows, as the beam flies back in a fixed time.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (rows, columns)
        A sine of amplitude 1.

    Raises
    ------
    ValueError
        If the period is not positive.

    Examples
    --------
    >>> hum((4, 6), 3.0, np.random.default_rng(0)).shape
    (4, 6)
    """
    if not period > 0:
        raise ValueError(f"The period [px] of a hum must be positive. Received: {period}")
    first, step = rng.uniform(0, 2 * np.pi, 2)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.sin(first + step * rows + 2 * np.pi / period * columns)


def sway(rows: int, amplitude: float, period: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the shifts of lines in a stray magnetic field.

    Parameters
    ----------
    rows : int
        Number of rows.
    amplitude : float
        Of the sine [px].
    period : float
        Of the sine [rows].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (rows,)
        How far the content of each row is shifted [px].

    Raises
    ------
    ValueError
        If the period is not positive.

    Examples
    --------
    >>> shifts = sway(100, 2.0, 26.0, np.random.default_rng(0))
    >>> bool(abs(shifts).max() <= 2.0)
    True
    """
    if not period > 0:
        raise ValueError(f"The period [rows] of a sway must be positive. Received: {period}")
    return amplitude * np.sin(2 * np.pi * np.arange(rows) / period + rng.uniform(0, 2 * np.pi))


def respond(image: np.ndarray, gamma: float) -> np.ndarray:
    """Change the intensities as a display curve does that is saved with an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Signal.
    gamma : float
        Exponent on the signal above the image's minimum; below 1 bright columns are drawn
        together, as near the end of an amplifier.

    Returns
    -------
    ndarray of shape (M, N)
        With the range of the image.

    Raises
    ------
    ValueError
        If `gamma` is not positive.

    Examples
    --------
    >>> respond(np.array([[0.0, 1.0, 4.0]]), 0.5).tolist()
    [[0.0, 2.0, 4.0]]
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive. Received: {gamma}")
    low, high = float(image.min()), float(image.max())
    if high == low:
        return image
    return low + (high - low) * ((image - low) / (high - low)) ** gamma
