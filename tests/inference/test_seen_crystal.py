import numpy as np
import pytest
from scipy import ndimage

import stemzoo
from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.pixel_size import PixelSize
from stemzoo.inference.second_witness import read_columns
from stemzoo.inference.seen_crystal import EDGE, SeenCrystal, find_crystal
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session

# Vacuum and rims look like haze and blotches to the comparison with the training frames.
pytestmark = pytest.mark.filterwarnings("ignore:.*unlike the frames")


def scene(name, seed=5, edge=512):
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (edge, edge), seed=seed, scene=name)
    return frame


@pytest.mark.parametrize("name", ["hole", "edge", "amorphous", "databar", "zeros", "rotated"])
def test_defects_are_reported_in_the_crystal_only(detector, name):
    frame = scene(name)
    found = stemzoo.detect(Image(frame.image, frame.sampling), detector)
    # Farther than a match, 0.75 lattice constants, from where the crystal is: none.
    away = ~frame.crystal
    rows, columns = np.rint(found.positions).astype(int).T
    assert len(found) > 10
    assert np.count_nonzero(away[rows, columns]) <= 2
    assert found.notes


def test_a_perfect_crystal_is_left_as_it_is(detector, day_a):
    seen = find_crystal(Image(day_a[0].image, day_a[0].sampling), "wse2")
    assert seen.mask.is_whole
    assert seen.image.data is day_a[0].image
    assert seen.measured((256, 256), 0.2074) is None
    assert not seen.is_at_edge(np.array([[0.0, 0.0], [128.0, 128.0]])).any()


def test_both_grains_of_a_crystal_are_looked_at():
    frame = scene("grains")
    seen = find_crystal(Image(frame.image, frame.sampling), "wse2")
    assert len(seen.grains) == 2
    assert seen.mask.share > 0.95
    assert "2 grains" in seen.mask.reasons


def test_columns_between_two_grains_are_edges_though_together_they_fill_the_image():
    frames = simulate_session(find_session("wse2-dayA"), 3, (512, 512), seed=9000, scene="grains")
    _, frame, _ = frames
    seen = find_crystal(Image(frame.image, frame.sampling), "wse2")
    assert seen.mask.is_whole
    edges = frame.points[np.array(frame.labels()) == "edge"]
    assert seen.is_at_edge(edges).mean() > 0.7


def test_dark_columns_are_turned_and_give_the_same_defects(detector, day_a):
    frame = day_a[0]
    straight = stemzoo.detect(Image(frame.image, frame.sampling), detector)
    turned = stemzoo.detect(Image(65535 - frame.image, frame.sampling), detector)
    # Detections of one score to within rounding may come in either order.
    places, expected = (
        found.positions[np.argsort(found.positions[:, 0])] for found in (turned, straight)
    )
    assert places == pytest.approx(expected, abs=1e-3)
    assert any("dark columns" in note for note in turned.notes)


@pytest.mark.parametrize("how", ["nan", "masked"])
def test_what_has_no_value_is_left_out(detector, day_a, how):
    frame = day_a[0]
    image = frame.image.astype(np.float32)
    if how == "nan":
        image[:, :100] = np.nan
    else:
        image = np.ma.array(image, mask=np.arange(256)[None, :].repeat(256, 0) < 100)
    found = stemzoo.detect(image, detector, sampling=frame.sampling)
    assert len(found) > 3
    assert found.positions[:, 1].min() >= 100
    assert found.area_nm2 == pytest.approx(156 / 256 * (25.6 * frame.sampling) ** 2, rel=0.02)


def test_edges_are_a_class_of_their_own_on_demand(detector):
    frame = scene("edge")
    image = Image(frame.image, frame.sampling)
    without, with_edges = (stemzoo.detect(image, detector, edges=e) for e in (False, True))
    assert "edge" not in without.counts()
    assert with_edges.counts()["edge"] > 0
    assert with_edges.select("se_vacancy").counts() == {
        **without.select("se_vacancy").counts(),
        "edge": 0,
    }


def test_blocks_of_a_large_image_are_averaged_for_the_mask():
    """4200 px are more than 4096: blocks of 2, whose mask is that of the pixels."""
    frame = scene("margin", edge=256)
    image = np.tile(frame.image, (1, 17))[:, :4200]
    seen = find_crystal(Image(image, frame.sampling), None)
    assert seen.block == 2
    assert seen.contains(np.array([[100.0, 4199.0]])).all()
    assert EDGE < 1


def vacancy_intensity(frame, part):
    """Intensities of the columns at the vacancies of a part of a frame that are measured."""
    seen = find_crystal(Image(frame.image, frame.sampling), "wse2")
    labels, at = np.array(frame.labels()), np.rint(frame.points).astype(int).clip(0, 511)
    inner = (abs(frame.points - 255.5) < 240).all(axis=1)
    # Four lattice constants from a boundary: nearer than two, columns are not measured.
    inner &= ndimage.distance_transform_edt(np.pad(part, 70, mode="edge"))[tuple(at.T + 70)] > 64
    found = read_columns(seen, "wse2", frame.points[inner & (labels == "se_vacancy")]).intensity
    assert np.isfinite(found).all()
    return found


def test_a_mirror_twin_is_looked_at_domain_by_domain(detector):
    frame = scene("twin", seed=9000)
    image = Image(frame.image, frame.sampling)
    found = stemzoo.detect(image, detector, edges=True)
    assert len(found.crystal.domains) == 2
    assert any("2 domains of one lattice" in note for note in found.notes)
    labels = np.array(frame.labels())
    edges = frame.points[labels == "edge"]
    at_edge = found.crystal.is_at_edge(edges) | ~found.crystal.contains(edges)
    assert len(edges) > 40
    assert at_edge.mean() > 0.8
    # The same conditions without a twin: what a vacancy is like in this frame.
    whole = scene(None, seed=9000)
    usual = np.median(vacancy_intensity(whole, whole.crystal))
    for grain in (1, 2):
        intensity = vacancy_intensity(frame, frame.grains == grain)
        assert len(intensity) > 2
        assert np.median(intensity) == pytest.approx(usual, abs=0.15)
    # Interior columns of both domains are measured as one kind.
    columns = stemzoo.find_columns(image, "wse2")
    full = np.array([name == "Se2" for name in columns.sublattices])
    assert np.median(columns.intensity[full]) == pytest.approx(1, abs=0.05)


def test_a_single_crystal_is_one_domain(day_a):
    seen = find_crystal(Image(day_a[0].image, day_a[0].sampling), "wse2")
    assert (len(seen.domains), len(seen.grains)) == (1, 1)


def test_no_defect_is_reported_under_an_island(detector):
    frame = scene("adsorbates", seed=600)
    found = stemzoo.detect(Image(frame.image, frame.sampling), detector)
    at = np.rint(found.positions).astype(int)
    assert len(found) > 10
    assert frame.crystal[at[:, 0], at[:, 1]].all()
    # 20 nm along a side; the islands take some per cent, and so much of the area is left out.
    share = found.area_nm2 / (512 * frame.sampling / 10) ** 2
    assert share == pytest.approx(frame.crystal.mean(), abs=0.03)
    assert any("bright islands" in note for note in found.notes)


def test_the_outline_goes_around_the_crystal_and_its_holes():
    crystal = np.zeros((50, 60), bool)
    crystal[:, 10:] = True
    crystal[20:30, 30:40] = False
    pixel_size = PixelSize(0.2, "given")
    image = Image(np.zeros((100, 120)), 0.2)
    seen = SeenCrystal(image, pixel_size, CrystalMask(crystal, crystal, ()), block=2)
    outer, hole = sorted(seen.outline(), key=lambda one: -np.ptp(np.array(one)[:, 0]))
    # Between the pixels of the mask, two pixels of the image each; corners are cut by a quarter.
    assert np.min(outer, axis=0) == pytest.approx([-0.5, 19.5], abs=0.6)
    assert np.max(outer, axis=0) == pytest.approx([99.5, 119.5], abs=0.6)
    assert np.min(hole, axis=0) == pytest.approx([39.5, 59.5], abs=0.6)
    whole = CrystalMask(crystal | True, crystal | True, ())
    assert SeenCrystal(image, pixel_size, whole).outline() == []
