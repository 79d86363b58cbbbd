import tracemalloc

import numpy as np
import pytest

from stemzoo.preprocessing import (
    resample,
    resampling_memory,
)


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
