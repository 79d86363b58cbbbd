import numpy as np
import pytest
from image_files import levels, refusal

from stemzoo.io import read_image


def test_mrc_image_is_read(tmp_path):
    pytest.importorskip("rsciio")
    header = np.zeros(256, "<i4")
    header[:4] = 80, 70, 1, 2  # columns, rows, sections, float32
    header[7:10] = header[:3]
    header[10:13] = np.array([16, 14, 1], "<f4").view("<i4")  # cell [Å]: 0.2 Å/px
    header[16:19] = 1, 2, 3
    header[52] = int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    path = tmp_path / "a.mrc"
    path.write_bytes(header.tobytes() + levels("<f4").tobytes())
    image = read_image(path)
    np.testing.assert_array_equal(image.data, levels("<f4"))
    assert image.sampling == pytest.approx(0.2)


@pytest.mark.parametrize("suffix", ["dm3", "dm4", "emd", "ser", "mrc", "hspy"])
def test_noise_with_the_suffix_of_a_microscope_file_is_refused(tmp_path, suffix, capfd):
    pytest.importorskip("rsciio")
    (tmp_path / f"a.{suffix}").write_bytes(np.random.default_rng(0).bytes(3000))
    refusal(tmp_path / f"a.{suffix}")
    assert capfd.readouterr() == ("", "")
