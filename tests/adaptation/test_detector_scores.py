import numpy as np
import pytest

from stemzoo.adaptation import detector_scores
from stemzoo.adaptation.detector_scores import (
    EstimatedScore,
    choose_detector,
    error_reduction,
    find_scorer,
)


def score(f1):
    return EstimatedScore(100 * f1, 100.0, 100.0)


def test_of_many_images_and_in_little_time_smaller_parts_are_judged(monkeypatch):
    seen = []

    def evidence(parts, *_):
        seen.append(sum(part.size for part in parts))
        return [None] * len(parts)

    monkeypatch.setattr(detector_scores, "column_evidence", evidence)
    for count, minutes in ((1, 0.5), (6, 2.5), (10, 4.0), (6, 0.5), (6, 1.25)):
        images = count * [np.zeros((700, 700))]
        assert find_scorer(images, "wse2", "se_vacancy", 0.2074, minutes) is None
    wholes = np.array(seen) / 640**2
    # Where nothing is seen in these, whole ones follow.
    assert wholes == pytest.approx([1, 6, 6, 10, 2, 6, 3, 6], rel=0.01)


def test_the_judge_scores_what_a_detector_finds_in_the_parts(monkeypatch):
    class Evidence:
        separation, probability = 3.0, np.full(40, 0.5)

    asked = {}
    monkeypatch.setattr(detector_scores, "column_evidence", lambda *_: [Evidence, None])
    monkeypatch.setattr(
        detector_scores, "estimated_score", lambda model, **given: asked.update(given)
    )
    judge = find_scorer(2 * [np.zeros((700, 900))], "wse2", "se_vacancy", 0.2074, 5.0)
    judge("a detector")
    assert [part.shape for part in asked["images"]] == 2 * [(640, 640)]
    assert asked["evidence"] == [Evidence, None]
    assert asked["label"] == "se_vacancy"
    # Too few, or hidden in the spread of full columns.
    for name, value in (("probability", np.full(20, 0.5)), ("separation", 2.0)):
        with monkeypatch.context() as changed:
            changed.setattr(Evidence, name, value)
            assert find_scorer([np.zeros((64, 64))], "wse2", "se_vacancy", 0.2074, 5.0) is None


def test_an_earlier_detector_stays_unless_a_later_one_mends_enough():
    scores = {"old": score(0.6), "rival": score(0.7), "new": score(0.75)}
    assert choose_detector(scores, 0.0) == "new"
    # A quarter of the errors, then a sixth of what is left.
    assert choose_detector(scores, 0.2) == "rival"
    assert choose_detector(scores, 0.4) == "old"
    assert choose_detector({"old": score(0.6), "new": score(0.6)}, 0.0) == "old"


def test_a_detector_that_is_as_good_as_faultless_stays():
    assert choose_detector({"old": score(0.97), "new": score(1.0)}, 0.0) == "old"
    assert (
        choose_detector({"old": score(0.6), "rival": score(0.96), "new": score(1.0)}, 0.0)
        == "rival"
    )
    assert choose_detector({"old": score(0.94), "new": score(1.0)}, 0.0) == "new"


def test_mended_is_a_part_of_the_errors():
    assert error_reduction(score(0.6), score(0.7)) == pytest.approx(0.25)
    assert error_reduction(score(0.6), score(0.5)) == pytest.approx(-0.25)
    assert error_reduction(score(0.6), score(1.0)) == pytest.approx(1.0)
    assert error_reduction(score(1.0), score(1.0)) == 0
