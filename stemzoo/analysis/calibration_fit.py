"""Fit the numbers of a calibration to places of which the truth is known."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, ndtri

from stemzoo.analysis.calibration import (
    JOINT_TERMS,
    LONE_TERMS,
    Calibration,
    ClassCalibration,
    Witnesses,
    joint_terms,
)
from stemzoo.analysis.robust_spread import median_deviation

# A sublattice hosts a class if it has so many of its columns, and this part of all of them.
_FEWEST, _PART = 10, 0.05
_NARROWEST = 0.05  # columns of a class differ by so much in any case
_RIDGE = 1.0
_WITHIN = 0.8  # part of the frames whose number of defects is as far off as is told
_NEVER = ClassCalibration(
    {}, (-20.0,) + (0.0,) * (len(JOINT_TERMS) - 1), (-20.0,) + (0.0,) * (len(LONE_TERMS) - 1)
)


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """A frame whose defects are known.

    Parameters
    ----------
    seen : Witnesses
        Its K places.
    truth : ndarray of int, shape (K,)
        Index of the class of the defect at each; -1 for none.
    """

    seen: Witnesses
    truth: np.ndarray


def fit_calibration(
    frames: Sequence[JudgedFrame],
    classes: Sequence[str],
    *,
    varying: Collection[str] = (),
    unjudged: Collection[str] = (),
    sessions: Sequence[str] = (),
    weights_sha256: str = "",
) -> Calibration:
    """Fit a calibration.

    Parameters
    ----------
    frames : sequence of JudgedFrame
        Of conditions as wide as those it is to be used for.
    classes : sequence of str
        Names of the C classes.
    varying : collection of str
        Classes whose frequency is found anew for each image.
    unjudged : collection of str
        Classes that no place of a frame is ever of, such as the edge of a crystal: never probable.
    sessions, weights_sha256
        As in `Calibration`.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        If there is no frame, or no defect of a class in them.
    """
    if not frames:
        raise ValueError("Expected frames whose defects are known. Received: none")
    seen = _together([frame.seen for frame in frames])
    truth = np.concatenate([frame.truth for frame in frames])
    on = seen.has_column
    fitted = []
    for k, name in enumerate(classes):
        if name in unjudged:
            fitted.append(_NEVER)
            continue
        if not (truth == k).any():
            raise ValueError(
                f"Expected frames with defects of each class; simulate more. Received: no {name}"
            )
        at = on & (truth == k)
        levels = {}
        for kind in np.unique(seen.sublattices[at]).tolist():
            chosen = at & (seen.sublattices == kind)
            if np.count_nonzero(chosen) < max(_FEWEST, _PART * np.count_nonzero(at)):
                continue
            values = seen.intensity[chosen]
            scatter = median_deviation(values)
            beside = np.sqrt(max(scatter**2 - np.median(seen.noise[chosen]) ** 2, 0))
            levels[kind] = (float(np.median(values)), max(float(beside), _NARROWEST))
        fitted.append(ClassCalibration(levels, (0.0,) * len(JOINT_TERMS), (0.0,) * len(LONE_TERMS)))
    # Frame by frame, as some terms are of the whole image.
    terms = np.concatenate([joint_terms(frame.seen, fitted) for frame in frames], axis=1)
    for k, own in enumerate(terms):
        if classes[k] in unjudged:
            continue
        joint = _logistic(own[on], truth[on] == k)
        lone = _logistic(own[~on, : len(LONE_TERMS)], truth[~on] == k)
        frequency = float((truth == k).mean()) if classes[k] in varying else None
        fitted[k] = replace(fitted[k], joint=joint, lone=lone, frequency=frequency)
    calibration = Calibration(
        dict(zip(classes, fitted, strict=True)), tuple(sessions), len(frames), weights_sha256
    )
    spreads = _spreads(frames, calibration)
    return replace(
        calibration,
        classes={
            name: replace(one, spread=spread)
            for (name, one), spread in zip(calibration.classes.items(), spreads, strict=True)
        },
    )


def _together(parts: Sequence[Witnesses]) -> Witnesses:
    names = ("marks", "scores", "sublattices", "intensity", "noise")
    return Witnesses(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _logistic(terms: np.ndarray, is_class: np.ndarray) -> tuple[float, ...]:
    """Coefficients of a logistic regression; all but the constant are drawn to 0 a little."""
    if not np.isfinite(terms).all():
        raise ValueError(
            "Expected finite scores and intensities to fit probabilities. Received: NaN or Inf"
        )
    sign = np.where(is_class, 1.0, -1.0)
    free = np.r_[0.0, np.ones(terms.shape[1] - 1)]

    def loss(b: np.ndarray) -> tuple[float, np.ndarray]:
        odds = terms @ b
        value = np.logaddexp(0, -sign * odds).sum() + _RIDGE / 2 * (free * b**2).sum()
        return value, terms.T @ (expit(odds) - is_class) + _RIDGE * free * b

    found = minimize(loss, np.zeros(terms.shape[1]), jac=True, method="L-BFGS-B")
    return tuple(found.x.tolist())


def _spreads(frames: Sequence[JudgedFrame], calibration: Calibration) -> list[float]:
    """How far the numbers of defects of images lie from the expected ones beside chance.

    Of expected ones with the variance V by chance, the variance is V + (spread V)². Eight in ten
    frames lie within what a normal distribution of that variance has eight in ten of: those in
    which all went wrong do not count with the square of that.
    """
    true, expected, chance = [], [], []
    for frame in frames:
        p = calibration.probabilities(frame.seen)
        true.append((frame.truth[:, None] == np.arange(p.shape[1])).sum(axis=0))
        expected.append(p.sum(axis=0))
        chance.append((p * (1 - p)).sum(axis=0))
    # Numbers are whole: half a defect is none.
    off = abs(np.array(true) - expected) - 0.5
    v = np.array(chance)
    beside = (np.maximum(off, 0) / ndtri((1 + _WITHIN) / 2)) ** 2 - v
    needed = np.sqrt(np.maximum(beside, 0)) / np.maximum(v, 1e-9)
    return np.quantile(needed, _WITHIN, axis=0).tolist()
