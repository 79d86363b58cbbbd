import json
import warnings

import h5py
import numpy as np
import pytest
from image_files import levels, refusal

from stemzoo.io import read_image


def signal(data, units, navigate=None):
    flags = navigate or [False] * data.ndim
    axes = [
        {"size": n, "name": f"axis{k}", "offset": 0.0, "scale": 0.02, "units": unit}
        | {"navigate": flag, "index_in_array": k, "_type": "UniformDataAxis"}
        for k, (n, unit, flag) in enumerate(zip(data.shape, units, flags, strict=True))
    ]
    empty = ("original_metadata", "models", "learning_results", "tmp_parameters", "package_info")
    metadata = {"General": {"title": "HAADF"}, "Signal": {"signal_type": ""}}
    described = {"data": data, "axes": axes, "metadata": metadata, "attributes": {"_lazy": False}}
    return described | {key: {} for key in empty}


def write_hspy(path, *args):
    pytest.importorskip("rsciio")
    from rsciio.hspy import file_writer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file_writer(str(path), signal(*args), show_progressbar=False)
    return path


def test_hspy_image_is_read(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", levels(), ["nm", "nm"])
    image = read_image(path)
    np.testing.assert_array_equal(image.data, levels())
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "HSPY"
    assert image.metadata == {"title": "HAADF", "frames": 1}


def test_hspy_stack_gives_the_chosen_frame_or_the_sum(tmp_path):
    stack = levels(shape=(3, 70, 80))
    path = write_hspy(tmp_path / "a.hspy", stack, ["s", "nm", "nm"], [True, False, False])
    assert "3 frames" in refusal(path)
    np.testing.assert_array_equal(read_image(path, frame=2).data, stack[2])
    np.testing.assert_array_equal(read_image(path, sum_frames=True).data, stack.sum(0))


@pytest.mark.parametrize(
    ("units", "navigate"),
    [(["1/nm", "1/nm"], None), (["mrad", "mrad"], None), (["nm", "eV"], [True, False])],
)
def test_hspy_diffraction_and_spectra_are_refused(tmp_path, units, navigate):
    path = write_hspy(tmp_path / "a.hspy", levels(), units, navigate)
    assert "only spectra or diffraction data" in refusal(path)


def test_hspy_file_is_closed_after_reading(tmp_path):
    path = write_hspy(tmp_path / "a.hspy", levels(), ["nm", "nm"])
    read_image(path)
    write_hspy(path, levels(seed=1), ["nm", "nm"])
    np.testing.assert_array_equal(read_image(path).data, levels(seed=1))


def test_hspy_axes_without_units_give_an_image_of_unknown_pixel_size(tmp_path):
    path = tmp_path / "a.hspy"
    with h5py.File(path, "w") as file:
        group = file.create_group("Experiments/a")
        group["data"] = levels()
        for k in (0, 1):
            group.create_group(f"axis-{k}").attrs["scale"] = 1.0
    image = read_image(path)
    np.testing.assert_array_equal(image.data, levels())
    assert (image.sampling, image.sampling_source) == (None, None)


def test_hspy_with_several_images_asks_which_by_name(tmp_path):
    path = tmp_path / "a.hspy"
    with h5py.File(path, "w") as file:
        file["Experiments/BF/data"] = levels()
        file["Experiments/HAADF/data"] = levels(seed=1)
        file["Experiments/spectrum/data"] = np.zeros(100)
    assert "2 frames (0: BF, 1: HAADF). Choose frame=0 to 1." in refusal(path)
    image = read_image(path, frame=1)
    np.testing.assert_array_equal(image.data, levels(seed=1))
    assert image.metadata == {"title": "HAADF", "frames": 2}


# Berkeley .emd


def write_berkeley(path, data, axes, first=1):
    """Write an array with (name, units, step) for each axis."""
    with h5py.File(path, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for k, (n, (name, units, step)) in enumerate(zip(data.shape, axes, strict=True)):
            group[f"dim{k + first}"] = np.arange(n) * step
            group[f"dim{k + first}"].attrs.update({"name": name, "units": units})
    return path


Y, X, TIME = ("y", "[n_m]", 0.02), ("x", "[n_m]", 0.02), ("time", "[s]", 1.0)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("units", ["[n_m]", b"n_m", "nm"])
def test_rows_of_a_berkeley_file_stay_rows(tmp_path, first, units):
    axes = [("y", units, 0.02), ("x", units, 0.02)]
    image = read_image(write_berkeley(tmp_path / "a.emd", levels(), axes, first))
    np.testing.assert_array_equal(image.data, levels())
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "EMD"
    assert image.metadata == {"title": "image", "frames": 1}


def test_a_berkeley_file_that_names_its_first_axis_x_is_turned(tmp_path):
    path = write_berkeley(tmp_path / "a.emd", np.ascontiguousarray(levels().T), [X, Y])
    np.testing.assert_array_equal(read_image(path).data, levels())


@pytest.mark.parametrize(("axes", "place"), [([TIME, Y, X], 0), ([Y, X, TIME], 2)])
def test_a_berkeley_stack_gives_the_chosen_frame_or_the_sum(tmp_path, axes, place):
    stack = levels(shape=(3, 70, 80))
    path = write_berkeley(tmp_path / "a.emd", np.moveaxis(stack, 0, place), axes)
    assert "3 frames. Choose frame=0 to 2, or sum_frames=True." in refusal(path)
    np.testing.assert_array_equal(read_image(path, frame=2).data, stack[2])
    np.testing.assert_array_equal(read_image(path, sum_frames=True).data, stack.sum(0))


def test_a_berkeley_file_without_axes_is_an_image_of_unknown_pixel_size(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file["data/image/data"] = levels()
        file["data/image"].attrs["emd_group_type"] = 1
    image = read_image(tmp_path / "a.emd")
    np.testing.assert_array_equal(image.data, levels())
    assert image.sampling is None


def test_a_berkeley_file_of_diffraction_is_refused(tmp_path):
    axes = [("ky", "1/nm", 0.1), ("kx", "1/nm", 0.1)]
    assert "only spectra" in refusal(write_berkeley(tmp_path / "a.emd", levels(), axes))


def test_hdf5_without_an_image_in_a_known_place_is_refused(tmp_path):
    for name in ("a.emd", "a.hspy"):
        with h5py.File(tmp_path / name, "w") as file:
            file["somewhere"] = levels()
        assert "an image. Received: none in any known place." in refusal(tmp_path / name)


# Velox .emd


def add_velox(file, name, stack, **result):
    """Add frames as Velox does: rows, columns, frames, and JSON padded with zeros."""
    size = {"width": "2e-11", "height": "2e-11"}
    content = {"PixelSize": size, "PixelUnitX": "m", "PixelUnitY": "m", **result}
    text = json.dumps({"BinaryResult": content}).encode()
    group = file.create_group(f"Data/Image/{name}")
    group["Data"] = np.moveaxis(stack, 0, 2)
    padded = np.frombuffer(text.ljust(1000, b"\0"), np.uint8)
    group["Metadata"] = np.stack([padded] * len(stack), axis=1)


def test_velox_gives_the_frame_its_pixel_size_and_the_name_of_its_detector(tmp_path):
    stack = levels(shape=(3, 70, 80))
    with h5py.File(tmp_path / "a.emd", "w") as file:
        add_velox(file, "a", stack, Detector="HAADF", DetectorIndex="5")
    image = read_image(tmp_path / "a.emd", frame=1)
    np.testing.assert_array_equal(image.data, stack[1])
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "EMD"
    assert image.metadata == {"title": "HAADF", "frames": 3}


def test_velox_maps_of_elements_do_not_stand_in_the_way_of_the_image(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        add_velox(file, "a", levels("f4", (1, 70, 80)), Detector="SuperXG2")
        add_velox(file, "b", levels(shape=(1, 70, 80), seed=1), Detector="HAADF", DetectorIndex="5")
        file["Data/SpectrumImage/c/Data"] = np.zeros((100, 1), np.uint8)
    image = read_image(tmp_path / "a.emd")
    np.testing.assert_array_equal(image.data, levels(seed=1))
    assert image.metadata["title"] == "HAADF"


def test_velox_images_of_several_detectors_are_named_and_not_added(tmp_path):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        add_velox(file, "a", levels(shape=(1, 70, 80)), Detector="BF", DetectorIndex="0")
        add_velox(file, "b", levels(shape=(1, 70, 80)), Detector="HAADF", DetectorIndex="5")
    assert "2 frames (0: BF, 1: HAADF). Choose frame=0 to 1." in refusal(tmp_path / "a.emd")
    assert "frames of one kind" in refusal(tmp_path / "a.emd", sum_frames=True)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"BinaryResult": 3}', b"[" * 1000])
def test_velox_without_sound_metadata_is_an_image_of_unknown_pixel_size(tmp_path, text):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file["Data/Image/a/Data"] = levels(shape=(70, 80, 1))
        file["Data/Image/a/Metadata"] = np.frombuffer(text.ljust(1000, b"\0"), np.uint8)[:, None]
    image = read_image(tmp_path / "a.emd")
    assert image.data.shape == (70, 80)
    assert image.sampling is None


# What leads out of the file


@pytest.fixture
def elsewhere(tmp_path):
    """A file that the test's image must not be read from."""
    with h5py.File(tmp_path / "other.hspy", "w") as file:
        file["Experiments/a/data"] = levels()
    (tmp_path / "raw").write_bytes(levels().tobytes())
    return tmp_path


def refused(path, *words):
    line = refusal(path)
    for word in ("an HDF5 file that holds its images itself", *words, "Export the image as TIFF"):
        assert word in line


def test_links_to_other_files_are_refused(elsewhere):
    with h5py.File(elsewhere / "a.hspy", "w") as file:
        other = str(elsewhere / "other.hspy")
        file["Experiments/a/data"] = h5py.ExternalLink(other, "/Experiments/a/data")
    refused(elsewhere / "a.hspy", "Experiments/a/data, a link to elsewhere")


def test_groups_of_other_files_are_refused(elsewhere):
    with h5py.File(elsewhere / "a.hspy", "w") as file:
        file["Experiments"] = h5py.ExternalLink(str(elsewhere / "other.hspy"), "/Experiments")
    refused(elsewhere / "a.hspy", "Experiments, a link to elsewhere")


@pytest.mark.parametrize("name", ["Experiments/a/data", "aside"])
def test_numbers_of_other_files_are_refused(elsewhere, name):
    with h5py.File(elsewhere / "a.hspy", "w") as file:
        raw = [(str(elsewhere / "raw"), 0, 70 * 80 * 2)]
        file.create_dataset(name, (70, 80), "u2", external=raw)
    refused(elsewhere / "a.hspy", f"{name}, whose numbers are in another file")


def test_virtual_data_sets_are_refused(elsewhere):
    layout = h5py.VirtualLayout((70, 80), "u2")
    layout[:] = h5py.VirtualSource(str(elsewhere / "other.hspy"), "Experiments/a/data", (70, 80))
    with h5py.File(elsewhere / "a.hspy", "w") as file:
        file.create_virtual_dataset("Experiments/a/data", layout)
    refused(elsewhere / "a.hspy", "Experiments/a/data, which is packed or put together of others")


def test_links_within_the_file_are_passed_over(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file["Experiments/a/data"] = levels()
        file["latest"] = h5py.SoftLink("/Experiments/a/data")
        file["again"] = file["Experiments"]
    np.testing.assert_array_equal(read_image(tmp_path / "a.hspy").data, levels())


def test_a_shape_without_numbers_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file.create_dataset("Experiments/a/data", (700, 800), "u2")
    assert "a shape of (700, 800) without numbers" in refusal(tmp_path / "a.hspy")


def test_damage_is_told_without_the_words_of_the_library(tmp_path):
    path = tmp_path / "a.hspy"
    with h5py.File(path, "w") as file:
        file.create_dataset("Experiments/a/data", data=levels(), compression="gzip")
    payload = path.read_bytes()
    for broken in (payload[: len(payload) // 2], payload.replace(b"TREE", b"EERT")):
        path.write_bytes(broken)
        line = refusal(path)
        assert line == (
            f"{path}: expected a complete HDF5 file. Received: a damaged one. "
            "Copy or export it once more."
        )


def test_a_compression_that_is_not_installed_is_no_damage(tmp_path):
    path = tmp_path / "a.hspy"
    with h5py.File(path, "w") as file:
        # Filter 32001 is blosc.
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((70, 80))
        properties.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)
        group = file.create_group("Experiments/a")
        space = h5py.h5s.create_simple((70, 80))
        array = h5py.Dataset(
            h5py.h5d.create(group.id, b"data", h5py.h5t.NATIVE_UINT16, space, properties)
        )
        array.id.write_direct_chunk((0, 0), bytes(100))
    if h5py.h5z.filter_avail(32001):
        pytest.skip("blosc is installed")
    assert "Run: pip install hdf5plugin" in refusal(path)
