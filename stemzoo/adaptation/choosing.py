"""Choose among detectors by what they find in images without labels."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from stemzoo.adaptation.detections import EstimatedScore, estimated_score
from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.vacancies import ColumnEvidence, column_evidence
from stemzoo.simulate.materials import find_material

# Edge of the middle of each measured image that detectors are judged on [px], and number of images
# of which it can be as large, where there are 2.5 minutes or more; else it is smaller.
_JUDGED, _MANY, _FEW, _MINUTES = 640, 6, 2, 2.5
# From here on vacancies are told by their intensity: standard deviations, and expected number.
_APART, _ENOUGH = 2.5, 15
# Estimated F1 from which on an earlier detector stays: the estimate is not to be trusted to a
# hundredth, and what an image does not show is not judged. On one image whose hum the old detector
# withstands, 0.97 to 1.00 was truly 0.48 to 0.47 on others of the session.
_FAULTLESS = 0.95


def find_judge(
    images: Sequence[np.ndarray], material: str, label: str, sampling: float, minutes: float
) -> Callable[[object], EstimatedScore] | None:
    """Find out what detectors can be judged by.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str
        Entry of `MATERIALS`.
    label : str
        Class of the vacancies.
    sampling : float
        Pixel size [Å/px].
    minutes : float
        That there are in all: in little time smaller parts of the images are judged.

    Returns
    -------
    callable or None
        Scores a `DefectFCN` on the images. None if vacancies do not stand out, or are too few.
    """
    many = max(_MANY * min(minutes / _MINUTES, 1), _FEW)
    least = round(_JUDGED * min(many / len(images), 1) ** 0.5)
    # Where small parts tell too little, whole ones are worth their time.
    for edge in dict.fromkeys((least, _JUDGED)):
        parts = [middle(image, edge) for image in images]
        evidence = column_evidence(parts, find_material(material), label, sampling)
        if _tells(evidence):
            return partial(estimated_score, images=parts, evidence=evidence, label=label)
    return None


def _tells(evidence: Sequence[ColumnEvidence | None]) -> bool:
    """Whether vacancies stand out, and are enough to judge by."""
    seen = [one for one in evidence if one is not None]
    if not seen or seen[0].separation < _APART:
        return False
    return sum(one.probability.sum() for one in seen) >= _ENOUGH


def choose(scores: dict[str, EstimatedScore], least: float) -> str:
    """Name the best detector, or an earlier one of whose errors it mends no more than a part.

    An earlier one that is estimated to make next to no errors stays, too.

    Parameters
    ----------
    scores : dict of str to EstimatedScore
        Of each detector; the first is the one of before.
    least : float
        See `mended`.

    Returns
    -------
    str

    Examples
    --------
    >>> scores = {"old": EstimatedScore(80, 100, 100), "new": EstimatedScore(85, 100, 100)}
    >>> choose(scores, 0.0), choose(scores, 1 / 3)
    ('new', 'old')
    """
    first, *others = scores
    for name in others:
        faultless = scores[first].f1 >= _FAULTLESS
        if not faultless and mended(scores[first], scores[name]) > least:
            first = name
    return first


def mended(old: EstimatedScore, new: EstimatedScore) -> float:
    """Tell which part of the estimated errors, 1 - F1, is mended.

    Parameters
    ----------
    old, new : EstimatedScore
        Of two detectors.

    Returns
    -------
    float
        1 at most; negative where there are more errors.

    Examples
    --------
    >>> round(mended(EstimatedScore(80, 100, 100), EstimatedScore(85, 100, 100)), 3)
    0.25
    """
    return (new.f1 - old.f1) / max(1 - old.f1, 1e-6)
