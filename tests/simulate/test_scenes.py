from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.lattice import find_lattice
from stemzoo.simulate import MATERIALS, SCENES, Scene, find_material, find_session
from stemzoo.simulate.dataset import simulate_frame, simulate_session
from stemzoo.simulate.defects import EDGE
from stemzoo.simulate.labels import session_classes, to_sampling
from stemzoo.simulate.named_scenes import draw_scene
from stemzoo.simulate.noise_models import manual_noise, noise_free
from stemzoo.simulate.outlines import Disc, Line
from stemzoo.simulate.scenes import Content
from stemzoo.simulate.sessions import AcquisitionSession

STEP = 0.2  # [Å/px]
SHAPE = (320, 320)  # 64 Å
WSE2 = find_material("wse2")
# Columns per area: one of tungsten and one of selenium in a cell of the plane.
COLUMNS = 2 / (WSE2.lattice_constant**2 * np.sqrt(3) / 2)
STILL = AcquisitionSession(
    name="still",
    material="wse2",
    defects={"se_vacancy": 0.05},
    sampling=STEP,
    rotation=0.0,
    source_size=1.0,
)
HOLE = Scene("hole", (Disc(centre=(30.0, 36.0), radius=15.0),))


def frame_of(scene, session=STILL, seed=3, shape=SHAPE):
    return simulate_frame(session, shape, rng=np.random.default_rng(seed), scene=scene)


def is_edge(frame):
    return np.array([label == EDGE for label in frame.labels()], dtype=bool)


def test_a_hole_has_the_area_and_lacks_the_columns_of_a_disc():
    whole, holed = frame_of(None), frame_of(HOLE)
    area = np.count_nonzero(~holed.crystal) * STEP**2
    assert area == pytest.approx(np.pi * 15**2, rel=0.01)
    # Both images are sums over columns: what is missing is their part of the field's area, but for
    # columns at the rim that hang on one neighbour and go, too.
    missing = 1 - holed.clean.sum() / whole.clean.sum()
    assert missing == pytest.approx(area / 64**2, abs=0.02)
    # Farther in than the probe's tails reach there is nothing.
    y, x = np.indices(SHAPE) * STEP
    middle = np.hypot(x - 30, y - 36) < 8
    assert holed.clean[middle].max() < 0.01 * whole.clean.max()
    far = np.hypot(x - 30, y - 36) > 25
    np.testing.assert_allclose(holed.clean[far], whole.clean[far], atol=0.01 * whole.clean.max())


def test_all_else_is_as_without_the_scene():
    whole, holed = frame_of(None), frame_of(HOLE)
    assert holed.conditions == whole.conditions
    assert (whole.grains, whole.crystal.all(), whole.scene.name) == (None, True, "crystal")
    kept = {tuple(point) for point in holed.points[~is_edge(holed)]}
    assert kept < {tuple(point) for point in whole.points}
    # Of a defect in 20 those in a sixth of the field went.
    assert len(kept) == pytest.approx(len(whole.points) * (1 - np.pi * 15**2 / 64**2), rel=0.15)


def test_defects_and_edges_lie_in_the_crystal_and_edges_along_its_border():
    frame = frame_of(HOLE)
    edge = is_edge(frame)
    from_centre = np.hypot(*(frame.points * STEP - (36, 30)).T)
    # A column that lacks a neighbour is within their distance, 1.9 Å, of the cut (and 0.12 Å of
    # relaxation), or next to one that went because it hung on a single neighbour.
    assert from_centre[edge].min() > 15 - 0.6
    assert from_centre[edge].max() < 15 + 2 * 1.9 + 0.6
    assert from_centre[~edge].min() > 15
    # At most one column every 1.64 Å (a zigzag seen from the side), at least one every 3.28 Å.
    assert 2 * np.pi * 15 / 3.28 < edge.sum() < 2 * np.pi * 18 / 1.64
    assert frame.classes == ("se_vacancy", EDGE)
    rows, columns = np.rint(frame.points[edge]).astype(int).T
    assert set(frame.mask[rows, columns]) == {2}


def test_a_rim_has_lost_its_order_and_belongs_to_neither():
    scene = replace(HOLE, rim=6.0)
    frame = frame_of(scene)
    y, x = np.indices(SHAPE) * STEP
    from_centre = np.hypot(x - 30, y - 36)
    np.testing.assert_array_equal(frame.crystal, from_centre > 15 + 6)
    rim = (from_centre > 16) & (from_centre < 20)
    # As many atoms as before, but for those that wander a little into the hole.
    assert frame.clean[rim].mean() == pytest.approx(frame.clean[frame.crystal].mean(), rel=0.25)
    assert frame.clean[from_centre < 8].max() < 0.01 * frame.clean.max()


@pytest.mark.parametrize("offset", [30.0, 31.1, 32.2])
def test_an_edge_along_a_close_packed_row_has_one_column_a_lattice_constant(offset):
    # Rows of the lattice run along x at rotation 0.
    frame = frame_of(Scene("edge", (Line(through=(0, offset), normal=90),)))
    edge = is_edge(frame)
    assert edge.sum() == pytest.approx(64 / WSE2.lattice_constant, abs=1.1)
    assert np.ptp(frame.points[edge, 0]) * STEP < 1.5  # one row, relaxed by 0.12 Å each
    assert frame.crystal.mean() == pytest.approx(1 - offset / 64, abs=0.01)


def test_the_crystal_mask_follows_the_scan():
    edge = Scene("edge", (Line(through=(32, 0), normal=180),))
    t = np.arange(320) / 320 - 0.5
    drifting = frame_of(edge, replace(STILL, drift_x=0.06))
    # Pixel (r, c) shows the point c + 320 · 0.06 t, and the border is at 160 px.
    np.testing.assert_allclose(drifting.crystal.sum(axis=1), 160 - 19.2 * t, atol=1)
    shaken = frame_of(edge, replace(STILL, line_jitter=2.0))
    assert np.std(shaken.crystal.sum(axis=1)) == pytest.approx(2, rel=0.15)
    # Columns at the edge move along: those of each row stay as far from its border.
    for frame in (drifting, shaken):
        points = frame.points[is_edge(frame)]
        border = frame.crystal.sum(axis=1)[np.rint(points[:, 0]).astype(int)]
        assert (border - points[:, 1]).min() > -0.6 / STEP
        assert (border - points[:, 1]).max() < (2 * 1.9 + 0.6) / STEP


def test_amorphous_matter_has_the_crystals_mean_and_no_lattice():
    scene = Scene("amorphous", (Line(through=(32, 0), normal=180),), Content.AMORPHOUS)
    frame = frame_of(scene, replace(STILL, rotation=12.0), shape=(512, 512))
    left, right = frame.clean[:, :150], frame.clean[:, 200:350]
    assert right.mean() == pytest.approx(left.mean(), rel=0.03)
    find_lattice(left, WSE2, sampling=STEP)
    power = [abs(np.fft.rfft2(half - half.mean())) ** 2 for half in (left, right)]
    assert power[1].max() < 0.1 * power[0].max()
    assert not frame.crystal[:, 165:].any()
    assert frame.crystal[:, :155].all()


def test_a_second_layer_doubles_the_intensity_and_leaves_the_first_whole():
    for twist in (0.0, 180.0, 9.0):
        scene = Scene("bilayer", (Line(through=(32, 0), normal=180),), Content.LAYER, twist)
        frame, whole = frame_of(scene), frame_of(None)
        part = (slice(None), slice(180, 310))
        assert frame.clean[part].mean() == pytest.approx(2 * whole.clean[part].mean(), rel=0.04)
        np.testing.assert_allclose(
            frame.clean[:, :140], whole.clean[:, :140], atol=0.01 * whole.clean.max()
        )
        assert EDGE not in frame.labels()


def test_a_2h_bilayer_has_columns_of_one_intensity():
    # Tungsten lies on selenium and selenium on tungsten: a honeycomb of equal columns.
    session = replace(STILL, defects={}, displacement=0.0)
    half = (Line(through=(-30, 0), normal=180),)
    frame = frame_of(Scene("bilayer", half, Content.LAYER, 180.0), session)
    peaks = frame.clean[100:220, 100:220]
    inner = peaks[1:-1, 1:-1]
    top = np.all(
        [inner >= peaks[1 + i : 119 + i, 1 + j : 119 + j] for i in (-1, 0, 1) for j in (-1, 0, 1)],
        axis=0,
    )
    assert inner[top].min() > 0.9 * inner[top].max()
    assert top.sum() / (118 * STEP) ** 2 == pytest.approx(COLUMNS, rel=0.05)


def test_grains_are_two_lattices_with_the_twist_between_them():
    scene = Scene("grains", (Line(through=(51.2, 0), normal=180),), Content.GRAIN, twist=20.0)
    frame = frame_of(scene, replace(STILL, rotation=5.0), shape=(512, 512))
    assert set(np.unique(frame.grains)) == {0, 1, 2}
    # Half the distance of columns on either side belongs to neither grain.
    assert np.count_nonzero(frame.grains == 0) / 512 * STEP == pytest.approx(1.9, abs=STEP)
    angles = [
        find_lattice(part, WSE2, sampling=STEP).rotation % 60
        for part in (frame.clean[:, :240], frame.clean[:, 272:])
    ]
    assert angles == pytest.approx([5.0, 25.0], abs=0.5)
    places = np.rint(frame.points[~is_edge(frame)]).astype(int)
    assert set(frame.grains[places[:, 0], places[:, 1]]) == {1, 2}  # vacancies in both
    # No column is missing or twice at the boundary: the mean is that of the crystal.
    seam = frame.clean[:, 240:272].mean() / frame.clean[:, :200].mean()
    assert seam == pytest.approx(1, abs=0.2)


def test_adsorbates_lie_in_their_islands_only():
    scene = Scene("adsorbates", (Disc(centre=(32, 32), radius=9),), Content.ADSORBATE, density=0.2)
    frame, whole = frame_of(scene), frame_of(None)
    added = frame.clean - whole.clean
    assert added[frame.crystal].sum() < 0.15 * added.sum()  # tails of the probe
    # 0.2 tungsten atoms per Å², fewer at the rim, against 0.107 in the crystal and its selenium.
    density = added.sum() / (np.pi * 9**2) / (whole.clean.sum() / 64**2)
    assert 0.5 < density < 0.2 / 0.107


@pytest.mark.parametrize("material", MATERIALS)
@pytest.mark.parametrize("name", SCENES)
def test_every_scene_can_be_drawn_of_every_material(name, material):
    session = AcquisitionSession(material, material, sampling=0.25, thickness=2)
    frames = [frame_of(name, session, seed=1, shape=(160, 128)) for _ in range(2)]
    np.testing.assert_array_equal(frames[0].image, frames[1].image)
    frame = frames[0]
    assert frame.scene.name == name
    assert frame.image.shape == frame.crystal.shape == (160, 128)
    assert 0.1 < frame.crystal.mean() <= 1


def test_a_session_draws_scenes_as_often_as_it_says():
    session = replace(STILL, scenes={"hole": 0.3, "edge": 0.5})
    assert session_classes(session) == ("se_vacancy", EDGE)
    frames = list(simulate_session(session, 120, (64, 64), seed=1))
    plain = list(simulate_session(STILL, 120, (64, 64), seed=1))
    names = [frame.scene.name for frame in frames]
    # Binomial, 120 draws: 36 ± 5, 60 ± 5.5, 24 ± 4.4.
    assert [names.count(n) for n in ("hole", "edge", "crystal")] == pytest.approx(
        [36, 60, 24], abs=15
    )
    for frame, same in zip(frames, plain, strict=True):
        assert frame.conditions.rotation == same.conditions.rotation
        if frame.scene.name == "crystal":
            np.testing.assert_array_equal(frame.image, same.image)


def test_sessions_derived_from_one_with_scenes_show_them():
    session = replace(STILL, scenes={"hole": 1.0})
    for derived in (manual_noise(session), noise_free(session)):
        (frame,) = simulate_session(derived, 1, (64, 64), seed=2)
        assert frame.scene.name == "hole"


def test_another_pixel_size_keeps_crystal_and_edges():
    frame = frame_of(HOLE)
    coarse = to_sampling(frame, 0.4)
    assert coarse.crystal.shape == coarse.image.shape
    assert np.count_nonzero(~coarse.crystal) * 0.4**2 == pytest.approx(np.pi * 15**2, rel=0.02)
    assert is_edge(coarse).sum() == pytest.approx(is_edge(frame).sum(), abs=1)


def test_rough_borders_have_the_roughness_and_the_mean_they_say():
    y, x = np.meshgrid(np.linspace(-300, 300, 4001), [0.0], indexing="ij")
    depth = Line(through=(0, 0), normal=0, roughness=2.5, seed=4).depth(np.stack([x, y], -1))
    assert depth.std() == pytest.approx(2.5, rel=0.1)
    assert depth.mean() == pytest.approx(0, abs=0.5)
    around = np.linspace(0, 2 * np.pi, 1000, endpoint=False)
    ring = 20 * np.column_stack([np.cos(around), np.sin(around)])
    depth = Disc(centre=(0, 0), radius=20, roughness=1.5, seed=4).depth(ring)
    assert depth.std() == pytest.approx(1.5, rel=0.01)
    corner = Scene("margin", (Line((0, 0), 0), Line((0, 0), 90)))
    corner = corner.depth(np.array([[3.0, 2.0], [3.0, -2.0]]))
    np.testing.assert_allclose(corner, [2.0, -2.0], atol=1e-12)


def test_scenes_that_cannot_be_are_refused():
    drawn = STILL.draw(np.random.default_rng(0))
    with pytest.raises(KeyError, match=r"one of hole.* Received: 'holes'"):
        draw_scene("holes", SHAPE, drawn, np.random.default_rng(0))
    with pytest.raises(ValueError, match="add up to 1 at most"):
        replace(STILL, scenes={"hole": 0.7, "edge": 0.7})


def test_the_crystal_beyond_a_vacuum_is_that_of_a_named_session():
    # Contamination lies on matter only: the vacuum holds the detector's noise.
    session = replace(find_session("wse2-dayB"), bits=0, contamination=1.0, read_noise=0.0)
    frame = frame_of(Scene("edge", (Line(through=(32, 0), normal=180),)), session)
    vacuum = frame.image[:, 200:]
    assert vacuum.mean() < 0.02 * frame.image[frame.crystal].mean()


@pytest.mark.parametrize(("material", "name"), [("wse2", "twin"), ("hbn", "antiphase")])
def test_the_lattice_goes_on_across_the_border_of_a_domain(material, name):
    session = replace(STILL, material=material, rotation=7.0, defects={}, displacement=0.0)
    shift = (0.0, 1 / 3)
    border = (Line(through=(25.6, 0), normal=180),)
    twist = 180.0 if name == "twin" else 0.0
    frame = frame_of(Scene(name, border, Content.GRAIN, twist, shift), session, shape=(256, 256))
    lattices = [
        find_lattice(part, find_material(material), sampling=STEP)
        for part in (frame.clean[:, :120], frame.clean[:, 136:])
    ]
    turns = [lattice.rotation % 60 for lattice in lattices]
    assert turns == pytest.approx([7.0, 7.0], abs=0.5)
    assert EDGE in frame.labels()
    assert set(np.unique(frame.grains)) == {0, 1, 2}


def test_a_twin_has_the_metal_of_the_crystal_and_its_chalcogen_in_the_other_hollow():
    session = replace(STILL, defects={}, displacement=0.0, rotation=0.0)
    border = (Line(through=(25.6, 0), normal=180),)
    twin = frame_of(Scene("t", border, Content.GRAIN, 180.0, (0.0, 0.0)), session, shape=(256, 256))
    whole = frame_of(None, session, shape=(256, 256))
    np.testing.assert_allclose(twin.clean[:, :100], whole.clean[:, :100], rtol=0.02)
    # Turned about a tungsten column, so that both have their brightest pixels in common there.
    right, same = twin.clean[:, 156:], whole.clean[:, 156:]
    bright = same > 0.8 * same.max()
    assert right[bright].min() > 0.7 * same[bright].min()
    assert np.corrcoef(right.ravel(), same.ravel())[0, 1] < 0.9
