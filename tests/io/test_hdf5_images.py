import warnings

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
