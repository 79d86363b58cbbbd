import numpy as np
import pytest

from stemzoo.analysis.spectrum import (
    filter_and_crop,
    frequencies,
    hann_window,
    log_power_spectrum,
    radial_power_spectrum,
    tile_power,
    tile_starts,
    windowed_power,
    with_margins,
)
from stemzoo.analysis.spectrum_peaks import log_background


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_a_hann_window_has_no_zeros():
    # sin² of the places 1/4, 1/2, 3/4 of half a turn.
    np.testing.assert_allclose(hann_window(3), [0.5, 1.0, 0.5])


@pytest.mark.parametrize(
    ("length", "count", "expected"),
    [(512, 3, [0, 128, 256]), (300, 2, [0, 44]), (256, 0, [0]), (300, 1, [0])],
)
def test_tiles_reach_from_end_to_end(length, count, expected):
    assert tile_starts(length, 256, count).tolist() == expected


def test_power_of_white_noise_is_one(rng):
    for shape in ((64, 64), (100, 240)):
        assert windowed_power(rng.normal(size=shape)).mean() == pytest.approx(1, abs=0.1)


def test_background_of_white_noise_is_its_mean_and_ignores_a_strong_spot(rng):
    power = rng.exponential(size=(256, 256))
    power[100, 100] = 1e4
    background = np.exp(log_background(np.log(power)))
    # The highest of three estimates is a little high.
    assert np.median(background) == pytest.approx(1.2, abs=0.15)
    assert background[100, 100] < 2


def test_cosine_lands_in_its_bin_with_its_power():
    m, n, k = 64, 96, 12
    image = 5 + 3 * np.cos(2 * np.pi * k * np.arange(n) / n) * np.ones((m, 1))
    power = log_power_spectrum(image)
    assert np.unravel_index(power.argmax(), power.shape) in {
        (m // 2, n // 2 + k),
        (m // 2, n // 2 - k),
    }
    # Standardised, the amplitude is sqrt(2): (sum(w) / sqrt(2))² / sum(w²) = (1/2) (3/8)^-2 (1/2)^4
    # (M + 1)(N + 1) for Hann windows of length M and N: sums (N + 1)/2 and 3 (N + 1)/8.
    expected = 0.5 * (1 / 2) ** 4 / (3 / 8) ** 2 * (m + 1) * (n + 1)
    assert power.max() == pytest.approx(np.log10(expected), abs=1e-3)


def test_radial_average_peaks_at_the_frequency_of_a_cosine():
    image = np.cos(2 * np.pi * 0.125 * np.arange(128)) * np.ones((100, 1))
    frequency, power = radial_power_spectrum(image, 0.5)
    assert frequency.shape == power.shape == (50,)
    # 0.125 per pixel of 0.5 Å is 0.25 per Å; the rings are 0.02 per Å wide.
    assert frequency[power.argmax()] == pytest.approx(0.25, abs=0.011)
    assert frequency[-1] == pytest.approx(1.0, abs=0.011)


def test_white_noise_is_flat_at_zero(rng):
    _, power = radial_power_spectrum(rng.normal(size=(256, 300)), 0.1, bins=20)
    np.testing.assert_allclose(power[1:], 0, atol=0.06)


def test_brightness_and_contrast_change_no_spectrum(rng):
    image = rng.normal(size=(64, 80))
    for function in (log_power_spectrum, lambda x: radial_power_spectrum(x, 0.1)[1]):
        np.testing.assert_allclose(function(1e3 * image - 5e4), function(image), atol=1e-3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3)), "shape"),
        (np.ones((64, 64)), "all equal"),
        (np.full((64, 64), np.inf), "finite"),
    ],
)
def test_unusable_images_say_why(image, message):
    for function in (log_power_spectrum, lambda x: radial_power_spectrum(x, 0.1)):
        with pytest.raises(ValueError, match=message):
            function(image)


def test_impossible_arguments_say_what_is_expected(rng):
    image = rng.normal(size=(64, 64))
    with pytest.raises(ValueError, match="Expected 1 to 32 bins"):
        radial_power_spectrum(image, 0.1, bins=33)
    with pytest.raises(ValueError, match="sampling above 0"):
        radial_power_spectrum(image, 0.0)


@pytest.mark.parametrize("shape", [(512, 512), (700, 300), (200, 256)])
def test_power_of_white_noise_is_its_variance(shape):
    noise = np.random.default_rng(1).normal(5, 3, shape)
    power = tile_power(noise)
    assert power.shape == (256, 256)
    assert power.mean() == pytest.approx(9, rel=0.05)


@pytest.mark.parametrize("shape", [(64, 64), (61, 80)])
def test_an_image_that_passes_comes_back(shape):
    image = np.random.default_rng(1).normal(size=shape)
    padded = with_margins(image)
    y, x = frequencies(padded.shape)
    found = filter_and_crop(padded, np.ones(np.broadcast_shapes(y.shape, x.shape)))
    np.testing.assert_allclose(found, image, atol=1e-12)


def test_one_edge_does_not_reach_the_other():
    image = np.zeros((64, 64))
    image[:, -1] = 1.0
    padded = with_margins(image)
    y, x = frequencies(padded.shape)
    # A Gaussian of 4 px: nothing of it is left 12 widths away, the width of the margins.
    blurred = filter_and_crop(padded, np.exp(-2 * (4 * np.pi) ** 2 * (y**2 + x**2)))
    assert blurred[:, -1].min() > 0.1
    assert abs(blurred[:, 0]).max() < 1e-9
