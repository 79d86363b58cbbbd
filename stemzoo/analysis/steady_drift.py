"""A steady drift through frames that are too noisy to be told apart from each other one by one."""

from collections.abc import Sequence

import numpy as np
from scipy import fft

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.image_drift import MOST_CORRELATION, CoarseImage, pixels_apart

# Steps from a frame to the next that are tried [lattice constants], and how far they usually are.
_FARTHEST, _USUAL = 3.0, 1.5


def steady_drift(
    images: Sequence[CoarseImage], phases: np.ndarray, lattice: Lattice
) -> tuple[np.ndarray, float]:
    """Find the drift that makes frames most alike, among those that go on as they begin.

    Parameters
    ----------
    images : sequence of CoarseImage
        What is not periodic in each frame.
    phases : ndarray of shape (F, 2)
        Drift of each frame but for lattice vectors [px].
    lattice : Lattice
        Of the first frame.

    Returns
    -------
    shifts : ndarray of shape (F, 2)
        Drift of each frame [px].
    certainty : float
        Probability of this drift among all that were tried.

    Notes
    -----
    With r the correlation of frames that lie on each other by a drift, n independent pixels and F
    frames, the logarithm of the likelihood ratio against frames that have nothing in common is
    -n/2 [log(1 + (F - 1) r) + (F - 1) log(1 - r)], the one of an intraclass correlation; of two
    frames it is that of `image_evidence`.

    References
    ----------
    R. A. Fisher, Statistical Methods for Research Workers, Oliver and Boyd 1925, ch. 7.

    Examples
    --------
    >>> shifts, certainty = steady_drift(images, phases, lattice)  # doctest: +SKIP
    """
    steps = lattice.alike(phases[1] - phases[0], np.zeros(2), _FARTHEST * lattice.period)
    if not len(steps):
        return phases, 0.0
    paths = [_followed(step, phases, lattice) for step in steps]
    apart = _apart(images[0])
    scores = np.array([_evidence(images, path, apart) for path in paths])
    scores -= (np.hypot(*steps.T) / (_USUAL * lattice.period)) ** 2 / 2
    best = int(scores.argmax())
    return paths[best], float(1 / np.exp(scores - scores[best]).sum())


def _followed(step: np.ndarray, phases: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the drift that begins with a step and always is the nearest to going on so."""
    path = [np.zeros(2), step]
    for phase in phases[2:]:
        expected = path[-1] + np.median(np.diff(path, axis=0), axis=0)
        cell = np.rint((expected - phase) @ lattice.reciprocal.T)
        path.append(phase + cell @ lattice.vectors)
    return np.array(path)


def _evidence(images: Sequence[CoarseImage], path: np.ndarray, apart: float) -> float:
    """Return the logarithm of the likelihood ratio of a drift and frames without a relation."""
    total, count = np.zeros_like(images[0].values), np.zeros_like(images[0].known)
    squares = np.zeros_like(total)
    for image, shift in zip(images, path, strict=True):
        back = -np.rint(shift / image.block).astype(int)
        moved = _moved(image.values, back)
        total += moved
        squares += moved**2
        count += _moved(image.known, back)
    several = count > 1
    if not several.any():
        return 0.0
    # Products of different frames against squares, both by their number.
    products = (total[several] ** 2 - squares[several]).sum() / (count[several] - 1).mean()
    r = float(np.clip(products / squares[several].sum(), 0, MOST_CORRELATION))
    others = float(count[several].mean()) - 1
    n = np.count_nonzero(several) / apart
    return -n / 2 * (np.log1p(others * r) + others * np.log1p(-r))


def _moved(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Move an array by whole pixels; zeros come in."""
    moved = np.zeros_like(values)
    rows, columns = values.shape
    if abs(by[0]) >= rows or abs(by[1]) >= columns:
        return moved
    to = [slice(max(n, 0), size + min(n, 0)) for n, size in zip(by, values.shape, strict=True)]
    of = [slice(max(-n, 0), size + min(-n, 0)) for n, size in zip(by, values.shape, strict=True)]
    moved[tuple(to)] = values[tuple(of)]
    return moved


def _apart(image: CoarseImage) -> float:
    """Count the pixels for an independent one."""
    shape = tuple(fft.next_fast_len(2 * n, real=True) for n in image.values.shape)
    spectrum = fft.rfft2(image.values, shape)
    return pixels_apart(spectrum, spectrum, shape) or 1.0
