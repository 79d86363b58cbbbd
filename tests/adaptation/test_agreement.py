import numpy as np
import pytest

from stemzoo.adaptation.agreement import Agreement, HoldOut, overlapping_patches, patch_features
from stemzoo.adaptation.recipes import JudgementLimits


def held_of(frames):
    return HoldOut.split([frame.image for frame in frames], 64)


def test_nothing_that_is_judged_by_is_learnt_from():
    rows = np.arange(200.0)[:, None] + np.zeros(100)
    held = HoldOut.split([rows, rows + 0.5], 32)
    # A fifth of 200 rows is more than a patch.
    assert [image.shape for image in held.training] == [(160, 100)] * 2
    assert held.patches.shape[1:] == (32, 32)
    assert max(image.max() for image in held.training) < held.patches.min()


def test_the_strip_that_is_kept_is_a_patch_high_at_least():
    held = HoldOut.split([np.random.default_rng(0).normal(size=(100, 100))], 32)
    assert held.training[0].shape == (68, 100)


def test_images_that_are_too_low_to_divide_are_learnt_from_whole():
    rng = np.random.default_rng(0)
    held = HoldOut.split([rng.normal(size=(100, 100)), rng.normal(size=(40, 90))], 32)
    assert [image.shape for image in held.training] == [(68, 100), (40, 90)]


@pytest.mark.parametrize("shape", [(63, 200), (64, 32)])
def test_images_too_small_to_judge_by_are_refused(shape):
    with pytest.raises(ValueError, match="larger one. Received") as caught:
        HoldOut.split([np.random.default_rng(0).normal(size=shape)], 32)
    assert "\n" not in str(caught.value)


def test_there_are_not_more_patches_than_can_be_compared_quickly():
    held = HoldOut.split([np.random.default_rng(0).normal(size=(640, 1600))], 32)
    assert 96 <= len(held.patches) < 2 * 96


def test_patches_overlap_by_half_and_reach_the_edges():
    image = np.arange(96.0)[:, None] * 100 + np.arange(64.0)
    patches = overlapping_patches(image, 32)
    assert patches.shape == (5 * 3, 32, 32)
    assert patches[:, 0, 0].tolist()[:4] == [0, 16, 32, 1600]
    assert patches[-1, -1, -1] == image[-1, -1]


def test_an_image_smaller_than_a_patch_is_refused():
    with pytest.raises(ValueError, match="at least 32 px a side.*Received: 20 x 64 px"):
        overlapping_patches(np.zeros((20, 64)), 32)


def test_features_tell_rows_from_columns_and_the_frequency():
    # 8 periods in 64 px: 1/8 per pixel lies in the fourth of 12 rings of 1/24.
    wave = np.sin(2 * np.pi * np.arange(64) / 8)[:, None] * np.ones(64)
    both = np.stack([wave, wave.T])
    features = patch_features(both)
    assert features.shape == (2, 33)
    assert features[0, :24].argmax() == 12 + 3
    assert features[1, :24].argmax() == 3
    np.testing.assert_allclose(features[0, 24:], features[1, 24:])
    assert features[0, 24 + 4] == pytest.approx(0, abs=1e-6)  # the median


def test_other_parts_of_the_same_session_agree_better_than_another_session(day_a, day_b):
    held = held_of(day_a[:2])
    own, other = (
        held.agreement(
            np.concatenate([overlapping_patches(image, 64) for image in held_of(day).training])
        )
        for day in (day_a[2:], day_b[:1])
    )
    start = held.agreement(held.patches)
    assert (start.spectrum_rms, start.intensity_kl) == (0, 0)
    assert own.spectrum_rms < 0.5 * other.spectrum_rms
    assert own.kernel_distance < 0.5 * other.kernel_distance
    assert own.relative_error(other) < 0.5


def test_the_relative_error_is_the_mean_of_three_ratios():
    start = Agreement(0.4, 2e4, 0.1)
    assert start.relative_error(start) == 1
    assert Agreement(0.2, 5e3, 0.075).relative_error(start) == pytest.approx(
        (0.5 + 0.25 + 0.75) / 3
    )
    # Figures as small as chance, or distances below 0 as an unbiased one may be, are alike.
    alike = [
        Agreement(0.2, distance, kl).relative_error(start)
        for distance in (-1.0, 0.0, 1e-3)
        for kl in (0.0, 0.04)
    ]
    assert alike == pytest.approx([(0.5 + 2 / 2e4 + 0.5) / 3] * 6)
    assert len(set(alike)) == 1


def test_intensities_that_move_away_are_an_error():
    """Start and choice of a run on images with hum, whose translations had another brightness."""
    start, nearer = Agreement(0.624, 1.51e4, 0.0667), Agreement(0.288, 839, 0.642)
    assert nearer.relative_error(start) > 1


def test_a_start_that_agrees_perfectly_is_beaten_by_nothing():
    perfect = Agreement(0.0, 0.0, 0.0)
    assert Agreement(0.1, 0.1, 0.0).relative_error(perfect) > 1


def test_two_cannot_beat_each_other():
    first, second = Agreement(0.1, 20.0, 0.0), Agreement(0.4, 4.0, 0.0)
    assert first.clearly_better_than(second) + second.clearly_better_than(first) < 2
    assert first.clearly_better_than(Agreement(0.4, 20.0, 0.0))
    assert not Agreement(0.4, 20.0, 0.0).clearly_better_than(first)
    # Kernel distances as small as chance are alike.
    assert not Agreement(0.1, 0.01, 0.0).clearly_better_than(Agreement(0.1, 1.5, 0.0))


def test_a_nearer_kernel_distance_alone_beats_nothing():
    """Translations did harm then: 0.983 became 0.947 on a V-doped image, of which there was one."""
    translated, simulated = Agreement(0.07, 47, 0.0), Agreement(0.1, 550, 0.0)
    assert not translated.clearly_better_than(simulated)
    assert Agreement(0.05, 47, 0.0).clearly_better_than(simulated)


def test_limits_say_what_is_clearly_better_and_what_is_chance():
    near, far = Agreement(0.1, 20.0, 0.0), Agreement(0.2, 40.0, 0.0)
    assert near.clearly_better_than(far)  # 2 times in both
    assert not near.clearly_better_than(far, JudgementLimits(nearer=2.1))
    assert not near.clearly_better_than(far, JudgementLimits(nearer_spectra=2.1))
    assert not near.is_chance()
    assert near.is_chance(JudgementLimits(chance_kernel_distance=20.1))
    # Kernel distances that are chance are alike: (0.5 + 1 + 1) / 3.
    limits = JudgementLimits(chance_kernel_distance=100.0)
    assert near.relative_error(far, limits) == pytest.approx(2.5 / 3)
