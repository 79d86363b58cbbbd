from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.inference.tiling import place_windows, predict_tiled
from stemzoo.preprocessing import dihedral, rescale


@dataclass
class Blur:
    """Sees exactly its context, and zeros outside of what it is given, as a network does."""

    stride: int = 4
    context: int = 8

    def predict_on_batch(self, batch):
        self.windows = [*getattr(self, "windows", []), batch.shape[1:3]]
        size = 2 * self.context + 1
        mean = ndimage.uniform_filter(batch.astype(float), (1, size, size, 1), mode="constant")
        return np.concatenate([1 - mean, mean], axis=-1)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    "shape", [(64, 64), (65, 131), (200, 77), (73, 300), (256, 256), (1, 50), (333, 334)]
)
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_every_pixel_is_answered_by_a_window_that_sees_its_surroundings(shape, stride):
    model = Blur(stride=stride, context=11)
    image = noise(shape)
    tiled = predict_tiled(model, image, window=40)
    assert len(model.windows) > 1 or max(shape) < 70
    whole = predict_tiled(model, image, window=1000)
    assert tiled.shape == (*shape, 2)
    assert tiled.dtype == np.float32
    assert tiled == pytest.approx(whole, abs=1e-5)


def test_windows_are_no_larger_than_asked_for():
    model = Blur(stride=8, context=11)
    predict_tiled(model, noise((304, 504)), window=100)
    assert max(map(max, model.windows)) <= 100
    # Of one size, so that the network is compiled once.
    assert len(set(model.windows)) == 1


@pytest.mark.parametrize("shape", [(65, 64), (64, 71), (90, 131), (203, 77)])
def test_the_last_window_ends_on_the_edge_of_the_image(shape):
    """A network that answers with what it sees: nothing is filled in."""

    class Seen(Blur):
        def predict_on_batch(self, batch):
            assert np.isfinite(batch).all()
            # Pixels that are filled in repeat others; all of these are different.
            assert len(np.unique(batch)) == batch.size
            return np.concatenate([batch, batch], axis=-1)

    model = Seen(stride=8, context=11)
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert (predict_tiled(model, image)[..., 0] == image).all()


@pytest.mark.parametrize("stride", [2, 8, 16])
@pytest.mark.parametrize("margin", [0, 1, 3])
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_seams_keep_their_distance_from_the_ends_of_windows(stride, margin, extra):
    margin = margin * stride
    window = max(3 * margin, stride) + extra * stride
    for length in range(stride, 12 * window, stride):
        windows = place_windows(length, window, margin, stride)
        assert windows[0][1] == 0
        assert windows[-1][2] == length
        for (start, first, last), following in zip(windows, [*windows[1:], None], strict=True):
            end = min(start + window, length)
            assert start % stride == 0
            assert start + window <= length or len(windows) == 1
            assert first == 0 or first - start >= margin
            assert last == length or end - last >= margin
            assert following is None or following[1] == last


@pytest.mark.parametrize("shape", [(64, 64), (65, 131), (200, 77), (301, 222)])
def test_windows_do_not_change_what_a_network_says(tiny_model, shape):
    image = rescale(noise(shape))
    whole = predict_tiled(tiny_model, image, window=1000)
    assert whole.shape == (*shape, 3)
    assert whole.sum(-1) == pytest.approx(1, abs=1e-5)
    # 72 px is the smallest window for a context of 23 px.
    assert predict_tiled(tiny_model, image, window=1) == pytest.approx(whole, abs=1e-5)


def shifted_difference(model, image, window, shift):
    """Largest change when half a window is cut off, further from the cut than the context."""
    whole = predict_tiled(model, image, window=window)[shift:, shift:]
    cut = predict_tiled(model, image[shift:, shift:], window=window)
    return abs(whole - cut)[model.context :, model.context :].max()


def test_probabilities_do_not_depend_on_where_the_windows_fall(tiny_model):
    assert tiny_model.predict_on_batch(noise((1, 64, 64, 1))).std(axis=(1, 2)).min() > 1e-3
    assert shifted_difference(tiny_model, rescale(noise((250, 310))), 72, 36) < 1e-5


def test_probabilities_of_the_detector_do_not_depend_on_where_the_windows_fall(detector, frames):
    image = rescale(frames[0].image)
    assert shifted_difference(detector, image, 168, 80) < 1e-4


def test_a_perturbation_reaches_as_far_as_the_context_and_no_further(tiny_model):
    image = noise((160, 160)) * 0.1
    changed = image.copy()
    changed[80, 80] = 5.0
    moved = abs(predict_tiled(tiny_model, changed) - predict_tiled(tiny_model, image)).max(-1)
    rows, columns = np.nonzero(moved > 1e-7)
    reach = max(abs(rows - 80).max(), abs(columns - 80).max())
    assert tiny_model.context / 2 < reach <= tiny_model.context


def test_averaging_is_the_mean_over_eight_orientations(tiny_model):
    image = rescale(noise((66, 90)))
    # Turned and turned back with numpy's own functions.
    total = 0
    for turns in range(4):
        result = predict_tiled(tiny_model, np.rot90(image, turns).copy())
        total = total + np.rot90(result, -turns)
        result = predict_tiled(tiny_model, np.rot90(image.T, turns).copy())
        total = total + np.rot90(result, -turns).swapaxes(0, 1)
    averaged = predict_tiled(tiny_model, image, tta=True)
    assert averaged == pytest.approx(total / 8, abs=1e-5)
    assert abs(averaged - predict_tiled(tiny_model, image)).max() > 1e-3


@pytest.mark.parametrize("index", range(1, 8))
def test_averaged_probabilities_turn_with_the_image(tiny_model, index):
    image = rescale(noise((66, 90)))
    turned = predict_tiled(tiny_model, dihedral(image, index).copy(), tta=True)
    expected = dihedral(predict_tiled(tiny_model, image, tta=True), index)
    assert turned == pytest.approx(expected, abs=1e-5)
