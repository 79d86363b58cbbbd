import numpy as np
import pytest

from stemzoo.preprocessing import (
    normal_scores,
    rescale,
    rescale_group,
    saturate,
)


def test_saturation_clips_at_three_and_a_half_deviations_of_the_whole_image():
    image = np.zeros((10, 10))
    image[0, 0] = 100
    # Mean 1, standard deviation sqrt(100²/100 - 1²) = sqrt(99).
    result = saturate(image)
    assert result[0, 0] == pytest.approx(1 + 3.5 * np.sqrt(99))
    assert (result.ravel()[1:] == 0).all()
    assert saturate(image, n_sigma=1.0).max() == pytest.approx(1 + np.sqrt(99))


def test_scaling_maps_the_mean_to_zero_and_the_saturation_to_one():
    image = np.array([[0.0, 2.0], [0.0, 2.0]])
    # Mean 1, standard deviation 1: 2 lies 1/3.5 of the way to the end of the scale.
    assert rescale(image) == pytest.approx((image - 1) / 3.5)
    hot = np.random.default_rng(0).normal(size=(50, 50))
    hot[0, 0], hot[0, 1] = 1e3, -1e3
    assert rescale(hot).max() == 1
    assert rescale(hot).min() == -1


def test_scaling_does_not_depend_on_brightness_contrast_or_type():
    image = np.random.default_rng(0).integers(0, 200, (40, 60)).astype(np.uint8)
    expected = rescale(image.astype(float))
    assert rescale(image).dtype == np.float32
    for same in (image, image.astype(np.uint16) * 200 + 77, image * -1e-6, image * 1e6):
        sign = -1 if same.min() < 0 else 1
        assert rescale(same) == pytest.approx(sign * expected, abs=1e-5)


def test_scaling_leaves_its_input_alone_and_keeps_a_constant_image_at_zero():
    image = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    copy = image.copy()
    rescale(image)
    saturate(image, 0.1)
    assert (image == copy).all()
    assert (rescale(np.full((8, 8), 7)) == 0).all()


@pytest.mark.parametrize("scale", [rescale, saturate, normal_scores])
def test_pixels_that_were_not_measured_do_not_count_in_the_statistics(scale):
    image = np.random.default_rng(4).normal(50, 5, (40, 40)).astype(np.float32)
    measured = np.ones(image.shape, bool)
    measured[:10] = False
    alone = scale(image[10:])
    image[:10] = np.linspace(-1e7, 1e7, 40)
    np.testing.assert_array_equal(scale(image, measured=measured)[10:], alone)
    # Where all are, nothing changes to the bit.
    everything = np.ones(image.shape, bool)
    np.testing.assert_array_equal(scale(image, measured=everything), scale(image))


def test_an_image_without_a_measured_pixel_is_refused():
    with pytest.raises(ValueError, match="at least one measured pixel"):
        rescale(np.ones((8, 8)), measured=np.zeros((8, 8), bool))


def test_a_group_is_scaled_as_one_image():
    images = [np.array([[0.0, 2.0]]), np.array([[4.0], [6.0], [8.0], [10.0]])]
    # Mean 5, variance (25 + 9 + 1) / 3.
    expected = [(image - 5) / (3.5 * np.sqrt(35 / 3)) for image in images]
    for scaled, wanted in zip(rescale_group(images), expected, strict=True):
        assert scaled.dtype == np.float32
        assert scaled == pytest.approx(wanted)
    with pytest.raises(ValueError, match="at least one image"):
        rescale_group([])
