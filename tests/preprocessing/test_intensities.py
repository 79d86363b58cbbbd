import tracemalloc

import numpy as np
import pytest

from stemzoo.preprocessing import (
    dihedral,
    dihedral_inverse,
    normal_scores,
    random_patch,
    resample,
    resampling_memory,
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


def blob(shape, centre, sigma):
    y, x = np.indices(shape)
    return np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2))


@pytest.mark.parametrize("target", [0.08, 0.13, 0.2074, 0.2, 0.31])
def test_resampling_keeps_points_where_they_are_in_space(target):
    # Pixel (r, c) shows the point (r, c) · sampling.
    image = resample(blob((120, 150), (70.3, 41.6), 6.0), 0.2, target)
    assert image.dtype == np.float32
    y, x = np.indices(image.shape)
    centre = (y * image).sum() / image.sum(), (x * image).sum() / image.sum()
    expected = np.array([70.3, 41.6]) * 0.2 / target
    assert centre == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("target", [0.1, 0.2, 0.37, 0.41])
def test_resampling_stays_inside_the_image(target):
    # 119 · 0.2 Å is the last row, 149 · 0.2 Å the last column.
    rows, columns = resample(np.ones((120, 150)), 0.2, target).shape
    assert (rows - 1) * target <= 119 * 0.2 + 1e-6 < rows * target + 1e-6
    assert (columns - 1) * target <= 149 * 0.2 + 1e-6 < columns * target + 1e-6


def test_resampling_to_coarser_pixels_takes_away_what_they_cannot_hold():
    noise = np.random.default_rng(0).normal(size=(400, 400))
    # Sampled without a filter, the noise would keep its standard deviation of 1.
    assert resample(noise, 0.1, 0.4).std() < 0.4
    assert resample(np.full((50, 50), 3.0), 0.1, 0.4) == pytest.approx(3.0)


def test_resampling_by_almost_nothing_does_nothing_unless_it_would_move_a_pixel():
    image = np.random.default_rng(0).random((100, 100))
    assert (resample(image, 0.2, 0.2) == image.astype(np.float32)).all()
    # 0.05 % of 100 px is half a tenth of a pixel, of 1000 px half a pixel.
    assert (resample(image, 0.2, 0.2001) == image.astype(np.float32)).all()
    large = resample(blob((1000, 100), (900, 50), 5), 0.2, 0.2001)
    row = (np.indices(large.shape)[0] * large).sum() / large.sum()
    assert row == pytest.approx(900 * 0.2 / 0.2001, abs=0.01)


def test_there_are_eight_orientations_and_each_is_undone():
    image = np.arange(12).reshape(3, 4)
    results = {dihedral(np.arange(9).reshape(3, 3), k).tobytes() for k in range(8)}
    assert len(results) == 8
    for k in range(8):
        assert (dihedral_inverse(dihedral(image, k), k) == image).all()
        channels = np.stack([image, -image], axis=-1)
        assert (dihedral(channels, k)[..., 1] == -dihedral(image, k)).all()


def test_patches_of_image_and_mask_are_cut_at_the_same_place():
    image = np.arange(60 * 40).reshape(60, 40)
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(200):
        patch, mask = random_patch((image, image + 7), 32, rng)
        assert patch.shape == (32, 32)
        assert (mask == patch + 7).all()
        corners.add(int(patch.min()))
    # 29 x 9 places.
    assert len(corners) > 120
    # The first and the last row can be reached.
    assert min(corners) // 40 == 0
    assert max(corners) // 40 == 28


def test_the_same_seed_cuts_the_same_patches():
    image = np.random.default_rng(0).random((50, 50))
    first, second = (random_patch((image,), 20, np.random.default_rng(3))[0] for _ in range(2))
    assert (first == second).all()


def test_a_patch_as_large_as_the_image_is_the_image():
    image = np.arange(25).reshape(5, 5)
    (patch,) = random_patch((image,), 5, np.random.default_rng(0))
    assert sorted(patch.ravel()) == list(range(25))


def test_patches_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match=r"Patches of 41 px .* Received: an image of 60 x 40 px"):
        random_patch((np.zeros((60, 40)),), 41, np.random.default_rng(0))


@pytest.mark.parametrize(("sampling", "target"), [(0.2, 0.2), (0.2, 0.41), (0.6, 0.2), (0.2, 0.19)])
def test_resampling_takes_the_memory_that_is_announced(sampling, target):
    image = np.random.default_rng(0).random((600, 700), np.float32)
    # NumPy and SciPy announce their arrays to tracemalloc.
    tracemalloc.start()
    try:
        resample(image, sampling, target)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    announced = resampling_memory(image.shape, sampling, target)
    assert taken < announced + 100_000
    # Nothing is done where the pixel size is the same.
    assert sampling == target or taken > 0.5 * announced
