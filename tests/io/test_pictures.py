import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from image_files import levels, refusal

from stemzoo.io import read_image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [0, 2, 3, 4])
def test_png_grey_and_equal_channels(tmp_path, dtype, channels):
    grey = levels(dtype)
    opaque = np.full_like(grey, np.iinfo(dtype).max)
    parts = {0: [], 2: [grey, opaque], 3: [grey] * 3, 4: [grey] * 3 + [opaque]}[channels]
    data = np.stack(parts, -1) if parts else grey
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(data))
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.data, grey)
    assert image.data.dtype == dtype


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_coloured_pictures_are_refused(tmp_path, suffix):
    encode = imagecodecs.png_encode if suffix == "png" else imagecodecs.jpeg_encode
    (tmp_path / f"a.{suffix}").write_bytes(encode(levels(np.uint8, (70, 80, 3))))
    assert "3 channels that differ" in refusal(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("channels", [(), (3,)])
def test_jpeg_is_read(tmp_path, channels):
    smooth = np.add.outer(np.arange(70), np.arange(80)).astype(np.uint8)
    data = np.broadcast_to(smooth[..., None], (70, 80, 3)).copy() if channels else smooth
    (tmp_path / "a.jpeg").write_bytes(imagecodecs.jpeg_encode(data, level=98))
    image = read_image(tmp_path / "a.jpeg")
    assert image.data.shape == (70, 80)
    assert np.abs(image.data.astype(int) - smooth).max() <= 3


@pytest.mark.parametrize("share", [0.99, 0.5, 0.1])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pictures_cut_short_are_refused(tmp_path, suffix, share):
    encode = imagecodecs.png_encode if suffix == "png" else imagecodecs.jpeg_encode
    payload = encode(levels(np.uint8))
    (tmp_path / f"a.{suffix}").write_bytes(payload[: int(share * len(payload))])
    refusal(tmp_path / f"a.{suffix}")


def png_chunk(kind, content):
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def test_png_with_a_broken_colour_profile_is_read_without_a_word(tmp_path, capfd):
    payload = imagecodecs.png_encode(levels(np.uint8))
    profile = png_chunk(b"iCCP", b"name\0\0" + zlib.compress(b"no profile"))
    (tmp_path / "a.png").write_bytes(payload[:33] + profile + payload[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, levels(np.uint8))
    assert capfd.readouterr() == ("", "")


def test_png_with_an_absurd_size_is_refused(tmp_path):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(bytes(100))) + png_chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)
    assert f"declares {(2**31 - 1) ** 2} pixels" in refusal(tmp_path / "a.png")


def test_jpeg_with_an_absurd_size_is_refused(tmp_path):
    payload = bytearray(imagecodecs.jpeg_encode(levels(np.uint8)))
    start = payload.index(b"\xff\xc0")
    payload[start + 5 : start + 9] = struct.pack(">HH", 65500, 65500)
    (tmp_path / "a.jpg").write_bytes(payload)
    assert f"declares {65500**2} pixels" in refusal(tmp_path / "a.jpg")


def test_picture_with_another_suffix_is_refused_by_name(tmp_path):
    (tmp_path / "a.jpg").write_bytes(imagecodecs.png_encode(levels(np.uint8)))
    assert "a JPEG file. Received: a file that begins with b'\\x89PNG" in refusal(
        tmp_path / "a.jpg"
    )


def picture(suffix=(), **options):
    """A JPEG, as Pillow writes it; grey or RGB, of 70 x 80 px."""
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(levels(np.uint8, (70, 80, *suffix))).save(stream, "JPEG", **options)
    return stream.getvalue()


JPEGS = {
    "plain": {},
    "coloured": {"suffix": (3,)},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "restart_blocks": {"restart_marker_blocks": 3},
}


@pytest.mark.parametrize("name", sorted(JPEGS))
@pytest.mark.parametrize("rows", [100, 140, 1000])
def test_a_jpeg_with_a_forged_height_is_not_filled_with_grey(tmp_path, name, rows):
    payload = bytearray(picture(**JPEGS[name]))
    where = max(payload.find(b"\xff\xc0"), payload.find(b"\xff\xc2"))
    payload[where + 5 : where + 7] = struct.pack(">H", rows)
    (tmp_path / "a.jpg").write_bytes(payload)
    assert f"data for fewer than its {rows} x 80 px" in refusal(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", [name for name in sorted(JPEGS) if name != "coloured"])
def test_a_jpeg_that_ends_in_middle_grey_is_read(tmp_path, name):
    import io

    from PIL import Image

    grey = levels(np.uint8)
    grey[32:] = 128
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=95, **JPEGS[name])
    (tmp_path / "a.jpg").write_bytes(stream.getvalue())
    assert (read_image(tmp_path / "a.jpg").data[-10:] == 128).all()
