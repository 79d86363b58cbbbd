import numpy as np
import pytest

from stemzoo.io import check_image
from stemzoo.io.image_checks import MIN_SIDE


def test_the_smallest_image_has_64_pixels_a_side():
    assert MIN_SIDE == 64
    levels = np.random.default_rng(0).uniform(0, 200, (64, 64)).astype(np.uint16)
    check_image(levels, "a.tif")
    with pytest.raises(ValueError, match="at least 64 px on each side. Received: 64 x 63 px"):
        check_image(levels[:, :63], "a.tif")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((3, 70, 80)), r"2-D image. Received: shape \(3, 70, 80\)"),
        (np.zeros((63, 80)), "64 px on each side. Received: 63 x 80 px"),
        (np.zeros((80, 63)), "Received: 80 x 63 px"),
        (np.full((70, 80), 7, np.uint8), "contrast. Received: 7 in every pixel"),
        (np.where(np.eye(70) > 0, np.nan, 1), "Received: 70 of 4900 pixels NaN or Inf"),
        (np.where(np.eye(70) > 0, np.inf, 1), "Received: 70 of 4900 pixels NaN or Inf"),
    ],
)
def test_check_refuses_what_cannot_be_analysed(data, message):
    with pytest.raises(ValueError, match=f"^a.tif: expected .*{message}"):
        check_image(data, "a.tif")
