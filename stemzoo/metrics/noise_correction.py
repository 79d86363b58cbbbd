"""What is left of counted errors when the noise of the measurement is accounted for."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from scipy.special import ndtr

_ROUNDS = 200
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
    removed_per_1000, invented_per_1000 : float
        Part of the labelled vacancies that belong to the full columns, and of the intact sites that
        belong to the vacancies.
    removed_interval, invented_interval : tuple of float
        Of these, with 95 % confidence.
    """

    separation: float
    noise_removed_per_1000: float
    noise_invented_per_1000: float
    removed_per_1000: float
    invented_per_1000: float
    removed_interval: tuple[float, float]
    invented_interval: tuple[float, float]


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
    >>> round(correct_for_noise(vacancies, intact, 0.75).separation, 1)
    5.0
    """
    if min(len(vacancies), len(intact)) < 10:
        return _unknown(float("nan"))
    means, widths, parts = _fit_mixture(vacancies, intact)
    separation = (means[1] - means[0]) / np.sqrt(np.mean(widths**2))
    if separation < _APART:
        return _unknown(float(separation))
    beyond = ndtr(-abs(threshold - means) / widths)
    ranges = [
        _interval(values, means, widths, own, parts[own])
        for own, values in enumerate((vacancies, intact))
    ]
    return NoiseCorrected(float(separation), *(float(1000 * x) for x in (*beyond, *parts)), *ranges)


def _unknown(separation):
    nan = float("nan")
    return NoiseCorrected(separation, nan, nan, nan, nan, (nan, nan), (nan, nan))


def _densities(values, means, widths):
    z = (values[:, None] - means) / widths
    # Not below what 8 sigma give: beyond, no class explains a value, and none should be blamed.
    return np.exp(-np.minimum(z**2, 64) / 2) / widths


def _fit_mixture(vacancies, intact):
    """Means and widths of both classes, and which part of each set belongs to the other class."""
    sets = (vacancies, intact)
    means = np.array([np.median(values) for values in sets])
    widths = np.array([stats.median_abs_deviation(values, scale="normal") for values in sets])
    # Noise-free columns are all alike; a class keeps some width so that its density is finite.
    narrow = 0.01 * abs(means[1] - means[0]) + 1e-9
    widths = np.maximum(widths, narrow)
    parts = np.array([0.01, 0.01])
    for _ in range(_ROUNDS):
        shares = []  # probability of each value to be of class 0 and of class 1
        for own, values in enumerate(sets):
            prior = np.array([1 - parts[own], parts[own]])[:: 1 if own == 0 else -1]
            joint = _densities(values, means, widths) * prior
            shares.append(joint / joint.sum(axis=1, keepdims=True))
        before, parts = parts, np.array([shares[0][:, 1].mean(), shares[1][:, 0].mean()])
        share, values = np.concatenate(shares), np.concatenate(sets)[:, None]
        total = share.sum(axis=0)
        means = (share * values).sum(axis=0) / total
        widths = np.sqrt((share * (values - means) ** 2).sum(axis=0) / total)
        widths = np.maximum(widths, narrow)
        if abs(parts - before).max() < 1e-6:
            break
    return means, widths, parts


def _interval(values, means, widths, own, part):
    """Parts per 1,000 of the other class whose log-likelihood is within 1.92 of the best one."""
    density = _densities(values, means, widths)

    def excess(p):
        return np.log((1 - p) * density[:, own] + p * density[:, 1 - own]).sum() - least

    least = 0.0
    least = excess(part) - _LIKELY
    edge = 1e-9  # keeps the logarithm finite where a class explains nothing
    low = optimize.brentq(excess, edge, part) if excess(edge) < 0 else 0.0
    high = optimize.brentq(excess, part, 1 - edge) if excess(1 - edge) < 0 else 1.0
    return 1000 * low, 1000 * high
