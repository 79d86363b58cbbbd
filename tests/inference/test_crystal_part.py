import numpy as np
import pytest

from stemzoo.inference.crystal_part import CrystalPart


def test_an_image_that_is_all_crystal_is_taken_as_it_is(day_a):
    frame = day_a[0]
    part = CrystalPart.of(frame.image, frame.sampling)
    assert np.array_equal(part.pixels, frame.image)
    assert part.sampling == frame.sampling


@pytest.mark.parametrize("value", [0, np.nan])
def test_margins_are_left_out(day_a, value):
    frame = day_a[0]
    image = frame.image.astype(np.float32)
    image[:30], image[:, -40:] = value, value
    part = CrystalPart.of(image, frame.sampling)
    assert part.pixels.shape == pytest.approx((226, 216), abs=6)
    assert np.isfinite(part.pixels).all()
    assert part.pixels.min() > 0


def test_an_image_that_cannot_be_analysed_is_named():
    with pytest.raises(ValueError, match=r"flat.tif: expected an image with contrast"):
        CrystalPart.of(np.ones((100, 100)), 0.2, "flat.tif")
