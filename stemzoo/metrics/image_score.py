"""The detections of one labelled image against its labels, class by class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stemzoo.metrics.detection import DetectionScore, hit_distances, score_detections


@dataclass(frozen=True)
class ClassScore:
    """Counts of one class in one image, or in several.

    Parameters
    ----------
    score : DetectionScore
        Hits, false alarms and misses.
    on_other_class : int
        How many of the false alarms lie on a label of another class.
    distances : tuple of float
        How far each hit is from its label [Å].
    """

    score: DetectionScore
    on_other_class: int = 0
    distances: tuple[float, ...] = ()

    def __add__(self, other: "ClassScore") -> "ClassScore":
        return ClassScore(
            self.score + other.score,
            self.on_other_class + other.on_other_class,
            self.distances + other.distances,
        )


@dataclass(frozen=True)
class ImageScore:
    """Detections of one image against its labels.

    Parameters
    ----------
    image : str
        Its name.
    classes : mapping of str to ClassScore
        By class.
    sampling : float
        Pixel size [Å/px].
    in_border : int
        Labels in the border, which do not count.
    ignored : int
        Marks near which a false alarm is none.
    doubts : tuple of str
        Why the detections, or the comparison, should not be trusted.
    """

    image: str
    classes: Mapping[str, ClassScore]
    sampling: float
    in_border: int = 0
    ignored: int = 0
    doubts: tuple[str, ...] = ()


def score_image(
    found: Mapping[str, np.ndarray],
    labelled: Mapping[str, np.ndarray],
    *,
    image: str,
    sampling: float,
    shape: tuple[int, int],
    tolerance: float,
    border: float,
    ignore: np.ndarray,
    doubts: Sequence[str] = (),
) -> ImageScore:
    """Compare the detections of an image with its labels, class by class.

    Parameters
    ----------
    found, labelled : mapping of str to ndarray of shape (K, 2)
        Rows and columns by class [px]; the classes of `labelled` are compared.
    image : str
        Its name.
    sampling : float
        Pixel size [Å/px].
    shape : tuple of int
        Shape of the image.
    tolerance : float
        Largest distance of a detection from its label [Å].
    border : float
        Width of the border in which nothing counts [Å].
    ignore : ndarray of shape (I, 2)
        Places near which a detection that is no hit is no false alarm either [px].
    doubts : sequence of str
        See `ImageScore`.

    Returns
    -------
    ImageScore

    Examples
    --------
    >>> at = {"v": np.array([[50.0, 50.0]])}
    >>> scored = score_image(
    ...     at, at, image="a", sampling=0.2, shape=(99, 99), tolerance=1.0, border=2.0,
    ...     ignore=np.zeros((0, 2)),
    ... )
    >>> scored.classes["v"].score
    DetectionScore(hits=1, false_alarms=0, misses=0)
    """
    nowhere = np.zeros((0, 2))
    radius = tolerance / sampling
    edge: dict[str, Any] = {"shape": shape, "border": border / sampling}
    classes, counting = {}, 0
    for name, points in labelled.items():
        others = [nowhere, *(part for other, part in labelled.items() if other != name)]

        marked, wider = found.get(name, nowhere), np.concatenate([ignore, *others])
        score = score_detections(marked, points, radius, ignore=ignore, **edge)
        elsewhere = score_detections(marked, points, radius, ignore=wider, **edge)
        apart = hit_distances(marked, points, radius, **edge) * sampling
        on_other = score.false_alarms - elsewhere.false_alarms
        classes[name] = ClassScore(score, on_other, tuple(apart.tolist()))
        counting += score.hits + score.misses
    total = sum(len(points) for points in labelled.values())
    return ImageScore(image, classes, sampling, total - counting, len(ignore), tuple(doubts))
