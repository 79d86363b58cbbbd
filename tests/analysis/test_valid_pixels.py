import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.valid_pixels import filled, find_valid_pixels


@pytest.fixture
def image():
    # Blobs with noise: nothing in it is of one value.
    rng = np.random.default_rng(7)
    return 1000 + 100 * ndimage.gaussian_filter(rng.normal(size=(256, 256)), 2) + rng.random(())


def test_an_ordinary_image_is_valid_everywhere(image):
    found = find_valid_pixels(image)
    assert found.mask.all()
    assert found.reasons == ()


def test_margins_are_told_by_side_and_value(image):
    image[:9] = 0
    image[:, -4:] = 0
    found = find_valid_pixels(image)
    expected = np.ones(image.shape, bool)
    expected[:9] = expected[:, -4:] = False
    np.testing.assert_array_equal(found.mask, expected)
    assert found.reasons == (
        "margin of 9 rows of zeros (top)",
        "margin of 4 columns of zeros (right)",
    )


def test_a_rim_of_two_pixels_is_a_margin(image):
    image[[0, 1, -2, -1]] = 0
    image[:, [0, 1, -2, -1]] = 0
    found = find_valid_pixels(image)
    assert found.mask.sum() == 252**2
    assert len(found.reasons) == 4


def test_pixels_that_are_nan_or_masked_are_left_out(image):
    image[10:20, 30:50] = np.nan
    mask = np.zeros(image.shape, bool)
    mask[:, :8] = True
    found = find_valid_pixels(np.ma.masked_array(image, mask))
    np.testing.assert_array_equal(found.mask, ~mask & np.isfinite(image))
    assert found.reasons == ("2048 masked pixels", "200 pixels that are NaN or infinite")


def test_the_corners_of_a_turned_image_are_left_out(image):
    turned = ndimage.rotate(image, 12, reshape=False, order=1, cval=0)
    found = find_valid_pixels(turned, cell=16)
    assert not (found.mask & (turned == 0)).any()
    # Pixels along the seams are between an image and nothing.
    assert found.mask[ndimage.distance_transform_edt(turned != 0) > 4].all()


def test_a_data_bar_is_left_out_with_its_text(image):
    image[-40:] = image.min()
    image[-30:-10, 20:120:8] = image.max()
    found = find_valid_pixels(image)
    assert not found.mask[-40:].any()
    assert found.mask[:-43].all()
    assert any("bar of" in reason for reason in found.reasons)


def test_a_scale_bar_is_left_out_with_its_text(image):
    image[220:226, 100:220] = image.max() + 1
    image[200:212, 150:152] = image.max()
    found = find_valid_pixels(image, cell=16)
    assert found.reasons == ("scale bar of 120 px",)
    assert not found.mask[220:226, 100:220].any()
    assert not found.mask[200:212, 150:152].any()
    # Of the box around both: 120 x 26 px.
    assert np.count_nonzero(~found.mask) == pytest.approx(126 * 32, rel=0.1)


def test_dark_space_between_columns_that_a_file_clips_is_valid():
    y, x = np.mgrid[:256, :256]
    lattice = np.cos(2 * np.pi * x / 32) + np.cos(2 * np.pi * y / 32)
    clipped = np.clip(120 * lattice, 0, 255).astype(np.uint8)
    assert np.mean(clipped == 0) > 0.4
    assert find_valid_pixels(clipped, cell=32).mask.all()


def test_a_spark_is_left_out(image):
    image[50] = 1e7
    image[120, 130] = 1e9
    found = find_valid_pixels(image)
    assert found.reasons == ("1 spark line(s)", "1 hot pixel(s)")
    assert not found.mask[50].any()
    assert np.count_nonzero(~found.mask) == 257


def test_a_heavy_atom_is_no_spark():
    y, x = np.mgrid[:256, :256]
    lattice = 1 + 0.1 * np.cos(2 * np.pi * x / 16) * np.cos(2 * np.pi * y / 16)
    atom = 200 * np.exp(-((y - 100) ** 2 + (x - 90) ** 2) / (2 * 2.0**2))
    assert find_valid_pixels(lattice + atom, cell=16).mask.all()


def test_an_image_of_one_value_has_no_valid_pixel():
    found = find_valid_pixels(np.full((64, 64), 3))
    assert not found.mask.any()
    assert found.reasons == ("all pixels have one value",)


def test_a_stack_is_refused():
    with pytest.raises(ValueError, match="one image of shape"):
        find_valid_pixels(np.zeros((2, 64, 64)))


def test_filled_puts_the_median_and_copies_only_where_it_must(image):
    assert filled(image, np.ones(image.shape, bool)) is image
    image[0, 0] = np.nan
    mask = np.isfinite(image)
    out = filled(image, mask)
    assert out[0, 0] == np.median(image[mask])
    np.testing.assert_array_equal(out[mask], image[mask])
