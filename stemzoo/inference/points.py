"""Turn probability maps into points."""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

# A score is the mean probability in a disc of this radius [Å] around a maximum.
SCORE_RADIUS = 0.52
# Two defects closer than this [Å] are one: half the distance between neighbouring columns.
MIN_DISTANCE = 1.0


def find_points(
    probabilities: np.ndarray, sampling: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn probability maps into points.

    Parameters
    ----------
    probabilities : ndarray of shape (M, N, C)
        Channel 0 is background.
    sampling : float
        Pixel size [Å/px].
    threshold : float
        Lowest score.

    Returns
    -------
    positions : ndarray of shape (K, 2)
        Row and column [px]: the centroid of the probability of any defect around each maximum.
    classes : ndarray of int, shape (K,)
        0 for the first class after background.
    scores : ndarray of shape (K,)
        Mean probability of the class in a disc of 0.52 Å radius.

    Examples
    --------
    >>> vacancy = np.zeros((64, 64))
    >>> vacancy[28:33, 38:43] = 1
    >>> positions, classes, scores = find_points(np.stack([1 - vacancy, vacancy], -1), 0.2, 0.5)
    >>> positions.tolist(), classes.tolist(), scores.tolist()
    ([[30.0, 40.0]], [0], [1.0])
    """
    return best_points(find_maxima(probabilities, sampling, threshold), sampling, threshold)


def margin_of_points(sampling: float) -> int:
    """Return how far around a row its maxima depend on probabilities [px].

    Parameters
    ----------
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    int
        Twice the reach of a maximum: a plateau of equal values may be wider.
    """
    return 2 * int(np.ceil((1.5 * SCORE_RADIUS + MIN_DISTANCE) / sampling))


def find_maxima(
    probabilities: np.ndarray,
    sampling: float,
    threshold: float,
    rows: tuple[int, int] | None = None,
) -> np.ndarray:
    """Find all maxima of the probability of a defect, however close to each other.

    Parameters
    ----------
    probabilities : ndarray of shape (M, N, C)
        Channel 0 is background.
    sampling : float
        Pixel size [Å/px].
    threshold : float
        Lowest mean probability of a defect around a maximum.
    rows : pair of int, optional
        First row, and the row after the last, in which a maximum counts; all where not given.

    Returns
    -------
    ndarray of shape (L, 4)
        Row and column [px], class and score of each, see `find_points`.
    """
    first, last = rows or (0, len(probabilities))
    defect = 1.0 - probabilities[..., 0]
    radius = SCORE_RADIUS / sampling
    edge = int(np.ceil(radius))
    y, x = np.ogrid[-edge : edge + 1, -edge : edge + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.float32)
    smooth = ndimage.convolve(defect, disc / disc.sum(), mode="nearest")
    size = 2 * int(round(MIN_DISTANCE / sampling)) + 1
    peaks = (smooth == ndimage.maximum_filter(smooth, size)) & (smooth >= threshold) & (smooth > 0)
    # A plateau of equal values is one peak.
    labels, count = ndimage.label(peaks, structure=np.ones((3, 3)))
    if not count:
        return np.zeros((0, 4))
    seeds = np.array(ndimage.center_of_mass(peaks, labels, range(1, count + 1)))
    reach = int(np.ceil(1.5 * SCORE_RADIUS / sampling))
    all_rows, columns = np.ogrid[: defect.shape[0], : defect.shape[1]]
    found = []  # row, column, class and score of each
    for row, column in np.rint(seeds).astype(int):
        if not first <= row < last:
            continue
        window = tuple(slice(max(n - reach, 0), n + reach + 1) for n in (row, column))
        y, x = all_rows[window[0]], columns[:, window[1]]
        squared = (y - row) ** 2 + (x - column) ** 2
        weights = defect[window] * (squared <= (reach + 0.5) ** 2)
        total = weights.sum()
        if not total > 0:  # the centre of a ring of equal values
            continue
        near = squared <= radius**2
        means = probabilities[window][near].mean(0)[1:]
        centroid = (y * weights).sum() / total, (x * weights).sum() / total
        found.append((*centroid, means.argmax(), means.max()))
    return np.array(found, dtype=float).reshape(-1, 4)


def best_points(
    maxima: np.ndarray, sampling: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the best of maxima that are too close to each other.

    Parameters
    ----------
    maxima : ndarray of shape (L, 4)
        From `find_maxima`.
    sampling : float
        Pixel size [Å/px].
    threshold : float
        Lowest score.

    Returns
    -------
    positions, classes, scores : ndarray of shape (K, 2), (K,), (K,)
        As of `find_points`, the highest score first.
    """
    positions, classes, scores = maxima[:, :2], maxima[:, 2].astype(int), maxima[:, 3]
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= threshold]
    keep = np.ones(len(order), dtype=bool)
    if len(order):
        pairs = cKDTree(positions[order]).query_pairs(MIN_DISTANCE / sampling)
        for first, second in sorted(pairs):
            keep[second] &= not keep[first]
    order = order[keep]
    return positions[order], classes[order], scores[order]
