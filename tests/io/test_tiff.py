import struct

import numpy as np
import pytest
import tifffile
from image_files import levels, refusal

from stemzoo.io import read_image


def write(path, *args, **kwargs):
    tifffile.imwrite(path, *args, **kwargs)
    return path


@pytest.mark.parametrize(
    "dtype",
    ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_of_every_number_type(tmp_path, dtype, byteorder):
    path = write(tmp_path / "a.tif", levels(dtype), byteorder=byteorder)
    image = read_image(path)
    np.testing.assert_array_equal(image.data, levels(dtype))
    assert image.data.dtype == np.dtype(dtype)


@pytest.mark.parametrize("compression", ["lzw", "deflate", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 7}, {"tile": (32, 16)}])
def test_tiff_of_every_compression(tmp_path, compression, predictor, layout):
    predictor = predictor and compression not in ("packbits",)
    path = tmp_path / "a.tif"
    write(path, levels(), compression=compression, predictor=predictor, **layout)
    np.testing.assert_array_equal(read_image(path).data, levels())


def test_tiff_of_one_bit_becomes_zeros_and_ones(tmp_path):
    mask = levels() > 100
    path = write(tmp_path / "a.tif", mask, photometric="minisblack")
    image = read_image(path)
    assert image.data.dtype == np.uint8
    np.testing.assert_array_equal(image.data, mask)


def test_tiff_of_twelve_bits(tmp_path):
    # 12-bit levels packed by hand: two levels in three bytes.
    data = levels(np.uint16, (64, 64)) * 20
    even, odd = data[:, ::2].astype(int), data[:, 1::2].astype(int)
    packed = np.stack([even >> 4, (even & 15) << 4 | odd >> 8, odd & 255], -1).astype(np.uint8)
    payload = packed.tobytes()
    tags = [(256, 64), (257, 64), (258, 12), (259, 1), (262, 1), (273, 200), (277, 1), (278, 64)]
    tags += [(279, len(payload))]
    entries = b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    ifd = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    (tmp_path / "a.tif").write_bytes((b"II*\0" + struct.pack("<I", 8) + ifd).ljust(200) + payload)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, data)


def test_tiff_whose_zero_is_white_is_inverted(tmp_path):
    path = write(tmp_path / "a.tif", levels(np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path).data, 255 - levels(np.uint8))


def palette(red, green, blue):
    return np.array([red, green, blue], np.uint16)


def test_tiff_with_a_rising_grey_palette_keeps_its_levels(tmp_path):
    curve = (np.linspace(0, 1, 256) ** 2 * 65535).astype(np.uint16)
    path = tmp_path / "a.tif"
    write(path, levels(np.uint8), photometric="palette", colormap=palette(curve, curve, curve))
    np.testing.assert_array_equal(read_image(path).data, levels(np.uint8))


@pytest.mark.parametrize("name", ["coloured", "falling"])
def test_tiff_with_another_palette_is_refused(tmp_path, name):
    ramp = np.arange(256, dtype=np.uint16) * 257
    colours = palette(ramp, ramp, ramp[::-1]) if name == "coloured" else palette(*[ramp[::-1]] * 3)
    path = tmp_path / "a.tif"
    write(path, levels(np.uint8), photometric="palette", colormap=colours)
    assert "a coloured or inverted palette" in refusal(path)


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("alpha", [False, True])
def test_tiff_rgb_with_equal_channels_is_grey(tmp_path, planes, alpha):
    grey = levels(np.uint8)
    channels = [grey] * 3 + [np.full_like(grey, 255)] * alpha
    data = np.stack(channels, axis=-1 if planes == "contig" else 0)
    path = write(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planes)
    np.testing.assert_array_equal(read_image(path).data, grey)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_tiff_rgb_with_colours_is_refused(tmp_path, planes):
    data = levels(np.uint8, (70, 80, 3) if planes == "contig" else (3, 70, 80))
    path = write(tmp_path / "a.tif", data, photometric="rgb", planarconfig=planes)
    assert "a grey image. Received: 3 channels that differ" in refusal(path)


def test_tiff_with_varying_alpha_is_refused(tmp_path):
    grey = levels(np.uint8)
    data = np.stack([grey, grey, grey, grey.T.reshape(70, 80)], axis=-1)
    path = write(tmp_path / "a.tif", data, photometric="rgb", extrasamples=["unassalpha"])
    assert "4 channels that differ" in refusal(path)


def test_tiff_in_cmyk_is_refused(tmp_path):
    path = write(tmp_path / "a.tif", levels(np.uint8, (70, 80, 4)), photometric="separated")
    assert "photometric SEPARATED" in refusal(path)


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "minisblack"},
        {"photometric": "minisblack", "metadata": None},
        {"photometric": "minisblack", "compression": "zstd"},
        {"imagej": True},
        {"ome": True, "photometric": "minisblack", "metadata": {"axes": "TYX"}},
        {"photometric": "minisblack", "bigtiff": True},
    ],
)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_tiff_stack_gives_the_chosen_frame_or_the_sum(tmp_path, options, count):
    stack = levels(shape=(count, 70, 80))
    path = write(tmp_path / "a.tif", stack, **options)
    assert f"Received: {count} frames" in refusal(path)
    for k in range(count):
        np.testing.assert_array_equal(read_image(path, frame=k).data, stack[k])
    total = read_image(path, sum_frames=True)
    np.testing.assert_array_equal(total.data, stack.sum(0, dtype=np.int64))
    assert total.data.dtype == np.int64
    assert total.metadata["frames"] == count


def test_tiff_stack_in_one_page_is_read_frame_by_frame(tmp_path):
    # ImageJ writes stacks of more than 4 GB like this.
    stack = levels(">u2", (5, 70, 80))
    path = write(tmp_path / "a.tif", stack, imagej=True, truncate=True)
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    np.testing.assert_array_equal(read_image(path, frame=3).data, stack[3])
    assert read_image(path, frame=3).data.dtype == np.uint16
    np.testing.assert_array_equal(read_image(path, sum_frames=True).data, stack.sum(0))


def test_tiff_hyperstack_counts_all_frames(tmp_path):
    stack = levels(shape=(2, 3, 70, 80))
    path = write(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    np.testing.assert_array_equal(read_image(path, frame=4).data, stack[1, 1])


def test_tiff_sum_of_half_floats_does_not_overflow(tmp_path):
    stack = np.full((3, 70, 80), 60000, np.float16)
    path = write(tmp_path / "a.tif", stack, photometric="minisblack")
    assert (read_image(path, sum_frames=True).data == 3 * np.float64(np.float16(60000))).all()


def test_tiff_volume_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    write(path, levels(shape=(16, 64, 64)), volumetric=True, tile=(16, 32, 32))
    assert "a TIFF volume" in refusal(path, frame=0)


def test_tiff_with_a_thumbnail_is_one_image(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(levels(), metadata=None)
        file.write(levels()[::4, ::4], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, levels())


def test_tiff_with_images_of_several_sizes_asks_which_and_never_sums(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(levels(), metadata=None)
        file.write(levels(shape=(90, 100)), metadata=None)
    assert "2 frames (0: 70x80, 1: 90x100). Choose frame=0 to 1." in refusal(tmp_path / "a.tif")
    assert "frames of one kind" in refusal(tmp_path / "a.tif", sum_frames=True)
    assert read_image(tmp_path / "a.tif", frame=1).data.shape == (90, 100)


def test_ome_tiff_gives_its_pixel_size_and_opens_no_other_file(tmp_path):
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "YX", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "Å"}
    write(path, levels(), metadata=metadata | {"PhysicalSizeY": 20, "PhysicalSizeYUnit": "pm"})
    image = read_image(path)
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "OME-XML"


@pytest.mark.parametrize("unit", ["µm", "um", "micron", "\\u00B5m"])
def test_imagej_tiff_gives_its_pixel_size(tmp_path, unit):
    description = f"ImageJ=1.53t\nunit={unit}\n".encode("latin-1")
    path = tmp_path / "a.tif"
    write(path, levels(), metadata=None, description=description, resolution=(50_000, 50_000))
    image = read_image(path)
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "ImageJ"


def test_baseline_tiff_gives_its_pixel_size(tmp_path):
    path = tmp_path / "a.tif"
    write(path, levels(), resolution=(5e8, 5e8), resolutionunit="centimeter", metadata=None)
    image = read_image(path)
    assert image.sampling == pytest.approx(0.2)
    assert image.sampling_source == "TIFF resolution tag"


def test_complex_tiff_is_refused(tmp_path):
    path = write(tmp_path / "a.tif", levels(np.complex64))
    assert "real numbers. Received: dtype complex64" in refusal(path)


def test_tiff_of_nothing_but_nan_is_refused(tmp_path):
    path = write(tmp_path / "a.tif", np.full((70, 80), np.nan, np.float32))
    assert "nothing but NaN" in refusal(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "rowsperstrip": 8}])
@pytest.mark.parametrize("share", [0.999, 0.7, 0.3])
def test_tiff_cut_short_is_refused(tmp_path, options, share):
    path = write(tmp_path / "a.tif", levels(), **options)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refusal(path)


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5])
@pytest.mark.parametrize("choice", [{}, {"frame": 0}, {"sum_frames": True}])
def test_tiff_stack_cut_short_is_not_taken_for_a_shorter_one(tmp_path, share, choice):
    stack = levels(shape=(5, 70, 80))
    path = write(tmp_path / "a.tif", stack, photometric="minisblack", metadata=None)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "broken off" in refusal(path, **choice)


def test_tiff_with_an_absurd_size_is_refused_before_memory_is_taken(tmp_path):
    path = write(tmp_path / "a.tif", levels(), compression="zstd")
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[name].overwrite(60_000)
    assert "declares 3600000000 pixels" in refusal(path)


def test_an_unknown_compression_is_no_damage(tmp_path):
    path = write(tmp_path / "a.tif", levels(), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(65535)
    assert "a TIFF of a known compression. Received: compression 65535." in refusal(path)


def channels(path, **metadata):
    data = np.random.default_rng(0).integers(0, 999, (2, 80, 90)).astype(np.uint16)
    tifffile.imwrite(path, data, imagej=True, metadata={"axes": "CYX", **metadata})
    return data


def test_named_channels_are_not_summed(tmp_path):
    path = tmp_path / "channels.tif"
    data = channels(path, Labels=["HAADF", "BF"])
    for options in ({}, {"sum_frames": True}):
        with pytest.raises(ValueError, match="0: HAADF, 1: BF") as refused:
            read_image(path, **options)
        assert "sum_frames=True" not in str(refused.value)
    assert np.array_equal(read_image(path, frame=1).data, data[1])


def test_of_channels_without_names_one_is_to_be_chosen(tmp_path):
    path = tmp_path / "channels.tif"
    channels(path)
    step = "channel of the annular dark field, frame=0 to 1; only if all are frames of one detector"
    assert step in refusal(path)
