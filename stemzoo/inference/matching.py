"""Which weights fit images: by the errors to expect of them, and by their training frames."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.comparison import Match, compare, read_conditions
from stemzoo.inference.detection import find_defects
from stemzoo.inference.expectation import LEAST_F1, NOTHING, Expectation, expect
from stemzoo.inference.spread import Here, Spread
from stemzoo.io import Image
from stemzoo.io.images import as_image, image_list
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import PROVENANCE
from stemzoo.zoo.registry import list_weights

log = logging.getLogger(__name__)

# Errors are expected from so many of the images, spread over all, and from the middle of large
# ones [px].
_MOST, _EDGE = 4, 2048


def match(
    images: np.ndarray | Image | Sequence[np.ndarray | Image],
    *,
    material: str | None = None,
    sampling: float | None = None,
    conditions: Mapping[str, TrainingConditions] | None = None,
) -> list[Match]:
    """Rank weights by how well images fit them.

    Parameters
    ----------
    images : ndarray of shape (M, N), Image, or sequence of these
        One image, or several of one session.
    material : str, optional
        Only weights for this material; where not given, for that of the images if there is no
        doubt of it (see `stemzoo.identify`).
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`, else measured from the lattice,
        for each material anew: then materials of the same symmetry are hard to tell apart.
    conditions : mapping of str to TrainingConditions, optional
        Conditions by name of the weights, which are all that is compared; those of the zoo where
        not given, whose calibrated detectors are tried, too.

    Returns
    -------
    list of Match
        Best first: detectors of which an F1 of 0.85 or more is to be expected in these images, by
        that; then those that fit what they were trained on, by `log_density`; then the others, by
        distance.

    Raises
    ------
    ValueError
        If there is no image, one cannot be analysed, or no weights have conditions to compare with.
    KeyError
        For an unknown material.

    Notes
    -----
    Errors are expected as `detect` does, from up to four of the images, all classes of defects
    together; not where fewer than ten defects are expected, or a result would not be trusted.

    The largest rectangle in which an image shows its crystal is compared. Images of a session are
    not independent. So k p_(⌈k/2⌉) / ⌈k/2⌉ is the p of k images: their
    (lower) median, times 2 for an even number. That holds under any dependence (B. Rüger,
    Metrika 25, 171, 1978).

    Examples
    --------
    >>> best, *others = match(image, sampling=0.2)  # doctest: +SKIP
    >>> best.weights, best.expected.f1.value  # doctest: +SKIP
    ('fcn-wse2', 0.96)
    """
    images = image_list(images)
    if conditions is not None:
        return compare(images, conditions, material=material, sampling=sampling)
    return match_spread(images, Here(), material=material, sampling=sampling)


def match_spread(
    images: Sequence[Any],
    spread: Spread,
    *,
    material: str | None = None,
    sampling: float | None = None,
) -> list[Match]:
    """Rank the weights of the zoo, with images that may lie elsewhere.

    Parameters
    ----------
    images : sequence of ndarray or Image, or handles of these
        Of one session.
    spread : Spread
        Who measures them, as far as weights are not needed.
    material, sampling
        As in `match`.

    Returns
    -------
    list of Match
        As of `match`.

    Raises
    ------
    ValueError, KeyError
        As in `match`.

    Examples
    --------
    >>> match_spread([image], Here(), sampling=0.2)[0].weights  # doctest: +SKIP
    'fcn-wse2'
    """
    ranked = compare(
        images, read_conditions(material), material=material, sampling=sampling, spread=spread
    )
    calibrated = {
        entry.name
        for entry in list_weights(task="detection")
        if entry.bundled and "calibration" in read_facts(entry.folder, PROVENANCE)
    }
    zoo = BundledDetectors()
    chosen = np.unique(np.linspace(0, len(images) - 1, min(len(images), _MOST)).round())
    some = [] if not calibrated else spread.gather([images[i] for i in chosen.astype(int)])
    ranked = [
        replace(one, expected=_expected(some, zoo, one.weights, sampling))
        if one.weights in calibrated and np.isfinite(one.distance)
        else one
        for one in ranked
    ]
    return sorted(ranked, key=_promise)


def _promise(one: Match) -> float:
    """Return what weights are sorted by: all alike but those that promise few errors."""
    f1 = 0.0 if one.expected is None else one.expected.f1.value
    return -f1 if f1 >= LEAST_F1 else 0.0


def _expected(
    images: Sequence[np.ndarray | Image],
    zoo: BundledDetectors,
    weights: str,
    sampling: float | None,
) -> Expectation | None:
    """Tell what to expect of a detector in images; None where nothing tells."""
    reported, hits, misses = 0, NOTHING, NOTHING
    for one in images:
        image = as_image(one).with_sampling(sampling)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `detect` is the one to warn
                found = find_defects(
                    replace(image, data=middle(image.data, _EDGE)), zoo.load(weights)
                )
        except ValueError as error:
            log.info("nothing is expected of %s: %s", weights, error)
            return None
        own = found.hits_and_misses()
        if own is None or not found.trusted:
            return None
        reported, hits, misses = reported + own[0], hits + own[1], misses + own[2]
    expected = expect(reported, hits, misses)
    return expected if expected.is_enough else None
