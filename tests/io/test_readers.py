import io
import struct
import warnings
import zipfile
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile

from stemzoo.io import grey, read_image


def levels(dtype=np.uint16, shape=(70, 80), seed=0):
    return np.random.default_rng(seed).uniform(0, 200, shape).astype(dtype)


def write(path, *args, **kwargs):
    tifffile.imwrite(path, *args, **kwargs)
    return path


def refusal(path, **options):
    with pytest.raises(ValueError, match="Received: ") as caught:
        read_image(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: expected ")
    assert "\n" not in line
    assert line.endswith(".")
    return line


# TIFF


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


# PNG and JPEG


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


# NumPy


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


def test_npz_that_expands_beyond_measure_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", np.zeros((1000, 1000), np.uint8))
    monkeypatch.setattr(grey, "MAX_EXPANSION", 100)
    assert "declares 1000000 pixels" in refusal(tmp_path / "a.npz")


def test_sizes_above_the_limit_are_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", levels())
    monkeypatch.setattr(grey, "MAX_PIXELS", 5599)
    assert "1 to 5599 pixels. Received: " in refusal(tmp_path / "a.npz")


# RosettaSciIO


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


# Whatever the bytes


def encoded():
    """Return small valid files by name."""
    grey, stack = levels(np.uint8, (40, 48)), levels(shape=(3, 40, 48))
    files = {}

    def tiff(name, *args, **kwargs):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, *args, **kwargs)
        files[name] = buffer.getvalue()

    tiff("plain.tif", grey)
    tiff("imagej.tif", stack, imagej=True, resolution=(50, 50), metadata={"unit": "nm"})
    tiff("lzw.tif", grey, compression="lzw", rowsperstrip=8, predictor=True)
    tiff("zstd.tif", stack, compression="zstd", tile=(16, 16), photometric="minisblack")
    tiff("ome.tif", grey, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 0.2})
    ramp = np.arange(256, dtype=np.uint16) * 255
    tiff("palette.tif", grey, photometric="palette", colormap=np.stack([ramp] * 3))
    files["grey.png"] = imagecodecs.png_encode(grey)
    files["grey.jpg"] = imagecodecs.jpeg_encode(grey)
    for name, save in {"a.npy": np.save, "a.npz": np.savez, "b.npz": np.savez_compressed}.items():
        buffer = io.BytesIO()
        save(buffer, grey)
        files[name] = buffer.getvalue()
    return files


def damaged(payload, rng):
    """Return the bytes cut short, with some flipped (mostly in the head or tail), or both."""
    payload = bytearray(payload)
    if rng.random() < 0.3:
        payload = payload[: rng.integers(1, len(payload))]
    if rng.random() < 0.85:
        part = rng.choice([min(300, len(payload)), len(payload)])
        first = rng.choice([0, len(payload) - part])
        for position in first + rng.integers(0, part, rng.integers(1, 6)):
            payload[position] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return bytes(payload)


@pytest.mark.parametrize("name", sorted(encoded()))
def test_damaged_files_give_an_image_or_a_one_line_value_error(tmp_path, name, capfd, caplog):
    payload, rng = encoded()[name], np.random.default_rng(7)
    path = tmp_path / name
    path.write_bytes(payload)
    for case in range(60):
        path.write_bytes(damaged(payload, rng))
        options = [{}, {"frame": 0}, {"sum_frames": True}][case % 3]
        try:
            image = read_image(path, **options)
        except ValueError as error:
            line = str(error)
            assert line.startswith(f"{path}: expected ")
            assert "Received: " in line
            assert "\n" not in line
        else:
            assert image.data.ndim == 2
            assert image.data.size
            assert image.data.dtype.kind in "uif"
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
