import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from places import REAL

from stemzoo.io import Image, check_image, read_image, write_tiff

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real images are not here")


def levels(dtype=np.uint16, shape=(70, 80)):
    return np.random.default_rng(0).uniform(0, 200, shape).astype(dtype)


def refusal(path, **options):
    with pytest.raises(ValueError, match="Received: ") as caught:
        read_image(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: expected ")
    assert "\n" not in line
    assert line.endswith(".")
    return line


def test_import_is_light():
    code = "import sys, stemzoo.io; print({'tifffile', 'imagecodecs', 'rsciio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.tif: .* Received: no such file\. Check"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(FileNotFoundError, match="there is no folder .*none either"):
        read_image(str(tmp_path / "none" / "a.tif"))


def test_folder_is_refused(tmp_path):
    assert "a folder" in refusal(tmp_path)


def test_unknown_suffix_offers_the_known_ones(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    line = refusal(tmp_path / "a.gif")
    assert "Received: .gif." in line
    for suffix in (".tif", ".png", ".jpg", ".npy", ".npz", ".dm4", ".emd", ".hspy"):
        assert suffix in line
    (tmp_path / "a").write_bytes(b"x")
    assert "Received: no suffix" in refusal(tmp_path / "a")


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg", ".npy", ".npz", ".dm3"])
def test_empty_file_is_refused(tmp_path, suffix):
    (tmp_path / f"a{suffix}").touch()
    assert "an empty file (0 bytes)" in refusal(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".tif", ".tiff", ".png", ".jpeg", ".npy", ".npz"])
def test_text_with_the_suffix_of_an_image_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("no image but some text\n" * 9)
    assert "b'no image'" in refusal(path)


def test_unreadable_file_is_a_permission_error(tmp_path, monkeypatch):
    write_tiff(tmp_path / "a.tif", levels())

    def deny(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(PermissionError, match=r"a\.tif"):
        read_image(tmp_path / "a.tif")


def test_suffix_may_be_upper_case_and_path_a_string(tmp_path):
    write_tiff(tmp_path / "A.TIF", levels())
    image = read_image(str(tmp_path / "A.TIF"))
    assert image.path == tmp_path / "A.TIF"


def test_frame_and_sum_together_are_refused(tmp_path):
    write_tiff(tmp_path / "a.tif", levels())
    with pytest.raises(ValueError, match="Give only one"):
        read_image(tmp_path / "a.tif", frame=0, sum_frames=True)


def test_a_stack_needs_a_choice(tmp_path):
    np.save(tmp_path / "a.npy", levels(shape=(5, 70, 80)))
    line = refusal(tmp_path / "a.npy")
    assert "Received: 5 frames. Choose frame=0 to 4, or sum_frames=True." in line


@pytest.mark.parametrize("frame", [-1, 5])
def test_a_frame_out_of_range_is_refused_with_the_range(tmp_path, frame):
    np.save(tmp_path / "a.npy", levels(shape=(5, 70, 80)))
    line = refusal(tmp_path / "a.npy", frame=frame)
    assert f"a frame from 0 to 4. Received: frame={frame}." in line


def test_a_single_image_accepts_frame_zero_and_a_sum(tmp_path):
    np.save(tmp_path / "a.npy", levels())
    for options in ({}, {"frame": 0}, {"sum_frames": True}, {"frame": np.int64(0)}):
        image = read_image(tmp_path / "a.npy", **options)
        np.testing.assert_array_equal(image.data, levels())
    assert "frame from 0 to 0" in refusal(tmp_path / "a.npy", frame=1)


def test_pixels_that_are_not_square_are_refused(tmp_path):
    import tifffile

    tifffile.imwrite(
        tmp_path / "a.tif",
        levels(),
        resolution=(500_000_000, 400_000_000),
        resolutionunit="centimeter",
    )
    assert "0.2 Å wide and 0.25 Å high" in refusal(tmp_path / "a.tif")


def test_missing_rosettasciio_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "a.dm4").write_bytes(b"\0\0\0\4" * 100)
    for name in [n for n in sys.modules if n.partition(".")[0] == "rsciio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rsciio", None)
    assert "pip install 'stemzoo[formats]'" in refusal(tmp_path / "a.dm4")


def test_running_out_of_memory_is_a_value_error(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", levels())

    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr(np.lib.format, "open_memmap", fail)
    assert "MemoryError" in refusal(tmp_path / "a.npy")


def test_logging_levels_are_left_as_they_were(tmp_path):
    import logging

    before = logging.getLogger("tifffile").level
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\xff" * 50)
    refusal(tmp_path / "a.tif")
    assert logging.getLogger("tifffile").level == before


def test_a_given_pixel_size_replaces_that_of_the_file():
    image = Image(levels(), 0.2, "ImageJ", Path("a.tif"), {"frames": 1})
    given = image.with_sampling(0.21)
    assert (given.sampling, given.sampling_source) == (0.21, "given")
    assert (given.path, given.metadata) == (image.path, image.metadata)
    assert given.data is image.data
    assert image.with_sampling(None) is image


@needs_real
@pytest.mark.parametrize("number", [1389, 1391, 1392, 1393, 1394])
def test_jeol_images_keep_their_levels_and_claim_no_pixel_size(number):
    import tifffile

    path = REAL / "wse2_jeol" / f"{number}.tif"
    image = read_image(path)
    # Their resolution tags say 72 dpi and their GMS scale has no unit.
    assert (image.sampling, image.sampling_source) == (None, None)
    assert image.data.shape == (1024, 1024)
    assert image.data.dtype == np.uint8
    # The grey palette (a contrast curve) is not applied.
    np.testing.assert_array_equal(image.data, tifffile.imread(path))
    check_image(image.data, path)


@needs_real
@pytest.mark.parametrize("name", ["graphene_gr3", "wse2_dayA_107_1840", "wse2_dayB_212"])
def test_patches_of_the_paper_are_read(name):
    image = read_image(REAL / "paper_patches" / f"{name}.png")
    assert image.data.shape == (256, 256)
    assert image.data.dtype == np.uint8
    check_image(image.data, name)


@needs_real
@pytest.mark.parametrize(
    ("name", "dtype", "sampling", "source"),
    [
        # Pixel sizes as RosettaSciIO 0.15 reports them.
        ("formats/Acquisition_18.emd", np.uint16, 0.12246525, "EMD"),
        ("formats/se_implanted_mos2.dm3", np.uint32, 0.126953125, "DM3"),
        ("formats/ws2_velox.emd", np.uint16, 0.10622316, "EMD"),
        ("srtio3/16_STOimage_1.ser", np.uint16, 0.10012704, "SER"),
    ],
)
def test_microscope_files_are_read_with_their_pixel_size(name, dtype, sampling, source, capfd):
    pytest.importorskip("rsciio")
    image = read_image(REAL / name)
    assert image.data.shape == (1024, 1024)
    assert image.data.dtype == dtype
    assert image.sampling == pytest.approx(sampling, rel=1e-6)
    assert image.sampling_source == source
    assert capfd.readouterr() == ("", "")


@needs_real
def test_a_spectrum_is_no_image():
    pytest.importorskip("rsciio")
    assert "only spectra" in refusal(REAL / "formats" / "carbon_tem.dm3")
