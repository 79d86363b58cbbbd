import numpy as np
import pytest

from stemzoo.adaptation import detector_scores
from stemzoo.adaptation.detector_scores import EstimatedScore, estimated_score
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.inference.detection import detect
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.materials import find_material

WSE2 = find_material("wse2")
LABEL = "se_vacancy"


@pytest.fixture(scope="module")
def frames():
    """Two larger frames of day A, with some 20 vacancies each."""
    return list(simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=7))


@pytest.fixture(scope="module")
def evidence(frames):
    return evidence_of([frame.image for frame in frames])


def evidence_of(images):
    return column_evidence(images, WSE2, LABEL, 0.2074)


def vacancies(frame):
    chosen = np.array(frame.labels()) == LABEL
    return frame.points[chosen]


class Told:
    """A detector that finds what it is told, image after image, and something bright on the way."""

    classes = ("bright", LABEL)

    def __init__(self, points, monkeypatch):
        points = iter(points)
        monkeypatch.setattr(detector_scores, "find_classes", lambda *_: self.found(next(points)))

    @staticmethod
    def found(points):
        classes = np.array([0, *[1] * len(points)])
        return np.concatenate([[[250.0, 250.0]], points]), classes, np.ones(len(classes))


def inner(points, shape=(512, 512), room=5.0 / 0.2074):
    return points[((points >= room) & (points <= np.array(shape) - 1 - room)).all(axis=1)]


def score_of(points, frames, evidence, monkeypatch):
    detector = Told(points, monkeypatch)
    return estimated_score(detector, [frame.image for frame in frames], evidence, LABEL)


def test_perfect_detections_score_as_such(frames, evidence, monkeypatch):
    found = score_of([vacancies(f) for f in frames], frames, evidence, monkeypatch)
    assert found.precision > 0.97
    # Columns without both atoms, of another class, look like vacancies, too.
    assert found.recall > 0.9
    assert found.detected == sum(len(inner(vacancies(f))) for f in frames)


def test_a_detector_that_misses_half_has_half_the_recall(frames, evidence, monkeypatch):
    halves = [vacancies(f)[::2] for f in frames]
    found = score_of(halves, frames, evidence, monkeypatch)
    true = sum(len(inner(half)) for half in halves) / sum(len(inner(vacancies(f))) for f in frames)
    assert found.recall == pytest.approx(true, abs=0.08)
    assert found.precision > 0.93
    assert found.f1 == pytest.approx(2 * true / (1 + true), abs=0.08)


@pytest.mark.parametrize("where", ["full columns", "between columns"])
def test_false_detections_lower_the_precision(where, frames, evidence, monkeypatch):
    rng = np.random.default_rng(4)
    points = []
    for frame, one in zip(frames, evidence, strict=True):
        truth = inner(vacancies(frame))
        full = one.positions[one.probability < 0.01]
        false = full[rng.choice(len(full), len(truth), replace=False)]
        if where == "between columns":
            false = false + 1.2 / 0.2074  # 1.7 Å along the diagonal
        points.append(np.concatenate([truth, inner(false)]))
    found = score_of(points, frames, evidence, monkeypatch)
    true = sum(len(inner(vacancies(f))) for f in frames) / sum(len(p) for p in points)
    assert found.precision == pytest.approx(true, abs=0.08)
    assert found.recall > 0.9


def test_one_vacancy_that_is_found_twice_counts_once(frames, evidence, monkeypatch):
    twice = [np.concatenate([vacancies(f), vacancies(f) + 0.5]) for f in frames]
    found = score_of(twice, frames, evidence, monkeypatch)
    assert found.precision == pytest.approx(0.5, abs=0.05)
    assert found.recall <= 1


def test_a_detector_that_finds_nothing_scores_nothing(frames, evidence, monkeypatch):
    found = score_of([np.zeros((0, 2))] * 2, frames, evidence, monkeypatch)
    assert (found.precision, found.recall, found.f1) == (0, 0, 0)
    assert found.present > 20


def test_what_is_not_judged_does_not_count(frames, evidence, monkeypatch):
    edge = np.array([[1.0, 1.0], [300.0, 510.0]])
    found = score_of([edge, vacancies(frames[1])], frames, [evidence[0], None], monkeypatch)
    assert found.detected == 0
    assert found.present == pytest.approx(evidence[0].probability.sum())


def test_the_bundled_detector_is_scored_near_the_truth(frames, evidence, detector):
    images = [frame.image for frame in frames]
    found = estimated_score(detector, images, evidence, LABEL)
    # Its card: F1 above 0.95 on frames of day A.
    assert found.f1 > 0.9


@pytest.mark.parametrize("sampling", [0.2074, 0.19])
def test_what_is_scored_is_what_detect_finds(frames, detector, sampling):
    image = frames[0].image
    found = detect(Image(image, sampling), detector).select(LABEL).positions
    expected = inner(found, room=5.0 / sampling)
    np.testing.assert_array_equal(
        detector_scores._detected(detector, image, LABEL, sampling), expected
    )
    assert len(expected) > 10


def test_scores_of_images_are_added():
    total = EstimatedScore(3, 4, 6) + EstimatedScore(1, 4, 2)
    assert total == EstimatedScore(4, 8, 8)
    assert (total.precision, total.recall, total.f1) == (0.5, 0.5, 0.5)
    assert EstimatedScore().f1 == 0
