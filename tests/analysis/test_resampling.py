import numpy as np
import pytest

from stemzoo.analysis.resampling import check_resampling, resample_image
from stemzoo.preprocessing import resample


def test_an_image_of_another_pixel_size_is_resampled():
    image = np.random.default_rng(0).normal(size=(80, 90)).astype("float32")
    np.testing.assert_array_equal(resample_image(image, 0.2, 0.3), resample(image, 0.2, 0.3))


def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_anything_is_made():
    with pytest.raises(ValueError, match=r"a\.tif: .* 31501 x 31501 px, .* needs 4.0 GB. Check"):
        resample_image(np.ones((64, 64), "float32"), 100.0, 0.2, "a.tif")


def test_an_image_of_the_same_pixel_size_needs_nothing(monkeypatch):
    monkeypatch.setattr("stemzoo.io.memory.BUDGET", 1)
    assert resample_image(np.ones((64, 64), "float32"), 0.2, 0.2).shape == (64, 64)


def test_the_pixel_size_is_named_only_where_it_matters():
    with pytest.raises(ValueError, match=r"Received: 64 x 64 px, which needs 9.0 GB. Crop the im"):
        check_resampling("a.tif", (64, 64), 0.2, 0.2, 9 * 10**9)
