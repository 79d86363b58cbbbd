"""Judge detectors on images without labels, by the intensities of the columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import expit, logit

from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.vacancies import ColumnEvidence, away_from_edges, column_evidence
from stemzoo.inference.detection import find_classes
from stemzoo.metrics.estimate import Estimate
from stemzoo.simulate.materials import find_material

# Edge of the middle of each measured image that detectors are judged on [px], and number of images
# of which it can be as large, where there are 2.5 minutes or more; else it is smaller.
_JUDGED, _MANY, _FEW, _MINUTES = 640, 6, 2, 2.5
_ON_SITE = 0.8  # [Å]: how far a detection may lie from its column
_DRAWS, _INTERVAL = 400, (0.025, 0.975)
# Standard deviation of the logarithm of the odds of all columns together; and a probability below
# which they are as good as certain.
_ODDS, _NEVER = 0.5, 1e-12
_LEAST_ERRORS = 0.01  # fewer are taken for so many: no estimate is as good as that


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
        """Fraction of the detections that are vacancies; 0 without any."""
        return self.true / self.detected if self.detected else 0.0

    @property
    def recall(self) -> float:
        """Fraction of the vacancies that are detected; 0 without any."""
        return self.true / self.present if self.present else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.detected + self.present
        return 2 * self.true / total if total else 0.0


@dataclass(frozen=True, eq=False)
class ColumnVerdict:
    """What the columns of some images say of a detector: the witness that detectors share.

    The probabilities that `detect` tells are those of a calibrated detector, by its own scores; a
    detector that was just trained has none, and would be its own judge.

    Parameters
    ----------
    probability : ndarray of shape (K,)
        That each column is a vacancy, by its intensity alone.
    marked : ndarray of bool, shape (K,)
        Whether the detector marks it.
    detected : float
        Number of its detections.
    """

    probability: np.ndarray
    marked: np.ndarray
    detected: float

    def __add__(self, other: "ColumnVerdict") -> "ColumnVerdict":
        return ColumnVerdict(
            np.concatenate([self.probability, other.probability]),
            np.concatenate([self.marked, other.marked]),
            self.detected + other.detected,
        )

    @property
    def score(self) -> EstimatedScore:
        """Expected precision and recall."""
        true = float(self.probability[self.marked].sum())
        return EstimatedScore(true, self.detected, float(self.probability.sum()))


NOTHING = ColumnVerdict(np.zeros(0), np.zeros(0, dtype=bool), 0.0)


def error_reduction(old: ColumnVerdict, new: ColumnVerdict) -> Estimate:
    """Fraction of the estimated errors, 1 - F1, that a change of detectors mends.

    Parameters
    ----------
    old, new : ColumnVerdict
        Of two detectors on the same columns.

    Returns
    -------
    Estimate
        1 at most, negative where there are more errors; with its interval of 95 %.

    Notes
    -----
    Each column is drawn to be a vacancy or not by its probability, for both detectors alike, so
    that what they both mark or both miss does not count. Odds of all columns are multiplied by one
    more random factor, as what is taken for the intensity of a vacancy may be a little off.

    Examples
    --------
    >>> p, marked = np.ones(100), np.arange(100)
    >>> old, new = (ColumnVerdict(p, marked < n, 100) for n in (80, 85))
    >>> error_reduction(old, new)  # a quarter of the errors, of which there is no doubt
    Estimate(value=0.25, low=0.25, high=0.25)
    """
    rng = np.random.default_rng(0)  # the same images, the same interval
    odds = logit(np.clip(old.probability, _NEVER, 1 - _NEVER))
    drawn = []
    for _ in range(_DRAWS):
        likely = expit(odds + _ODDS * rng.standard_normal())
        true = rng.random(len(odds)) < likely
        drawn.append(_reduction(*(_f1(one, true) for one in (old, new))))
    value = _reduction(old.score.f1, new.score.f1)
    low, high = np.quantile(drawn, _INTERVAL) if len(odds) else (value, value)
    return Estimate(*(round(float(end), 4) for end in (value, low, high)))


def _f1(verdict: ColumnVerdict, true: np.ndarray) -> float:
    total = verdict.detected + np.count_nonzero(true)
    return 2 * np.count_nonzero(true & verdict.marked) / total if total else 0.0


def _reduction(old: float, new: float) -> float:
    return (new - old) / max(1 - old, _LEAST_ERRORS)


@dataclass(frozen=True, eq=False)
class DetectorScorer:
    """Scores detectors on the same images without labels.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Middles of the measured images.
    evidence : sequence of ColumnEvidence or None
        Which of their columns are vacancies; None for an image that tells nothing.
    label : str
        Class of the vacancies.
    """

    images: Sequence[np.ndarray]
    evidence: Sequence[ColumnEvidence | None]
    label: str

    def __call__(self, detector: Any) -> ColumnVerdict:
        """Estimate precision and recall of a detector.

        Parameters
        ----------
        detector : DefectFCN
            A detector.

        Returns
        -------
        ColumnVerdict
        """
        total = NOTHING
        for image, evidence in zip(self.images, self.evidence, strict=True):
            if evidence is not None:
                positions = detected(detector, image, self.label, evidence.sampling)
                total += judge_positions(positions, image.shape, evidence)
        return total


def find_scorer(
    images: Sequence[np.ndarray],
    material: str,
    label: str,
    sampling: float,
    minutes: float,
    limits: JudgementLimits = LIMITS,
) -> DetectorScorer | None:
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
        That there are in all: in little time smaller middles of the images are judged.
    limits : JudgementLimits, optional
        How well vacancies must stand out, and how many there must be.

    Returns
    -------
    DetectorScorer or None
        None if vacancies do not stand out, or are too few.
    """
    for middles in fields_to_judge(images, minutes):
        evidence = column_evidence(middles, find_material(material), label, sampling)
        known = [seen for seen in evidence if seen is not None]
        if not known or known[0].separation < limits.separation:
            continue
        if sum(seen.probability.sum() for seen in known) >= limits.vacancies:
            return DetectorScorer(middles, evidence, label)
    return None


def fields_to_judge(images: Sequence[np.ndarray], minutes: float) -> Iterator[list[np.ndarray]]:
    """Cut the middles of images that there is time to judge on.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    minutes : float
        That there are in all.

    Yields
    ------
    list of ndarray
        Of 640 px a side, or smaller for many images or in little time; then, as small ones may tell
        too little, of 640 px.
    """
    many = max(_MANY * min(minutes / _MINUTES, 1), _FEW)
    least = round(_JUDGED * min(many / len(images), 1) ** 0.5)
    for edge in dict.fromkeys((least, _JUDGED)):
        yield [middle(image, edge) for image in images]


def detected(detector: Any, image: np.ndarray, label: str, sampling: float) -> np.ndarray:
    """Find defects of a class as `detect` does, without its look at the lattice.

    Parameters
    ----------
    detector : DefectFCN
        A detector.
    image : ndarray of shape (M, N)
        Measured image.
    label : str
        One of its classes.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    ndarray of shape (K, 2)
        Row and column [px].
    """
    positions, classes, _ = find_classes(image, detector, sampling)
    return positions[classes == detector.classes.index(label)]


def judge_positions(
    positions: np.ndarray, shape: tuple[int, int], evidence: ColumnEvidence
) -> ColumnVerdict:
    """Compare detections with the evidence of the columns; those near edges do not count.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of the detections [px].
    shape : tuple of int
        Of the image.
    evidence : ColumnEvidence
        Of the image.

    Returns
    -------
    ColumnVerdict
        A column that is detected twice counts once as true.
    """
    positions = positions[away_from_edges(positions, shape, evidence.sampling)]
    marked = np.zeros(len(evidence.positions), bool)
    if len(positions) and len(marked):
        reach = _ON_SITE / evidence.sampling
        distance, index = cKDTree(evidence.positions).query(positions, distance_upper_bound=reach)
        marked[index[np.isfinite(distance)]] = True
    return ColumnVerdict(evidence.probability, marked, float(len(positions)))
