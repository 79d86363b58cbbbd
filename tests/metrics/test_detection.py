import math

import numpy as np
import pytest

from stemzoo.metrics.detection import DetectionScore, match_points, score_detections


def test_ratios_of_a_score():
    score = DetectionScore(hits=6, false_alarms=2, misses=4)
    assert score.precision == pytest.approx(6 / 8)
    assert score.recall == pytest.approx(6 / 10)
    # Harmonic mean of the two: 2 · 0.75 · 0.6 / 1.35.
    assert score.f1 == pytest.approx(2 / 3)


def test_ratios_without_points_are_not_numbers():
    nothing = DetectionScore(0, 0, 0)
    assert math.isnan(nothing.precision)
    assert math.isnan(nothing.recall)
    assert math.isnan(nothing.f1)
    assert DetectionScore(0, 0, 3).f1 == 0
    assert math.isnan(DetectionScore(0, 0, 3).precision)
    assert math.isnan(DetectionScore(0, 3, 0).recall)


def test_scores_of_several_images_are_added():
    total = sum([DetectionScore(1, 2, 3), DetectionScore(10, 20, 30)], DetectionScore(0, 0, 0))
    assert total == DetectionScore(11, 22, 33)


def test_as_many_points_as_possible_are_paired():
    # The nearest pair, (0, 3) with (0, 4), would leave the other two 7 px apart.
    found = np.array([[0.0, 0.0], [0.0, 3.0]])
    labelled = np.array([[0.0, 4.0], [0.0, 2.9 + 4.1]])
    rows, columns = match_points(found, labelled, 4.5)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 0), (1, 1)]


def test_among_equal_numbers_the_nearest_pairs_are_taken():
    found = np.array([[0.0, 0.0], [0.0, 3.0]])
    labelled = np.array([[0.0, 2.9], [0.0, 0.1]])
    rows, columns = match_points(found, labelled, 4.0)
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 0)]


def test_a_pair_at_the_radius_counts_and_one_beyond_does_not():
    origin = np.array([[0.0, 0.0]])
    assert len(match_points(origin, np.array([[3.0, 4.0]]), 5.0)[0]) == 1
    assert len(match_points(origin, np.array([[3.0, 4.01]]), 5.0)[0]) == 0


def test_each_point_is_paired_once():
    assert score_detections([[1, 1], [1, 2]], [[1, 1.4]], 3.0) == DetectionScore(1, 1, 0)
    assert score_detections([[1, 1.4]], [[1, 1], [1, 2]], 3.0) == DetectionScore(1, 0, 1)


def test_lists_without_points():
    points = np.ones((3, 2))
    assert score_detections([], [], 2.0) == DetectionScore(0, 0, 0)
    assert score_detections(points, [], 2.0) == DetectionScore(0, 3, 0)
    assert score_detections([], points, 2.0) == DetectionScore(0, 0, 3)


def test_points_at_the_border_do_not_count_on_either_side():
    # 100 px wide, border 10: 10 to 89 count.
    labelled = [[50, 50], [5, 50], [50, 95]]
    found = [[50, 51], [5, 51], [50, 3]]
    assert score_detections(found, labelled, 3.0) == DetectionScore(2, 1, 1)
    score = score_detections(found, labelled, 3.0, shape=(100, 100), border=10)
    assert score == DetectionScore(1, 0, 0)


def test_a_pair_across_the_border_is_neither_miss_nor_false_alarm():
    options = {"shape": (100, 100), "border": 10}
    assert score_detections([[9, 50]], [[11, 50]], 3.0, **options) == DetectionScore(1, 0, 0)
    assert score_detections([[11, 50]], [[9, 50]], 3.0, **options) == DetectionScore(0, 0, 0)


def test_found_points_at_uncertain_places_are_no_false_alarms_but_hits_stay_hits():
    found, labelled = [[10, 10], [30, 30], [50, 50]], [[10, 10]]
    ignore = [[10, 11], [30, 33]]
    score = score_detections(found, labelled, 4.0, ignore=ignore)
    assert score == DetectionScore(1, 1, 0)
    score = score_detections(found, labelled, 4.0, ignore=ignore, ignore_radius=2.0)
    assert score == DetectionScore(1, 2, 0)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="radius must be positive"):
        match_points(np.zeros((1, 2)), np.zeros((1, 2)), 0.0)
    with pytest.raises(ValueError, match="needs the shape"):
        score_detections([[1, 1]], [[1, 1]], 1.0, border=5)
