from pathlib import Path

import numpy as np
import pytest
from swaying_lines import shifted, sway

import stemzoo
from stemzoo.adaptation.image_checks import find_reason, prepare_images
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.scan_errors import ScanErrors
from stemzoo.io import Image
from stemzoo.simulate import find_material, find_session, simulate_session

SAMPLING = 0.2074


def check(images, **options):
    prepared = prepare_images(images, "wse2", SAMPLING, 64, **options)
    return [image.values for image in prepared]


def refused(images, **options):
    with pytest.raises(ValueError, match="Received") as caught:
        check(images, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(scope="module")
def image(day_a):
    return day_a[0].image


def test_good_images_stay_as_they_are(day_a):
    found = check([frame.image for frame in day_a])
    assert len(found) == 3
    for one, frame in zip(found, day_a, strict=True):
        np.testing.assert_array_equal(one, frame.image)


@pytest.mark.parametrize("one", ["array", "image"])
def test_one_image_needs_no_list(one, image):
    (found,) = check(image if one == "array" else Image(image, SAMPLING))
    assert found.shape == image.shape


def test_a_stack_is_images(day_a):
    assert len(check(np.stack([frame.image for frame in day_a]))) == 3


def test_images_are_brought_to_the_pixel_size_of_the_model():
    from dataclasses import replace

    session = replace(find_session("wse2-dayA"), sampling=0.15)
    (frame,) = simulate_session(session, 1, (256, 256), seed=1)
    for found in (check([Image(frame.image, 0.15)]), check([frame.image], own=0.15)):
        assert found[0].shape == (185, 185)  # 256 · 0.15 / 0.2074


def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_resampling(image):
    # 256 px of 50 Å are 61,476 of 0.2074 Å.
    assert "61476 x 61476 px, once its pixels of 50 Å" in refused([image], own=50.0)
    lying = Image(image, 50.0, path=Path("day.tif"))
    assert refused([lying]).startswith("day.tif: expected an image that needs at most")


def test_no_image_is_one_line():
    assert refused([]) == "Expected one image or more. Received: none"


def test_the_message_names_the_file(image):
    flat = Image(np.ones((100, 100)), SAMPLING, "", "today/flat.tif")
    assert refused([image, flat]).startswith("today/flat.tif: expected an image with contrast")


def test_damaged_images_are_one_line(image):
    nan = image.astype(float)
    nan[3, 4] = np.nan
    assert "1 of 65536 pixels NaN or Inf" in refused([image, nan])
    assert "image 1" in refused([image, nan])
    assert "expected an image with contrast" in refused([np.full((256, 256), 7)])
    assert "expected a 2-D image" in refused([np.zeros((128, 128, 3))])


def test_tiny_images_are_one_line(image):
    assert "at least 64 px on each side" in refused([image[:30, :30]])
    # Large enough as a file, but not at the pixel size of the model.
    text = refused([image[:100, :100]], own=0.1)
    assert "at least 64 px a side at 0.2074 Å/px" in text
    assert "Received: 48 x 48 px" in text


def test_another_material_is_named():
    (frame,) = simulate_session(find_session("graphene"), 1, (256, 256), seed=1)
    text = refused([Image(frame.image, frame.sampling)])
    assert "Expected images of wse2" in text
    assert "it fits graphene" in text
    assert "Check material and pixel size" in text


def test_images_without_a_lattice_are_one_line(image):
    noise = np.random.default_rng(0).normal(size=(256, 256))
    assert "without such a lattice" in refused([noise])


def test_images_without_a_lattice_are_left_out_if_others_have_one(image):
    noise = np.random.default_rng(0).normal(size=(256, 256))
    with pytest.warns(UserWarning, match="image 1: left out, no lattice of wse2 found"):
        (found,) = check([image, noise])
    np.testing.assert_array_equal(found, image)


def test_mixed_pixel_sizes_are_one_line(image):
    images = [Image(image, 0.2074), Image(image, 0.16)]
    text = refused(images)
    assert "0.16 to 0.2074 Å/px" in text
    assert "adapt to those of each magnification" in text
    # A pixel size that is stated for all of them overrides those of the files.
    assert len(check(images, own=0.2074)) == 2


@pytest.mark.parametrize("own", [0.0, -0.2, float("nan"), float("inf")])
def test_an_impossible_pixel_size_is_one_line(own, image):
    assert "above 0 Å/px" in refused([image], own=own)
    assert "above 0 Å/px" in refused([Image(image, own)])


def test_saturated_images_are_warned_of(image):
    bright = np.minimum(image, np.quantile(image, 0.9))
    with pytest.warns(UserWarning, match="image 0: 10% of the pixels are at the upper"):
        assert len(check([bright])) == 1


def test_pixels_in_which_nothing_was_counted_are_no_saturation(image, recwarn):
    counted = np.maximum(image, np.quantile(image, 0.2))
    assert len(check([counted])) == 1
    assert not recwarn.list


def test_an_unknown_material_is_one_line(image):
    with pytest.raises(KeyError, match="Unknown material"):
        prepare_images([image], "wse3", SAMPLING, 64)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda image: shifted(image, sway(256, amplitude=4.5)),
        lambda image: image + Wave((0.37, 0.076), 3 * image.std(), 1.0).on(image.shape),
    ],
)
def test_images_with_errors_of_the_scan_can_be_adapted_to(image, spoil):
    (kept,) = check([spoil(image.astype(float))])
    assert kept.shape == image.shape


def test_what_the_scan_did_is_undone_as_detect_does_it(image):
    rng = np.random.default_rng(4)
    gain = 1 + 0.2 * rng.standard_normal(len(image))
    flickering = image.astype(float) * gain[:, None]
    bad, good = prepare_images([flickering, image], "wse2", SAMPLING, 64)
    assert good.undone == ()
    assert good.values is good.given
    (said,) = bad.undone
    assert said.startswith("row gain ")
    assert said in stemzoo.detect(flickering, sampling=SAMPLING).undone
    np.testing.assert_array_equal(bad.given, flickering.astype(np.float32))
    # Nearer to the image before than a third of what was done to it, but for brightness.
    spread = [np.std(one.mean(axis=1) / one.mean()) for one in (flickering, bad.values)]
    assert spread[1] < spread[0] / 3


def test_hum_that_was_undone_is_not_looked_for_again(image):
    wave = Wave((0.37, 0.076), 3 * image.std(), 1.0)
    (kept,) = prepare_images([image + wave.on(image.shape)], "wse2", SAMPLING, 64)
    assert kept.undone[0].startswith("hum of ")
    assert kept.errors == ScanErrors()


def test_dark_columns_are_turned_as_detect_turns_them(image):
    (kept,) = prepare_images([image.max() - image], "wse2", SAMPLING, 64)
    # Of the same range, as in `find_crystal`.
    turned = kept.given.max() - (kept.given - kept.given.min())
    np.testing.assert_allclose(kept.values, turned)
    assert kept.seen.inverted


def test_errors_are_known_where_the_lattice_is_seen_only_without_them(image):
    crystal = find_material("wse2")
    assert find_reason(image, crystal, SAMPLING) == (None, None)
    noise = np.random.default_rng(0).normal(size=(256, 256))
    reason, errors = find_reason(noise, crystal, SAMPLING)
    assert reason.startswith("No wse2 lattice found")
    assert errors == ScanErrors()
    # Lines that are shifted at random hide it; those that are known are not measured again.
    shifts = np.random.default_rng(1).uniform(-20, 20, 256)
    known = ScanErrors(line_shifts=tuple(shifts))
    bad = shifted(image.astype(float), shifts)
    assert find_reason(bad, crystal, SAMPLING)[0] is not None
    assert find_reason(bad, crystal, SAMPLING, errors=known) == (None, known)
