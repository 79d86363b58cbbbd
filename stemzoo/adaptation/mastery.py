"""Whether a detector masters images already, by the errors that `detect` lets expect."""

from collections.abc import Mapping, Sequence
from typing import Any

from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.inference.detection import find_classes
from stemzoo.inference.expectation import FEWEST, LEAST_F1, Expectation, ExpectedCount, expect
from stemzoo.inference.reporting import (
    DEFAULT_THRESHOLD,
    LOWEST_SCORE,
    find_calibration,
    report_by_probability,
)
from stemzoo.inference.seen_crystal import SeenCrystal


def expected_errors(images: Sequence[SeenCrystal | None], detector: Any) -> dict[str, Expectation]:
    """Tell what to expect of a detector in some images together, as `detect` does of each.

    Parameters
    ----------
    images : sequence of SeenCrystal or None
        As `detect` shows them to a detector; None for one without a lattice.
    detector : DefectFCN
        A detector.

    Returns
    -------
    dict of str to Expectation
        By class; empty if the weights are not calibrated, or an image has no lattice, so that
        nothing tells.

    Examples
    --------
    >>> expected_errors(session.seen, detector)["se_vacancy"].f1  # doctest: +SKIP
    Estimate(value=0.9768, low=0.9385, high=0.998)
    """
    calibration = find_calibration(detector)
    seen = [image for image in images if image is not None and image.has_lattice]
    if calibration is None or not seen or len(seen) < len(images):
        return {}
    none = ExpectedCount(0.0, 0.0, 0.0)
    reported = dict.fromkeys(calibration.classes, 0)
    hits, all_places = (dict.fromkeys(calibration.classes, none) for _ in range(2))
    for image in seen:
        marks = find_classes(
            image.image.data, detector, image.pixel_size.value, threshold=LOWEST_SCORE, seen=image
        )
        found = report_by_probability(
            marks, detector, image, calibration, DEFAULT_THRESHOLD, edges=False
        )
        assert found.probability is not None  # the weights are calibrated
        for name, whole in found.counted.items():
            own = found.probability[[label == name for label in found.classes]]
            reported[name] += len(own)
            hits[name] = _sum(hits[name], ExpectedCount.of(own, whole.spread))
            all_places[name] = _sum(all_places[name], whole)
    return {
        name: expect(reported[name], hits[name], all_places[name] - hits[name])
        for name in calibration.classes
    }


def _sum(one: ExpectedCount, other: ExpectedCount) -> ExpectedCount:
    total, variance = one.total + other.total, one.variance + other.variance
    return ExpectedCount(total, variance, other.spread)


def masters(
    expected: Mapping[str, Expectation], label: str, limits: JudgementLimits = LIMITS
) -> bool:
    """Whether so few errors are to be expected that nothing can be gained by training.

    Parameters
    ----------
    expected : mapping of str to Expectation
        From `expected_errors`.
    label : str
        Class of the vacancies, which detectors are judged by.
    limits : JudgementLimits, optional
        From which F1 on.

    Returns
    -------
    bool
        Not where fewer than ten vacancies are expected, which tell little, nor where `detect` would
        warn of another class.

    Examples
    --------
    >>> few = expect(99, ExpectedCount(98.0, 1.0, 0.0), ExpectedCount(1.0, 0.9, 0.0))
    >>> masters({"se_vacancy": few}, "se_vacancy"), masters({}, "se_vacancy")
    (True, False)
    """
    if label not in expected:
        return False
    counted = [one for one in expected.values() if max(one.expected, one.reported) >= FEWEST]
    own = expected[label]
    low, _ = own.f1.interval
    good = own.f1.value >= limits.faultless and low >= limits.surely
    return own in counted and good and all(one.f1.value >= LEAST_F1 for one in counted)
