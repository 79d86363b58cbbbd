from types import SimpleNamespace

import numpy as np
import pytest

import stemzoo
from stemzoo.io.any_image import as_image, image_list


def signal(data, scale=0.02074, units="nm", *, navigation=False):
    """What HyperSpy has of an image: the axis along the columns first."""
    axes = tuple(SimpleNamespace(scale=scale, units=units, size=n) for n in data.shape[::-1])
    none = ()
    manager = SimpleNamespace(
        signal_axes=none if navigation else axes, navigation_axes=axes if navigation else none
    )
    return SimpleNamespace(data=data, axes_manager=manager)


@pytest.mark.parametrize("navigation", [False, True])
def test_the_calibration_of_a_signal_is_its_pixel_size(navigation):
    image = as_image(signal(np.eye(64), navigation=navigation))
    assert image.sampling == pytest.approx(0.2074)
    assert image.sampling_source == "HyperSpy"
    assert np.array_equal(image.data, np.eye(64))


@pytest.mark.parametrize("units", ["<undefined>", None, "1/nm"])
def test_axes_without_a_unit_of_length_are_no_pixel_size(units):
    assert as_image(signal(np.eye(64), 1.0, units)).sampling is None


def test_a_stack_is_refused_with_the_way_to_choose():
    with pytest.raises(ValueError, match=r"Received: shape \(3, 64, 64\).*signal.inav\[0\]"):
        as_image(signal(np.zeros((3, 64, 64))))


def test_one_signal_and_several_are_images():
    one = signal(np.eye(64))
    assert [image.sampling for image in image_list(one)] == pytest.approx([0.2074])
    assert [image.sampling for image in image_list([one, one])] == pytest.approx([0.2074] * 2)


def test_functions_take_signals_with_their_calibration(day_a, detector):
    frame = day_a[0]
    shown = signal(frame.image, frame.sampling / 10)
    assert stemzoo.identify(shown).lattice_constant == pytest.approx(
        stemzoo.identify(frame.image, frame.sampling).lattice_constant
    )
    assert stemzoo.detect(shown, detector).sampling == pytest.approx(frame.sampling)
    assert stemzoo.find_columns(shown, "wse2").sampling == pytest.approx(frame.sampling)


class DataArray:
    """What xarray has of an array: names of dimensions, coordinates with attributes, values."""

    def __init__(self, values, step=0.02074, units="nm", dims=("y", "x")):
        self.values, self.dims, self.ndim = values, dims, values.ndim
        self.coords = {
            dim: SimpleNamespace(values=7 + step * np.arange(n), attrs={"units": units})
            for dim, n in zip(dims, values.shape, strict=True)
        }


def test_evenly_spaced_coordinates_are_the_pixel_size():
    image = as_image(DataArray(np.eye(64)))
    assert (image.sampling, image.sampling_source) == (pytest.approx(0.2074), "xarray")
    assert np.array_equal(image.data, np.eye(64))
    # An axis that is counted upwards has negative steps.
    assert as_image(DataArray(np.eye(64), step=-0.02)).sampling == pytest.approx(0.2)
    assert as_image(DataArray(np.eye(64), units="1/nm")).sampling is None
    assert [one.sampling for one in image_list(DataArray(np.eye(64)))] == pytest.approx([0.2074])


def test_coordinates_that_are_not_even_or_no_image_are_refused():
    array = DataArray(np.eye(64))
    array.coords["x"].values[9] += 0.1
    with pytest.raises(ValueError, match="evenly spaced coordinates.* along x. Interpolate it"):
        as_image(array)
    with pytest.raises(ValueError, match=r"for example array.isel\(time=0\)"):
        as_image(DataArray(np.zeros((3, 64, 64)), dims=("time", "y", "x")))


def test_arrays_of_the_real_xarray_are_taken():
    xarray = pytest.importorskip("xarray")
    axis = ("x", 0.02 * np.arange(64), {"units": "nm"})
    array = xarray.DataArray(np.eye(64), dims=("y", "x"), coords={"x": axis, "y": ("y", *axis[1:])})
    assert as_image(array).sampling == pytest.approx(0.2)
    assert as_image(array.rename(x="column", y="row")).sampling == pytest.approx(0.2)


def test_arrays_of_dask_are_computed():
    array = pytest.importorskip("dask.array").from_array(np.eye(64), chunks=16)
    assert np.array_equal(as_image(array).data, np.eye(64))
    (image,) = image_list(array)
    assert np.array_equal(image.data, np.eye(64))


def test_a_path_is_read(tmp_path):
    stemzoo.io.write_tiff(tmp_path / "scan.tif", np.eye(64), sampling=0.2)
    for path in (tmp_path / "scan.tif", str(tmp_path / "scan.tif")):
        assert as_image(path).sampling == pytest.approx(0.2)
        assert [one.sampling for one in image_list(path)] == pytest.approx([0.2])
    with pytest.raises(FileNotFoundError, match="missing.tif: expected an image file"):
        as_image(tmp_path / "missing.tif")
