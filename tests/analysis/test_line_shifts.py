from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from swaying_lines import shifted, sway

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.line_shifts import find_line_shifts, may_sway, straighten
from stemzoo.simulate import find_material, find_session, simulate_frame, simulate_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


@pytest.fixture(scope="module")
def frames():
    """A frame of each day."""
    return {
        day: next(simulate_session(find_session(day), 1, (384, 384), seed=2)).image.astype(float)
        for day in ("wse2-dayA", "wse2-dayB")
    }


@pytest.mark.parametrize(("day", "error"), [("wse2-dayA", 0.3), ("wse2-dayB", 0.5)])
def test_lines_that_sway_are_measured_and_shifted_back(frames, day, error):
    true = sway(384)
    image = shifted(frames[day], true)
    found = np.array(find_line_shifts(image, WSE2, SAMPLING))
    # The scan's own jitter, 0.13 to 0.15 px on these frames, is found too.
    assert np.std(found - true) < error
    before = find_lattice(image, WSE2, sampling=SAMPLING, min_confidence=0.2).confidence
    after = find_lattice(straighten(image, found), WSE2, sampling=SAMPLING).confidence
    assert before < 0.6 < 0.95 < after


def test_satellites_that_pass_for_reflections_do_not_keep_shifts_from_being_found():
    """4 px are 1.8 radians of a reflection's phase, so that of its satellites is the strongest."""
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (1024, 1024), seed=1))
    true = sway(1024)
    found = np.array(find_line_shifts(shifted(frame.image.astype(float), true), WSE2, SAMPLING))
    assert np.std(found - true) < 0.3


def test_single_lines_that_jump_are_measured(frames):
    jumps = np.zeros(384)
    jumps[::4] = 4.0
    found = np.array(find_line_shifts(shifted(frames["wse2-dayA"], jumps), WSE2, SAMPLING))
    # In doubt a line goes with its neighbours: some jumps are missed, none are made up.
    assert 2.5 < found[::4].mean() - found[2::4].mean() < 4.2


@pytest.mark.parametrize("amplitude", [0.4, 0.5, 0.6])
def test_shifts_that_are_too_large_to_be_told_are_not_made_up(frames, amplitude):
    true = sway(384, amplitude * WSE2.spacing / SAMPLING)
    found = find_line_shifts_or_none(shifted(frames["wse2-dayA"], true))
    assert found is None or np.std(np.array(found) - true) < 1.5


def test_a_strongly_curved_drift_is_not_made_jumps_of(frames):
    true = 20 * np.linspace(-1, 1, 384) ** 2
    found = find_line_shifts_or_none(shifted(frames["wse2-dayA"], true))
    assert found is None or abs(np.diff(found)).max() < 5


def find_line_shifts_or_none(image):
    try:
        return find_line_shifts(image, WSE2, SAMPLING)
    except ValueError:  # no lattice is found any more
        return None


def test_frames_need_not_be_square(frames):
    true = sway(300)
    image = shifted(frames["wse2-dayA"][:300, :220], true).astype(np.float32)
    found = np.array(find_line_shifts(image, WSE2, SAMPLING))
    assert np.std(found - true) < 0.8


def test_a_drift_is_not_a_shift(frames):
    """The lattice is sheared by it, and stays one."""
    drifting = shifted(frames["wse2-dayA"], 0.03 * np.arange(384))
    assert find_line_shifts(drifting, WSE2, SAMPLING) is None


@pytest.mark.parametrize("day", ["wse2-dayA", "wse2-dayB"])
def test_what_a_session_does_to_lines_anyway_is_left_alone(frames, day):
    assert find_line_shifts(frames[day], WSE2, SAMPLING) is None


def test_hum_is_not_taken_for_shifts(frames):
    """Hum that has nearly the frequency of a reflection moves the crests of its waves."""
    image = frames["wse2-dayA"]
    rows, columns = np.mgrid[:384, :384]
    for period in (13.2, 13.6, 14.0):
        wave = np.sin(2 * np.pi * (columns + 0.43 * period * rows) / period)
        assert find_line_shifts(image + 3 * image.std() * wave, WSE2, SAMPLING) is None


def test_an_image_without_a_lattice_is_an_error():
    noise = np.random.default_rng(0).normal(size=(256, 256))
    with pytest.raises(ValueError, match="No wse2 lattice found"):
        find_line_shifts(noise, WSE2, SAMPLING)


def test_another_material_is_measured_too():
    session = find_session("graphene")
    frame = next(simulate_session(session, 1, (384, 384), seed=2))
    true = sway(384, amplitude=3.0, period=40)
    image = shifted(frame.image.astype(float), true)
    found = find_line_shifts(image, find_material("graphene"), frame.sampling)
    # 384 px of noisy graphene: 0.7 px with it, 0.3 of it the session's own jitter.
    assert np.std(np.array(found) - true) < 1
    assert np.corrcoef(found, true)[0, 1] > 0.9


# Simulations that sway


def test_the_labels_of_a_frame_sway_with_its_lines():
    straight = replace(find_session("wse2-dayA"), line_jitter=0.0, misregistration=0.0)
    shifts = tuple(sway(200))
    swaying = replace(straight, line_shifts=(shifts,))
    # So many rows as the frame has with its border: no part is cut out, and nothing else is drawn.
    frames = [
        simulate_frame(session, (152, 152), rng=np.random.default_rng(0), defects=DEFECTS)
        for session in (straight, swaying)
    ]
    moved = frames[1].points - frames[0].points
    rows = np.rint(frames[0].points[:, 0]).astype(int) + 24
    np.testing.assert_allclose(moved[:, 1], np.array(shifts)[rows], atol=1e-9)
    np.testing.assert_allclose(moved[:, 0], 0)


DEFECTS = [("se_vacancy", x, y) for x in (8.0, 16.0, 24.0) for y in (9.0, 15.0, 22.0)]


def test_a_frame_that_is_higher_than_the_measured_one_gets_shifts_throughout():
    session = replace(find_session("wse2-noise-free"), line_shifts=(tuple(sway(100)),))
    frame = simulate_frame(session, (384, 384), rng=np.random.default_rng(0))
    found = np.array(find_line_shifts(frame.image, WSE2, SAMPLING))
    assert found[:192].std() == pytest.approx(4 / np.sqrt(2), rel=0.1)
    assert found[192:].std() == pytest.approx(4 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize(("amplitude", "sways"), [(0.0, False), (1.5, True), (3.0, True)])
def test_the_quick_look_tells_lines_that_sway(frames, amplitude, sways):
    image = frames["wse2-dayA"]
    lattice = find_lattice(image, WSE2, sampling=SAMPLING)
    bad = shifted(image, sway(384, amplitude))
    flat = bad - ndimage.gaussian_filter(bad, 40)
    assert may_sway(flat, lattice) == sways
