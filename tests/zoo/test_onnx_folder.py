import shutil

import pytest

import stemzoo
from stemzoo.zoo.draft import published_files
from stemzoo.zoo.inventory import copy_weights
from stemzoo.zoo.registry import find_weights

pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path):
    """Copy of bundled weights, with their network for ONNX Runtime."""
    return copy_weights("fcn-mos2", tmp_path)


def test_a_folder_loads_by_either_runtime(folder):
    assert stemzoo.load(folder, runtime="onnx").classes == stemzoo.load(folder).classes


def test_a_network_of_other_weights_is_refused(folder):
    other = find_weights("fcn-mose2").folder / "model.onnx"
    shutil.copyfile(other, folder / "model.onnx")
    with pytest.raises(ValueError, match="model.onnx: expected .* made of the weights beside it"):
        stemzoo.load(folder, runtime="onnx")
    found = stemzoo.verify(folder)
    assert not found.passed
    assert "stemzoo export" in str(found)


def test_weights_that_were_trained_on_since_are_not_answered_for_by_the_old_network(folder):
    model = stemzoo.load(folder)
    model.set_weights([0.9 * values for values in model.get_weights()])
    stemzoo.save(model, folder)
    with pytest.raises(ValueError, match="made of the weights beside it"):
        stemzoo.load(folder, runtime="onnx")


def test_a_folder_without_a_network_says_how_to_make_it(folder):
    (folder / "model.onnx").unlink()
    with pytest.raises(FileNotFoundError, match="stemzoo export fcn-mos2 --onnx --out FOLDER"):
        stemzoo.load(folder, runtime="onnx")


def test_a_damaged_network_is_refused_by_name(folder):
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="model.onnx: expected the weights of a DefectFCN"):
        stemzoo.load(folder, runtime="onnx")


def test_verify_computes_the_golden_output_by_both_runtimes(folder):
    found = stemzoo.verify(folder)
    assert found.passed
    assert [note.partition(":")[0] for note in found.notes[1:]] == [
        "golden output",
        "golden output by ONNX Runtime",
    ]


def test_a_network_is_published_with_its_weights(folder):
    assert published_files(folder)["model.onnx"] == folder / "model.onnx"
