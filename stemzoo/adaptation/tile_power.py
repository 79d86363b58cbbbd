"""Power of an image at the reflections of its lattice and between them, in tiles."""

from itertools import product

import numpy as np
from scipy import fft, ndimage

from stemzoo.lattice import Lattice, windowed_power

TILE = 256  # [px]
SPOT = 2.5  # radius of a spot [bins of a tile]
_CLEAR = SPOT + 1.5  # from here on there is nothing of it
_SMOOTH = 1.5  # of what is between the reflections [bins of a tile]


def tile_power(image: np.ndarray) -> np.ndarray:
    """Return the mean power of tiles that overlap by half.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Any; one tile where it is smaller.

    Returns
    -------
    ndarray of shape (256, 256)
        Mean 1 for white noise of variance 1; zero frequency in the middle.
    """
    edge = min(TILE, *image.shape)
    starts = (
        np.rint(np.linspace(0, n - edge, max(2 * n // edge - 1, 1))).astype(int)
        for n in image.shape
    )
    tiles = [image[r : r + edge, c : c + edge] for r, c in product(*starts)]
    # `windowed_power` is in units of the variance.
    powers = [windowed_power(tile, (TILE, TILE)) * tile.var() for tile in tiles]
    return np.mean(powers, axis=0)


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
