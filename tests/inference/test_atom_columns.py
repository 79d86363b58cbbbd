import warnings

import numpy as np
import pytest
from drawn_crystal import WSE2, crystal, drawn, heights_of
from scipy.spatial import cKDTree

import stemzoo
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.field import BORDER, FieldOfView
from stemzoo.simulate.recording import record
from stemzoo.simulate.scene_atoms import Crystal

SHAPE = (512, 512)
FULL = {"W": 1, "Se2": 2}


@pytest.fixture(scope="module")
def day_a_atoms():
    """Frame of day A, and row and column [px] of every atom in it."""
    rng = np.random.default_rng(3)
    conditions = find_session("wse2-dayA").draw(rng, 0.5)
    field = FieldOfView(conditions, SHAPE)
    specimen = Crystal(field, (0.2, 0.6), {"se_vacancy": 0.03}).grow(rng)
    recorded, row_shift = record(field.expected(specimen), conditions, rng)
    atoms = field.scanned(specimen.atoms.positions[:, :2])
    rows = np.clip(np.rint(atoms[:, 0]).astype(int), 0, len(row_shift) - 1)
    atoms += row_shift[rows] - BORDER
    inner = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return Image(recorded[inner].astype(np.float32), conditions.sampling), atoms


@pytest.fixture(scope="module")
def measured(day_a_atoms):
    """Columns of that frame, mean position (K, 2) and number (K,) of the atoms of each."""
    image, atoms = day_a_atoms
    columns = stemzoo.find_columns(image)
    # 0.7 Å: closer than half the distance of neighbours, 1.9 Å.
    groups = cKDTree(atoms).query_ball_point(columns.positions, 0.7 / columns.sampling)
    numbers = np.array([len(group) for group in groups])
    assert numbers.min() > 0
    return columns, np.array([atoms[group].mean(axis=0) for group in groups]), numbers


def test_all_columns_of_a_frame_are_found_once(measured, day_a_atoms):
    columns, _, numbers = measured
    _, atoms = day_a_atoms
    assert columns.material == "wse2"
    assert columns.counts().keys() == FULL.keys()
    # 14 px: a column at the edge lacks a part, and is left out.
    inside = ((atoms > 14) & (atoms < np.array(SHAPE) - 15)).all(axis=1)
    distance, index = cKDTree(columns.positions).query(atoms[inside])
    assert (distance * columns.sampling).max() < 0.7
    assert len(columns) == pytest.approx(len(np.unique(index)), rel=0.06)
    full = np.array([FULL[name] for name in columns.sublattices])
    assert (numbers <= full).all()


def test_positions_are_right_to_a_tenth_of_an_angstrom(measured):
    columns, truth, _ = measured
    error = (columns.positions - truth) * columns.sampling * 100
    # Noise of day A, 5 pm; afterglow and coma move all columns by as much.
    assert np.sqrt((error**2).mean()) < 10
    assert error.std() < 7.5


def test_single_vacancies_have_about_half_of_the_intensity(measured):
    columns, _, numbers = measured
    selenium = np.array(columns.sublattices) == "Se2"
    single = columns.intensity[selenium & (numbers == 1)]
    full = columns.intensity[selenium & (numbers == 2)]
    assert len(single) > 15
    # The incoherent model gives 0.51.
    assert np.median(single) == pytest.approx(0.5, abs=0.06)
    assert np.median(full) == pytest.approx(1, abs=0.02)
    # Nine in ten are told from full ones at the middle.
    assert (single < 0.75).mean() > 0.9
    assert (full > 0.75).mean() > 0.97


@pytest.mark.parametrize("factor", [1, 2])
def test_a_displaced_column_is_told_in_picometres(factor):
    # A pixel size of half as much makes blocks of pixels be averaged.
    shape = (256 * factor, 256 * factor)
    positions, kinds = crystal(WSE2, shape, 0.2 / factor)
    chosen = np.argmin(abs(positions - 128 * factor).sum(axis=1) + 999 * (kinds != "W"))
    at = positions[chosen].copy()
    positions[chosen] += (1.0 * factor, -0.5 * factor)
    image = drawn(positions, heights_of(kinds), shape, width=2.3 * factor)
    columns = stemzoo.find_columns(image, "wse2", 0.2 / factor)
    distance, index = cKDTree(columns.positions).query(positions[chosen])
    assert distance < 0.15 * factor
    # 1 and -0.5 px of 20 pm, to first order.
    assert columns.displacement_pm[index] == pytest.approx((20, -10), abs=3)
    assert columns.sublattices[index] == "W"
    others = np.arange(len(columns)) != index
    assert np.sqrt((columns.displacement_pm[others] ** 2).mean()) < 1
    distances, _ = cKDTree(positions).query(columns.positions[others])
    assert np.median(distances) * columns.sampling < 0.01  # 1 pm
    assert np.hypot(*(columns.positions[index] - at)) > 0.8 * factor


def test_columns_of_oxides_are_named_by_what_is_in_them():
    (frame,) = simulate_session(find_session("srtio3"), 1, (320, 320), seed=4)
    columns = stemzoo.find_columns(frame.image, "srtio3", frame.sampling)
    counts = columns.counts()
    # Without 14 px (2.4 Å) at each edge.
    cells = ((320 - 28) * frame.sampling / 3.905) ** 2
    assert counts.keys() == {"Sr", "TiO", "O"}
    # One Sr, one Ti with O, two O in a cell.
    assert counts["Sr"] == pytest.approx(cells, rel=0.12)
    assert counts["TiO"] == pytest.approx(counts["Sr"], rel=0.15)
    assert counts["O"] == pytest.approx(2 * counts["Sr"], rel=0.15)


@pytest.mark.parametrize(("name", "most"), [("hole", 15), ("databar", 0), ("nan", 2)])
def test_columns_are_in_the_crystal_only(name, most):
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, SHAPE, seed=5, scene=name)
    columns = stemzoo.find_columns(Image(frame.image, frame.sampling), "wse2")
    rows, cols = np.rint(columns.positions).astype(int).T
    assert len(columns) > 1500
    assert np.count_nonzero(~frame.crystal[rows, cols]) <= most
    assert columns.notes


def test_sublattices_are_the_same_on_both_sides_of_a_gap():
    shape = (256, 400)
    positions, kinds = crystal(WSE2, shape)
    kept = abs(positions[:, 1] - 200) > 40
    positions, kinds = positions[kept], kinds[kept]
    noise = np.random.default_rng(1).normal(0, 0.1, shape)
    columns = stemzoo.find_columns(drawn(positions, heights_of(kinds), shape) + noise, "wse2", 0.2)
    _, index = cKDTree(positions).query(columns.positions)
    assert len(columns) > 500
    assert [name.rstrip("2") for name in columns.sublattices] == kinds[index].tolist()


def test_an_inverted_image_has_the_same_columns(day_a):
    image = Image(day_a[0].image.astype(float), day_a[0].sampling)
    columns = stemzoo.find_columns(image, "wse2")
    turned = stemzoo.find_columns(-image.data, "wse2", image.sampling)
    assert turned.positions == pytest.approx(columns.positions, abs=1e-3)
    assert turned.intensity == pytest.approx(columns.intensity, abs=1e-3)
    assert any("contrast turned" in note for note in turned.notes)


def test_columns_that_noise_hides_are_said_and_not_told_apart(measured):
    columns, _, numbers = measured
    assert columns.notes == ()
    assert 0.03 < columns.scatter()["W"] < columns.scatter()["Se2"] < 0.15
    single = numbers < [FULL[name] for name in columns.sublattices]
    assert columns.is_odd()[single].mean() > 0.85
    assert columns.is_odd()[~single].mean() < 0.02
    positions, kinds = crystal(WSE2)
    noise = np.random.default_rng(1).normal(0, 1.5, (256, 256))
    noisy = stemzoo.find_columns(drawn(positions, heights_of(kinds)) + noise, "wse2", 0.2)
    assert "Se2 columns scatter by" in " ".join(noisy.notes)
    assert noisy.is_odd().mean() < 0.03


def test_an_undecided_material_is_asked_for():
    rng = np.random.default_rng(5)
    positions, kinds = crystal(WSE2)
    image = drawn(positions, np.where(kinds == "W", 1, 0.95)) + rng.normal(0, 0.1, (256, 256))
    with pytest.raises(ValueError, match=r"is undecided: .* would tell.*Give --material \w+ or"):
        stemzoo.find_columns(image, sampling=0.2)


def test_an_image_without_a_crystal_is_refused():
    noise = np.random.default_rng(1).normal(size=(128, 128))
    with pytest.raises(ValueError, match="expected a known crystal.*Give --material"):
        stemzoo.find_columns(noise, sampling=0.2)
    with pytest.raises(ValueError, match=r"expected a wse2 lattice\. Received: none at 20\.00 pm"):
        stemzoo.find_columns(noise, "wse2", 0.2)
    with pytest.raises(KeyError, match="wse3"):
        stemzoo.find_columns(noise, "wse3", 0.2)


def test_the_wrong_material_is_doubted_with_a_warning(day_a):
    frame = day_a[0]
    with pytest.warns(UserWarning, match="not to be trusted: .*wse2.*give the right --material"):
        columns = stemzoo.find_columns(frame.image, "mos2", frame.sampling)
    assert not columns.trusted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stemzoo.find_columns(frame.image, "wse2", frame.sampling).trusted


def test_a_row_holds_what_the_head_says_and_nothing_for_what_is_unknown(measured):
    columns, _, _ = measured
    row, column, x, y, name, intensity, down, right = columns.rows()[7]
    assert (row, column) == pytest.approx(columns.positions[7], abs=1e-3)
    assert (x, y) == pytest.approx(columns.positions[7, ::-1] * columns.sampling / 10, abs=1e-4)
    assert name == columns.sublattices[7]
    assert intensity == pytest.approx(columns.intensity[7], abs=1e-4)
    assert (down, right) == pytest.approx(columns.displacement_pm[7], abs=0.01)
    # A crystal of which one W column is missing without a trace.
    positions, kinds = crystal(WSE2)
    chosen = np.argmin(abs(positions - 128).sum(axis=1) + 999 * (kinds != "W"))
    heights = heights_of(kinds)
    heights[chosen] = -0.05
    found = stemzoo.find_columns(drawn(positions, heights), "wse2", 0.2)
    _, index = cKDTree(found.positions).query(positions[chosen])
    assert found.rows()[index][6:] == [None, None]
    assert found.intensity[index] == pytest.approx(-0.05, abs=0.05)


def test_an_image_that_needs_too_much_memory_is_refused_before(monkeypatch, day_a):
    monkeypatch.setattr("stemzoo.io.memory.BUDGET", 1e6)
    frame = day_a[0]
    with pytest.raises(ValueError, match=r"256 x 256 px, which needs .* GB"):
        stemzoo.find_columns(frame.image, "wse2", frame.sampling)
