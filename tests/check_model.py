"""What every class of the zoo's models must do; a new class is one more call of `check_model`."""

import inspect
import json

import keras
import numpy as np

import stemzoo
from stemzoo.zoo.model_folder import MODEL_CLASSES, model_class, weight_files


def outputs(model, images):
    """Return what a model makes of images, by name."""
    found = model.golden_outputs(images)
    return {name: keras.ops.convert_to_numpy(output) for name, output in found.items()}


def assert_same_outputs(model, other, images):
    """Both models make the same of the images, to the bit."""
    expected, found = outputs(model, images), outputs(other, images)
    assert expected.keys() == found.keys()
    for name, output in expected.items():
        np.testing.assert_array_equal(found[name], output, err_msg=name)


def check_model(cls, arguments, folder):
    """Check a class of models by one small model of it.

    Parameters
    ----------
    cls : type
        Class of the zoo.
    arguments : dict
        Of its constructor, for a model that is built and run in a second; with a `material`.
    folder : Path
        An empty folder.
    """
    assert cls.__name__ in MODEL_CLASSES
    assert model_class(cls.__name__) is cls
    model = cls(**arguments)
    _check_what_it_says(model)
    _check_config(model)
    images = np.random.default_rng(0).normal(0, 0.3, (2, 3 * model.stride, 64, 1))
    images = np.repeat(images, 2, axis=1).clip(-1, 1).astype("float32")
    for output in outputs(model, images).values():
        assert output.shape[:3] == images.shape[:3]
        assert np.isfinite(output).all()
        assert output[0].std() > 0  # it is no constant
        assert not np.array_equal(output[0], output[1])
    other = model.successor(name="clone")
    assert_same_outputs(model, other, images)
    for variable in other.weights:
        variable.assign(variable + 1)
    assert any(w.min() < 1 for w in model.get_weights()), "the clone shares its weights"
    _check_folder(model, images, folder)


def _check_what_it_says(model):
    assert model.task
    assert model.material in model.summary.format(material=model.material, session="one day")
    assert tuple(model.weight_networks()) == model.weight_groups
    assert model.weight_groups[0] == "model"
    assert (model.card, model.provenance, model.conditions) == (None, None, None)
    count = model.weight_networks()["model"].count_params()
    # Fewer than there are, but enough to refuse a file of a much smaller network.
    assert 0.2 * count <= model.least_weights(model.get_config()) <= count


def _check_config(model):
    cls, config = type(model), model.get_config()
    assert json.loads(json.dumps(config)) == config
    parameters = inspect.signature(cls).parameters.values()
    assert set(config) == {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
    assert set(model.bounds) == set(config)
    for twin in (
        cls(**config),
        cls.from_config(config),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(model)),
    ):
        assert type(twin) is cls
        assert twin.get_config() == config
        assert [v.shape for v in twin.weights] == [v.shape for v in model.weights]


def _check_folder(model, images, folder):
    stemzoo.save(model, folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "golden.npz", "provenance.json", *weight_files(model)}
    twin = stemzoo.load(folder)
    assert twin.get_config() == model.get_config()
    assert_same_outputs(model, twin, images)
    for mine, its in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(its, mine)
    assert (twin.card, twin.provenance.origin) == ("", "folder")
    report = stemzoo.verify(folder)
    assert report.passed, report
