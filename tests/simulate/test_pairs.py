from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.pairs import denoising_pair, expected_image


@pytest.fixture(scope="module")
def frame():
    (found,) = simulate_session(find_session("wse2-dayA"), 1, (128, 128), seed=2)
    return found


def test_a_frame_without_noise_is_its_own_expected_image():
    session = find_session("wse2-noise-free")
    (clean,) = simulate_session(session, 1, (128, 128), seed=2)
    # 1e6 pA for 1 s: counting noise is a part in a million.
    assert expected_image(clean) == pytest.approx(clean.image, rel=1e-3)


def test_expected_images_follow_slow_shifts_of_lines_and_leave_jitter_out(frame):
    rows = len(frame.image)
    slow, jitter = np.full((rows, 2), (1.0, -2.0)), np.zeros((rows, 2))
    jitter[::2, 1] = 1.0
    still, moved, shaken = (
        expected_image(replace(frame, image=frame.clean, row_shift=shift))[8:-8, 8:-8]
        for shift in (np.zeros((rows, 2)), slow, slow + jitter)
    )
    assert still == pytest.approx(frame.clean[8:-8, 8:-8], rel=1e-3)
    # One pixel down and two to the left. The frame given is the one that has not moved, so that
    # only the line of best fit differs.
    there = ndimage.shift(frame.clean, (1, -2), order=3)[8:-8, 8:-8]
    assert np.corrcoef(moved.ravel(), there.ravel())[0, 1] == pytest.approx(1, abs=1e-4)
    # Of lines that are shifted by 0 and 1 in turn, the mean of a half stays.
    between = ndimage.shift(frame.clean, (1, -1.5), order=3)[8:-8, 8:-8]
    assert np.corrcoef(shaken.ravel(), between.ravel())[0, 1] == pytest.approx(1, abs=1e-3)


def test_image_and_target_of_a_pair_have_one_scale_and_the_pixels_of_the_network(frame):
    pair = denoising_pair(frame, 0.4148)
    assert pair.image.shape == pair.target.shape == (64, 64)
    assert abs(pair.image).max() <= 1
    slope, offset = np.polyfit(pair.target.ravel(), pair.image.ravel(), 1)
    # Smoothing before the pixels are made coarser takes some of the contrast.
    assert slope == pytest.approx(0.95, abs=0.08)
    assert offset == pytest.approx(0, abs=0.02)


def test_the_scale_of_a_frame_with_vacuum_is_that_of_its_crystal():
    session = find_session("wse2-dayA")
    (frame,) = simulate_session(session, 1, (192, 192), seed=4, scene="hole")
    pair = denoising_pair(frame, 0.4148)
    crystal = frame.crystal[::2, ::2][: pair.image.shape[0], : pair.image.shape[1]]
    assert crystal.mean() < 0.95
    assert pair.image[crystal].mean() == pytest.approx(0, abs=0.02)


def test_columns_of_a_loosened_crystal_have_any_intensity(frame):
    session = find_session("wse2-dayA")
    (loose,) = simulate_session(session, 1, (128, 128), seed=2, loose=1.0)
    assert loose.conditions == frame.conditions
    assert np.array_equal(loose.points.shape[1:], frame.points.shape[1:])
    peaks = []
    for image in (frame.clean, loose.clean):
        highest = image == ndimage.maximum_filter(image, 5)
        peaks.append(image[8:-8, 8:-8][highest[8:-8, 8:-8]] / image.mean())
    # Factors of 0 to 1.4 where columns were 1 or, of Se, a half.
    assert np.std(peaks[1]) > 2 * np.std(peaks[0])
