import random
import shutil
import zipfile

import numpy as np
import pytest

from stemzoo.models import CycleGANSTEM
from stemzoo.zoo.golden import TOLERANCE, golden_input, largest_difference, write_golden


@pytest.fixture
def path(tiny_model, tmp_path):
    write_golden(tiny_model, tmp_path / "golden.npz")
    return tmp_path / "golden.npz"


def change(path, **arrays):
    """Replace arrays of the file."""
    with np.load(path, allow_pickle=False) as kept:
        np.savez(path, **{**kept, **arrays})


def refused(model, path, *words):
    with pytest.raises(ValueError, match="golden.npz: expected .* Received: ") as caught:
        largest_difference(model, path)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_model_makes_what_it_made(tiny_model, path):
    assert largest_difference(tiny_model, path) < 1e-6
    assert path.stat().st_size < 200_000


def test_the_same_model_writes_the_same_bytes(tiny_model, path, tmp_path):
    write_golden(tiny_model, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_other_weights_are_noticed(make_model, path):
    assert largest_difference(make_model(seed=1), path) > TOLERANCE


def test_a_small_change_of_one_weight_is_noticed(make_model, path):
    model = make_model()
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel.numpy() + [0.05, 0, 0])
    assert largest_difference(model, path) > TOLERANCE


def test_both_directions_of_a_cyclegan_are_compared(tmp_path):
    model = CycleGANSTEM(filters=4, depth=2, discriminator_filters=4, patch_size=32)
    path = tmp_path / "golden.npz"
    write_golden(model, path)
    with np.load(path, allow_pickle=False) as arrays:
        assert set(arrays) == {"input", "exp_to_sim", "sim_to_exp"}
    assert largest_difference(model, path) < 1e-6


def test_the_input_fits_deep_networks_and_the_range_of_images():
    model = CycleGANSTEM(filters=1, depth=7, discriminator_filters=1, patch_size=128)
    image = golden_input(model)
    assert image.shape == (1, 128, 128, 1)
    assert abs(image).max() <= 1


def test_an_output_that_is_no_number_differs(tiny_model, path):
    with np.load(path, allow_pickle=False) as arrays:
        output = arrays["output"].copy()
    output[0, 3, 3, 0] = np.nan
    change(path, output=output)
    assert largest_difference(tiny_model, path) == np.inf


@pytest.mark.parametrize(
    "arrays",
    [
        {"input": np.zeros((1, 8, 8, 1), "float32")},
        {"output": np.zeros((1, 64, 64, 9), "float32")},
        {"other": np.zeros((1, 64, 64, 3), "float32")},
        {"output": np.zeros((1, 64, 64, 3), "int64")},
        {"output": np.array([print], dtype=object)},
    ],
)
def test_other_arrays_are_refused_and_nothing_is_unpickled(tiny_model, path, arrays):
    change(path, **arrays)
    refused(tiny_model, path)


def test_a_shape_of_ten_gigabytes_is_refused(tiny_model, path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (50000, 50000), }"
    content = b"\x93NUMPY\1\0" + (118).to_bytes(2, "little") + header.ljust(117).encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("input.npy", content + bytes(100))
    refused(tiny_model, path, "(50000, 50000)")


def test_a_zip_bomb_is_refused(tiny_model, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("input.npy", bytes(100 * 2**20))
    refused(tiny_model, path, "104857600 bytes")


def test_damaged_files_are_refused(tiny_model, path):
    content = path.read_bytes()
    for part in (b"", content[:100], content[: len(content) // 2], b"no zip", content[:-30]):
        path.write_bytes(part)
        refused(tiny_model, path)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 255
    path.write_bytes(damaged)
    refused(tiny_model, path)
    shutil.rmtree(path, ignore_errors=True)


def test_a_flipped_bit_is_found_wherever_it_is(tiny_model, tmp_path):
    path = tmp_path / "golden.npz"
    write_golden(tiny_model, path)
    content = path.read_bytes()
    ends = [*range(300), *range(len(content) - 300, len(content))]
    rng = random.Random(3)
    messages = []
    for at in [*ends, *(rng.randrange(len(content)) for _ in range(400))]:
        flipped = bytearray(content)
        flipped[at] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            # What is left unchanged lies in the archive's dates and attributes.
            assert largest_difference(tiny_model, path) == 0
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 800
    assert all(m.startswith(f"{path}: expected") and "\n" not in m for m in messages)
