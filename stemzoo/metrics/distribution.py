"""How the intensities of two sets of images differ."""

from collections.abc import Sequence

import numpy as np

from stemzoo.preprocessing import rescale


def intensity_kl_divergence(
    measured: Sequence[np.ndarray], generated: Sequence[np.ndarray], *, bins: int = 64
) -> float:
    """Kullback-Leibler divergence of the intensity histograms of two sets of images.

    Each image is saturated at 3.5 standard deviations and scaled to [-1, 1]; histograms have equal
    bins on [-1, 1], with one count added to each bin so that none is empty.

    Parameters
    ----------
    measured : sequence of ndarray
        Images that are the reference, P.
    generated : sequence of ndarray
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
    p, q = (_histogram(images, bins) for images in (measured, generated))
    return float(np.sum(p * np.log(p / q)))


def _histogram(images, bins: int) -> np.ndarray:
    counts = sum(np.histogram(rescale(image), bins, (-1, 1))[0] for image in images) + 1.0
    return counts / counts.sum()
