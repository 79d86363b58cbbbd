"""Judge detectors by what they find in images without labels, and choose among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.vacancies import ColumnEvidence, away_from_edges, column_evidence
from stemzoo.inference.detection import find_classes
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
_ON_SITE = 0.8  # [Å]: how far a detection may lie from its column


@dataclass(frozen=True)
class EstimatedScore:
    """Precision and recall of detections as the columns' intensities tell them.

    Parameters
    ----------
    true, detected, present : float
        Expected number of detections that are vacancies; number of detections; expected number of
        vacancies.
    """

    true: float = 0.0
    detected: float = 0.0
    present: float = 0.0

    def __add__(self, other: "EstimatedScore") -> "EstimatedScore":
        return EstimatedScore(
            self.true + other.true, self.detected + other.detected, self.present + other.present
        )

    @property
    def precision(self) -> float:
        """Part of the detections that are vacancies; 0 without any."""
        return self.true / self.detected if self.detected else 0.0

    @property
    def recall(self) -> float:
        """Part of the vacancies that are detected; 0 without any."""
        return self.true / self.present if self.present else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.detected + self.present
        return 2 * self.true / total if total else 0.0


def find_scorer(
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


def choose_detector(scores: dict[str, EstimatedScore], least: float) -> str:
    """Name the best detector, or an earlier one of whose errors it mends no more than a part.

    An earlier one that is estimated to make next to no errors stays, too.

    Parameters
    ----------
    scores : dict of str to EstimatedScore
        Of each detector; the first is the one of before.
    least : float
        See `error_reduction`.

    Returns
    -------
    str

    Examples
    --------
    >>> scores = {"old": EstimatedScore(80, 100, 100), "new": EstimatedScore(85, 100, 100)}
    >>> choose_detector(scores, 0.0), choose_detector(scores, 1 / 3)
    ('new', 'old')
    """
    first, *others = scores
    for name in others:
        faultless = scores[first].f1 >= _FAULTLESS
        if not faultless and error_reduction(scores[first], scores[name]) > least:
            first = name
    return first


def error_reduction(old: EstimatedScore, new: EstimatedScore) -> float:
    """Fraction of the estimated errors, 1 - F1, that a change of detectors mends.

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
    >>> round(error_reduction(EstimatedScore(80, 100, 100), EstimatedScore(85, 100, 100)), 3)
    0.25
    """
    return (new.f1 - old.f1) / max(1 - old.f1, 1e-6)


def estimated_score(detector, images: Sequence[np.ndarray], evidence, label: str) -> EstimatedScore:
    """Estimate precision and recall of a detector on images without labels.

    Parameters
    ----------
    detector : DefectFCN
        A detector.
    images : sequence of ndarray of shape (M, N)
        Those of `evidence`.
    evidence : sequence of ColumnEvidence
        From `column_evidence`.
    label : str
        Class of the vacancies.

    Returns
    -------
    EstimatedScore
    """
    total = EstimatedScore()
    for image, one in zip(images, evidence, strict=True):
        if one is None:
            continue
        found = _detected(detector, image, label, one.sampling)
        true = 0.0
        if len(found):
            reach = _ON_SITE / one.sampling
            tree = cKDTree(one.positions)
            distance, index = tree.query(found, distance_upper_bound=reach)
            true = float(one.probability[np.unique(index[np.isfinite(distance)])].sum())
        total += EstimatedScore(true, float(len(found)), float(one.probability.sum()))
    return total


def _detected(detector, image: np.ndarray, label: str, sampling: float) -> np.ndarray:
    """Find defects of a class as `detect` does, without its look at the lattice; none at edges."""
    positions, classes, _ = find_classes(image, detector, sampling)
    positions = positions[classes == detector.classes.index(label)]
    return positions[away_from_edges(positions, image.shape, sampling)]
