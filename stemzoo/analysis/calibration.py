"""How likely a place is a defect, by a network's score and by the intensity of the column there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

# Of the first format there were fewer terms.
_FORMAT, _FORMATS = 2, (1, 2)
# Scores beyond say no more; a place without a mark has the lowest.
_LOWEST, _HIGHEST = 0.02, 0.98
# Largest evidence of a column, as a log of odds; and the density that every class has anywhere, as
# no intensity is normally distributed far from its mean.
_MOST, _TAIL = 8.0, 1e-3
# Weight of the frequency in the frames against that in the image [defects].
_PRIOR_COUNT, _ROUNDS = 1.0, 30
_AT_ONCE = 2**18  # places whose terms are held
# Noise of a column to which others are compared, and how far its log is followed.
_NOISE, _FARTHEST = 0.1, (-1.5, 2.5)
# Marks of these scores say that the network is in doubt. Their share of the columns is drawn to 1
# in 1,000 columns, as a few columns say little of an image; below the least, all images are alike.
_WEAK, _DOUBTED, _LEAST_DOUBT = (0.03, 0.5), 1000, 5e-4
JOINT_TERMS = (
    *("constant", "score", "other_score", "column", "other_column", "noise"),
    *("noise_column", "noise_other_score", "doubt", "doubt_score"),
)
LONE_TERMS = ("constant", "score", "other_score")


@dataclass(frozen=True, eq=False)
class Witnesses:
    """What is seen at places that may be defects.

    Parameters
    ----------
    marks : ndarray of int, shape (K,)
        Index of the class that the network sees; -1 where it sees none.
    scores : ndarray of shape (K,)
        Its score, 0 to 1; 0 where it sees none.
    sublattices : ndarray of str, shape (K,)
        Of the column there; empty where none was measured.
    intensity, noise : ndarray of shape (K,)
        Intensity of the column relative to full ones, and its standard deviation for full ones;
        NaN where none was measured.
    """

    marks: np.ndarray
    scores: np.ndarray
    sublattices: np.ndarray
    intensity: np.ndarray
    noise: np.ndarray

    def __len__(self) -> int:
        return len(self.marks)

    @property
    def has_column(self) -> np.ndarray:
        """Whether a column was measured at each; shape (K,)."""
        return np.isfinite(self.intensity) & np.isfinite(self.noise)

    def __getitem__(self, index: np.ndarray) -> "Witnesses":
        """Return some of the places."""
        return Witnesses(
            *(
                values[index]
                for values in (
                    self.marks,
                    self.scores,
                    self.sublattices,
                    self.intensity,
                    self.noise,
                )
            )
        )


@dataclass(frozen=True)
class ClassCalibration:
    """The numbers that make a probability of what is seen, for one class.

    Parameters
    ----------
    levels : mapping of str to pair of float
        By sublattice: median intensity of columns of the class, and its standard deviation beside
        noise.
    joint : tuple of float
        Coefficients of `JOINT_TERMS`, where a column was measured.
    lone : tuple of float
        Coefficients of `LONE_TERMS`, elsewhere.
    spread : float
        Standard deviation of the number of uncertain defects of an image beside chance, relative.
    least_intensity : float or None
        Columns that are less bright are not reported as this class.
    frequency : float or None
        Part of the places that are of the class in the frames, if it is to be found anew for each
        image: some classes are a hundred times as frequent in one sample as in another.
    """

    levels: Mapping[str, tuple[float, float]]
    joint: tuple[float, ...]
    lone: tuple[float, ...]
    spread: float = 0.0
    least_intensity: float | None = None
    frequency: float | None = None

    def column_evidence(self, seen: Witnesses) -> np.ndarray:
        """Return how much the columns speak for the class against full columns.

        Parameters
        ----------
        seen : Witnesses
            K places.

        Returns
        -------
        ndarray of shape (K,)
            Log of the ratio of both densities; 0 without a column, -8 where it is of a sublattice
            that does not host the class.
        """
        evidence = np.where(seen.has_column, -_MOST, 0.0)
        for kind, (level, scatter) in self.levels.items():
            at = seen.has_column & (seen.sublattices == kind)
            intensity, noise = seen.intensity[at], seen.noise[at]
            like_class = _density(intensity - level, np.hypot(noise, scatter))
            evidence[at] = np.log(like_class) - np.log(_density(intensity - 1, noise))
        return evidence


@dataclass(frozen=True)
class Calibration:
    """How probable what a detector and the columns say is, for each class.

    Parameters
    ----------
    classes : mapping of str to ClassCalibration
        By class, in the order of the detector.
    sessions : tuple of str
        Simulated sessions that it was fitted on.
    frames : int
        How many frames of these.
    weights_sha256 : str
        Hash of the weights that it is for.

    Notes
    -----
    One logistic regression a class on terms with a meaning: log odds of the network's score for
    the class, and for another one; the columns' evidence (`ClassCalibration.column_evidence`) for
    the class, and by how much that for another one is larger; log of the noise, alone and times
    evidence and other score; log of the share of the image's columns with marks of low scores,
    alone and times the score: where a network is often in doubt, its high scores are worth less,
    too. Where no column was measured, the score alone. The frequency of classes that vary much is
    found from the image by expectation maximisation, drawn to that in the frames by one defect.

    References
    ----------
    M. Saerens, P. Latinne, C. Decaestecker, Neural Computation 14, 21 (2002): other frequencies;
    J. Platt, Probabilistic outputs for support vector machines, Advances in Large Margin
    Classifiers, MIT Press 1999.
    """

    classes: Mapping[str, ClassCalibration]
    sessions: tuple[str, ...] = ()
    frames: int = 0
    weights_sha256: str = ""

    def probabilities(self, seen: Witnesses) -> np.ndarray:
        """Return the probability of each class at each place.

        Parameters
        ----------
        seen : Witnesses
            K places: all of an image.

        Returns
        -------
        ndarray of shape (K, C)
            At most 1 in sum.
        """
        found, doubt = np.zeros((len(seen), len(self.classes))), _doubt(seen)
        # Some at a time: of the columns of the largest images the terms take half a gigabyte.
        for some in np.array_split(np.arange(len(seen)), -(-len(seen) // _AT_ONCE) or 1):
            terms = joint_terms(seen[some], list(self.classes.values()), doubt=doubt)
            on = seen.has_column[some]
            for k, one in enumerate(self.classes.values()):
                found[some[on], k] = expit(terms[k][on] @ np.array(one.joint))
                found[some[~on], k] = expit(terms[k][~on, : len(LONE_TERMS)] @ np.array(one.lone))
            del terms
        found /= np.maximum(found.sum(axis=1, keepdims=True), 1)
        return self._at_own_frequencies(found)

    def _at_own_frequencies(self, found: np.ndarray) -> np.ndarray:
        """Probabilities (K, C) when some classes are as frequent as the image itself says."""
        known = [one.frequency for one in self.classes.values()]
        varying = np.array([value is not None for value in known])
        usual = np.array([value or 1.0 for value in known])
        if not varying.any() or not len(found):
            return found
        none = np.maximum(1 - found.sum(axis=1, keepdims=True), 1e-9)
        part, anew = usual, found
        for _ in range(_ROUNDS):
            anew = found * (part / usual)
            anew = anew / (anew.sum(axis=1, keepdims=True) + none)
            own = (anew.sum(axis=0) + _PRIOR_COUNT) / (len(found) + _PRIOR_COUNT / usual)
            part = np.where(varying, own, usual)
        return anew

    def reported(self, seen: Witnesses, probabilities: np.ndarray) -> np.ndarray:
        """Tell which of the probabilities may be reported; bool, shape (K, C)."""
        least = np.array(
            [
                -np.inf if one.least_intensity is None else one.least_intensity
                for one in self.classes.values()
            ]
        )
        return ~(seen.intensity[:, None] < least) & (probabilities > 0)

    def to_record(self) -> dict[str, Any]:
        """Return what JSON is to hold."""
        return {
            "format": _FORMAT,
            "weights_sha256": self.weights_sha256,
            "sessions": list(self.sessions),
            "frames": self.frames,
            "classes": {
                name: {
                    "levels": {kind: _rounded(pair) for kind, pair in one.levels.items()},
                    "joint": dict(zip(JOINT_TERMS, _rounded(one.joint), strict=True)),
                    "lone": dict(zip(LONE_TERMS, _rounded(one.lone), strict=True)),
                    "spread": round(one.spread, 4),
                    "least_intensity": one.least_intensity,
                    "frequency": one.frequency,
                }
                for name, one in self.classes.items()
            },
        }

    @classmethod
    def from_record(cls, record: Any) -> "Calibration":
        """Read what `to_record` returned, which may come from anywhere.

        Parameters
        ----------
        record : Any
            From JSON.

        Returns
        -------
        Calibration

        Raises
        ------
        ValueError
            If it is none of this format.
        """
        try:
            if record["format"] not in _FORMATS:
                raise ValueError(f"format {record['format']}")
            return cls(
                classes={str(k): _read_class(v) for k, v in record["classes"].items()},
                sessions=tuple(map(str, record["sessions"])),
                frames=int(record["frames"]),
                weights_sha256=str(record["weights_sha256"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"Expected a calibration in format {_FORMAT}; calibrate the weights again. "
                f"Received: {str(error)[:200]}"
            ) from error


def joint_terms(
    seen: Witnesses, classes: list[ClassCalibration], *, doubt: float | None = None
) -> np.ndarray:
    """Return the terms of the logistic regressions.

    Parameters
    ----------
    seen : Witnesses
        K places: all of an image, unless its doubt is given.
    classes : list of ClassCalibration
        C classes; their levels are used.
    doubt : float, optional
        Of the whole image, where `seen` is a part of it.

    Returns
    -------
    ndarray of shape (C, K, 10)
        `JOINT_TERMS`, of which `LONE_TERMS` are the first.
    """
    lowest = logit(_LOWEST)
    scores = logit(np.clip(seen.scores, _LOWEST, _HIGHEST)) - lowest
    evidence = np.array([one.column_evidence(seen) for one in classes])
    noise = np.log(np.where(seen.has_column, seen.noise, _NOISE) / _NOISE).clip(*_FARTHEST)
    doubt = _doubt(seen) if doubt is None else doubt
    terms = np.zeros((len(classes), len(seen), len(JOINT_TERMS)))
    for k, own in enumerate(terms):
        others = np.delete(evidence, k, axis=0)
        own[:, 0] = 1
        own[:, 1] = np.where(seen.marks == k, scores, 0)
        own[:, 2] = np.where((seen.marks != k) & (seen.marks >= 0), scores, 0)
        own[:, 3] = _saturated(evidence[k])
        better = others.max(axis=0, initial=-_MOST) - evidence[k]
        own[:, 4] = _saturated(np.maximum(better, 0))
        own[:, 5] = noise
        own[:, 6], own[:, 7] = noise * own[:, 3], noise * own[:, 2]
        own[:, 8], own[:, 9] = doubt, doubt * own[:, 1]
    return terms


def _doubt(seen: Witnesses) -> float:
    """Return the log of the share of columns with marks of low scores, about 0 for 1 in 1,000."""
    weak = np.count_nonzero((seen.marks >= 0) & (seen.scores > _WEAK[0]) & (seen.scores < _WEAK[1]))
    share = (weak + 1) / (np.count_nonzero(seen.has_column) + _DOUBTED)
    return float(np.log(max(share, _LEAST_DOUBT) * _DOUBTED))


def _saturated(evidence: np.ndarray) -> np.ndarray:
    """Return evidence (K,) that grows no further than 8."""
    return _MOST * np.tanh(evidence / _MOST)


def _density(distance: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return a normal density with tails, but for a common factor; shape (K,)."""
    return np.exp(-np.minimum((distance / width) ** 2, 100) / 2) / width + _TAIL


def _rounded(values: Any) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _read_class(record: Any) -> ClassCalibration:
    later = dict.fromkeys(JOINT_TERMS[6:], 0.0)  # which the first format has not
    joint, lone = (
        tuple(float((later | record[key])[term]) for term in terms)
        for key, terms in (("joint", JOINT_TERMS), ("lone", LONE_TERMS))
    )
    levels = {str(k): (float(level), float(s)) for k, (level, s) in record["levels"].items()}
    least, frequency = (
        None if record[key] is None else float(record[key])
        for key in ("least_intensity", "frequency")
    )
    spread = float(record["spread"])
    numbers = [*joint, *lone, spread, *(n for pair in levels.values() for n in pair)]
    if not np.isfinite(numbers).all() or min([0.0, *(s for _, s in levels.values())]) < 0:
        raise ValueError("numbers that are not finite, or negative widths")
    if frequency is not None and not 0 < frequency < 1:
        raise ValueError(f"frequency {frequency}")
    return ClassCalibration(levels, joint, lone, spread, least, frequency)
