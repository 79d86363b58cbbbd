from dataclasses import replace

import numpy as np
import pytest

from stemzoo.simulate.dataset import simulate_frame, simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.labels import LABEL_RADIUS, class_mask, session_classes, to_sampling
from stemzoo.simulate.sessions import AcquisitionSession

# Uranium on carbon is so bright that its maximum is where its atom is.
STILL = AcquisitionSession(
    name="still",
    material="graphene",
    sampling=0.2,
    rotation=0.0,
    displacement=0.0,
    inner=25.0,
    source_size=1.2,
    current=1e6,
    dwell_time=1.0,
)
NOISY = AcquisitionSession(
    name="noisy",
    material="wse2",
    defects={"se_vacancy": 0.05, "se_divacancy": 0.01, "v_on_w": 0.02, "w_adatom": 0.005},
    strain_xx=Normal(0, 0.01),
    defocus=Normal(0, 20),
    defocus_drift=20.0,
    C12=Uniform(0, 20),
    C12_drift=10.0,
    source_size=1.0,
    frames=Uniform(1, 6),
    misregistration=0.5,
    line_jitter=0.4,
    drift_x=Normal(0, 0.02),
    drift_y=Normal(0, 0.02),
    curvature_x=Normal(0, 0.01),
    flyback=2.0,
    afterglow=0.2,
    contamination=0.5,
    read_noise=1.0,
)
SHAPE = (96, 120)


def rng(seed=0):
    return np.random.default_rng(seed)


def equal(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("image", "clean", "mask", "points")
    ) and (one.defects, one.conditions) == (other.defects, other.conditions)


def peak(image, point, radius=4):
    """Place of the maximum near a point, by a parabola through its neighbours [px]."""
    top, left = (round(float(v)) - radius for v in point)
    window = image[top : top + 2 * radius + 1, left : left + 2 * radius + 1].astype(float)
    place = np.array(np.unravel_index(window.argmax(), window.shape))
    fraction = []
    for axis in (0, 1):
        step = np.eye(2, dtype=int)[axis]
        before, here, after = (window[tuple(place + k * step)] for k in (-1, 0, 1))
        fraction.append((before - after) / (2 * (before - 2 * here + after)))
    return place + fraction + (top, left)


def listed(name, shape, sampling, spacing=7.0):
    """A defect every `spacing` Å."""
    y, x = (np.arange(4.0, n * sampling - 4.0, spacing) for n in shape)
    return [(name, float(b), float(a)) for a in y for b in x]


def test_the_same_seed_gives_the_same_frames_to_the_bit():
    first, again = (list(simulate_session(NOISY, 2, SHAPE, seed=5)) for _ in range(2))
    assert all(equal(*pair) for pair in zip(first, again, strict=True))
    assert not equal(first[0], first[1])
    assert not equal(first[0], next(simulate_session(NOISY, 2, SHAPE, seed=6)))


def test_a_frame_depends_on_seed_and_number_alone():
    frames = list(simulate_session(NOISY, 4, SHAPE, seed=9))
    alone = simulate_frame(NOISY, SHAPE, rng=rng([9, 2]), time=2.5 / 4)
    assert equal(frames[2], alone)


def test_conditions_that_were_drawn_give_numbers_only():
    frame = simulate_frame(NOISY, SHAPE, rng=rng())
    again = frame.conditions.draw(rng(1))
    for name in ("defocus", "strain_xx", "drift_x", "rotation", "frames"):
        assert getattr(frame.conditions, name) == getattr(again, name)
    assert frame.sampling == frame.conditions.sampling == 0.2074


def test_frames_hold_what_they_say():
    frame = simulate_frame(NOISY, SHAPE, rng=rng(2))
    assert frame.image.shape == frame.clean.shape == frame.mask.shape == SHAPE
    assert (frame.image.dtype, frame.clean.dtype, frame.mask.dtype) == ("f4", "f4", "u1")
    assert frame.points.shape == (len(frame.defects), 2)
    assert len(frame.points) > 5
    assert (frame.points > -0.5).all()
    assert (frame.points < np.array(SHAPE) - 0.5).all()
    assert set(frame.labels()) <= set(frame.classes)


@pytest.mark.parametrize(("bits", "dtype"), [(0, np.float32), (8, np.uint8), (16, np.uint16)])
def test_frames_are_stored_in_the_bits_of_the_session(bits, dtype):
    session = replace(NOISY, bits=bits, brightness=0.4, contrast=0.7)
    frame = simulate_frame(session, SHAPE, rng=rng(2))
    assert frame.image.dtype == dtype
    if bits:
        top = 2**bits - 1
        middle = sum(np.quantile(frame.image, [0.001, 0.999])) / 2 / top
        assert middle == pytest.approx(0.4, abs=0.01)
        floating = simulate_frame(replace(session, bits=0), SHAPE, rng=rng(2))
        order = np.argsort(floating.image, axis=None)
        assert (np.diff(frame.image.ravel()[order].astype(int)) >= 0).all()


def test_expected_counts_are_those_of_the_dose():
    session = replace(STILL, current=30.0, dwell_time=1e-3)
    frame = simulate_frame(session, (128, 128), rng=rng())
    expected = frame.clean * 30 * 1e-3 * 6.241509e6
    residual = (frame.image - expected) / np.sqrt(expected)
    assert residual.mean() == pytest.approx(0, abs=4 / 128)
    assert residual.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 128**2))


def test_inefficient_detectors_count_a_part():
    session = replace(STILL, current=30.0, dwell_time=1e-3, efficiency=0.2)
    frame = simulate_frame(session, (128, 128), rng=rng())
    expected = frame.clean * 0.2 * 30 * 1e-3 * 6.241509e6
    assert frame.image.mean() == pytest.approx(expected.mean(), rel=0.01)
    residual = (frame.image - expected) / np.sqrt(expected)
    assert residual.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 128**2))


def test_smoothing_takes_noise_away_and_keeps_the_signal():
    session = replace(STILL, current=30.0, dwell_time=1e-4)
    sharp = simulate_frame(session, (128, 128), rng=rng())
    smooth = simulate_frame(replace(session, smoothing=0.5), (128, 128), rng=rng())
    assert smooth.image.mean() == pytest.approx(sharp.image.mean(), rel=0.005)
    noise = [np.diff(frame.image - frame.clean, axis=1).std() for frame in (sharp, smooth)]
    assert noise[1] < 0.6 * noise[0]


def test_clean_images_are_a_fraction_of_the_beam():
    # Graphene: 0.3816 atoms per Å² of 0.00323 Å² each, the reference's cross section.
    frame = simulate_frame(STILL, (128, 128), rng=rng())
    assert frame.clean.mean() == pytest.approx(0.3816 * 0.00323, rel=0.02)


def test_contamination_adds_its_share_of_the_signal():
    clean = simulate_frame(STILL, (128, 128), rng=rng(3))
    means = [
        simulate_frame(replace(STILL, contamination=0.5), (128, 128), rng=rng([3, s])).image.mean()
        for s in range(12)
    ]
    assert np.mean(means) == pytest.approx(1.5 * clean.image.mean(), rel=0.3)
    assert min(means) > clean.image.mean()


def test_discs_of_the_mask_are_centred_on_the_points():
    frame = simulate_frame(NOISY, (256, 256), rng=rng(4))
    radius = LABEL_RADIUS / frame.sampling
    rows, columns = np.indices(frame.mask.shape)
    squared = [(rows - r) ** 2 + (columns - c) ** 2 for r, c in frame.points]
    assert ((np.min(squared, axis=0) <= radius**2) == (frame.mask > 0)).all()
    for point, label, distance in zip(frame.points, frame.labels(), squared, strict=True):
        apart = np.hypot(*(frame.points - point).T)
        if (apart < 2 * radius).sum() == 1:
            disc = frame.mask[distance <= radius**2]
            assert (disc == frame.classes.index(label) + 1).all()
    assert 0 < (frame.mask > 0).mean() < 0.2


def test_discs_at_the_edges_are_cut():
    mask = class_mask(np.array([[0.0, 0.0], [9.4, 4.0], [-9.0, 5.0]]), [1, 2, 3], (10, 12), 2.0)
    assert (mask == 1).sum() == 6
    assert mask[9, 4] == 2
    assert 3 not in mask


def test_classes_stand_vacancies_first():
    assert session_classes(NOISY) == ("se_vacancy", "se_divacancy", "metal_dark", "bright")
    assert session_classes(STILL) == ()


def test_a_defect_outside_the_session_gets_a_class_of_its_own():
    frame = simulate_frame(NOISY, SHAPE, rng=rng(), defects=[("s_on_se", 10.0, 10.0)])
    assert frame.classes == ("se_vacancy", "se_divacancy", "metal_dark", "bright", "dark")
    assert set(np.unique(frame.mask)) == {0, 5}


def test_listed_positions_are_those_of_the_frame():
    frame = simulate_frame(STILL, SHAPE, rng=rng(), defects=[("u_adatom", 9.3, 13.1)])
    np.testing.assert_allclose(frame.points, [[13.1 / 0.2, 9.3 / 0.2]])
    np.testing.assert_allclose(peak(frame.image, frame.points[0]), frame.points[0], atol=0.05)


DISTORTED = {
    "drift": {"drift_x": 0.05, "drift_y": -0.04},
    "curvature": {"curvature_x": -0.06, "curvature_y": 0.05},
    "flyback": {"flyback": 5.0, "flyback_decay": 40.0},
    "jitter": {"line_jitter": 0.4},
    "frames": {"frames": 5.0, "misregistration": 0.7, "line_jitter": 0.5},
    "all": {
        "drift_x": -0.04,
        "drift_y": 0.03,
        "curvature_x": 0.03,
        "flyback": 4.0,
        "flyback_decay": 30.0,
        "line_jitter": 0.4,
        "frames": 3.0,
        "misregistration": 0.5,
        "rotation": 31.0,
    },
}


@pytest.mark.parametrize("name", DISTORTED)
def test_labels_follow_distortions(name):
    shape = (256, 256)
    session = replace(STILL, **DISTORTED[name])
    frame = simulate_frame(session, shape, rng=rng(6), defects=listed("u_adatom", shape, 0.2))
    inner = ((frame.points > 6) & (frame.points < 249)).all(1)
    assert inner.sum() > 30
    error = [peak(frame.image, point) - point for point in frame.points[inner]]
    assert np.hypot(*np.transpose(error)).max() < 0.5
    if name in ("drift", "curvature", "flyback", "all"):
        given = simulate_frame(STILL, shape, rng=rng(6), defects=listed("u_adatom", shape, 0.2))
        assert np.abs(given.points[0] - frame.points[0]).max() > 0.7


def test_the_lower_half_of_a_frame_that_drifts_right_shows_what_is_farther_right():
    defects = [("u_adatom", 10.0, 5.0), ("u_adatom", 10.0, 15.0)]
    still = simulate_frame(STILL, SHAPE, rng=rng(), defects=defects).points
    session = replace(STILL, drift_x=0.1)
    moved = simulate_frame(session, SHAPE, rng=rng(), defects=defects).points
    # Between two points that lie 50 rows apart the beam gains 0.1 · 50 px on the specimen.
    change = (moved - still)[:, 1]
    assert change[0] > 0 > change[1]
    assert change[0] - change[1] == pytest.approx(5.0)


def test_defects_that_the_scan_brings_in_from_outside_are_labelled():
    # The first row shows what lies 0.1 · 144 / 2 · (1 - 24 / 72) px to the left, the last one what
    # lies as far to the right.
    session = replace(STILL, drift_x=0.1, current=1e9)
    places = [("u_adatom", -0.5, 1.0), ("u_adatom", 24.5, 18.0), ("u_adatom", -2.0, 18.0)]
    frame = simulate_frame(session, SHAPE, rng=rng(), defects=places)
    assert len(frame.points) == 2
    for point in frame.points:
        bright = np.argwhere(frame.image > 0.7 * frame.image.max())
        assert np.hypot(*(bright - point).T).min() < 2


def test_labels_of_vacancies_follow_distortions():
    # What a vacancy takes away is the difference to the same frame without it.
    shape = (200, 200)
    slow = {**DISTORTED["all"], "line_jitter": 0.0, "frames": 1.0}
    session = replace(STILL, material="wse2", inner=63.0, **slow)
    pristine = simulate_frame(session, shape, rng=rng(7))
    defects = listed("se_vacancy", shape, 0.2, spacing=9.0)
    frame = simulate_frame(session, shape, rng=rng(7), defects=defects)
    loss = pristine.image - frame.image
    inner = ((frame.points > 6) & (frame.points < 193)).all(1)
    assert inner.sum() > 8
    for point in frame.points[inner]:
        np.testing.assert_allclose(peak(loss, point), point, atol=0.05)


@pytest.mark.parametrize("target", [0.13, 0.2, 0.31])
def test_a_change_of_sampling_keeps_points_on_their_columns(target):
    defects = listed("u_adatom", SHAPE, 0.2)
    frame = to_sampling(simulate_frame(STILL, SHAPE, rng=rng(), defects=defects), target)
    assert frame.sampling == target
    assert frame.image.dtype == np.float32
    assert frame.image.shape == frame.clean.shape == frame.mask.shape
    extent = (np.array(frame.image.shape) - 1) * target
    np.testing.assert_allclose(extent, (np.array(SHAPE) - 1) * 0.2, atol=target)
    for point in frame.points:
        np.testing.assert_allclose(peak(frame.image, point), point, atol=0.1)
        assert frame.mask[tuple(np.rint(point).astype(int))] > 0
    area = (frame.mask > 0).sum() * target**2 / len(frame.points)
    assert area == pytest.approx(np.pi * LABEL_RADIUS**2, rel=0.1)  # of some 40 pixels


def test_integer_frames_change_their_sampling_too():
    frame = simulate_frame(replace(NOISY, bits=8), SHAPE, rng=rng())
    coarse = to_sampling(frame, 0.3)
    assert coarse.image.dtype == np.float32
    assert coarse.image.mean() == pytest.approx(frame.image.mean(), rel=0.02)
    assert coarse.defects == frame.defects


def test_frames_without_defects_have_empty_labels():
    frame = simulate_frame(STILL, (40, 50), rng=rng())
    assert frame.points.shape == (0, 2)
    assert (frame.defects, frame.classes, frame.labels()) == ((), (), ())
    assert not frame.mask.any()
