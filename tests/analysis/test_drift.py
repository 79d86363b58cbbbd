"""Drift of simulated series, whose truth is known: the specimen is the same in all frames."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.drift import DriftFinder
from stemzoo.analysis.image_drift import CoarseImage, image_evidence
from stemzoo.analysis.lattice import find_lattice
from stemzoo.simulate import find_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.series import simulate_series

DAY = find_session("wse2-dayB").draw(np.random.default_rng(5))
CLEAN = replace(DAY, contamination=0.0)
CONSTANT = 3.28 / DAY.sampling  # lattice constant of WSe2 [px]
SHAPE = (192, 192)
# Steps above half a lattice spacing, of more than three, and one back.
LEAPS = np.array([[0, 0], [3, 2], [3 + 0.7 * CONSTANT, 6], [8, 10 + 3.2 * CONSTANT], [-9, 4]])
SLOW = np.outer(np.arange(6), [0.8, 1.5])


def vacancies(count, seed=7):
    places = np.random.default_rng(seed).uniform(25, 165, (count, 2)) * DAY.sampling
    return [("se_vacancy", *place) for place in places]


def followed(session, drift, defects, *, seed=0, use_images=True):
    """Drifts that are found, and how far they are from the truth [px]."""
    frames = list(simulate_series(session, SHAPE, drift, defects, rng=np.random.default_rng(seed)))
    lattice = find_lattice(frames[0].image, find_material("wse2"), sampling=DAY.sampling)
    finder = DriftFinder(SHAPE, 0.3 * CONSTANT, lattice if use_images else None)
    rng = np.random.default_rng(seed)
    found = []
    for frame in frames:
        points = frame.points[rng.random(len(frame.points)) > 0.1]  # one in ten is missed
        points = points + rng.normal(0, 0.7, points.shape)
        found.append(finder.add(points, frame.image.astype(np.float32) if use_images else None))
    return found, np.array(
        [np.hypot(*(one.shift - d)) for one, d in zip(found, drift, strict=True)]
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_leaps_above_half_a_lattice_spacing_are_told_by_the_defects_that_stay(seed):
    found, error = followed(DAY, LEAPS, [vacancies(8)] * 5, seed=seed)
    assert error.max() < 0.5
    assert all(one.is_certain for one in found)


def test_defects_alone_tell_the_drift_more_coarsely():
    found, error = followed(DAY, LEAPS, [vacancies(8)] * 5, use_images=False)
    # 0.7 px of each of some six defects, in both frames.
    assert error.max() < 1.5
    assert all(one.is_certain for one in found)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("session", "defects"),
    [(CLEAN, [[]] * 5), (CLEAN, [vacancies(1)] * 5), (DAY, [[]] * 5)],
    ids=["perfect crystal", "one vacancy", "contamination only"],
)
def test_what_may_be_off_by_a_lattice_vector_is_never_called_certain(session, defects, seed):
    found, error = followed(session, LEAPS, defects, seed=seed)
    assert not any(one.is_certain and away > 1 for one, away in zip(found, error, strict=True))
    assert not all(one.is_certain for one in found)
    # The phase of the lattice is right all the same.
    assert all(away < 1.5 or away > 0.9 * CONSTANT for away in error)


def test_a_single_vacancy_that_jumps_in_a_perfect_crystal_is_ambiguous():
    turn = np.deg2rad(DAY.rotation)
    ((name, x, y),) = vacancies(1)
    jumped = [(name, x + 3.28 * np.cos(turn), y + 3.28 * np.sin(turn))]
    defects = [[(name, x, y)]] * 3 + [jumped] * 3
    found, _ = followed(CLEAN, SLOW, defects)
    # Nothing tells whether it jumped, or the specimen moved on by a lattice vector.
    assert not found[3].is_certain
    # Among others, it did.
    others = vacancies(5, seed=12)
    found, error = followed(CLEAN, SLOW, [[*d, *others] for d in defects])
    assert found[3].is_certain
    assert error.max() < 0.5


def test_contamination_tells_lattice_vectors_apart():
    # Coarse structures that move by (21, -34) px, on a lattice that repeats every 16 px.
    rng = np.random.default_rng(3)
    haze = ndimage.gaussian_filter(rng.standard_normal((400, 400)), 14) * 60
    rows, columns = np.indices((400, 400))
    lattice = np.cos(2 * np.pi * rows / 16) + np.cos(2 * np.pi * columns / 16)
    before = (haze + lattice)[100:356, 100:356]
    # Content lies farther down and to the left: the window moved up and to the right.
    now = (haze + np.roll(lattice, (5, -2), (0, 1)))[79:335, 134:390]
    images = [
        CoarseImage.of(image + rng.normal(0, 1, image.shape), 16.0, np.empty((0, 2)))
        for image in (now, before)
    ]
    steps = 16 * np.stack(np.meshgrid(*[np.arange(-4, 5)] * 2), -1).reshape(-1, 2)
    evidence = image_evidence(*images, np.array([21.0, -34.0]) + steps)
    assert evidence.argmax() == 40  # no lattice vector off
    assert np.sort(evidence)[-1] > np.sort(evidence)[-2] + np.log(100)


def test_an_image_full_of_defects_says_nothing():
    rng = np.random.default_rng(0)
    everywhere = np.stack(np.meshgrid(*[np.arange(0, 128, 5)] * 2), -1).reshape(-1, 2)
    hidden = CoarseImage.of(rng.random((128, 128)), 10.0, everywhere)
    assert image_evidence(hidden, hidden, np.array([[0.0, 0.0]])).tolist() == [0]


def test_an_even_image_says_nothing():
    even = CoarseImage.of(np.ones((128, 128)), 10.0, np.array([[40.0, 40.0]]))
    assert image_evidence(even, even, np.array([[0.0, 0.0], [10.0, 0.0]])).tolist() == [0, 0]


def test_missing_frames_are_bridged_by_their_numbers():
    finder = DriftFinder((200, 200), 3.0)
    points = np.random.default_rng(0).uniform(20, 180, (12, 2))
    for number in (0, 1, 2, 3):
        finder.add(points + [0, 4.0 * number], number=number)
    assert finder.add(points + [0, 40.0], number=10).shift == pytest.approx([0, 40])
