"""Where the reflections of a lattice are in the spectrum of an image."""

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.lattice import Lattice
from stemzoo.analysis.spectrum import _SMOOTH, SPOT, TILE, frequencies

_CLEAR = SPOT + 1.5  # from here on there is nothing of it


def power_at(power: np.ndarray, spot: np.ndarray) -> float:
    """Sum the power around a frequency.

    Parameters
    ----------
    power : ndarray of shape (256, 256)
        From `tile_power`.
    spot : ndarray of shape (2,)
        Along rows and columns [1/px].

    Returns
    -------
    float
    """
    row, column = np.rint(spot * TILE).astype(int) + TILE // 2
    reach = int(np.ceil(SPOT))
    return float(power[row - reach : row + reach + 1, column - reach : column + reach + 1].sum())


def power_between(power: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return what is between the reflections, smoothed a little and continued into them.

    Parameters
    ----------
    power : ndarray of shape (256, 256)
        From `tile_power`.
    lattice : Lattice
        Of the image.

    Returns
    -------
    ndarray of shape (256, 256)
        Zero frequency, which is no reflection here, in the middle.
    """
    y, x = (fft.fftshift(fft.fftfreq(TILE)) for _ in range(2))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    indices = grid @ lattice.vectors.T
    away = np.hypot(*np.moveaxis((indices - np.rint(indices)) @ lattice.reciprocal, -1, 0)) * TILE
    clear = ((away > _CLEAR) | (np.rint(indices) == 0).all(axis=-1)).astype(float)
    parts = [
        ndimage.gaussian_filter(part, _SMOOTH, mode="wrap", truncate=4)
        for part in (power * clear, clear)
    ]
    return parts[0] / np.maximum(parts[1], 1e-9)


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
