"""How many of the defects of an image are found, and how many of those found are true."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from stemzoo.metrics.estimate import Estimate

# Below this expected F1 the user is told; of fewer expected defects no one can tell it.
LEAST_F1, FEWEST = 0.85, 10.0
_DRAWS = 2000
_INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class ExpectedCount:
    """How many defects of a class an image is likely to hold, by calibrated probabilities.

    Parameters
    ----------
    total : float
        Sum of the probabilities of all places, reported or not.
    variance : float
        Of the true number about it, if each place were independent of the others.
    spread : float
        Standard deviation of the uncertain ones beside that, relative; see `Calibration`.
    """

    total: float
    variance: float
    spread: float

    @classmethod
    def of(cls, probabilities: np.ndarray, spread: float) -> "ExpectedCount":
        """Add up probabilities of shape (K,).

        Examples
        --------
        >>> ExpectedCount.of(np.array([1.0, 0.5, 0.5]), 0.0)
        ExpectedCount(total=2.0, variance=0.5, spread=0.0)
        """
        p = np.asarray(probabilities, dtype=float)
        return cls(float(p.sum()), float((p * (1 - p)).sum()), spread)

    @property
    def uncertainty(self) -> float:
        """Variance of the true number about the expected one."""
        return self.variance + (self.spread * self.variance) ** 2

    def __add__(self, other: "ExpectedCount") -> "ExpectedCount":
        """Return both together; what they differ by beside chance is taken for the same."""
        variance = self.variance + other.variance
        beside = self.spread * self.variance + other.spread * other.variance
        spread = beside / variance if variance > 0 else max(self.spread, other.spread)
        return ExpectedCount(self.total + other.total, variance, spread)

    def __sub__(self, other: "ExpectedCount") -> "ExpectedCount":
        total, variance = self.total - other.total, self.variance - other.variance
        return ExpectedCount(max(total, 0.0), max(variance, 0.0), self.spread)


NOTHING = ExpectedCount(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Expectation:
    """What to expect of the reported defects of a class in an image.

    Parameters
    ----------
    precision, recall, f1 : Estimate
        With intervals of 95 %; NaN where nothing is reported, or nothing expected.
    reported : int
        Number of reported defects.
    expected : float
        Expected number of true ones in the image.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    reported: int
    expected: float

    @property
    def is_enough(self) -> bool:
        """Whether there are so many defects that the F1 can be told."""
        return max(self.expected, self.reported) >= FEWEST

    @property
    def is_poor(self) -> bool:
        """Whether many errors are to be expected; of few defects, whether that is sure."""
        f1 = self.f1.value if self.is_enough else self.f1.high
        return f1 is not None and f1 < LEAST_F1


def expect(reported: int, hits: ExpectedCount, misses: ExpectedCount) -> Expectation:
    """Tell what to expect of reported defects.

    Parameters
    ----------
    reported : int
        How many are reported.
    hits, misses : ExpectedCount
        True ones among these, and among all other places.

    Returns
    -------
    Expectation

    Notes
    -----
    Intervals are quantiles of numbers of hits and misses that are drawn: their means from gamma
    distributions with what images differ by beside chance, then whole numbers, hits from a binomial
    distribution and misses from Poisson's. Errors of hits and of misses are independent and alike,
    so each is √2 of what their sum has, relative.

    Examples
    --------
    >>> sure, none = ExpectedCount(9.0, 0.9, 0.0), ExpectedCount(0.0, 0.0, 0.0)
    >>> found = expect(10, sure, none)
    >>> found.precision.value, found.recall.value
    (0.9, 1.0)
    """
    rng = np.random.default_rng(0)  # the same image, the same interval
    true = rng.binomial(reported, np.minimum(_means(hits, rng) / max(reported, 1), 1))
    missed = rng.poisson(_means(misses, rng))
    true, missed = np.append(true, min(hits.total, reported)), np.append(missed, misses.total)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = (true / reported, true / (true + missed), 2 * true / (reported + true + missed))
    precision, recall, f1 = (_estimate(values) for values in figures)
    return Expectation(precision, recall, f1, reported, hits.total + misses.total)


def _means(count: ExpectedCount, rng: np.random.Generator) -> np.ndarray:
    """Draw what the expected count may be in an image like this."""
    width = np.sqrt(2) * count.spread * count.variance
    if not (count.total > 0 and width > 0):
        return np.full(_DRAWS, count.total)
    shape = (count.total / width) ** 2
    return rng.gamma(shape, count.total / shape, _DRAWS)


def _estimate(values: np.ndarray) -> Estimate:
    """Return the last value with the quantiles of the others."""
    if not np.isfinite(values[-1]) or np.isnan(values[:-1]).all():
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.nanquantile(values[:-1], _INTERVAL)
    return Estimate(*(round(float(min(max(n, 0), 1)), 4) for n in (values[-1], low, high)))


def count_interval(count: float, uncertainty: float = 0.0) -> tuple[float, float]:
    """Return the interval that holds the mean of a Poisson process with 95 % probability.

    Parameters
    ----------
    count : float
        Counted events, or the expected number of them.
    uncertainty : float
        Variance of their true number about that.

    Returns
    -------
    low, high : float

    Notes
    -----
    That of Garwood for a plain count. Else the count is a scaled Poisson number of the same mean
    and variance, as in Fay and Feuer, and is no whole number of events: half an event more at both
    ends (Jeffreys' interval) holds the mean as often as is said, on average.

    References
    ----------
    F. Garwood, Biometrika 28, 437 (1936); M. P. Fay, E. J. Feuer, Statistics in Medicine 16, 791
    (1997).

    Examples
    --------
    >>> [round(end, 2) for end in count_interval(2)]
    [0.24, 7.22]
    >>> [round(end, 2) for end in count_interval(100, 100)]
    [75.08, 130.7]
    """
    scale = 1 + uncertainty / count if count > 0 else 1.0
    events = count / scale
    lower, upper = (2 * events + 1,) * 2 if uncertainty > 0 else (2 * events, 2 * events + 2)
    low = float(chdtri(lower, 1 - _INTERVAL[0])) / 2 * scale if events > 0 else 0.0
    high = float(chdtri(upper, 1 - _INTERVAL[1])) / 2 * scale
    return low, high
