"""Where the reflections of a lattice are in the spectrum of an image."""

import numpy as np

from stemzoo.adaptation.fourier_filter import frequencies
from stemzoo.lattice import Lattice


def half_plane_reflections(lattice: Lattice, finest: int) -> np.ndarray:
    """Return the frequencies of reflections, of a pair of opposites one.

    Parameters
    ----------
    lattice : Lattice
        Its lattice.
    finest : int
        Squared length of the finest, in units of the innermost.

    Returns
    -------
    ndarray of shape (G, 2)
        Along rows and columns of the array [1/px]; they may lie beyond what pixels can show.
    """
    # The largest index is that of a hexagonal lattice.
    reach = int(np.sqrt(4 * finest / 3))
    indices = np.indices((2 * reach + 1,) * 2).reshape(2, -1).T - reach
    h, k = indices.T
    norm = h**2 + k**2 + (h * k if lattice.symmetry == 6 else 0)
    chosen = (norm > 0) & (norm <= finest) & ((h > 0) | ((h == 0) & (k > 0)))
    return indices[chosen] @ lattice.reciprocal


def innermost_frequency(lattice: Lattice) -> float:
    """Return the frequency of the innermost reflections.

    Parameters
    ----------
    lattice : Lattice
        The crystal's.

    Returns
    -------
    float
        [1/px].
    """
    return float(np.hypot(*lattice.reciprocal.T).min())


def nearest_reflection(frequency: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the reflection of a lattice that is nearest to a frequency.

    Parameters
    ----------
    frequency : ndarray of shape (2,)
        Along rows and columns [1/px].
    lattice : Lattice
        The crystal's.

    Returns
    -------
    ndarray of shape (2,)
        [1/px].
    """
    return np.rint(lattice.vectors @ frequency) @ lattice.reciprocal


def away_from_reflections(shape: tuple[int, int], lattice: Lattice) -> np.ndarray:
    """Return how far each place of half the spectrum is from the nearest reflection.

    Parameters
    ----------
    shape : tuple of int
        Of the image.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    ndarray of shape (M, N // 2 + 1)
        In units of the reciprocal lattice.
    """
    y, x = frequencies(shape)
    squared = 0.0
    for down, along in lattice.vectors:
        index = y * down + x * along
        squared = squared + (index - np.rint(index)) ** 2
    return np.sqrt(squared)
