from dataclasses import replace

import numpy as np
import pytest

from stemzoo.simulate import find_session, simulate_frame
from stemzoo.simulate.distributions import Sometimes, Uniform
from stemzoo.simulate.software import butterworth, flatten, jpeg, median, sharpen, wiener

NOISE = np.random.default_rng(0).normal(5, 1, (96, 80))
ROWS, COLUMNS = np.mgrid[:96, :80]
LATTICE = np.cos(2 * np.pi * COLUMNS / 8) + np.cos(2 * np.pi * ROWS / 6)


@pytest.mark.parametrize("change", [median, sharpen, flatten, wiener, butterworth])
def test_a_filter_that_is_off_leaves_the_image_itself(change):
    assert change(NOISE, 0.0) is NOISE


def test_a_median_takes_out_single_pixels():
    image = np.zeros((9, 9))
    image[4, 4] = 100
    assert not median(image, 3.4).any()
    assert median(image, 1.9).max() == 100


def test_sharpening_amplifies_what_is_finer_than_its_width():
    # A Gaussian of 2 px passes exp(-2 pi² 2² / 8²) = 0.29 of a wave of 8 px, so sharpening it once
    # adds 0.71 of it.
    wave = np.cos(2 * np.pi * COLUMNS / 8)
    inner = np.s_[:, 16:64]
    sharpened = sharpen(wave, 1.0)[inner]
    assert np.ptp(sharpened) / np.ptp(wave[inner]) == pytest.approx(1.71, abs=0.01)


def test_a_flattened_image_keeps_its_lattice_and_mean_but_no_slope():
    image = LATTICE + 0.2 * COLUMNS
    changed = flatten(image, 12.0)
    assert changed.mean() == pytest.approx(image.mean())
    means = changed[:, 24:56].mean(0).reshape(4, 8).mean(1)
    assert np.ptp(means) < 0.05 < np.ptp(image[:, 24:56].mean(0).reshape(4, 8).mean(1))
    assert np.corrcoef(changed[:, 24:56].ravel(), LATTICE[:, 24:56].ravel())[0, 1] > 0.99


def test_a_butterworth_filter_halves_a_wave_at_its_cutoff_and_takes_finer_ones_away():
    # By its formula: 1 / (1 + 1) at the cutoff, 1 / (1 + 2^8) = 0.004 at twice, 0.996 at half.
    left = [
        np.ptp(butterworth(np.cos(2 * np.pi * COLUMNS / period), 1 / 8))
        / np.ptp(np.cos(2 * np.pi * COLUMNS / period))
        for period in (16, 8, 4)
    ]
    assert left == pytest.approx([0.996, 0.5, 0.004], abs=0.001)


def test_a_wiener_filter_brings_a_noisy_lattice_nearer_to_the_clean_one():
    noisy = LATTICE + 2 * (NOISE - 5)
    filtered = wiener(noisy, 1.0)
    before, after = (np.sqrt(np.mean((image - LATTICE) ** 2)) for image in (noisy, filtered))
    assert after < 0.5 * before
    assert filtered.mean() == pytest.approx(noisy.mean())


def test_frames_of_any_microscope_are_integers_with_all_their_labels():
    for name, bits in (("wse2-any", 8), ("wse2-any-fine", 16)):
        session = find_session(name)
        # Every filter at once, none of which moves a label.
        filters = {"median": 3.0, "flattening": 20.0, "wiener": 1.0, "sharpening": 1.0}
        rng = [np.random.default_rng(2) for _ in range(2)]
        one, other = (
            simulate_frame(
                replace(session, **changes), (96, 96), rng=r, defects={"se_vacancy": 0.1}
            )
            for changes, r in zip((filters, dict.fromkeys(filters, 0.0)), rng, strict=True)
        )
        assert one.image.dtype == np.dtype(f"uint{bits}")
        assert len(one.points)
        assert one.points == pytest.approx(other.points)
        assert (one.image != other.image).any()


def test_jpeg_takes_more_away_the_lower_its_quality():
    image = np.clip(40 * (NOISE - 2), 0, 255).astype(np.uint8)
    assert jpeg(image, 0.0) is image
    lost = [np.abs(jpeg(image, q).astype(float) - image).mean() for q in (95, 60, 20)]
    assert 0 < lost[0] < lost[1] < lost[2]
    # The mean of blocks of 8 x 8 is what JPEG keeps best.
    blocks = image.reshape(12, 8, 10, 8).mean((1, 3)) - jpeg(image, 60).reshape(12, 8, 10, 8).mean(
        (1, 3)
    )
    assert np.abs(blocks).max() < 3
    with pytest.raises(ValueError, match="8 bits"):
        jpeg(NOISE, 50.0)


def test_a_frame_saved_as_jpeg_is_the_same_frame():
    session = find_session("wse2-any-fine")
    plain, saved = (
        simulate_frame(replace(session, jpeg=quality), (96, 96), rng=np.random.default_rng(2))
        for quality in (0.0, 50.0)
    )
    assert (plain.image.dtype, saved.image.dtype) == (np.uint16, np.uint8)
    np.testing.assert_array_equal(plain.points, saved.points)
    assert np.corrcoef(plain.image.ravel(), saved.image.ravel())[0, 1] > 0.9
    sometimes = replace(session, jpeg=Sometimes(0.5, Uniform(30, 95)))
    drawn = [sometimes.draw(np.random.default_rng(i)).jpeg for i in range(60)]
    assert 15 < np.count_nonzero(drawn) < 45
