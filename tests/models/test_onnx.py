import numpy as np
import pytest

import stemzoo
from stemzoo.models.onnx import OnnxDetector
from stemzoo.models.onnx_network import OnnxNetwork
from stemzoo.zoo.registry import find_weights, list_weights

pytest.importorskip("onnxruntime")

# An image that is no multiple of windows and strides, as high as wide and not.
SHAPES = [(1, 64, 64, 1), (2, 96, 160, 1)]


def difference(mine, its, shape):
    image = np.random.default_rng(0).normal(0, 0.5, shape).clip(-1, 1).astype(np.float32)
    return np.abs(mine.predict_on_batch(image) - its.predict_on_batch(image)).max()


@pytest.mark.parametrize("name", ["fcn-wse2", "denoise-wse2"])
def test_a_network_answers_as_keras_for_images_of_any_size(name):
    mine, its = stemzoo.load(name, runtime="onnx"), stemzoo.load(name)
    assert mine.name == its.name
    # 2e-6 was found; between instruction sets of one processor it is 6e-7.
    assert max(difference(mine, its, shape) for shape in SHAPES) < 1e-5


def test_a_network_finds_the_same_defects(day_b, detector):
    frame = day_b[0]
    mine = stemzoo.detect(
        frame.image, stemzoo.load("fcn-wse2", runtime="onnx"), sampling=frame.sampling
    )
    its = stemzoo.detect(frame.image, detector, sampling=frame.sampling)
    assert len(its) > 5
    assert list(mine.classes) == list(its.classes)
    np.testing.assert_allclose(mine.positions, its.positions, atol=0.01)
    np.testing.assert_allclose(mine.scores, its.scores, atol=1e-4)
    # Everything else that is known of the weights comes along, calibration and conditions, too.
    np.testing.assert_allclose(mine.probability, its.probability, atol=1e-4)
    assert mine.match.distance == its.match.distance


def test_the_denoiser_returns_the_same_picture_and_uncertainty(day_b):
    frame = day_b[0]
    mine, its = (
        stemzoo.denoise(
            frame.image, stemzoo.load("denoise-wse2", runtime=runtime), sampling=frame.sampling
        )
        for runtime in ("onnx", "keras")
    )
    scale = np.ptp(its.picture)
    np.testing.assert_allclose(mine.picture, its.picture, atol=1e-4 * scale)
    np.testing.assert_allclose(mine.deviation, its.deviation, atol=1e-4 * scale)


@pytest.mark.parametrize("name", [e.name for e in list_weights() if e.task != "translation"])
def test_networks_of_the_package_were_made_of_the_weights_beside_them(name):
    entry = find_weights(name)
    known = {file.name: file.sha256 for file in entry.files}
    channels = stemzoo.load(name, runtime="onnx").channels
    network = OnnxNetwork(entry.folder / "model.onnx", channels)
    assert network.made_of == known["model.weights.h5"]


def test_a_network_of_another_shape_is_refused():
    path = find_weights("fcn-hbn").folder / "model.onnx"
    with pytest.raises(ValueError, match="expected a network from 1 channel to 7. Received: "):
        OnnxNetwork(path, 7)


def test_what_is_no_network_is_refused_by_name(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(ValueError, match="model.onnx: expected a network. Received: "):
        OnnxNetwork(path, 2)


def test_a_network_is_not_trained_and_says_what_to_do():
    with pytest.raises(ModuleNotFoundError, match="Load them with runtime='keras'"):
        OnnxDetector(name="tiny").successor()
    with pytest.raises(ModuleNotFoundError, match="expected Keras, to train on"):
        stemzoo.load("cyclegan-wse2-dayB", runtime="onnx", training=True)


def test_another_runtime_is_refused():
    with pytest.raises(ValueError, match="runtime is keras or onnx. Received: 'tensorrt'"):
        stemzoo.load("fcn-wse2", runtime="tensorrt")
