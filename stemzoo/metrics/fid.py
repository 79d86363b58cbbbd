"""Fréchet distance of two sets of images, by the features of their patches."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from stemzoo.metrics.distribution import frechet_distance
from stemzoo.metrics.features import EXTRACTORS, FeatureSet, extract_features


@dataclass(frozen=True)
class FrechetResult:
    """Fréchet distance of two sets of patches, and what it may be called.

    Parameters
    ----------
    value : float
        The distance; 0 for equal sets.
    name : str
        ``"FID"`` is InceptionV3 with the standard protocol only; others name network and protocol.
        Only values of one name, patch size and number of patches can be compared.
    n_patches : int
        Patches of each set that were compared.
    n_measured, n_generated : int
        Patches that there were.
    """

    value: float
    name: str
    n_patches: int
    n_measured: int
    n_generated: int


def fid(
    measured: Iterable[np.ndarray],
    generated: Iterable[np.ndarray],
    *,
    protocol: str = "standard",
    extractor: str | Callable[[np.ndarray], np.ndarray] = "inception-v3",
    patch: int = 256,
) -> FrechetResult:
    """Fréchet (Inception) distance of two sets of images.

    Parameters
    ----------
    measured, generated : iterable of ndarray of shape (M, N)
        Images.
    protocol : str
        ``"standard"`` or ``"khan2023"``, that of the paper; see
        `stemzoo.metrics.features.extract_features`.
    extractor : str or callable
        ``"inception-v3"``, ``"efficientnet-lite0"`` or a function; see there.
    patch : int
        Edge of the patches [px].

    Returns
    -------
    FrechetResult

    Raises
    ------
    ValueError
        As `extract_features` and `frechet_result`.
    ModuleNotFoundError, ConnectionError
        If the weights of the network cannot be had.

    Notes
    -----
    With fewer patches than features (2048 or 1280) the covariance is singular and the distance
    biased far upwards; `stemzoo.metrics.distribution.kid` is not. Compare with the distance of two
    halves of the measured set. Keras' InceptionV3 is another training than the network of 2015
    that other programs use: values differ from theirs.

    References
    ----------
    M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule..., NeurIPS 2017;
    A. Khan et al., npj Comput. Mater. 9, 85 (2023).

    Examples
    --------
    >>> fid(measured, generated, extractor="efficientnet-lite0").value  # doctest: +SKIP
    10.5
    """
    return frechet_result(
        extract_features(measured, extractor, protocol=protocol, patch=patch),
        extract_features(generated, extractor, protocol=protocol, patch=patch),
    )


def frechet_result(measured: FeatureSet, generated: FeatureSet) -> FrechetResult:
    """Fréchet distance of features that are there already.

    The distance is biased upwards by few patches, so both sets count with the same number of them:
    of the larger one as many as the smaller has are used, the first patch of each image, then the
    second of each, and so on.

    Parameters
    ----------
    measured, generated : FeatureSet
        Of one extractor, protocol and patch size.

    Returns
    -------
    FrechetResult

    Raises
    ------
    ValueError
        If the sets were not made in the same way, or have fewer than two patches.

    Examples
    --------
    >>> measured = extract_features(images)  # doctest: +SKIP
    >>> frechet_result(measured, extract_features(generated)).n_patches  # doctest: +SKIP
    192
    """
    ways = [(x.extractor, x.protocol, x.patch) for x in (measured, generated)]
    if ways[0] != ways[1]:
        raise ValueError(
            "Expected features of one extractor, protocol and patch size. "
            f"Received: {ways[0]}, {ways[1]}"
        )
    counts = len(measured.values), len(generated.values)
    chosen = []
    for features in (measured, generated):
        _, first, number = np.unique(features.images, return_index=True, return_inverse=True)
        # Patches of an image follow each other.
        rank = np.arange(len(features.images)) - first[number]
        chosen.append(features.values[np.argsort(rank, kind="stable")[: min(counts)]])
    standard = measured.protocol == "standard"
    if measured.extractor == "inception-v3":
        name = "FID" if standard else "FID (Khan 2023 protocol)"
    else:
        network = EXTRACTORS.get(measured.extractor, measured.extractor)
        name = f"Fréchet distance ({network}{'' if standard else ', Khan 2023 protocol'})"
    return FrechetResult(frechet_distance(chosen[0], chosen[1]), name, min(counts), *counts)
