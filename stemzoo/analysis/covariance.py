"""Covariances of few samples, and distances in units of them."""

import numpy as np

_FLOOR = 1e-9


def mahalanobis_distance(difference: np.ndarray, covariance: np.ndarray) -> float:
    """Return the length of a difference in standard deviations of its direction.

    Parameters
    ----------
    difference : ndarray of shape (F,)
        From the mean.
    covariance : ndarray of shape (F, F)
        Positive definite.

    Returns
    -------
    float

    Examples
    --------
    >>> mahalanobis_distance(np.array([3.0, 4.0]), np.diag([1.0, 4.0])) == 13**0.5
    True
    """
    return float(np.sqrt(difference @ np.linalg.solve(covariance, difference)))


def shrunk_covariance(samples: np.ndarray) -> np.ndarray:
    """Estimate a covariance; correlations are shrunk by as much as they are unsure.

    Parameters
    ----------
    samples : ndarray of shape (n, F)
        One row a sample, three or more.

    Returns
    -------
    ndarray of shape (F, F)
        Its diagonal is that of the sample covariance.

    References
    ----------
    J. Schäfer, K. Strimmer, Stat. Appl. Genet. Mol. Biol. 4, 32 (2005), target D.
    """
    n = len(samples)
    deviations = samples - samples.mean(axis=0)
    std = deviations.std(axis=0, ddof=1)
    z = deviations / np.maximum(std, _FLOOR)
    products = z[:, :, None] * z[:, None, :]
    correlation = products.sum(axis=0) / (n - 1)
    off = ~np.eye(len(std), dtype=bool)
    # The variance of all estimated correlations over the sum of their squares.
    variance = products.var(axis=0, ddof=1)[off].sum() * n / (n - 1) ** 2
    shrink = min(variance / max((correlation[off] ** 2).sum(), _FLOOR), 1.0)
    correlation[off] *= 1 - shrink
    return correlation * np.outer(std, std)
