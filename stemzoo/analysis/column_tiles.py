"""Columns of a large image fitted in tiles, so that time and memory stay small."""

import numpy as np

from stemzoo.analysis.column_model import KNOTS
from stemzoo.analysis.columns import ColumnFit, column_width, fit_columns


def fit_in_tiles(
    image: np.ndarray,
    positions: np.ndarray,
    counts: tuple[int, int],
    margin: float,
    *,
    width: float | None = None,
    tolerance: float = 1e-6,
    knots: float = KNOTS,
) -> ColumnFit:
    """Fit Gaussian columns as `fit_columns` does, in tiles that overlap.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    positions : ndarray of shape (K, 2)
        Row and column of all columns [px], two at least.
    counts : tuple of int
        Tiles along rows and columns. Of more than 10 000 columns a tile, BLAS starts threads, which
        mostly wait.
    margin : float
        How far around a tile columns are fitted with it [px].
    width, tolerance, knots : float
        As of `fit_columns`.

    Returns
    -------
    ColumnFit
        That of `fit_columns`, but for less than a hundredth of a full column's intensity if the
        margin is two knots of the background, as they lie elsewhere. NaN for the columns of tiles
        with fewer than two.

    Raises
    ------
    ValueError
        As `fit_columns`.

    Examples
    --------
    >>> fit_in_tiles(image, sites.positions, (4, 4), 30.0).width  # doctest: +SKIP
    2.3
    """
    width = column_width(image, positions) if width is None else width
    intensities, shifts = np.full(len(positions), np.nan), np.full((len(positions), 2), np.nan)
    tile = np.array(image.shape) / counts
    for index in np.ndindex(*counts):
        low, high = tile * index, tile * (np.array(index) + 1)
        first = np.maximum(np.floor(low - margin), 0).astype(int)
        last = np.minimum(np.ceil(high + margin), image.shape).astype(int)
        fitted = ((positions >= first) & (positions <= last - 1)).all(axis=1)
        if np.count_nonzero(fitted) < 2:  # hardly any crystal
            continue
        part = image[first[0] : last[0], first[1] : last[1]]
        fit = fit_columns(
            part, positions[fitted] - first, width=width, tolerance=tolerance, knots=knots
        )
        own = ((positions[fitted] >= low) & (positions[fitted] < high)).all(axis=1)
        chosen = np.flatnonzero(fitted)[own]
        intensities[chosen], shifts[chosen] = fit.intensities[own], fit.shifts[own]
    return ColumnFit(intensities, shifts, width)
