import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

from stemzoo.inference.points import find_points
from stemzoo.inference.stripes import find_points_in_stripes
from stemzoo.inference.tiling import predict_tiled
from stemzoo.models import DefectFCN
from stemzoo.preprocessing import normal_scores, resample, rescale


@dataclass
class Spots:
    """Stands for a network: the probability of a defect is the brightness above the mean."""

    ranked: bool = False
    sampling: float = 0.2
    stride: int = 8
    context: int = 3

    def prepare(self, image, *, measured=None):
        return rescale(normal_scores(image) if self.ranked else image)

    def predict_on_batch(self, batch):
        self.largest = max(getattr(self, "largest", 0), batch.shape[1])
        defect = np.clip(2 * batch, 0, 1)
        return np.concatenate([1 - defect, defect], axis=-1)


def spots(rows, columns, count=150):
    """Discs of 3 px radius at random on a noisy background, some of them in pairs."""
    rng = np.random.default_rng(3)
    y, x = np.indices((rows, columns))
    image = rng.normal(0, 0.1, (rows, columns))
    for row, column in rng.uniform(0, 1, (count, 2)) * (rows, columns):
        image += np.hypot(y - row, x - column) < 3
    return image.astype(np.float32)


def at_once(image, model, sampling, tta=False):
    scaled = model.prepare(resample(image, sampling, model.sampling))
    return find_points(predict_tiled(model, scaled, tta=tta), model.sampling, 0.2)


@pytest.mark.parametrize("sampling", [0.2, 0.13, 0.31])
@pytest.mark.parametrize("ranked", [False, True])
def test_points_are_those_of_the_whole_image(sampling, ranked):
    image, model = spots(403, 130), Spots(ranked)
    positions, classes, scores = find_points_in_stripes(
        image, model, sampling, threshold=0.2, height=130
    )
    assert model.largest <= 136  # the height, and a part of a stride
    expected = at_once(image, Spots(ranked), sampling)
    assert len(scores) == len(expected[2]) > 50
    np.testing.assert_allclose(positions, expected[0], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(classes, expected[1])
    np.testing.assert_allclose(scores, expected[2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("tta", [False, True])
def test_a_network_that_looks_around_sees_the_same_in_stripes(tta):
    model = DefectFCN(2, filters=2, depth=2)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    image = spots(400, 120)
    found = find_points_in_stripes(image, model, 0.2074, threshold=0.2, tta=tta, height=128)
    expected = at_once(image, model, 0.2074, tta)
    assert len(found[2]) == len(expected[2]) > 10
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found[2], expected[2], rtol=0, atol=1e-5)


@pytest.mark.parametrize("tta", [False, True])
def test_a_larger_image_takes_no_more_memory_than_its_own(tta):
    def peak(rows):
        # Few spots: what is found is kept.
        image = np.tile(spots(256, 512, count=5), (rows // 256, 1)).astype(np.uint16)
        tracemalloc.start()
        try:
            find_points_in_stripes(image, Spots(), 0.2, threshold=0.9, tta=tta, height=128)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(4096) < 1.1 * peak(512)
