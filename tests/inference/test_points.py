import numpy as np
import pytest

from stemzoo.inference.points import find_points

ZOO_SAMPLING = 0.2074


def disc_map(centres, shape=(80, 90), radius=3.5, value=1.0):
    """Probabilities of discs with soft edges, as a trained network draws them: 3.5 px radius."""
    y, x = np.indices(shape)
    channels = np.zeros((*shape, 1 + len(centres)), np.float32)
    for k, points in enumerate(centres):
        for row, column in points:
            distance = np.hypot(y - row, x - column)
            disc = value * np.clip(radius + 0.5 - distance, 0, 1)
            channels[..., k + 1] = np.maximum(channels[..., k + 1], disc)
    channels[..., 0] = 1 - channels[..., 1:].sum(-1)
    return channels


def test_a_disc_is_found_at_its_centre_to_a_tenth_of_a_pixel():
    for row, column in np.random.default_rng(0).uniform(30, 50, (50, 2)):
        positions, classes, scores = find_points(disc_map([[(row, column)]]), ZOO_SAMPLING, 0.5)
        assert positions == pytest.approx(np.array([[row, column]]), abs=0.1)
        assert classes.tolist() == [0]
        assert scores[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("at", [(0, 0), (79, 89), (0, 45), (40, 0)])
def test_a_disc_at_the_edge_is_found(at):
    positions, _, scores = find_points(disc_map([[at]]), ZOO_SAMPLING, 0.5)
    assert abs(positions - at).max() < 2.5
    assert scores == pytest.approx([1], abs=0.02)


@pytest.mark.parametrize("distance", [8.0, 9.2, 13.7])
@pytest.mark.parametrize("angle", [0, 30, 45])
def test_two_discs_that_do_not_overlap_are_two_points(distance, angle):
    step = distance * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    centres = np.array([(30.2, 30.4), (30.2, 30.4) + step])
    positions, _, _ = find_points(disc_map([centres]), ZOO_SAMPLING, 0.5)
    positions = positions[np.argsort(positions[:, 1])]
    assert positions == pytest.approx(centres, abs=0.25)


def test_maxima_closer_than_the_smallest_distance_are_one_point():
    # 1 Å is 4.8 px.
    ridge = disc_map([[(30, 30), (30, 34)]], radius=1.0)
    positions, _, _ = find_points(ridge, ZOO_SAMPLING, 0.2)
    assert positions == pytest.approx(np.array([[30, 32]]), abs=0.1)


def test_a_plateau_is_one_point_in_its_middle():
    flat = np.zeros((60, 60, 2), np.float32)
    flat[20:35, 20:35, 1] = 0.75
    flat[..., 0] = 1 - flat[..., 1]
    positions, _, scores = find_points(flat, ZOO_SAMPLING, 0.5)
    assert positions == pytest.approx(np.array([[27, 27]]), abs=0.1)
    assert scores == pytest.approx([0.75])


def test_scores_are_mean_probabilities_and_the_threshold_cuts_them():
    weak, strong = disc_map([[(20, 20)]], value=0.4), disc_map([[(60, 60)]], value=0.8)
    both = weak + strong - [1, 0]
    assert find_points(both, ZOO_SAMPLING, 0.9)[0].shape == (0, 2)
    positions, _, scores = find_points(both, ZOO_SAMPLING, 0.5)
    assert positions == pytest.approx(np.array([[60, 60]]))
    assert scores == pytest.approx([0.8])
    # The most certain first.
    positions, _, scores = find_points(both, ZOO_SAMPLING, 0.3)
    assert positions == pytest.approx(np.array([[60, 60], [20, 20]]))
    assert scores == pytest.approx([0.8, 0.4])


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_an_empty_map_has_no_points(threshold):
    positions, classes, scores = find_points(disc_map([[]]), ZOO_SAMPLING, threshold)
    assert positions.shape == (0, 2)
    assert len(classes) == len(scores) == 0


def test_a_threshold_of_zero_reports_only_what_is_there():
    positions, _, _ = find_points(disc_map([[(40, 40)]]), ZOO_SAMPLING, 0.0)
    assert positions == pytest.approx(np.array([[40, 40]]))


def test_the_most_probable_class_is_chosen():
    three = disc_map([[(20, 20)], [(20, 60)], [(60, 20)]])
    positions, classes, _ = find_points(three, ZOO_SAMPLING, 0.5)
    assert {tuple(np.rint(p)): k for p, k in zip(positions, classes.tolist(), strict=True)} == {
        (20, 20): 0,
        (20, 60): 1,
        (60, 20): 2,
    }
    mixed = disc_map([[(20, 20)], [(20, 20)]], value=0.5)
    mixed[..., 1] *= 0.6
    mixed[..., 0] = 1 - mixed[..., 1:].sum(-1)
    _, classes, scores = find_points(mixed, ZOO_SAMPLING, 0.4)
    assert classes.tolist() == [1]
    assert scores == pytest.approx([0.5])


def test_the_radius_follows_the_pixel_size():
    # A disc of 0.73 Å radius at half the pixel size.
    fine = disc_map([[(40.3, 40.6)]], radius=7.0)
    positions, _, scores = find_points(fine, ZOO_SAMPLING / 2, 0.5)
    assert positions == pytest.approx(np.array([[40.3, 40.6]]), abs=0.1)
    assert scores == pytest.approx([1], abs=0.01)


def test_scores_of_noise_lie_between_zero_and_one():
    random = np.random.default_rng(0).random((100, 100, 3)).astype(np.float32)
    random /= random.sum(-1, keepdims=True)
    positions, classes, scores = find_points(random, ZOO_SAMPLING, 0.0)
    assert len(positions) == len(classes) == len(scores) > 10
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores) <= 0).all()
    assert ((positions >= 0) & (positions <= 99)).all()
