import zipfile

import numpy as np
import pytest
from image_files import levels, refusal

from stemzoo.io import read_image


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", "f2", ">f8", "?"])
def test_npy_is_read_in_native_byte_order(tmp_path, dtype):
    np.save(tmp_path / "a.npy", levels(dtype))
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.data, levels(dtype))
    assert image.data.dtype.isnative
    assert image.data.dtype != bool
    assert type(image.data) is np.ndarray


def test_npy_data_do_not_depend_on_the_file_any_more(tmp_path):
    np.save(tmp_path / "a.npy", levels())
    image = read_image(tmp_path / "a.npy")
    with (tmp_path / "a.npy").open("r+b") as file:
        file.write(bytes((tmp_path / "a.npy").stat().st_size))
    np.testing.assert_array_equal(image.data, levels())


def test_npy_in_fortran_order_is_read(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(levels()))
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy").data, levels())


def test_npy_with_channels_last_is_a_picture_and_with_frames_first_a_stack(tmp_path):
    grey = levels()
    np.save(tmp_path / "rgb.npy", np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.npy").data, grey)
    np.save(tmp_path / "stack.npy", np.stack([grey] * 3))
    assert "3 frames" in refusal(tmp_path / "stack.npy")
    np.testing.assert_array_equal(read_image(tmp_path / "stack.npy", frame=2).data, grey)


@pytest.mark.parametrize(
    ("array", "received"),
    [
        (np.zeros(100), r"shape (100,)"),
        (np.float64(3), r"shape ()"),
        (np.zeros((0, 70)), r"shape (0, 70)"),
        (np.zeros((2, 2, 70, 70)), r"shape (2, 2, 70, 70)"),
        (np.zeros((70, 70), complex), "dtype complex128"),
        (np.array([[{}]], dtype=object), "dtype object"),
        (np.array([["text"]]), "dtype <U4"),
        (np.zeros((70, 70), [("x", "f4")]), "dtype [('x', '<f4')]"),
        (np.full((70, 70), np.nan), "nothing but NaN"),
    ],
)
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays_that_are_no_image_are_refused(tmp_path, array, received, suffix):
    path = tmp_path / f"a.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, array)
    assert received in refusal(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_gives_its_only_image(tmp_path, save):
    save(tmp_path / "a.npz", image=levels(), row=np.arange(3), pixel_size=0.2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npz").data, levels())


def test_npz_with_a_single_stack_is_a_stack(tmp_path):
    stack = levels(shape=(4, 70, 80))
    np.savez(tmp_path / "a.npz", grey=stack)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npz", frame=1).data, stack[1])


def test_npz_with_several_images_lists_their_names(tmp_path):
    np.savez(tmp_path / "a.npz", adf=levels(), bf=levels())
    assert "one 2-D array. Received: adf, bf." in refusal(tmp_path / "a.npz")


def test_npz_without_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert "Received: no arrays." in refusal(tmp_path / "a.npz")
