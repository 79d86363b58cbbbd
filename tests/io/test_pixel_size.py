import pytest

from stemzoo.io.pixel_size import imagej_fields, square_sampling, tiff_pixel_size, to_angstrom


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (20, "pm", 0.2),
        ("0.02", "nm", 0.2),
        (0.2, "Å", 0.2),
        (0.2, "\u212b", 0.2),  # the Ångström sign
        (0.2, "A", 0.2),
        (0.2, "angstroms", 0.2),
        (2e-5, "\u00b5m", 0.2),  # micro sign
        (2e-5, "\u03bcm", 0.2),  # Greek mu
        (2e-5, "\\u00B5m", 0.2),  # as ImageJ escapes it
        (2e-5, "micron", 0.2),
        (2e-5, "microns", 0.2),
        (0.02, "[n_m]", 0.2),  # as in Berkeley EMD files
        (2e-9, "cm", 0.2),
        (2e-11, "m", 0.2),
    ],
)
def test_lengths_become_angstrom(value, unit, expected):
    assert to_angstrom(value, unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1, "eV"),
        (1, "1/nm"),
        (1, ""),
        (1, None),
        (None, "nm"),
        ("wide", "nm"),
        (0, "nm"),
        (-1, "nm"),
        (float("inf"), "nm"),
        (float("nan"), "nm"),
    ],
)
def test_other_units_and_impossible_lengths_give_none(value, unit):
    assert to_angstrom(value, unit) is None


def test_width_and_height_within_one_percent_are_averaged():
    assert square_sampling(0.200, 0.201, "a.tif") == pytest.approx(0.2005)


def test_one_known_side_is_enough():
    assert square_sampling(None, 0.2, "a.tif") == 0.2


@pytest.mark.parametrize("sides", [(None, None), (0.009, 0.009), (5.1, 5.1), (3.5e6, 3.5e6)])
def test_implausible_sizes_are_ignored(sides):
    assert square_sampling(*sides, "a.tif") is None


@pytest.mark.parametrize("sides", [(0.2, 0.203), (0.3, 0.2), (0.2, 10.0)])
def test_pixels_that_are_not_square_are_refused_with_a_next_step(sides):
    with pytest.raises(ValueError, match=r"^a\.tif: expected square .*Received: .*Resample"):
        square_sampling(*sides, "a.tif")


def ome(attributes):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" SizeX="64" {attributes}/></Image></OME>'
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('PhysicalSizeX="20" PhysicalSizeXUnit="pm" PhysicalSizeY="21" PhysicalSizeYUnit="pm"', 21),
        ('PhysicalSizeX="20" PhysicalSizeXUnit="pm" PhysicalSizeY="0.02" '
         'PhysicalSizeYUnit="nm"', 20),
        # Without a unit the OME schema means µm.
        ('PhysicalSizeX="2e-5" PhysicalSizeY="2e-5"', 20),
        ('PhysicalSizeX="0.2" PhysicalSizeXUnit="&#197;" PhysicalSizeY="0.2" '
         'PhysicalSizeYUnit="Å"', 20),
    ],
)  # fmt: skip
def test_ome_xml_is_read_with_its_units(attributes, expected):
    x, y, source = tiff_pixel_size({270: ome(attributes)})
    assert source == "OME-XML"
    assert x == pytest.approx(0.2)
    assert y == pytest.approx(expected / 100)


@pytest.mark.parametrize(
    "description", [ome(""), ome("")[:-20], "<OME>&bomb;</OME>", "<OME/>", "", None, 5, b"<OME"]
)
def test_broken_or_empty_descriptions_give_no_pixel_size(description):
    assert tiff_pixel_size({270: description}) == (None, None, None)


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [("nm", 50), ("pm", 0.05), ("micron", 50_000), ("\\u00B5m", 50_000), ("Å", 5)],
)
def test_imagej_resolution_counts_pixels_per_unit(unit, per_unit):
    resolution = (int(per_unit * 1000), 1000)
    tags = {270: f"ImageJ=1.53t\nunit={unit}\n", 282: resolution, 283: resolution, 296: 1}
    assert tiff_pixel_size(tags) == (pytest.approx(0.2), pytest.approx(0.2), "ImageJ")


def test_imagej_unit_of_height_may_differ():
    tags = {270: "ImageJ=1.53t\nunit=nm\nyunit=pm\n", 282: (50, 1), 283: (5, 100)}
    assert tiff_pixel_size(tags)[:2] == (pytest.approx(0.2), pytest.approx(0.2))


def test_resolution_tag_in_centimetres_and_inches():
    # 0.2 Å/px is 5e8 px/cm and 1.27e9 px/inch.
    for unit, count in ((3, 500_000_000), (2, 1_270_000_000), (None, 1_270_000_000)):
        tags = {282: (count, 1), 283: (count, 1), 296: unit}
        assert tiff_pixel_size(tags) == (
            pytest.approx(0.2),
            pytest.approx(0.2),
            "TIFF resolution tag",
        )


@pytest.mark.parametrize("dpi", [1, 72, 96, 300, 1200])
@pytest.mark.parametrize("unit", [1, 2, 3])
def test_print_resolutions_are_no_pixel_size(dpi, unit):
    assert tiff_pixel_size({282: (dpi, 1), 283: (dpi, 1), 296: unit}) == (None, None, None)


@pytest.mark.parametrize("rational", [(0, 0), (0, 1), (1, 0), (), (1, 2, 3), 7, "72", None])
def test_broken_rationals_are_ignored(rational):
    assert tiff_pixel_size({270: "ImageJ=\nunit=nm", 282: rational, 283: rational})[2] is None


def test_gms_scale_counts_only_with_a_unit():
    assert tiff_pixel_size({65003: "nm", 65009: 0.02, 65004: "nm", 65010: 0.02})[::2] == (
        pytest.approx(0.2),
        "GMS TIFF tags",
    )
    # As exported without calibration: scale 1, unit empty.
    assert tiff_pixel_size({65003: "", 65009: 1.0, 65004: "", 65010: 1.0})[2] is None


def test_an_implausible_answer_leaves_the_word_to_the_next_source():
    tags = {
        270: "ImageJ=1.53t\nunit=micron\n",
        282: (500_000_000, 1),
        283: (500_000_000, 1),
        296: 3,
    }
    # 5e8 px per micron is 2e-5 Å/px; per centimetre it is 0.2 Å/px.
    assert tiff_pixel_size(tags)[::2] == (pytest.approx(0.2), "TIFF resolution tag")


def test_only_imagej_descriptions_have_fields():
    assert imagej_fields("ImageJ=1.53t\nunit=nm\nno pair\n") == {"ImageJ": "1.53t", "unit": "nm"}
    assert imagej_fields("unit=nm") == {}
