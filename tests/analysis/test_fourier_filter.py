import numpy as np
import pytest

from stemzoo.analysis.spectrum import filter_and_crop, frequencies, with_margins


@pytest.mark.parametrize("shape", [(64, 64), (61, 80)])
def test_an_image_that_passes_comes_back(shape):
    image = np.random.default_rng(1).normal(size=shape)
    padded = with_margins(image)
    y, x = frequencies(padded.shape)
    found = filter_and_crop(padded, np.ones(np.broadcast_shapes(y.shape, x.shape)))
    np.testing.assert_allclose(found, image, atol=1e-12)


def test_one_edge_does_not_reach_the_other():
    image = np.zeros((64, 64))
    image[:, -1] = 1.0
    padded = with_margins(image)
    y, x = frequencies(padded.shape)
    # A Gaussian of 4 px: nothing of it is left 12 widths away, the width of the margins.
    blurred = filter_and_crop(padded, np.exp(-2 * (4 * np.pi) ** 2 * (y**2 + x**2)))
    assert blurred[:, -1].min() > 0.1
    assert abs(blurred[:, 0]).max() < 1e-9
