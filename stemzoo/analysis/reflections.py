"""Where the reflections of a lattice are in the spectrum of an image."""

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.spectrum import SPOT, TILE, frequencies

_CLEAR = SPOT + 1.5  # [bins of a tile] from a reflection on, there is nothing of it
_SMOOTH = 1.5  # standard deviation of what is between the reflections [bins of a tile]


def half_plane_indices(reach: int) -> np.ndarray:
    """Return the indices (h, k) of reflections, of a pair of opposites one.

    Parameters
    ----------
    reach : int
        Largest h and k.

    Returns
    -------
    ndarray of int, shape (G, 2)
        Without the zero frequency.

    Examples
    --------
    >>> half_plane_indices(1).tolist()
    [[0, 1], [1, -1], [1, 0], [1, 1]]
    """
    indices = np.indices((2 * reach + 1,) * 2).reshape(2, -1).T - reach
    h, k = indices.T
    return indices[(h > 0) | ((h == 0) & (k > 0))]


def half_plane_reflections(lattice: Lattice, finest: int) -> np.ndarray:
    """Return the frequencies of reflections, of a pair of opposites one.

    Parameters
    ----------
    lattice : Lattice
        The lattice of an image.
    finest : int
        Squared length of the finest, in units of the innermost.

    Returns
    -------
    ndarray of shape (G, 2)
        Along rows and columns of the array [1/px]; they may lie beyond what pixels can show.
    """
    if lattice.shape is not None:
        return lattice.shape.half_plane(finest) @ lattice.reciprocal
    # The largest index is that of a hexagonal lattice.
    indices = half_plane_indices(int(np.sqrt(4 * finest / 3)))
    h, k = indices.T
    chosen = lattice.squared_length(h, k) <= finest
    return indices[chosen] @ lattice.reciprocal


def innermost_frequency(lattice: Lattice) -> float:
    """Return the lowest frequency of the innermost reflections, in which strain makes them differ.

    Parameters
    ----------
    lattice : Lattice
        The lattice of an image.

    Returns
    -------
    float
        [1/px].
    """
    return float(np.hypot(*lattice.reciprocal.T).min())


def ring_radius(lattice: Lattice) -> float:
    """Return the frequency of the innermost reflections of the lattice without strain.

    Parameters
    ----------
    lattice : Lattice
        The lattice of an image.

    Returns
    -------
    float
        From the area of the reciprocal cell [1/px].
    """
    symmetry, shape = lattice.symmetry, lattice.shape
    unit = np.sin(2 * np.pi / symmetry) if shape is None else shape.area
    return np.sqrt(abs(np.linalg.det(lattice.reciprocal)) / unit)


def nearest_reflections(
    y: np.ndarray, x: np.ndarray, lattice: Lattice
) -> tuple[np.ndarray, np.ndarray]:
    """Find the reflection that is nearest to each place of a spectrum.

    Parameters
    ----------
    y, x : ndarray of shape (M, 1), (1, N)
        Frequencies along rows and columns [1/px].
    lattice : Lattice
        The lattice of the image.

    Returns
    -------
    indices : ndarray of shape (M, N, 2)
        (h, k) of the reflection, whole numbers; (0, 0) is the zero frequency.
    away : ndarray of shape (M, N, 2)
        From it to the place, along rows and columns [1/px].
    """
    exact = np.stack(np.broadcast_arrays(y, x), axis=-1) @ lattice.vectors.T
    indices = np.rint(exact)
    return indices, (exact - indices) @ lattice.reciprocal


def nearest_reflection(frequency: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the reflection of a lattice that is nearest to a frequency.

    Parameters
    ----------
    frequency : ndarray of shape (2,)
        Along rows and columns [1/px].
    lattice : Lattice
        The lattice of an image.

    Returns
    -------
    ndarray of shape (2,)
        [1/px].
    """
    y, x = frequency
    indices, _ = nearest_reflections(y, x, lattice)
    return indices @ lattice.reciprocal


def away_from_reflections(shape: tuple[int, int], lattice: Lattice) -> np.ndarray:
    """Return how far each place of half the spectrum is from the nearest reflection.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image [px].
    lattice : Lattice
        The lattice of the image.

    Returns
    -------
    ndarray of shape (M, N // 2 + 1)
        As a part of the reciprocal lattice vectors: the length of the difference of the indices,
        which `nearest_reflections` gives in 1/px.
    """
    y, x = frequencies(shape)
    # One index after the other, as large images with their margins would fill the memory.
    squared = 0.0
    for down, along in lattice.vectors:
        index = y * down + x * along
        squared = squared + (index - np.rint(index)) ** 2
    return np.sqrt(squared)


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
        The lattice of the image.

    Returns
    -------
    ndarray of shape (256, 256)
        Zero frequency, which is no reflection here, in the middle.
    """
    y = x = fft.fftshift(fft.fftfreq(TILE))
    indices, away = nearest_reflections(y[:, None], x[None], lattice)
    distance = np.hypot(*np.moveaxis(away, -1, 0)) * TILE
    clear = ((distance > _CLEAR) | (indices == 0).all(axis=-1)).astype(float)
    parts = [
        ndimage.gaussian_filter(part, _SMOOTH, mode="wrap", truncate=4)
        for part in (power * clear, clear)
    ]
    return parts[0] / np.maximum(parts[1], 1e-9)
