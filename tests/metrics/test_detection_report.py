import numpy as np
import pytest

from stemzoo.metrics.detection_report import DetectionReport, median_distance
from stemzoo.metrics.estimate import Estimate
from stemzoo.metrics.image_score import score_image

NOWHERE = np.zeros((0, 2))
A = np.array([[20.0, 20.0], [40.0, 40.0], [60.0, 60.0]])
B = np.array([[20.0, 60.0]])


def image(found, labelled, name="scan", ignore=NOWHERE):
    return score_image(
        found,
        labelled,
        image=name,
        sampling=0.2,
        shape=(100, 100),
        tolerance=1.0,
        border=2.0,
        ignore=ignore,
    )


def report(*images):
    return DetectionReport(images, "net", 0.35, 1.0, 2.0, {}, {})


def test_each_class_is_compared_with_its_own_labels():
    # Two of three; one at 1.2 Å (6 px); one on the label of another class.
    found = {"a": np.array([[20.0, 20.0], [40.0, 44.0], [60.0, 66.0], [20.0, 60.0]]), "b": NOWHERE}
    one = image(found, {"a": A, "b": B})
    assert (one.classes["a"].score.hits, one.classes["a"].score.misses) == (2, 1)
    assert one.classes["a"].score.false_alarms == 2
    assert one.classes["a"].on_other_class == 1
    assert one.classes["b"].score.misses == 1
    whole = report(one).total()
    assert (whole.score.hits, whole.score.false_alarms, whole.score.misses) == (2, 2, 2)


def test_borders_and_places_to_ignore_do_not_count():
    edge = np.array([[5.0, 50.0]])  # 1 Å from the edge
    one = image({"a": np.concatenate([A, edge])}, {"a": np.concatenate([A, edge])})
    assert (one.classes["a"].score.hits, one.in_border) == (3, 1)
    odd = np.array([[30.0, 80.0]])
    assert image({"a": odd}, {"a": A}).classes["a"].score.false_alarms == 1
    ignoring = image({"a": odd}, {"a": A}, ignore=odd + 2)
    assert (ignoring.classes["a"].score.false_alarms, ignoring.ignored) == (0, 1)


def test_the_interval_of_one_image_is_that_of_its_sites():
    # Wilson's interval of 8 in 10: 0.490 to 0.943; of F1, 2 j / (1 + j) of 8 in 12.
    points = np.column_stack([np.linspace(20, 80, 10)] * 2)
    shifted = points.copy()
    shifted[:2, 1] = (85, 12)  # two false, two missed
    found = report(image({"a": shifted}, {"a": points}))
    low, high = found.estimate("recall", "a").interval
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert found.estimate("f1", "a").value == pytest.approx(0.8)
    low, high = found.estimate("f1", "a").interval
    assert (low, high) == (pytest.approx(0.562, abs=1e-3), pytest.approx(0.926, abs=1e-3))


def test_images_that_differ_widen_the_interval():
    good, bad = image({"a": A}, {"a": A}), image({"a": NOWHERE}, {"a": A})
    alike = report(*[good] * 4, *[good] * 4).estimate("recall", "a")
    assert alike.value == 1
    assert 0.8 < alike.interval[0] < 0.9  # Wilson's of 24 in 24, and not 1 as of the bootstrap
    spread = report(*[good] * 4, *[bad] * 4).estimate("recall", "a")
    low, high = spread.interval
    assert low < 0.25 < 0.75 < high  # Wilson's of 12 in 24: 0.31 to 0.69


def test_what_cannot_be_told_is_none_in_json():
    content = report(image({}, {"a": A, "b": NOWHERE})).to_dict()
    rows = {row["class"]: row for row in content["scores"]}
    assert rows["a"]["precision"] is None
    assert rows["a"]["recall"]["value"] == 0
    assert rows["b"]["f1"] is None
    assert rows["all"]["labelled"] == 3
    assert content["images"][0]["classes"]["a"]["misses"] == 3


def test_positions_are_as_far_off_as_the_median_of_the_hits():
    # 1, 2 and 3 px of 0.2 Å along a row: 20, 40 and 60 pm; the fourth label is missed.
    labelled = np.concatenate([A, B])
    found = A + np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    one = image({"a": found}, {"a": labelled})
    error = report(one).position_error("a")
    assert (error.value, error.low) == (40.0, None)  # too few for an interval
    content = report(one).to_dict()["scores"][0]
    assert content["position_error_pm"] == {"value": 40.0, "low": None, "high": None}
    nothing = report(image({}, {"a": A})).to_dict()["scores"][0]
    assert nothing["position_error_pm"] is None


def test_the_interval_of_a_median_holds_it_in_95_of_100():
    # Of 20, binomial: the 6th to the 15th value hold the median with 95.9 %.
    assert median_distance(np.arange(1, 21) / 100) == Estimate(10.5, 6.0, 15.0)
    rng = np.random.default_rng(0)
    held = [median_distance(rng.exponential(0.05, 40)) for _ in range(400)]
    share = np.mean([e.low <= 5 * np.log(2) <= e.high for e in held])  # of an exponential one
    assert share > 0.93
