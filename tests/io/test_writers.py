import errno
import json
import os

import numpy as np
import pytest

from stemzoo.io import (
    atomic_path,
    read_image,
    write_json,
    write_png,
    write_text,
    write_tiff,
)


def image(dtype=np.float32, shape=(70, 80)):
    return np.random.default_rng(0).uniform(0, 200, shape).astype(dtype)


def test_atomic_path_keeps_the_suffix_and_moves_on_success(tmp_path):
    with atomic_path(tmp_path / "a.json") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        temporary.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_atomic_path_leaves_the_old_file_and_no_rest_on_failure(tmp_path, failure):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("named", [False, True])
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path, named):
    target = tmp_path / "a.csv"

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *[str(temporary)] * named)

    with pytest.raises(OSError, match="No space left on device: ") as caught:
        write()
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == []


def test_atomic_path_gives_ordinary_permissions(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_atomic_path_names_what_is_wrong_with_the_target(tmp_path, monkeypatch):
    with pytest.raises(IsADirectoryError, match="Received: a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(FileNotFoundError, match="Create it first"):
        write_text(tmp_path / "none" / "a.txt", "x")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="read-only"):
        write_text(tmp_path / "a.txt", "x")


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "0.2 Å/px\n")
    assert (tmp_path / "a.txt").read_bytes() == "0.2 Å/px\n".encode()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, ">u2", ">f4"])
@pytest.mark.parametrize("shape", [(70, 80), (3, 80), (80, 3), (80, 4), (70, 1), (1, 1)])
def test_tiff_returns_the_same_pixels(tmp_path, dtype, shape):
    data = image(dtype, shape)
    write_tiff(tmp_path / "a.tif", data)
    read = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.data, data)
    assert read.data.dtype == data.dtype.newbyteorder("=")
    assert (read.sampling, read.sampling_source) == (None, None)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint32, np.int64])
def test_tiff_stores_other_types_as_float32(tmp_path, dtype):
    write_tiff(tmp_path / "a.tif", image(dtype))
    read = read_image(tmp_path / "a.tif")
    assert read.data.dtype == np.float32
    np.testing.assert_array_equal(read.data, image(dtype).astype(np.float32))


@pytest.mark.parametrize("sampling", [0.0123456789, 0.095, 0.2074, 1.0, 4.9])
def test_tiff_returns_the_pixel_size_as_fiji_would(tmp_path, sampling):
    import tifffile

    write_tiff(tmp_path / "a.tif", image(), sampling=sampling)
    read = read_image(tmp_path / "a.tif")
    assert read.sampling == pytest.approx(sampling, rel=1e-7)
    assert read.sampling_source == "ImageJ"
    # Fiji divides 1 by the resolution and takes the unit from the description.
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_imagej
        assert file.imagej_metadata["unit"] == "nm"
        pixels, lengths = file.pages[0].tags["XResolution"].value
        assert 10 * lengths / pixels == pytest.approx(sampling, rel=1e-7)
        assert file.pages[0].tags["ResolutionUnit"].value == 1


def test_tiff_returns_the_metadata(tmp_path):
    entries = {"weights": "wse2-day-a", "note": "a = b, 0.2 Å", "threshold": 0.5}
    write_tiff(tmp_path / "a.tif", image(), metadata=entries)
    read = read_image(tmp_path / "a.tif").metadata
    assert {key: read[key] for key in entries} == {key: str(v) for key, v in entries.items()}


@pytest.mark.parametrize("entries", [{"unit": "m"}, {"a=b": 1}, {"a": "x\ny"}, {"a": "\0"}])
def test_tiff_refuses_metadata_it_cannot_return(tmp_path, entries):
    with pytest.raises(ValueError, match="one line per entry"):
        write_tiff(tmp_path / "a.tif", image(), metadata=entries)


@pytest.mark.parametrize(
    "data",
    [np.zeros(5), np.zeros((2, 70, 80)), np.zeros((0, 5)), np.zeros((5, 5), complex),
     np.full((5, 5), 1e300)],
)  # fmt: skip
def test_tiff_refuses_what_it_cannot_store(tmp_path, data):
    with pytest.raises(ValueError, match=r"a\.tif: expected .* Received: "):
        write_tiff(tmp_path / "a.tif", data)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sampling", [0, -1, np.nan, np.inf])
def test_tiff_refuses_an_impossible_sampling(tmp_path, sampling):
    with pytest.raises(ValueError, match="positive sampling"):
        write_tiff(tmp_path / "a.tif", image(), sampling=sampling)


def test_tiff_keeps_infinities_and_nan(tmp_path):
    data = image(np.float64)
    data[0, :3] = np.nan, np.inf, -np.inf
    write_tiff(tmp_path / "a.tif", data)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, data.astype(np.float32))


def test_png_returns_the_same_pixels(tmp_path):
    from imagecodecs import imread

    grey, colour = image(np.uint8), image(np.uint8, (70, 80, 3))
    write_png(tmp_path / "g.png", grey[:, ::2])
    write_png(tmp_path / "c.png", colour)
    np.testing.assert_array_equal(read_image(tmp_path / "g.png").data, grey[:, ::2])
    np.testing.assert_array_equal(imread(tmp_path / "c.png"), colour)


@pytest.mark.parametrize("shape", [(70, 80, 4), (70,), (0, 80), (2, 70, 80, 3)])
def test_png_refuses_other_shapes(tmp_path, shape):
    with pytest.raises(ValueError, match="expected uint8 of shape"):
        write_png(tmp_path / "a.png", np.zeros(shape, np.uint8))


def test_png_refuses_other_types(tmp_path):
    with pytest.raises(ValueError, match="Received: float32"):
        write_png(tmp_path / "a.png", image())


def test_json_is_strict(tmp_path):
    content = {"f1": float("nan"), "found": [np.float64(0.5), (np.inf, np.int64(3))], "name": "Å"}
    write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_constant=pytest.fail) == {
        "f1": None,
        "found": [0.5, [None, 3]],
        "name": "Å",
    }
    assert text.endswith("}\n")


def test_what_json_cannot_hold_leaves_the_file_as_it_was(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1
