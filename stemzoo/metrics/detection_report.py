"""How good a detector is in labelled images: per class, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrik

from stemzoo.io.tables import share_interval
from stemzoo.metrics.detection import DetectionScore
from stemzoo.metrics.estimate import Estimate
from stemzoo.metrics.image_score import ClassScore, ImageScore

_RESAMPLES = 1000
_FEWEST_FOR_MEDIAN = 6  # the extremes of fewer enclose their median with less than 95 %
_NOTHING = DetectionScore(0, 0, 0)

# Name of all classes together.
ALL = "all"
FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class DetectionReport:
    """How good a detector is in labelled images.

    Parameters
    ----------
    images : tuple of ImageScore
        One an image.
    model : str
        Name of the detector.
    threshold : float
        Lowest probability, or score, that was reported.
    tolerance, border : float
        See `score_image` [Å].
    unlabelled : mapping of str to int
        Detections of classes that nobody labelled, which are not judged.
    unknown : mapping of str to int
        Labels of classes that the detector does not know, which are not judged.

    Examples
    --------
    >>> report.estimate("f1", "se_vacancy")  # doctest: +SKIP
    Estimate(value=0.975, low=0.951, high=0.99)
    """

    images: tuple[ImageScore, ...]
    model: str
    threshold: float
    tolerance: float
    border: float
    unlabelled: Mapping[str, int]
    unknown: Mapping[str, int]

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that were compared."""
        return tuple(dict.fromkeys(name for image in self.images for name in image.classes))

    def total(self, name: str = ALL) -> ClassScore:
        """Add up the counts of a class, or of all, over the images."""
        return sum(self._counts(name), ClassScore(_NOTHING))

    def estimate(self, figure: str, name: str = ALL) -> Estimate:
        """Return a figure with its interval of 95 %.

        Parameters
        ----------
        figure : str
            ``"precision"``, ``"recall"`` or ``"f1"``.
        name : str
            Class; all together where not given.

        Returns
        -------
        Estimate
            NaN where there is nothing to have a share of. The interval is the wider, on either
            side, of Wilson's for as many independent sites and, of several images, that of a
            bootstrap over these.

        References
        ----------
        E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927). B. Efron, R. J. Tibshirani, An
        Introduction to the Bootstrap, chapter 13, Chapman & Hall 1993.
        """
        counts = [one.score for one in self._counts(name)]
        whole = sum(counts, _NOTHING)
        value = float(getattr(whole, figure))
        if np.isnan(value):
            return Estimate(value)
        low, high = _site_interval(whole, figure)
        if len(counts) > 1:
            resampled = _resampled(counts, figure)
            if not np.isnan(resampled).all():
                drawn = Estimate.from_bootstrap(value, resampled)
                low, high = min(low, drawn.interval[0]), max(high, drawn.interval[1])
        return Estimate(value, low, high)

    def position_error(self, name: str = ALL) -> Estimate:
        """Return the median distance of the hits of a class from their labels [pm].

        Parameters
        ----------
        name : str
            Class; all together where not given.

        Returns
        -------
        Estimate
            See `median_distance`. Both labels and detections are off.
        """
        return median_distance(self.total(name).distances)

    def _counts(self, name: str) -> list[ClassScore]:
        nothing = ClassScore(_NOTHING)
        if name != ALL:
            return [image.classes.get(name, nothing) for image in self.images]
        return [sum(image.classes.values(), nothing) for image in self.images]

    def to_dict(self) -> dict[str, object]:
        """Return it as plain types, for JSON; None stands for what cannot be told."""
        several = len(self.classes) > 1
        return {
            "weights": self.model,
            "threshold": self.threshold,
            "tolerance_angstrom": self.tolerance,
            "border_angstrom": self.border,
            "scores": [
                {
                    "class": name,
                    **_plain(self.total(name)),
                    **{figure: _known(self.estimate(figure, name)) for figure in FIGURES},
                    "position_error_pm": _known(self.position_error(name)),
                }
                for name in (*self.classes, *([ALL] if several else []))
            ],
            "images": [
                {
                    "image": image.image,
                    "pixel_size_pm": round(image.sampling * 100, 4),
                    "classes": {name: _plain(one) for name, one in image.classes.items()},
                    "in_border": image.in_border,
                    "ignored": image.ignored,
                    "doubts": list(image.doubts),
                }
                for image in self.images
            ],
            "unlabelled": dict(self.unlabelled),
            "unknown": dict(self.unknown),
        }


def median_distance(distances: Sequence[float]) -> Estimate:
    """Return the median of distances with the interval that order statistics give.

    Parameters
    ----------
    distances : sequence of float
        Of hits from their labels [Å].

    Returns
    -------
    Estimate
        In pm, to a tenth, with an interval of 95 % at least; without one for fewer than six, of
        which none has such an interval. NaN for none.

    References
    ----------
    W. J. Conover, Practical Nonparametric Statistics, section 3.2 (quantiles), Wiley 1999.

    Examples
    --------
    >>> median_distance([0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.30])
    Estimate(value=7.0, low=4.0, high=30.0)
    """
    ordered = np.sort(np.asarray(distances, dtype=float)) * 100
    if not len(ordered):
        return Estimate(float("nan"))
    value = round(float(np.median(ordered)), 1)
    # As many of n are below their median as heads in n throws of a coin.
    least = int(bdtrik(0.025, len(ordered), 0.5)) if len(ordered) >= _FEWEST_FOR_MEDIAN else None
    if least is None:
        return Estimate(value)
    low, high = ordered[least], ordered[len(ordered) - 1 - least]
    return Estimate(value, round(float(low), 1), round(float(high), 1))


def _site_interval(score: DetectionScore, figure: str) -> tuple[float, float]:
    """Return Wilson's interval of a figure, as if all sites were independent."""
    hits, wrong, missed = score.hits, score.false_alarms, score.misses
    totals = {"precision": hits + wrong, "recall": hits + missed, "f1": hits + wrong + missed}
    low, high = share_interval(hits, totals[figure])
    if figure != "f1":
        return low, high
    # F1 = 2 j / (1 + j), where j is the share of hits in all that was found or labelled.
    return 2 * low / (1 + low), 2 * high / (1 + high)


def _resampled(counts: Sequence[DetectionScore], figure: str) -> np.ndarray:
    """Return a figure of samples of images, drawn with replacement."""
    rng = np.random.default_rng(0)  # the same images give the same interval
    drawn = rng.integers(len(counts), size=(_RESAMPLES, len(counts)))
    table = np.array([[one.hits, one.false_alarms, one.misses] for one in counts])
    sums = table[drawn].sum(axis=1).tolist()
    return np.array([getattr(DetectionScore(*row), figure) for row in sums])


def _plain(one: ClassScore) -> dict[str, int]:
    score = one.score
    return {
        "labelled": score.hits + score.misses,
        "hits": score.hits,
        "false_alarms": score.false_alarms,
        "misses": score.misses,
        "on_other_class": one.on_other_class,
    }


def _known(figure: Estimate) -> dict[str, float | None] | None:
    if np.isnan(figure.value):
        return None
    return {
        key: None if value is None else round(value, 4)
        for key, value in (("value", figure.value), ("low", figure.low), ("high", figure.high))
    }
