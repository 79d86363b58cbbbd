from dataclasses import replace

import numpy as np
import pytest

from stemzoo.adaptation.detector_scores import (
    DetectorScorer,
    EstimatedScore,
    detected,
    fields_to_judge,
    find_scorer,
    judge_positions,
)
from stemzoo.adaptation.recipes import JudgementLimits
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.inference.detection import find_defects
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.materials import find_material

WSE2 = find_material("wse2")
LABEL = "se_vacancy"


@pytest.fixture(scope="module")
def frames(large_frames):
    return large_frames


@pytest.fixture(scope="module")
def evidence(frames):
    return evidence_of([frame.image for frame in frames])


def evidence_of(images):
    return column_evidence(images, WSE2, LABEL, 0.2074)


def vacancies(frame):
    chosen = np.array(frame.labels()) == LABEL
    return frame.points[chosen]


def inner(points, shape=(512, 512), room=5.0 / 0.2074):
    return points[((points >= room) & (points <= np.array(shape) - 1 - room)).all(axis=1)]


def score_of(points, frames, evidence):
    """Score what is told to be detected in each frame that tells something."""
    triples = zip(points, frames, evidence, strict=True)
    return sum(
        (
            judge_positions(p, f.image.shape, seen).score
            for p, f, seen in triples
            if seen is not None
        ),
        start=EstimatedScore(),
    )


def test_perfect_detections_score_as_such(frames, evidence):
    found = score_of([vacancies(f) for f in frames], frames, evidence)
    assert found.precision > 0.97
    # Columns without both atoms, of another class, look like vacancies, too.
    assert found.recall > 0.9
    assert found.detected == sum(len(inner(vacancies(f))) for f in frames)


def test_a_detector_that_misses_half_has_half_the_recall(frames, evidence):
    halves = [vacancies(f)[::2] for f in frames]
    found = score_of(halves, frames, evidence)
    true = sum(len(inner(half)) for half in halves) / sum(len(inner(vacancies(f))) for f in frames)
    assert found.recall == pytest.approx(true, abs=0.08)
    assert found.precision > 0.93
    assert found.f1 == pytest.approx(2 * true / (1 + true), abs=0.08)


@pytest.mark.parametrize("where", ["full columns", "between columns"])
def test_false_detections_lower_the_precision(where, frames, evidence):
    rng = np.random.default_rng(4)
    points = []
    for frame, one in zip(frames, evidence, strict=True):
        truth = inner(vacancies(frame))
        full = one.positions[one.probability < 0.01]
        false = full[rng.choice(len(full), len(truth), replace=False)]
        if where == "between columns":
            false = false + 1.2 / 0.2074  # 1.7 Å along the diagonal
        points.append(np.concatenate([truth, inner(false)]))
    found = score_of(points, frames, evidence)
    true = sum(len(inner(vacancies(f))) for f in frames) / sum(len(p) for p in points)
    assert found.precision == pytest.approx(true, abs=0.08)
    assert found.recall > 0.9


def test_one_vacancy_that_is_found_twice_counts_once(frames, evidence):
    twice = [np.concatenate([vacancies(f), vacancies(f) + 0.5]) for f in frames]
    found = score_of(twice, frames, evidence)
    assert found.precision == pytest.approx(0.5, abs=0.05)
    assert found.recall <= 1


def test_a_detector_that_finds_nothing_scores_nothing(frames, evidence):
    found = score_of([np.zeros((0, 2))] * 2, frames, evidence)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert found.present > 20


def test_what_is_not_judged_does_not_count(frames, evidence):
    edge = np.array([[1.0, 1.0], [300.0, 510.0]])
    found = score_of([edge, vacancies(frames[1])], frames, [evidence[0], None])
    assert found.detected == 0
    assert found.present == pytest.approx(evidence[0].probability.sum())


def test_the_bundled_detector_is_scored_near_the_truth(frames, evidence, detector):
    images = [frame.image for frame in frames]
    found = DetectorScorer(images, evidence, LABEL)(detector).score
    # Its card: F1 above 0.95 on frames of day A.
    assert found.f1 > 0.9


@pytest.mark.parametrize("sampling", [0.2074, 0.19])
def test_what_is_scored_is_what_detect_finds(frames, detector, sampling):
    image = frames[0].image
    # By the network's score alone: with probabilities, columns would be judged by columns.
    found = find_defects(Image(image, sampling), detector.successor())
    expected = found.select(LABEL).positions
    np.testing.assert_array_equal(detected(detector, image, LABEL, sampling), expected)
    assert len(expected) > 10


def test_detections_near_an_edge_do_not_count(frames, evidence, detector):
    image = frames[0].image
    positions = detected(detector, image, LABEL, 0.2074)
    score = judge_positions(positions, image.shape, evidence[0]).score
    assert score.detected == len(inner(positions)) < len(positions)


def test_of_many_images_and_in_little_time_smaller_middles_are_judged():
    wholes = []
    for count, minutes in ((1, 0.5), (6, 2.5), (10, 4.0), (6, 0.5), (6, 1.25)):
        images = count * [np.zeros((700, 900))]
        for middles in fields_to_judge(images, minutes):
            wholes.append(sum(middle.size for middle in middles) / 640**2)
    # Where nothing is seen in these, whole ones follow.
    assert wholes == pytest.approx([1, 6, 6, 10, 2, 6, 3, 6], rel=0.01)


def test_a_scorer_judges_where_vacancies_stand_out_and_are_enough(frames):
    images = [frame.image for frame in frames]
    scorer = find_scorer(images, "wse2", LABEL, 0.2074, 5.0)
    assert [image.shape for image in scorer.images] == [image.shape for image in images]
    assert scorer.label == LABEL
    known = sum(seen.probability.sum() for seen in scorer.evidence)
    for limits in (
        JudgementLimits(separation=scorer.evidence[0].separation + 0.1),
        JudgementLimits(vacancies=known + 0.1),
    ):
        assert find_scorer(images, "wse2", LABEL, 0.2074, 5.0, limits) is None
    just = JudgementLimits(separation=scorer.evidence[0].separation, vacancies=known)
    assert find_scorer(images, "wse2", LABEL, 0.2074, 5.0, just) is not None


def test_small_middles_that_tell_too_little_are_followed_by_large_ones(frames):
    # Of twelve in half a minute: middles of 261 px, with less than half as many vacancies each.
    images = [frames[0].image] * 12
    least = JudgementLimits(vacancies=180.0)
    scorer = find_scorer(images, "wse2", LABEL, 0.2074, 0.5, least)
    assert {image.shape for image in scorer.images} == {(512, 512)}


@pytest.mark.parametrize("how", ["noise", "hardly any vacancy"])
def test_images_that_cannot_be_judged_give_no_scorer(frames, how):
    if how == "noise":
        rng = np.random.default_rng(0)
        images = [f.image + rng.normal(0, 4 * f.image.std(), f.image.shape) for f in frames]
    else:
        session = replace(find_session("wse2-dayA"), defects={"se_vacancy": 0.0005})
        images = [frame.image for frame in simulate_session(session, 1, (384, 384), seed=1)]
    assert find_scorer(images, "wse2", LABEL, 0.2074, 2.5) is None


def test_scores_of_images_are_added():
    total = EstimatedScore(3, 4, 6) + EstimatedScore(1, 4, 2)
    assert total == EstimatedScore(4, 8, 8)
    assert (total.precision, total.recall, total.f1) == (0.5, 0.5, 0.5)
    assert EstimatedScore().f1 == 0
