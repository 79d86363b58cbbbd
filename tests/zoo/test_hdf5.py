"""Files of weights that were made to do harm, or that are damaged."""

import contextlib

import h5py
import numpy as np
import pytest

from stemzoo.io.hdf5 import MOST_OBJECTS
from stemzoo.zoo.hdf5 import read_layers, read_shapes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.weights.h5"


@pytest.fixture
def file(path):
    """Open a file with one harmless array."""
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 1, 4), "float32")
        file["layers/conv2d/vars"].attrs["name"] = "first"
        yield file


def refused(file, path, *words):
    file.close()
    with pytest.raises(ValueError, match=".") as caught:
        read_shapes(path)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_are_listed_with_their_shapes(file, path):
    file["vars/0"] = np.zeros((), "int64")
    file.create_group("layers/empty/vars")
    file.close()
    assert read_shapes(path) == {"layers/conv2d/vars/0": (3, 3, 1, 4), "vars/0": ()}
    assert read_layers(path) == {
        "layers/conv2d/vars/0": ((3, 3, 1, 4), "first"),
        "vars/0": ((), ""),
    }


def test_links_that_lead_elsewhere_are_refused(file, path, tmp_path):
    file["layers/conv2d/vars/1"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")
    refused(file, path, "layers/conv2d/vars/1", "ExternalLink")


def test_soft_links_are_refused(file, path):
    file["layers/conv2d/vars/1"] = h5py.SoftLink("/layers/conv2d/vars/0")
    refused(file, path, "layers/conv2d/vars/1", "SoftLink")


def test_an_array_that_is_listed_twice_is_refused(file, path):
    file["again"] = file["layers/conv2d/vars/0"]
    refused(file, path, "listed twice")


def test_a_group_within_itself_is_refused(file, path):
    file["layers/self"] = file["layers"]
    refused(file, path, "listed twice")


def test_numbers_of_another_file_are_refused(file, path, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(400))
    file.create_dataset("x", (100,), "float32", external=[(str(tmp_path / "raw"), 0, 400)])
    refused(file, path, "x, whose numbers are in another file")


def test_arrays_put_together_of_others_are_refused(file, path):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("x", layout)
    refused(file, path, "packed or put together")


def test_packed_arrays_are_refused(file, path):
    # 4 GB of zeros in 4 MB.
    file.create_dataset("x", (2**20,), "float32", compression="gzip", chunks=(2**20,))
    refused(file, path, "packed or put together")


def test_a_shape_without_numbers_is_refused(file, path):
    file.create_dataset("x", (50_000, 50_000), "float32")
    refused(file, path, "x of shape (50000, 50000): 10000000000 bytes, with 0 stored")
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize("content", [b"text", ["a", "b"], np.zeros(3, "complex64")])
def test_arrays_of_anything_but_numbers_are_refused(file, path, content):
    file["x"] = content
    refused(file, path, "x, which is no array of numbers")


def test_a_named_type_is_refused(file, path):
    file["x"] = np.dtype("float32")
    refused(file, path, "x, which is no array")


def test_groups_in_groups_without_end_are_refused(file, path):
    file.create_group("/".join("a" * 40))
    refused(file, path, f"more than {MOST_OBJECTS} objects")


def test_truncated_and_other_files_are_refused(file, path):
    file.close()
    content = path.read_bytes()
    for part in (b"", content[:10], content[:1000], content[:-1], b"PK\3\4 a zip", bytes(5000)):
        path.write_bytes(part)
        refused(file, path, "no whole HDF5 file")


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_never_crashes(file, path, seed):
    file.close()
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 8):
        content[place] = rng.integers(0, 256)
    path.write_bytes(content)
    with contextlib.suppress(ValueError):
        read_shapes(path)
