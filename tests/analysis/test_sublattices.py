from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.sublattices import expected_ratio, find_sublattices, projected_columns
from stemzoo.simulate import Microscope, find_material, find_session, simulate_frame

MICROSCOPE = Microscope(energy=80e3, inner=63, outer=200)
WHOLE = np.ones((384, 384), bool)


def frame(material, **changes):
    session = replace(
        find_session("wse2-dayA"), material=material, defects={}, rotation=11.0, **changes
    )
    return simulate_frame(session, WHOLE.shape, rng=np.random.default_rng(5))


def measured(image, material):
    lattice = find_lattice(image, find_material(material))
    return find_sublattices(image, WHOLE, lattice)


@pytest.mark.parametrize("material", ["wse2", "mose2", "mos2", "ws2"])
def test_the_ratio_of_sublattices_is_that_of_the_cross_sections(material):
    found = measured(frame(material).image, material)
    # Of the detector of the session. Coma and threefold astigmatism take and give some hundredths.
    assert found.ratio == pytest.approx(
        expected_ratio(find_material(material), MICROSCOPE), abs=0.06
    )
    assert 0 < found.error < 0.02
    assert found.contrast > 0.95


def test_equal_sublattices_have_a_ratio_of_one():
    session = replace(find_session("graphene"), defects={})
    image = simulate_frame(session, WHOLE.shape, rng=np.random.default_rng(5)).image
    assert measured(image, "graphene").ratio > 0.85


@pytest.mark.parametrize("material", ["wse2", "ws2"])
def test_an_inverted_image_has_the_same_ratio_and_the_opposite_contrast(material):
    image = frame(material).image.astype(float)
    upright, inverted = measured(image, material), measured(65535 - image, material)
    assert inverted.contrast == pytest.approx(-upright.contrast, abs=1e-3)
    assert inverted.ratio == pytest.approx(upright.ratio, abs=1e-3)


def twin(image, column):
    """An image whose right part is turned by 180 degrees: it has the same lattice."""
    image = image.copy()
    image[:, column:] = image[::-1, ::-1][:, column:]
    return image


def test_a_grain_turned_by_60_degrees_is_told_and_left_out_of_the_ratio():
    image = frame("wse2").image
    alone = measured(image, "wse2")
    found = find_sublattices(twin(image, 250), WHOLE, find_lattice(image, find_material("wse2")))
    assert alone.mirrored == 0
    assert found.mirrored == pytest.approx(1 - 250 / 384, abs=0.05)
    assert found.ratio == pytest.approx(alone.ratio, abs=0.03)


def test_equal_sublattices_are_no_twin():
    session = replace(find_session("graphene"), defects={})
    image = simulate_frame(session, WHOLE.shape, rng=np.random.default_rng(5)).image
    assert measured(image, "graphene").mirrored == 0


def test_the_contrast_of_a_square_crystal_has_a_sign_too():
    session = replace(find_session("srtio3"), defects={})
    image = simulate_frame(session, WHOLE.shape, rng=np.random.default_rng(5)).image.astype(float)
    assert measured(image, "srtio3").contrast > 0.9
    inverted = measured(-image, "srtio3")
    assert inverted.contrast < -0.9
    assert np.isnan(inverted.ratio)


def test_resolution_does_not_change_the_ratio():
    sharp, blurred = (frame("mos2", source_size=size).image for size in (0.6, 1.4))
    assert measured(sharp, "mos2").ratio == pytest.approx(measured(blurred, "mos2").ratio, abs=0.03)


def test_expected_ratios_are_those_of_the_sums_of_cross_sections():
    # Computed by hand from adf_cross_section: 2 σ(Se) / σ(W), σ(Mo) / 2 σ(Se).
    found = [expected_ratio(find_material(name), MICROSCOPE) for name in ("wse2", "mose2")]
    assert found == pytest.approx([0.749, 0.652], abs=0.002)
    assert expected_ratio(find_material("graphene"), MICROSCOPE) == 1


def test_columns_are_those_along_the_beam():
    assert sorted(map(sorted, projected_columns(find_material("srtio3")))) == [
        ["O"],
        ["O"],
        ["O", "Ti"],
        ["Sr"],
    ]
