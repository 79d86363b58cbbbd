"""Medians, and the standard deviation of values of which a few may be anything."""

import numpy as np
from scipy.special import ndtri


def median_deviation(values: np.ndarray) -> float:
    """Return the median of the absolute deviations from the median, as a standard deviation.

    `scipy.stats` does the same; importing it would take a tenth of the time of a detection.

    Parameters
    ----------
    values : ndarray of shape (N,)
        Finite values.

    Returns
    -------
    float
        1 for values of a normal distribution of unit width; NaN where there are none.

    Examples
    --------
    >>> round(median_deviation(np.array([1.0, 2.0, 3.0, 4.0, 900.0])), 4)
    1.4826
    """
    if not len(values):
        return float("nan")
    return float(np.median(abs(values - np.median(values))) / ndtri(0.75))


def row_medians(values: np.ndarray) -> np.ndarray:
    """Return the median of each row, as `numpy.median` does, which takes several times as long.

    Parameters
    ----------
    values : ndarray of float, shape (K, N)
        Rows of at least one value.

    Returns
    -------
    ndarray of shape (K,)
        NaN for a row with a NaN.

    Examples
    --------
    >>> row_medians(np.array([[5.0, 1.0, 2.0, 4.0], [7.0, 7.0, 1.0, 9.0]])).tolist()
    [3.0, 7.0]
    """
    count = values.shape[1]
    half = (count - 1) // 2
    # One value at its place: two and a check for NaN, as numpy asks for, take longer.
    parts = np.partition(values, half, axis=1)
    low = parts[:, half]
    median = low if count % 2 else (low + parts[:, half + 1 :].min(axis=1)) / 2
    return np.where(np.isnan(values).any(axis=1), np.nan, median)
