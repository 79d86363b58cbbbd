import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

import stemzoo
from stemzoo import app, io
from stemzoo.app.napari_layers import (
    OWN_SUFFIXES,
    find_layers,
    get_reader,
    read_layers,
    sampling_of,
    write_points,
)
from stemzoo.io.images import READERS
from stemzoo.io.label_files import read_labels


@pytest.fixture(scope="module")
def manifest():
    path = Path(app.__file__).with_name("napari.json")
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_manifest_names_functions_that_are_there(manifest):
    import importlib

    assert manifest["name"] == "stemzoo"
    for command in manifest["contributions"]["commands"]:
        module, name = command["python_name"].split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_all_formats_are_offered_but_those_that_napari_opens_itself(manifest):
    (reader,) = manifest["contributions"]["readers"]
    patterns = {pattern.removeprefix("*") for pattern in reader["filename_patterns"]}
    assert patterns == set(READERS) - set(OWN_SUFFIXES)


def test_an_image_is_a_layer_with_its_pixel_size(tmp_path):
    image = np.random.default_rng(0).normal(size=(64, 80)).astype(np.float32)
    io.write_tiff(tmp_path / "scan.tif", image, sampling=0.25)
    ((data, options, kind),) = get_reader(str(tmp_path / "scan.tif"))(str(tmp_path / "scan.tif"))
    np.testing.assert_array_equal(data, image)
    assert (kind, options["name"], options["units"]) == ("image", "scan", ("nm", "nm"))
    assert options["scale"] == pytest.approx((0.025, 0.025))


def test_a_stack_is_one_layer_of_frames(tmp_path):
    path = tmp_path / "stack.tif"
    frames = np.random.default_rng(0).integers(0, 99, (3, 64, 64), dtype=np.uint16)
    tifffile.imwrite(path, frames, photometric="minisblack")
    ((data, options, _),) = read_layers([str(path)])
    assert data.shape == (3, 64, 64)
    assert "scale" not in options  # none is stated


def test_what_the_package_does_not_read_is_left_to_others():
    assert get_reader(["a.tif", "b.txt"]) is None
    assert get_reader("picture.png") is None


@pytest.mark.parametrize(
    ("scale", "units", "sampling"),
    [
        ((0.02, 0.02), ("nanometer", "nanometer"), 0.2),
        ((1, 20, 20), ("pixel", "picometer", "picometer"), 0.2),
        ((1, 1), ("pixel", "pixel"), None),
        ((0.02, 0.03), ("nanometer", "nanometer"), None),
    ],
)
def test_the_pixel_size_is_that_of_the_layer(scale, units, sampling):
    assert sampling_of(scale, units) == (None if sampling is None else pytest.approx(sampling))


def test_defects_are_points_by_class_placed_as_the_image_is(day_b, detector):
    frame = day_b[0]
    placed = {"scale": (0.02, 0.02), "translate": (1.0, 2.0)}
    layers, text, trusted = find_layers(
        frame.image, frame.sampling, detector, name="scan", placed=placed
    )
    found = stemzoo.detect(frame.image, detector, sampling=frame.sampling)
    assert trusted
    assert [options["name"] for _, options, _ in layers] == [f"{n} in scan" for n in found.counts()]
    assert [len(data) for data, _, _ in layers] == list(found.counts().values())
    assert layers[0][1]["translate"] == (1.0, 2.0)
    assert text.startswith(", ".join(f"{n} {name}" for name, n in found.counts().items()))


def test_corrected_points_are_labels_and_what_was_read_elsewhere_is_left_out(tmp_path):
    features = pd.DataFrame(
        {"row": [10.0, 20.0], "column": [11.0, 21.0], "score": [0.9, 0.8], "sigma": [-4.0, np.nan]}
    )
    # The second was moved by hand; napari copies the features of the last point to a new one.
    features = pd.concat([features, features.iloc[1:]], ignore_index=True)
    options = {
        "name": "renamed",
        "features": features,
        "scale": (0.02, 0.02),
        "units": ("nanometer", "nanometer"),
        "metadata": {"stemzoo_class": "se_vacancy"},
    }
    own = {"name": "bright [1]", "features": pd.DataFrame()}
    points = np.array([[10.0, 11.0], [25.0, 21.0], [40.0, 41.0]])
    path = str(tmp_path / "labels.csv")
    assert write_points(path, [(points, options, "points"), ([[5, 6]], own, "points")]) == [path]
    table = pd.read_csv(path)
    assert table["class"].tolist() == ["se_vacancy"] * 3 + ["bright"]
    assert table["score"].fillna(-1).tolist() == [0.9, -1, -1, -1]
    assert table["x_nm"].fillna(-1).tolist() == [0.22, 0.42, 0.82, -1]
    labels = read_labels(Path(path))
    np.testing.assert_allclose(labels.points, [*points, [5, 6]])


def test_points_of_a_stack_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected points in one image"):
        write_points(str(tmp_path / "x.csv"), [([[0, 5, 6]], {"name": "a"}, "points")])
