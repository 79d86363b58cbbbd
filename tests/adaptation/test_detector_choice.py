import numpy as np
import pytest

from stemzoo.adaptation.detector_choice import (
    RENEWED,
    Candidate,
    DetectorChoice,
    Renewal,
    choose_detector,
)
from stemzoo.adaptation.detector_scores import ColumnVerdict, error_reduction
from stemzoo.adaptation.recipes import JudgementLimits
from stemzoo.inference.expectation import ExpectedCount, expect

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


def verdict(f1):
    """Of a thousand columns that are vacancies beyond doubt, and as many detections."""
    return ColumnVerdict(np.ones(1000), np.arange(1000) < round(1000 * f1), 1000.0)


def candidate(name, f1, margin=0.0, *, trained=False):
    return Candidate(name, None, verdict(f1), trained, margin)


@pytest.mark.parametrize(("margin", "name"), [(0.0, "new"), (0.2, "rival"), (0.4, "old")])
def test_an_earlier_detector_stays_unless_a_later_one_mends_enough(margin, name):
    # A quarter of the errors, then a sixth of what is left.
    others = [candidate("rival", 0.7, margin), candidate("new", 0.75, margin)]
    assert choose_detector([candidate("old", 0.6), *others]).name == name


def test_of_equals_the_earlier_one_stays():
    assert choose_detector([candidate("old", 0.6), candidate("new", 0.6)]).name == "old"


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ({"old": 0.97, "new": 1.0}, "old"),
        ({"old": 0.6, "rival": 0.96, "new": 1.0}, "rival"),
        ({"old": 0.94, "new": 1.0}, "new"),
    ],
)
def test_a_detector_that_is_as_good_as_faultless_stays(scores, name):
    candidates = [candidate(*pair) for pair in scores.items()]
    assert choose_detector(candidates).name == name
    assert choose_detector(candidates, JudgementLimits(faultless=1.1)).name == "new"


def test_one_that_was_trained_is_not_replaced_by_one_that_was_not():
    candidates = [candidate("old", 0.2), candidate("new", 0.7, trained=True), candidate("x", 0.8)]
    assert choose_detector(candidates).name == "new"


def test_the_error_reduction_is_a_fraction_of_the_errors():
    assert error_reduction(verdict(0.6), verdict(0.7)).value == pytest.approx(0.25)
    assert error_reduction(verdict(0.6), verdict(0.5)).value == pytest.approx(-0.25)
    assert error_reduction(verdict(0.6), verdict(1.0)).value == pytest.approx(1.0)
    assert error_reduction(verdict(1.0), verdict(1.0)).value == 0


def test_what_may_be_chance_is_no_reason_to_change():
    """Ten columns of which nothing is known, that only the new one marks, may be vacancies."""
    p = np.r_[np.ones(80), np.full(10, 0.5), np.ones(10)]
    old = ColumnVerdict(p, np.arange(100) < 80, 80.0)
    new = ColumnVerdict(p, np.arange(100) < 90, 90.0)
    found = error_reduction(old, new)
    assert found.low < 0 < found.value < found.high
    assert choose_detector([Candidate("old", None, old), Candidate("new", None, new)]).name == "old"
    sure = ColumnVerdict(p, np.arange(100) >= 10, 90.0)  # ten sure ones in their place
    wide = ColumnVerdict(p, np.ones(100, bool), 100.0)
    assert error_reduction(sure, wide).low > 0


def test_what_both_mark_adds_no_doubt():
    unsure = np.full(200, 0.5)
    marked = np.arange(200) < 100
    one, other = (ColumnVerdict(unsure, marked, 100.0) for _ in range(2))
    found = error_reduction(one, other)
    assert (found.low, found.value, found.high) == (0, 0, 0)


@pytest.fixture
def parent(make_model):
    return make_model(CLASSES, name="parent")


@pytest.fixture
def choose(parent):
    """Choose among detectors of given scores; the new one is what would be trained, changed."""

    def run(scores, *, poor=False, rivals=(), steps=64, detector=parent, limits=None):
        judged = []

        def scorer(model):
            judged.append(model)
            if model in (detector, *rivals):
                return verdict(scores[model.name])
            other = model.name.removeprefix(f"{detector.name}-")
            return verdict(scores.get(other, 0.0))

        options = {"poor": poor, "limits": limits or JudgementLimits()}
        choice = DetectorChoice(detector, rivals, scorer if scores else None, **options)
        renewed = choice.find_start().successor(name=f"{detector.name}-{RENEWED}")
        renewed.set_weights([weights + 0.01 for weights in renewed.get_weights()])
        best = choice.best(renewed, steps)
        run.judged = [model.name for model in judged]
        run.renewed = renewed
        judged = choice.candidates
        named = {known.name: known.verdict.score for known in judged}
        new = [candidate.verdict for candidate in judged if candidate.trained]
        mended = error_reduction(judged[0].verdict, new[0]) if new else None
        return best, Renewal(named, best.name, bool(named), {}, 20.0, steps, mended=mended)

    return run


def test_the_new_detector_is_returned_if_it_is_better(choose):
    best, report = choose({"parent": 0.5, "renewed": 0.8})
    assert best.model is choose.renewed
    assert best.trained
    assert report.helped
    assert str(report) == (
        "renewed is best, by the intensities of the columns: estimated F1 parent 0.50, renewed "
        "0.80; renewed mends 60 % of the errors (60 to 60)"
    )


@pytest.mark.parametrize(
    # 0.81 mends a twentieth of the errors.
    ("f1", "why"),
    [(0.3, "is best"), (0.8, "is best"), (0.81, "stays, as no other is surely better")],
)
def test_the_parent_is_kept_if_the_new_one_is_not_surely_better(choose, parent, f1, why):
    best, report = choose({"parent": 0.8, "renewed": f1})
    assert best.model is parent
    assert not report.helped
    assert str(report).startswith(f"parent {why}")


def test_intensities_by_rank_are_where_the_new_one_starts_if_they_mend_errors(choose, parent):
    """As they do where the response changed: 0.21 became 0.86 on 'saturating', untrained."""
    best, report = choose({"parent": 0.5, "ranked": 0.6, "renewed": 0.8})
    assert list(report.scores) == ["parent", "renewed", "parent-ranked"]
    assert best.model is choose.renewed
    assert best.model.ranked
    assert not parent.ranked
    # Estimates are not trusted to a tenth of the errors.
    best, report = choose({"parent": 0.5, "ranked": 0.54, "renewed": 0.8})
    assert list(report.scores) == ["parent", "renewed"]
    assert not best.model.ranked


def test_what_is_better_by_ranks_alone_is_returned_if_the_new_one_is_no_better_than_the_old(choose):
    # 'expanding': estimated 0.61, the new one 0.53; truly 0.71 and 0.75.
    scores = {"parent": 0.2, "ranked": 0.8, "renewed": 0.7}
    best, report = choose(scores)
    assert best.name == RENEWED
    assert "renewed is taken, by the intensities of the columns" in str(report)
    best, report = choose(scores | {"renewed": 0.1})
    assert str(report).startswith("parent-ranked is best")
    assert (best.model.name, best.model.ranked, best.trained) == ("parent-ranked", True, False)
    best, report = choose(scores, steps=0)
    assert str(report).startswith("parent-ranked is returned, as no time was left")
    assert best.model.ranked


def test_a_detector_that_sees_ranks_is_tried_without_them(choose, make_model):
    ranked = make_model(CLASSES, name="parent", ranked=True)
    scores = {"parent": 0.5, "unranked": 0.6, "renewed": 0.8}
    best, report = choose(scores, detector=ranked)
    assert list(report.scores) == ["parent", "renewed", "parent-unranked"]
    assert not best.model.ranked
    best, _ = choose({"parent": 0.5, "renewed": 0.8}, detector=ranked)
    assert best.model.ranked


def test_where_the_parent_is_as_good_as_faultless_no_time_is_spent_on_ranks(choose):
    choose({"parent": 0.96, "ranked": 0.99, "renewed": 0.99})
    assert choose.judged == ["parent", "parent-renewed"]


def test_a_rival_that_is_better_is_returned(choose, make_model):
    # It may be of another size.
    rival = make_model(CLASSES, seed=1, name="rival", filters=6, sampling=0.19)
    best, report = choose({"parent": 0.5, "rival": 0.9, "renewed": 0.7}, rivals=[rival])
    assert best.model is rival
    assert str(report).startswith("rival is best")


def test_the_new_one_is_kept_against_rivals_that_are_worse(choose, make_model):
    rival = make_model(CLASSES, seed=1, name="rival")
    best, report = choose({"parent": 0.5, "rival": 0.6, "renewed": 0.7}, rivals=[rival])
    assert best.trained
    assert list(report.scores) == ["parent", "rival", "renewed"]


def test_a_rival_of_the_same_name_does_not_replace_the_parent(choose, make_model):
    rival = make_model(CLASSES, seed=1, name="parent")
    _, report = choose({"parent": 0.5, "renewed": 0.7}, rivals=[rival])
    assert list(report.scores) == ["parent", "parent (2)", "renewed"]


@pytest.mark.parametrize("poor", [True, False])
def test_without_time_for_training_the_parent_stays_and_that_is_said(choose, parent, poor):
    best, report = choose({"parent": 0.5, "renewed": 0.9}, poor=poor, steps=0)
    assert best.model is parent
    assert set(report.scores) == {"parent"}
    assert str(report).startswith("parent is returned, as no time was left to train")


@pytest.mark.parametrize(
    ("poor", "steps", "name"), [(False, 64, "parent"), (True, 64, RENEWED), (True, 0, "parent")]
)
def test_where_nothing_can_be_judged_the_old_one_stays_unless_it_is_known_to_do_badly(
    choose, poor, steps, name
):
    best, report = choose({}, poor=poor, steps=steps)
    assert best.name == name
    assert best.trained == (name == RENEWED)
    assert not report.judged
    assert ("not judged" in str(report)) == bool(steps)


def test_a_detector_that_masters_the_images_is_said_to_stay():
    found = expect(100, ExpectedCount(98.0, 1.0, 0.0), ExpectedCount(1.0, 0.9, 0.0))
    report = Renewal({}, "parent", True, {}, 2.0, 0, {"parent": found}, mastered=True)
    assert not report.helped
    assert str(report).startswith("parent masters these images (expected F1 0.98, 0.9")
    assert "--force (force=True) trains all the same" in str(report)


def test_limits_say_how_much_better_is_enough(choose):
    scores = {"parent": 0.5, "renewed": 0.6}  # a fifth of the errors
    assert choose(scores)[0].trained
    assert choose(scores, limits=JudgementLimits(better=0.21))[0].name == "parent"
    by_rank = {"parent": 0.5, "ranked": 0.6}
    assert choose(by_rank)[0].name == "parent-ranked"
    limits = JudgementLimits(better_by_rank=0.21)
    assert choose(by_rank, limits=limits)[0].name == "parent"


def test_weights_of_detectors_are_not_changed(choose, parent):
    before = parent.get_weights()
    choose({"parent": 0.2, "ranked": 0.8, "renewed": 0.7})
    for weights, other in zip(parent.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, other)
