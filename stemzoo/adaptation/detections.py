"""Judge detections without labels: by the intensity of each column against its neighbours'."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.vacancies import away_from_edges
from stemzoo.inference import find_classes

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
