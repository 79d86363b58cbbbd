"""How far two sets of images are apart: intensities and features."""

from collections.abc import Sequence

import numpy as np

from stemzoo.metrics.estimate import Estimate
from stemzoo.preprocessing import rescale


def intensity_kl_divergence(
    measured: Sequence[np.ndarray], generated: Sequence[np.ndarray], *, bins: int = 64
) -> float:
    """Kullback-Leibler divergence of the intensity histograms of two sets of images.

    Each image is saturated at 3.5 standard deviations and scaled to [-1, 1]; histograms have equal
    bins on [-1, 1], with one count added to each bin so that none is empty.

    Parameters
    ----------
    measured : sequence of ndarray of shape (M, N)
        Images that are the reference, P; shapes may differ.
    generated : sequence of ndarray of shape (M, N)
        Images that are compared with it, Q.
    bins : int
        Number of bins.

    Returns
    -------
    float
        Σ P log(P / Q) in nats; 0 for equal histograms.

    Raises
    ------
    ValueError
        If a set is empty.

    References
    ----------
    S. Kullback, R. A. Leibler, Ann. Math. Statist. 22, 79 (1951).

    Examples
    --------
    >>> image = np.arange(100.0).reshape(10, 10)
    >>> intensity_kl_divergence([image], [2 * image + 1])
    0.0
    """
    if not len(measured) or not len(generated):
        raise ValueError(
            "Expected at least one image in each set. Received: "
            f"{len(measured)} measured, {len(generated)} generated"
        )
    sets = ([intensity_counts(x, bins=bins) for x in images] for images in (measured, generated))
    return counts_kl_divergence(*sets)


def intensity_counts(image: np.ndarray, *, bins: int = 64) -> np.ndarray:
    """Count the intensities of an image as `intensity_kl_divergence` does.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image; it is saturated and scaled first.
    bins : int
        Number of bins.

    Returns
    -------
    ndarray of int, shape (bins,)
    """
    return np.histogram(rescale(image), bins, (-1, 1))[0]


def counts_kl_divergence(measured: Sequence[np.ndarray], generated: Sequence[np.ndarray]) -> float:
    """Do as `intensity_kl_divergence`, for counts that are there already.

    Parameters
    ----------
    measured, generated : sequence of ndarray of shape (bins,)
        `intensity_counts` of each image, at least one in each set.

    Returns
    -------
    float
        In nats.
    """
    p, q = (np.sum(counts, axis=0) + 1.0 for counts in (measured, generated))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


def frechet_distance(measured: np.ndarray, generated: np.ndarray) -> float:
    """Fréchet distance of the Gaussians fitted to two sets of features.

    abs(m1 - m2)² + Tr(C1 + C2 - 2 (C1 C2)^(1/2)). With factors C1 = A Aᵀ and C2 = B Bᵀ the last
    trace is the sum of the singular values of Aᵀ B: no square root of a matrix that may be
    singular is taken, so that fewer samples than features do no harm to the arithmetic. The
    distance itself is biased upwards by few samples: compare only sets of equal size.

    Parameters
    ----------
    measured, generated : ndarray of shape (N, F)
        Features, one row a sample; at least two rows each.

    Returns
    -------
    float
        In float64; not negative.

    Raises
    ------
    ValueError
        If the shapes do not fit together or a feature is not finite.

    References
    ----------
    D. C. Dowson, B. V. Landau, J. Multivariate Anal. 12, 450 (1982);
    M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule..., NeurIPS 2017.

    Examples
    --------
    >>> x = np.array([[0.0], [2.0]])
    >>> frechet_distance(x, x + 3.0)
    9.0
    """
    means, factors = [], []
    for features in _check_features(measured, generated):
        means.append(features.mean(0))
        factor = ((features - means[-1]) / np.sqrt(len(features) - 1)).T
        if factor.shape[1] > factor.shape[0]:  # as few columns as possible
            values, vectors = np.linalg.eigh(factor @ factor.T)
            factor = vectors * np.sqrt(np.clip(values, 0, None))
        factors.append(factor)
    (mean1, mean2), (factor1, factor2) = means, factors
    shared = np.linalg.svd(factor1.T @ factor2, compute_uv=False).sum()
    spread = (factor1**2).sum() + (factor2**2).sum()
    return max(float(((mean1 - mean2) ** 2).sum() + spread - 2 * shared), 0.0)


def _check_features(measured: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of features (N, F) and (M, F) as float64."""
    sets = np.asarray(measured, dtype=np.float64), np.asarray(generated, dtype=np.float64)
    if any(x.ndim != 2 or len(x) < 2 for x in sets) or sets[0].shape[1] != sets[1].shape[1]:
        raise ValueError(
            "Expected two arrays of features of shapes (N, F) and (M, F) with at least 2 rows. "
            f"Received: {sets[0].shape}, {sets[1].shape}"
        )
    if not all(np.isfinite(x).all() for x in sets):
        raise ValueError("Expected finite features. Received: NaN or Inf")
    return sets


def kid(
    measured: np.ndarray,
    generated: np.ndarray,
    *,
    measured_images: Sequence[int] | np.ndarray | None = None,
    generated_images: Sequence[int] | np.ndarray | None = None,
    resamples: int = 1000,
    rng: np.random.Generator,
) -> Estimate:
    """Kernel (Inception) distance of two sets of features, with an interval over images.

    The unbiased squared maximum mean discrepancy with the kernel (x·y / F + 1)³. Unlike the Fréchet
    distance it needs no more samples than features.

    Parameters
    ----------
    measured, generated : ndarray of shape (N, F), (M, F)
        Features of patches.
    measured_images, generated_images : sequence of int, optional
        Which image each patch comes from. Patches of one image are not independent: the bootstrap
        draws images, not patches. Without it every patch counts as an image.
    resamples : int
        Number of bootstrap samples.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Estimate
        The unbiased estimate, which may be slightly negative for equal distributions.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or a set comes from one image only.

    References
    ----------
    M. Bińkowski et al., Demystifying MMD GANs, ICLR 2018.
    """
    sets = _check_features(measured, generated)
    images = [
        np.arange(len(x)) if index is None else np.unique(index, return_inverse=True)[1]
        for x, index in zip(sets, (measured_images, generated_images), strict=True)
    ]
    counts = [np.bincount(index).astype(float) for index in images]
    if any(len(index) != len(x) for index, x in zip(images, sets, strict=True)) or any(
        len(count) < 2 for count in counts
    ):
        raise ValueError(
            "Expected an image number for each patch, and patches of at least 2 images in each "
            f"set. Received: {[len(i) for i in images]} numbers, {[len(c) for c in counts]} images"
        )

    def kernel_sums(a: np.ndarray, b: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        kernel = (a @ b.T / a.shape[1] + 1.0) ** 3
        if a is b:  # a patch makes no pair with itself
            np.fill_diagonal(kernel, 0.0)
        sums = np.zeros((i.max() + 1, j.max() + 1))  # by pair of images
        np.add.at(sums, (i[:, None], j[None, :]), kernel)
        return sums

    sums = [
        [kernel_sums(a, b, i, j) for b, j in zip(sets, images, strict=True)]
        for a, i in zip(sets, images, strict=True)
    ]
    drawn = [
        [rng.multinomial(len(c), np.full(len(c), 1 / len(c))) for c in counts]
        for _ in range(resamples)
    ]
    values = [_discrepancy(sums, counts, weights) for weights in drawn]
    whole = _discrepancy(sums, counts, [np.ones(len(c)) for c in counts])
    return Estimate.from_bootstrap(whole, values)


def _discrepancy(
    sums: list[list[np.ndarray]], counts: list[np.ndarray], weights: list[np.ndarray]
) -> float:
    """Unbiased squared discrepancy when image i is taken weights[i] times.

    An image is not paired with another copy of itself, which would pair patches with themselves.
    """
    total = 0.0
    for k in (0, 1):
        w, n, own = weights[k], counts[k], np.diag(sums[k][k])
        value = w @ sums[k][k] @ w - w**2 @ own + w @ own
        number = (w @ n) ** 2 - w**2 @ n**2 + w @ (n * (n - 1))
        total += value / number if number > 0 else np.nan
    cross = weights[0] @ sums[0][1] @ weights[1]
    return float(total - 2 * cross / ((weights[0] @ counts[0]) * (weights[1] @ counts[1])))
