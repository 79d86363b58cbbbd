import numpy as np
import pytest

from stemzoo.simulate.acquisition import (
    afterglow,
    contamination_field,
    detector_signal,
    quantise,
    shot_noise,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("mean", [0.5, 5.0, 60.0])
def test_counts_have_the_variance_of_their_mean(mean):
    # 10 pA for 1 µs are 62.41509 electrons.
    fraction = np.full((300, 300), mean / 62.41509)
    counts = shot_noise(fraction, 10, 1e-6, rng())
    n = counts.size
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    # The variance of a Poisson sample's variance is (2 + 1 / mean) mean² / n.
    limit = 4 * np.sqrt((2 + 1 / mean) / n)
    assert counts.var() / counts.mean() == pytest.approx(1, abs=limit)
    assert (counts == np.rint(counts)).all()


def test_counts_agree_with_the_reference_program(reference):
    case = reference("h_wse2_noise")
    current, microseconds = case.params["noise"]
    clean, theirs = case.arrays["image_clean"], case.arrays["image"].astype(float)
    ours = shot_noise(clean, current, microseconds * 1e-6, rng())
    mean = clean.astype(float) * current * microseconds * 6.241509
    n = mean.size
    for counts in (ours, theirs):
        residual = (counts - mean) / np.sqrt(mean)
        assert residual.mean() == pytest.approx(0, abs=4 / np.sqrt(n))
        # The program rounds each mean to a whole number, which adds up to 1/12 electron².
        assert residual.var() == pytest.approx(1, abs=4 * np.sqrt(2 / n) + (1 / 12 / mean).mean())
    assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * np.sqrt(2 * mean.mean() / n))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.01)


def test_noise_is_independent_from_pixel_to_pixel():
    counts = shot_noise(np.full((400, 400), 0.01), 35, 20e-6, rng())
    residual = counts - counts.mean()
    for shifted in (np.roll(residual, 1, 0), np.roll(residual, 1, 1)):
        assert abs((residual * shifted).mean() / residual.var()) < 4 / 400


def test_rounding_errors_below_zero_count_nothing():
    assert not shot_noise(np.full((4, 4), -1e-12), 1, 1e-6, rng()).any()


@pytest.mark.parametrize(("current", "dwell_time"), [(0, 1e-6), (30, 0), (-1, 1e-6)])
def test_a_dose_must_be_positive(current, dwell_time):
    with pytest.raises(ValueError, match=r"must be positive. Received: "):
        shot_noise(np.ones((2, 2)), current, dwell_time, rng())


def test_detector_scales_shifts_and_adds_its_noise():
    electrons = np.arange(12.0).reshape(3, 4)
    assert (detector_signal(electrons, gain=3, offset=-2, rng=rng()) == 3 * electrons - 2).all()
    noisy = detector_signal(np.full((300, 300), 9.0), gain=2, offset=5, read_noise=1.5, rng=rng())
    assert noisy.mean() == pytest.approx(23, abs=4 * 3 / 300)
    assert noisy.std() == pytest.approx(3.0, rel=4 / np.sqrt(2 * 90000))


def test_afterglow_follows_the_fast_scan_and_keeps_the_sum():
    image = np.zeros((5, 80))
    image[2, 10] = 1.0
    late = afterglow(image, 0.4, 0.6)
    k = np.arange(1, 70)
    assert late[2, 10] == pytest.approx(0.6)
    np.testing.assert_allclose(late[2, 11:], 0.4 * (1 - 0.6) * 0.6 ** (k - 1), atol=1e-15)
    assert not late[2, :10].any()
    assert not late[[0, 1, 3, 4]].any()
    assert late.sum() == pytest.approx(1, abs=1e-12)


def test_afterglow_without_memory_reaches_one_pixel():
    assert afterglow(np.array([[0, 4.0, 0, 0]]), 0.25, 0.0).tolist() == [[0, 3, 1, 0]]
    image = rng().random((4, 9))
    np.testing.assert_allclose(afterglow(image, 0.0), image)


@pytest.mark.parametrize(("strength", "decay"), [(1.0, 0.5), (-0.1, 0.5), (0.3, 1.0)])
def test_afterglow_out_of_range_is_refused(strength, decay):
    with pytest.raises(ValueError, match=rf"in \[0, 1\). Received: {strength}, {decay}"):
        afterglow(np.ones((2, 2)), strength, decay)


def test_contamination_is_positive_smooth_and_one_on_average():
    fields = [
        contamination_field((384, 384), 2.0, granularity=0.0, patchiness=0.5, rng=rng(s))
        for s in range(12)
    ]
    assert min(field.min() for field in fields) >= 0
    # A field of 768 Å holds some 18 patches of 180 Å, the largest scale.
    assert np.mean(fields) == pytest.approx(1, abs=4 * 0.55 / np.sqrt(12 * 18))
    hills = np.log(np.clip(fields, 1e-9, None))
    assert hills.std() == pytest.approx(0.5, rel=0.15)
    assert hills.mean() == pytest.approx(-(0.5**2) / 2, abs=0.12)
    correlation = [np.corrcoef(h[:, :-1].ravel(), h[:, 1:].ravel())[0, 1] for h in hills]
    assert min(correlation) > 0.9


def test_grain_is_as_large_as_an_atom():
    haze = contamination_field((256, 256), 0.1, patchiness=0.0, granularity=0.2, rng=rng())
    assert haze.mean() == pytest.approx(1, abs=0.03)
    assert haze.std() == pytest.approx(0.2, rel=0.05)
    grain = haze - haze.mean()

    def correlation(pixels):
        return (grain * np.roll(grain, pixels, 1)).mean() / grain.var()

    # Noise smoothed by a Gaussian of 0.5 Å correlates as exp(-d² / (4 · 0.5²)).
    assert correlation(10) == pytest.approx(np.exp(-1), abs=0.06)
    assert correlation(40) == pytest.approx(0, abs=0.1)


def test_contamination_comes_in_any_shape_and_from_its_seed():
    first, again, other = (contamination_field((31, 70), 0.2, rng=rng(s)) for s in (5, 5, 6))
    assert first.shape == (31, 70)
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_stored_levels_span_contrast_about_brightness(bits, dtype):
    image = np.linspace(-3.0, 7.0, 10001).reshape(73, 137)
    stored = quantise(image, bits, brightness=0.45, contrast=0.6)
    top = 2**bits - 1
    assert stored.dtype == dtype
    low, high = np.quantile(stored, [0.001, 0.999]) / top
    assert (low, high) == (pytest.approx(0.15, abs=0.01), pytest.approx(0.75, abs=0.01))
    assert (np.diff(stored.ravel().astype(int)) >= 0).all()


def test_what_lies_outside_the_scale_saturates():
    image = rng().normal(0, 1, (200, 200))
    stored = quantise(image, 8, brightness=0.9, contrast=0.8)
    assert stored.max() == 255
    assert (stored == 255).mean() > 0.2
    stored = quantise(image, 8, brightness=0.1, contrast=0.8)
    assert (stored == 0).mean() > 0.2


def test_flat_images_are_stored_at_the_brightness():
    assert (quantise(np.full((50, 50), 3.0), 8, brightness=0.4) == 102).all()
    image = np.zeros((50, 50))
    image[7, 7] = 1e4  # a single bright pixel on a flat ground has no width of its own
    stored = quantise(image, 16, brightness=0.4)
    assert stored[7, 7] == 65535
    assert (stored == 26214).sum() == 2499


def test_other_bit_depths_are_refused():
    with pytest.raises(ValueError, match=r"8 or 16. Received: 12"):
        quantise(np.ones((2, 2)), 12)
