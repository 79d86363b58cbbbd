"""Folders that were made to do harm: each is refused before anything is built or run."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import stemzoo
from stemzoo import models
from stemzoo.io.json_files import LARGEST_FILE
from stemzoo.zoo.model_folder import MODEL_CLASSES, model_class

SECRET = "secret.txt"


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "tiny")


@pytest.fixture
def nothing_is_built(monkeypatch):
    for name in MODEL_CLASSES:
        kind = model_class(name)

        @functools.wraps(kind.__init__)
        def build(self, *_, **__):
            pytest.fail("was built")

        monkeypatch.setattr(kind, "__init__", build)


def write_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["config"].update(changes.pop("config", {}))
    path.write_text(json.dumps({**config, **changes}), encoding="utf-8")


def refused(folder, *words):
    with pytest.raises(ValueError, match="expected .* Received: ") as caught:
        stemzoo.load(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 900
    for word in words:
        assert word in message, message


LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"class": "Lambda"},
        {"class": "keras.layers.Lambda"},
        {"class": "os.system"},
        {"class": "__import__"},
        {"class": {"module": "os", "class_name": "system"}},
        {"class": "Sequential", "config": {"layers": [LAMBDA]}},
    ],
)
def test_classes_outside_the_package_are_refused(folder, changes):
    write_config(folder, **changes)
    refused(folder, "config.json", "a class among CycleGANSTEM, DefectFCN", "class ")


@pytest.mark.parametrize(
    "config",
    [
        {"layers": [LAMBDA]},
        {"dtype": {"module": "os", "class_name": "system", "config": {"command": "true"}}},
        {"trainable": True},
        {"__init__": 1},
        {"name": LAMBDA},
        {"classes": [LAMBDA]},
        {"material": {"a": 1}},
    ],
)
@pytest.mark.usefixtures("nothing_is_built")
def test_arguments_are_those_of_the_class_and_plain(folder, config):
    write_config(folder, config=config)
    refused(folder, "config.json", next(iter(config)))


@pytest.mark.parametrize(
    "config",
    [
        {"filters": 10**9},
        {"filters": True},
        {"filters": 4.0},
        {"filters": float("nan")},
        {"filters": 0},
        {"depth": 10**6},
        {"depth": 10**400},
        {"classes": ["x"] * 10_000},
        {"classes": 10**9},
    ],
)
@pytest.mark.usefixtures("nothing_is_built")
def test_absurd_sizes_are_refused(folder, config):
    write_config(folder, config=config)
    refused(folder, "config.json")


@pytest.mark.usefixtures("nothing_is_built")
def test_a_network_of_ten_gigabytes_needs_a_file_of_as_many(folder):
    # 256 filters and depth 6: 2.4e9 weights in the last layer alone.
    write_config(folder, config={"filters": 256, "depth": 6})
    refused(folder, "config.json", "filters=256, depth=6: 2415919104 or more")
    # 128 and depth 5: 150 million.
    write_config(folder, config={"filters": 128, "depth": 5})
    refused(folder, "model.weights.h5", "numbers, too few for it")
    with h5py.File(folder / "model.weights.h5", "a") as file:
        file.create_dataset("layers/x/vars/0", (50_000, 50_000), "float32")
    refused(folder, "model.weights.h5", "10000000000 bytes, with 0 stored")


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000, '"' + "x" * LARGEST_FILE + '"', "NaN"],
)
def test_a_config_without_end_is_refused(folder, text):
    (folder / "config.json").write_text(text, encoding="utf-8")
    refused(folder, "config.json")


@pytest.mark.parametrize("config", [None, 3, [], "x"])
def test_arguments_are_named(folder, config):
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "config": config}), encoding="utf-8")
    refused(folder, "config.json")


@pytest.mark.usefixtures("nothing_is_built")
def test_weights_that_lead_to_other_files_are_refused(folder, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(3, "float32")
    with h5py.File(folder / "model.weights.h5", "a") as file:
        del file["layers/conv2d/vars/0"]
        file["layers/conv2d/vars/0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")
    refused(folder, "model.weights.h5", "layers/conv2d/vars/0", "ExternalLink")


def test_a_keras_archive_in_place_of_weights_is_refused(folder):
    # A whole model as Keras saves it may hold code; it is a zip file, which is never opened.
    (folder / "model.weights.h5").write_bytes(b"PK\3\4" + bytes(10_000))
    refused(folder, "model.weights.h5", "no whole HDF5 file")


def test_code_in_the_attributes_of_weights_is_not_looked_at(folder):
    with h5py.File(folder / "model.weights.h5", "a") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Lambda", "config": LAMBDA})
    assert stemzoo.load(folder).name == "tiny"


# Exactly the expected variables.


def test_a_missing_variable_is_named(folder):
    with h5py.File(folder / "model.weights.h5", "a") as file:
        del file["layers/conv2d_1/vars/0"]
    refused(folder, "none for layers/conv2d_1/vars/0 (layer down0_conv2)")


def test_a_variable_of_another_shape_is_named(folder):
    with h5py.File(folder / "model.weights.h5", "a") as file:
        del file["layers/conv2d_1/vars/0"]
        file["layers/conv2d_1/vars/0"] = np.ones((3, 3, 4, 5), "float32")
    words = "shape (3, 3, 4, 5) for layers/conv2d_1/vars/0 (layer down0_conv2), which has"
    refused(folder, words, "(3, 3, 4, 4)")


@pytest.mark.parametrize(
    "name", ["layers/conv2d_99/vars/0", "layers/conv2d_1/vars/1", "other/vars/0"]
)
def test_a_variable_too_many_is_named(folder, name):
    # Keras itself loads such a file without a word where the name is that of no layer.
    with h5py.File(folder / "model.weights.h5", "a") as file:
        file[name] = np.ones(3, "float32")
    refused(folder, f"{name}, of which the network knows nothing")


def test_discriminators_are_checked_as_well(tmp_path):
    model = models.CycleGANSTEM(filters=4, depth=2, discriminator_filters=4, patch_size=32)
    stemzoo.save(model, tmp_path)
    with h5py.File(tmp_path / "training.weights.h5", "a") as file:
        file["discriminator_exp/extra"] = np.ones(3, "float32")
    refused(tmp_path, "training.weights.h5", "discriminator_exp/extra")
    (tmp_path / "training.weights.h5").write_bytes(b"")
    refused(tmp_path, "training.weights.h5", "no whole HDF5 file")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(make_model, tmp_path, value):
    model = make_model()
    stemzoo.save(model, tmp_path / "good")
    variable = model.weights[3]
    values = variable.numpy()
    values.flat[0] = value
    variable.assign(values)
    with pytest.raises(ValueError, match=f"expected finite weights.*{variable.path}"):
        stemzoo.save(model, tmp_path / "bad")
    with pytest.raises(ValueError, match="expected finite weights"):
        stemzoo.save(model, tmp_path / "good")
    assert [path.name for path in tmp_path.iterdir()] == ["good"]
    assert stemzoo.verify(tmp_path / "good").passed
    model.save_weights(tmp_path / "good" / "model.weights.h5")
    refused(tmp_path / "good", "model.weights.h5", variable.path)


def test_weights_too_large_for_half_precision_are_not_halved(make_model, tmp_path):
    model = make_model()
    model.weights[3].assign(model.weights[3] + 1e5)
    stemzoo.save(model, tmp_path / "whole")
    with pytest.raises(ValueError, match="expected finite weights, up to 65504"):
        stemzoo.save(model, tmp_path / "half", half=True)
    assert not (tmp_path / "half").exists()


NAMES = ("config.json", "model.weights.h5", "golden.npz", "provenance.json", "README.md")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["loop", "nowhere", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_named(folder, name, what):
    path = folder / name
    path.unlink(missing_ok=True)
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(name if what == "loop" else "nowhere")
    refused(folder, f"{name}: expected a file")
    assert name in stemzoo.verify(folder).differences[0]


def test_a_number_of_four_hundred_digits_is_no_argument(folder):
    path = folder / "config.json"
    text = path.read_text(encoding="utf-8")
    assert '"filters": 4' in text
    path.write_text(text.replace('"filters": 4', '"filters": 1' + 400 * "0"), encoding="utf-8")
    refused(folder, "config.json", "where finite numbers up to")


CHECK = """
import json, sys, stemzoo
reports = [str(stemzoo.verify(name)) for name in sys.argv[1:]]
import keras
print(json.dumps([keras.config.image_data_format(), *reports]))
"""


def test_keras_json_does_not_change_what_weights_do(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first"}')
    names = ["fcn-wse2", "cyclegan-wse2-dayA"]
    package = str(Path(stemzoo.__file__).parents[1])
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": package}
    command = [sys.executable, "-c", CHECK, *names]
    # Run where no second copy of the package lies: a checkout holds more files than an install.
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=True)
    found = json.loads(done.stdout)
    # The same difference from the stored output, to the digit, as here.
    assert found == ["channels_first", *(str(stemzoo.verify(name)) for name in names)]
    assert all("PASS" in report for report in found[1:])
