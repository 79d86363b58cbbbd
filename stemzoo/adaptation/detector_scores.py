"""Judge detectors on images without labels, by the intensities of the columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.vacancies import ColumnEvidence, away_from_edges, column_evidence
from stemzoo.inference.detection import find_classes
from stemzoo.simulate.materials import find_material
from stemzoo.training.recipes import LIMITS, JudgementLimits

# Edge of the middle of each measured image that detectors are judged on [px], and number of images
# of which it can be as large, where there are 2.5 minutes or more; else it is smaller.
_JUDGED, _MANY, _FEW, _MINUTES = 640, 6, 2, 2.5
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

    def __call__(self, detector: Any) -> EstimatedScore:
        """Estimate precision and recall of a detector.

        Parameters
        ----------
        detector : DefectFCN
            A detector.

        Returns
        -------
        EstimatedScore
        """
        total = EstimatedScore()
        for image, evidence in zip(self.images, self.evidence, strict=True):
            if evidence is not None:
                positions = detected(detector, image, self.label, evidence.sampling)
                total += score_positions(positions, image.shape, evidence)
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


def score_positions(
    positions: np.ndarray, shape: tuple[int, int], evidence: ColumnEvidence
) -> EstimatedScore:
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
    EstimatedScore
        A column that is detected twice counts once as true.
    """
    positions = positions[away_from_edges(positions, shape, evidence.sampling)]
    true = 0.0
    if len(positions):
        reach = _ON_SITE / evidence.sampling
        tree = cKDTree(evidence.positions)
        distance, index = tree.query(positions, distance_upper_bound=reach)
        true = float(evidence.probability[np.unique(index[np.isfinite(distance)])].sum())
    return EstimatedScore(true, float(len(positions)), float(evidence.probability.sum()))
