"""What is left of counted errors when the noise of the measurement is accounted for."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from scipy.special import ndtr

from stemzoo.metrics.estimate import Estimate

_FEWEST = 10  # sites of a class: fewer do not tell its width
_ROUNDS = 200
_CONVERGED = 1e-6
# Below this separation no one can tell which class a column belongs to.
_APART = 1.0
_LIKELY = 1.92  # half of the 95 % quantile of chi-squared with one degree of freedom


@dataclass(frozen=True)
class NoiseCorrected:
    """What is left of removed and invented vacancies when the noise is accounted for.

    Parameters
    ----------
    separation : float
        d' of the measurement: distance of the means of the classes (vacancy, full) over the
        root mean square of their standard deviations.
    noise_removed_per_1000, noise_invented_per_1000 : float
        Misread by noise alone: the part of each class beyond the threshold.
    removed, invented : Estimate
        Number in 1,000 labelled vacancies that belong to the full columns, and in 1,000 intact
        sites that belong to the vacancies.
    """

    separation: float
    noise_removed_per_1000: float
    noise_invented_per_1000: float
    removed: Estimate
    invented: Estimate

    @property
    def removed_per_1000(self) -> float:
        """Removed ones in 1,000 labelled vacancies."""
        return self.removed.value

    @property
    def invented_per_1000(self) -> float:
        """Invented ones in 1,000 intact sites."""
        return self.invented.value

    @property
    def removed_interval(self) -> tuple[float, float]:
        """95 % interval of `removed_per_1000`."""
        return self.removed.interval

    @property
    def invented_interval(self) -> tuple[float, float]:
        """95 % interval of `invented_per_1000`."""
        return self.invented.interval


def correct_for_noise(
    vacancies: np.ndarray, intact: np.ndarray, threshold: float
) -> NoiseCorrected:
    """Tell vacancies that were removed or invented from misread ones.

    Labelled and intact sites are taken for mixtures of the same two normal distributions, one of
    vacancies and one of full columns; all that is unknown is found by maximum likelihood (EM). A
    column that noise has brought beyond the threshold still lies within its class, one that the
    translation has changed lies in the middle of the other.

    Parameters
    ----------
    vacancies, intact : ndarray of shape (V,) and (I,)
        Contrast of the sites that are labelled as vacancies, and of those without a label.
    threshold : float
        Contrast below which a site measures as a vacancy.

    Returns
    -------
    NoiseCorrected
        NaN where a class has fewer than ten sites or, but for `separation`, where that is below 1.

    Notes
    -----
    Noise that differs from place to place gives a class tails, which count as changed: up to 4 in
    1,000 removed and 2.5 invented in hazy frames of day B, whose labels are all true. So compare
    with the session's own frames, see `label_preservation`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> vacancies, intact = rng.normal(0.5, 0.1, 200), rng.normal(1.0, 0.1, 4000)
    >>> round(correct_for_noise(vacancies, intact, 0.75).separation)
    5
    """
    unknown = Estimate(math.nan, math.nan, math.nan)
    if min(len(vacancies), len(intact)) < _FEWEST:
        return NoiseCorrected(math.nan, math.nan, math.nan, unknown, unknown)
    sets = (vacancies, intact)
    classes, parts = _fit_classes(sets)
    separation = float(np.diff(classes.means)[0] / np.sqrt(np.mean(classes.widths**2)))
    if separation < _APART:
        return NoiseCorrected(separation, math.nan, math.nan, unknown, unknown)
    beyond = ndtr(-abs(threshold - classes.means) / classes.widths)
    removed, invented = (
        _part_of_other(classes.densities(values), own, parts[own])
        for own, values in enumerate(sets)
    )
    misread = 1000 * beyond
    return NoiseCorrected(separation, float(misread[0]), float(misread[1]), removed, invented)


@dataclass(frozen=True, eq=False)
class _Classes:
    """Means and widths, of shape (2,), of the contrasts of vacancies and of full columns."""

    means: np.ndarray
    widths: np.ndarray

    def densities(self, values: np.ndarray) -> np.ndarray:
        """Density of each value (K,) in either class, but for a common factor; shape (K, 2)."""
        z = (values[:, None] - self.means) / self.widths
        # Not below what 8 sigma give: beyond, no class explains a value, and none is to blame.
        return np.exp(-np.minimum(z**2, 64) / 2) / self.widths


def _fit_classes(sets: tuple[np.ndarray, np.ndarray]) -> tuple[_Classes, np.ndarray]:
    """Fit both classes, and the part (2,) of each set that belongs to the class of the other."""
    means = np.array([np.median(values) for values in sets])
    widths = np.array([stats.median_abs_deviation(values, scale="normal") for values in sets])
    # Noise-free columns are all alike; a class keeps some width so that its density is finite.
    narrow = 0.01 * abs(means[1] - means[0]) + 1e-9
    classes = _Classes(means, np.maximum(widths, narrow))
    parts = np.array([0.01, 0.01])
    everything = np.concatenate(sets)[:, None]
    for _ in range(_ROUNDS):
        # Expectation: the probability (K, 2) of each value to be of either class.
        shares = []
        for own, values in enumerate(sets):
            prior = np.full(2, parts[own])
            prior[own] = 1 - parts[own]
            joint = classes.densities(values) * prior
            shares.append(joint / joint.sum(axis=1, keepdims=True))
        before, parts = parts, np.array([shares[0][:, 1].mean(), shares[1][:, 0].mean()])
        # Maximisation: both sets together tell what the classes are like.
        share = np.concatenate(shares)
        total = share.sum(axis=0)
        means = (share * everything).sum(axis=0) / total
        widths = np.sqrt((share * (everything - means) ** 2).sum(axis=0) / total)
        classes = _Classes(means, np.maximum(widths, narrow))
        if abs(parts - before).max() < _CONVERGED:
            break
    return classes, parts


def _part_of_other(density: np.ndarray, own: int, part: float) -> Estimate:
    """Return how many in 1,000 belong to the other class, where `part` is the likeliest part.

    The interval holds the parts whose log-likelihood is within 1.92 of the best one. `density` is
    that of each value in either class, (K, 2).
    """

    def excess(p: float) -> float:
        return np.log((1 - p) * density[:, own] + p * density[:, 1 - own]).sum() - least

    least = 0.0
    least = excess(part) - _LIKELY
    edge = 1e-9  # keeps the logarithm finite where a class explains nothing
    low = optimize.brentq(excess, edge, part) if excess(edge) < 0 else 0.0
    high = optimize.brentq(excess, part, 1 - edge) if excess(1 - edge) < 0 else 1.0
    return Estimate(float(1000 * part), float(1000 * low), float(1000 * high))
