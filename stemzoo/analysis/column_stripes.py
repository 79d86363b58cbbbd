"""Columns of a large image fitted in stripes, so that time and memory stay small."""

import numpy as np

from stemzoo.analysis.column_model import nearest_distance
from stemzoo.analysis.columns import ColumnFit, column_width, fit_columns

# Of a stripe. Vectors of more than 10 000 make BLAS start threads, which mostly wait.
_COLUMNS = 6000
# Distances of nearest neighbours by which stripes reach into each other: two knots of the
# background.
_OVERLAP = 12.0


def fit_in_stripes(
    image: np.ndarray, positions: np.ndarray, *, columns: int = _COLUMNS
) -> ColumnFit:
    """Fit Gaussian columns as `fit_columns` does, in stripes of rows that overlap.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    positions : ndarray of shape (K, 2)
        Row and column of all columns [px], two at least.
    columns : int
        How many a stripe may have, about; an image of fewer is one stripe.

    Returns
    -------
    ColumnFit
        That of `fit_columns`, but for less than a hundredth of a full column's intensity, as the
        knots of the background lie elsewhere.

    Raises
    ------
    ValueError
        As `fit_columns`.

    Examples
    --------
    >>> fit_in_stripes(image, sites.positions).width  # doctest: +SKIP
    2.3
    """
    width = column_width(image, positions)
    count = -(-len(positions) // columns)
    if count == 1:
        return fit_columns(image, positions, width=width)
    overlap = _OVERLAP * nearest_distance(positions)
    rows = len(image)
    stripe = np.clip(positions[:, 0] * count // rows, 0, count - 1)
    intensities, shifts = np.zeros(len(positions)), np.full((len(positions), 2), np.nan)
    for k in range(count):
        first = max(int(k * rows / count - overlap), 0)
        last = min(int((k + 1) * rows / count + overlap) + 1, rows)
        within = (positions[:, 0] >= first) & (positions[:, 0] <= last - 1)
        own = stripe[within] == k
        if np.count_nonzero(own) < 2:  # a stripe that is hardly crystal
            continue
        fit = fit_columns(image[first:last], positions[within] - (first, 0), width=width)
        intensities[stripe == k], shifts[stripe == k] = fit.intensities[own], fit.shifts[own]
    return ColumnFit(intensities, shifts, width)
