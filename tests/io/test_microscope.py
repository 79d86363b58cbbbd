import numpy as np
import pytest
from image_files import levels, refusal

from stemzoo.io import read_image


def write_mrc(path, data, step=0.2):
    """Write a 32-bit MRC file with pixels of `step` Å."""
    header = np.zeros(256, "<i4")
    header[:4] = data.shape[1], data.shape[0], 1, 2
    header[7:10] = header[:3]
    cell = np.array([data.shape[1] * step, data.shape[0] * step, 1], "<f4")
    header[10:13] = cell.view("<i4")
    header[16:19] = 1, 2, 3
    header[52:54] = int.from_bytes(b"MAP ", "little"), 0x4444
    path.write_bytes(header.tobytes() + data.astype("<f4").tobytes())
    return path


def test_mrc_image_is_read(tmp_path):
    pytest.importorskip("rsciio")
    image = read_image(write_mrc(tmp_path / "a.mrc", levels("<f4")))
    np.testing.assert_array_equal(image.data, levels("<f4"))
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "MRC"


def test_an_mrc_voxel_of_one_angstrom_is_not_set(tmp_path):
    pytest.importorskip("rsciio")
    image = read_image(write_mrc(tmp_path / "a.mrc", levels("<f4"), step=1.0))
    assert (image.sampling, image.sampling_source) == (None, None)


def test_an_mrc_file_cut_short_is_refused(tmp_path):
    pytest.importorskip("rsciio")
    path = write_mrc(tmp_path / "a.mrc", levels("<f4"))
    path.write_bytes(path.read_bytes()[:-4])
    assert "a complete MRC file" in refusal(path)


@pytest.mark.parametrize("suffix", ["dm3", "dm4", "emd", "ser", "mrc", "hspy"])
def test_noise_with_the_suffix_of_a_microscope_file_is_refused(tmp_path, suffix, capfd):
    pytest.importorskip("rsciio")
    (tmp_path / f"a.{suffix}").write_bytes(np.random.default_rng(0).bytes(3000))
    refusal(tmp_path / f"a.{suffix}")
    assert capfd.readouterr() == ("", "")
