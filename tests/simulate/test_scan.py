import numpy as np
import pytest
from scipy import ndimage

from stemzoo.simulate.scan import (
    ScanDistortion,
    average_frames,
    distort_points,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def spot(shape, row, column, width=2.0):
    rows, columns = np.indices(shape)
    return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))


def centre(image):
    rows, columns = np.indices(image.shape)
    return np.array([(image * rows).sum(), (image * columns).sum()]) / image.sum()


def variance(image, axis):
    profile = image.sum(1 - axis)
    place = np.arange(profile.size)
    mean = (profile * place).sum() / profile.sum()
    return (profile * (place - mean) ** 2).sum() / profile.sum()


def test_displacement_by_hand():
    scan = ScanDistortion((0.02, -0.01), (0.03, 0.06), flyback=2.0, flyback_decay=10.0)
    shift = scan.displacement(np.array([[25.0, 10.0], [50.0, 1e4]]), (100, 80))
    # At t = -1/4 and 0: 100 (drift t + curvature (t² - 1/12)), and 2 / e of flyback.
    slow = 1 / 16 - 1 / 12
    first = [100 * (-0.005 + 0.03 * slow), 100 * (0.0025 + 0.06 * slow) + 2 / np.e]
    np.testing.assert_allclose(shift, [first, [-0.25, -0.5]], atol=1e-12)


def scanned(image, distortion):
    """Look up, for each pixel, the place that the distorted beam is at."""
    grid = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    places = grid + distortion.displacement(grid.astype(np.float64), image.shape)
    return ndimage.map_coordinates(image, np.moveaxis(places, -1, 0), order=3, mode="nearest")


DISTORTIONS = [
    ScanDistortion(),
    ScanDistortion(drift=(0.03, -0.02)),
    ScanDistortion(curvature=(-0.02, 0.05)),
    ScanDistortion(flyback=3.0, flyback_decay=15.0),
    ScanDistortion((-0.02, 0.03), (0.02, -0.03), 2.0, 30.0),
]


@pytest.mark.parametrize("scan", DISTORTIONS)
@pytest.mark.parametrize("place", [(20.0, 16.0), (63.5, 70.25), (110.0, 90.5)])
def test_points_move_as_the_image_does(scan, place):
    shape = (128, 120)
    moved = distort_points(np.array([place]), scan, shape)[0]
    np.testing.assert_allclose(moved + scan.displacement(moved, shape), place, atol=1e-6)
    recorded = scanned(spot(shape, *place), scan)
    # The scan stretches the spot unevenly, by some per cent: its centre is less sharp than that.
    np.testing.assert_allclose(centre(recorded), moved, atol=0.05)
    assert np.abs(np.array(np.unravel_index(recorded.argmax(), shape)) - moved).max() < 0.6


def test_no_points_stay_no_points():
    assert distort_points(np.zeros((0, 2)), DISTORTIONS[-1], (64, 64)).shape == (0, 2)


def test_one_steady_frame_is_the_image():
    image = rng().random((20, 30))
    options = {"frames": 1, "misregistration": 0.0, "line_jitter": 0.0}
    averaged, shift = average_frames(image, **options, rng=rng())
    assert (averaged == image).all()
    assert not shift.any()
    # A single frame defines its own position.
    averaged, shift = average_frames(image, **{**options, "misregistration": 2.0}, rng=rng())
    np.testing.assert_allclose(averaged, image, atol=1e-12)
    assert np.abs(shift).max() < 1e-12


def test_misregistered_frames_keep_the_mean_position_and_blur_both_axes():
    image = spot((64, 64), 31.0, 33.0)
    averaged, shift = average_frames(
        image, frames=1000, misregistration=1.5, line_jitter=0.0, rng=rng()
    )
    np.testing.assert_allclose(centre(averaged), (31, 33), atol=1e-3)
    assert np.abs(shift).max() < 1e-12
    for axis in (0, 1):
        blur = variance(averaged, axis) - variance(image, axis)
        assert blur == pytest.approx(1.5**2, rel=4 * np.sqrt(2 / 1000))


def test_the_blur_of_few_frames_lacks_that_of_their_mean():
    # The mean position is taken out: the expected variance of n frames is (1 - 1/n) of one's.
    image = spot((32, 32), 16.0, 16.0)
    blur = [
        variance(
            average_frames(image, frames=3, misregistration=0.8, line_jitter=0, rng=rng(s))[0], 0
        )
        for s in range(400)
    ]
    excess = np.array(blur) - variance(image, 0)
    expected = 0.8**2 * (1 - 1 / 3)
    assert excess.mean() == pytest.approx(expected, abs=4 * excess.std() / 20)


def test_line_jitter_moves_each_line_along_x_by_the_returned_shift():
    image = np.tile(spot((1, 64), 0, 32.0), (500, 1))
    averaged, shift = average_frames(
        image, frames=1, misregistration=0.0, line_jitter=0.7, rng=rng()
    )
    place = averaged @ np.arange(64) / averaged.sum(1)
    np.testing.assert_allclose(place, 32 + shift[:, 1], atol=1e-6)
    assert not shift[:, 0].any()
    assert shift[:, 1].std() == pytest.approx(0.7, rel=4 / np.sqrt(1000))
    assert shift[:, 1].mean() == pytest.approx(0, abs=1e-12)


def test_line_jitter_of_many_frames_blurs_each_line():
    image = np.tile(spot((1, 64), 0, 32.0), (40, 1))
    averaged, shift = average_frames(
        image, frames=50, misregistration=0.0, line_jitter=0.9, rng=rng()
    )
    place = averaged @ np.arange(64) / averaged.sum(1)
    np.testing.assert_allclose(place, 32 + shift[:, 1], atol=1e-6)
    spread = [variance(row[None], 1) - variance(image[:1], 1) for row in averaged]
    assert np.mean(spread) == pytest.approx(0.9**2 * (1 - 1 / 50), rel=4 * np.sqrt(2 / 2000))
    assert shift[:, 1].std() == pytest.approx(0.9 / np.sqrt(50), rel=4 / np.sqrt(80))


def test_averaging_frames_equals_shifting_and_adding_them():
    # Two frames by hand: their shifts are ± half the difference of the two draws.
    image = rng(1).random((16, 24))
    image = np.fft.irfft2(np.fft.rfft2(image)[:, :6], s=image.shape)  # no frequency near Nyquist
    averaged, _ = average_frames(image, frames=2, misregistration=1.0, line_jitter=0, rng=rng())
    draws = rng()
    y, x = draws.normal(0, 1, 2), draws.normal(0, 1, (2, 1))[:, 0]
    y, x = y - y.mean(), x - x.mean()
    spectrum = np.fft.fft2(image)
    ky, kx = np.fft.fftfreq(16)[:, None], np.fft.fftfreq(24)[None]
    along_y = np.mean([np.exp(-2j * np.pi * ky * s) for s in y], axis=0)
    along_x = np.mean([np.exp(-2j * np.pi * kx * s) for s in x], axis=0)
    expected = np.fft.ifft2(spectrum * along_y * along_x).real
    np.testing.assert_allclose(averaged, expected, atol=1e-9)


def test_frames_are_at_least_one():
    with pytest.raises(ValueError, match=r"at least 1. Received: 0"):
        average_frames(np.ones((4, 4)), frames=0, misregistration=0, line_jitter=0, rng=rng())
