import numpy as np
import pytest

from stemzoo.simulate import (
    MATERIALS,
    Atoms,
    Microscope,
    adf_cross_section,
    find_material,
    incoherent_image,
)
from stemzoo.simulate.crystal import make_specimen

FIELD = (60.0, 75.0)  # y, x [Å]
SCOPE = Microscope(source_size=0.8)


def specimen(material, defects=(), *, extent=FIELD, seed=0, **options):
    options = {"displacement": 0.0, **options}
    rng = np.random.default_rng(seed)
    return make_specimen(material, extent, rng=rng, defects=defects, **options)


def atoms_at(crystal, place, radius=0.05):
    """Sorted atomic numbers of the column at a place."""
    near = np.hypot(*(crystal.atoms.positions[:, :2] - place).T) < radius
    return sorted(crystal.atoms.numbers[near].tolist())


def neighbours(crystal, place, Z, radius):
    """Distances of the columns of an element around a place."""
    xy = np.unique(crystal.atoms.positions[crystal.atoms.numbers == Z, :2].round(6), axis=0)
    distance = np.hypot(*(xy - place).T)
    return np.sort(distance[(distance < radius) & (distance > 0.05)])


def difference_image(crystal, pristine, shape, sampling):
    pair = (incoherent_image(c.atoms, SCOPE, shape, sampling) for c in (crystal, pristine))
    changed, before = pair
    return changed - before


@pytest.mark.parametrize("name", MATERIALS)
@pytest.mark.parametrize("rotation", [0.0, 17.0, 133.0])
def test_the_field_and_its_margin_are_filled_evenly(name, rotation):
    material = find_material(name)
    crystal = specimen(name, rotation=rotation, origin=(0.3, 0.8), margin=5.0)
    density = len(material.sites) / np.linalg.det(material.edges)
    xy = crystal.atoms.positions[:, :2]
    assert (xy > -5.0).all()
    assert (xy < np.array([75.0, 60.0]) + 5.0).all()
    # No part of 10 Å lacks atoms; their number fluctuates with the columns cut by its edges.
    counts, _, _ = np.histogram2d(*xy.T, bins=[8, 7], range=[[-2.5, 77.5], [-5, 65]])
    assert counts.min() > 0.6 * density * 100
    assert len(xy) == pytest.approx(density * 85 * 70, rel=0.02)


@pytest.mark.parametrize("origin", [(3.0, -2.0), (17.25, 40.5)])
def test_whole_cells_of_origin_make_no_difference(origin):
    near = specimen("wse2", origin=tuple(value % 1 for value in origin), rotation=20)
    far = specimen("wse2", origin=origin, rotation=20)
    np.testing.assert_allclose(far.atoms.positions, near.atoms.positions, atol=1e-9)


def test_origin_places_a_cell_corner():
    crystal = specimen("wse2", origin=(0.25, 0.5))
    a, b, _ = find_material("wse2").cell
    assert atoms_at(crystal, (0.25 * a + 5 * a, 0.5 * b + 3 * b)) == [74]


@pytest.mark.parametrize(("rotation", "strain"), [(0, (0, 0, 0)), (25, (0.02, -0.01, 0.015))])
def test_strain_comes_before_rotation_from_x_towards_y(rotation, strain):
    crystal = specimen("wse2", rotation=rotation, strain=strain)
    metal = crystal.atoms.positions[crystal.atoms.numbers == 74, :2]
    centre = metal[np.hypot(*(metal - (37, 30)).T).argmin()]
    a = find_material("wse2").lattice_constant
    exx, eyy, exy = strain
    c, s = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    for x, y in ((a, 0), (a / 2, a * 3**0.5 / 2), (-a / 2, a * 3**0.5 / 2)):
        x, y = x * (1 + exx) + y * exy, x * exy + y * (1 + eyy)
        expected = centre + (c * x - s * y, s * x + c * y)
        assert np.hypot(*(metal - expected).T).min() < 1e-9


def test_displacements_have_the_given_spread_and_are_independent():
    still = specimen("wse2").atoms.positions
    moved = specimen("wse2", displacement=0.05).atoms.positions
    shift = (moved - still)[:, :2]
    n = shift.size
    assert shift.std() == pytest.approx(0.05, rel=4 / np.sqrt(2 * n))
    assert abs(shift.mean()) < 4 * 0.05 / np.sqrt(n)
    assert abs(np.corrcoef(shift.T)[0, 1]) < 4 / np.sqrt(n / 2)


def test_thickness_stacks_cells_of_bulk_and_leaves_layers_alone():
    assert len(specimen("srtio3", thickness=7).atoms) == 7 * len(specimen("srtio3").atoms)
    assert len(specimen("wse2", thickness=7).atoms) == len(specimen("wse2").atoms)
    with pytest.raises(ValueError, match=r"at least 1. Received: 0"):
        specimen("srtio3", thickness=0)


@pytest.mark.parametrize(
    ("material", "name", "place", "before", "after"),
    [
        ("wse2", "se_vacancy", "Se", [34, 34], [34]),
        ("wse2", "se_divacancy", "Se", [34, 34], []),
        ("wse2", "w_vacancy", "W", [74], []),
        ("wse2", "v_on_w", "W", [74], [23]),
        ("wse2", "w_on_se", "Se", [34, 34], [34, 74]),
        ("wse2", "w2_on_se", "Se", [34, 34], [74, 74]),
        ("graphene", "c_vacancy", "C", [6], []),
        ("graphene", "si_on_c", "C", [6], [14]),
        ("srtio3", "sr_vacancy", "Sr", [38] * 3, [38] * 2),
        ("srtio3", "ti_vacancy", "Ti", [8, 22] * 3, [8] * 3 + [22] * 2),
        ("srtio3", "o_vacancy", "Ti", [8, 22] * 3, [8] * 2 + [22] * 3),
    ],
)
def test_listed_defects_change_the_column_next_to_them(material, name, place, before, after):
    site = next(s for s in find_material(material).sites if s.symbol == place)
    cell = np.array(find_material(material).cell[:2])
    column = (np.array(site.position[:2]) + (8, 5)) * cell
    pristine = specimen(material, thickness=3)
    crystal = specimen(material, [(name, column[0] + 0.4, column[1] - 0.3)], thickness=3)
    assert crystal.defects == (name,)
    np.testing.assert_allclose(crystal.positions, [column], atol=1e-9)
    assert atoms_at(pristine, column) == sorted(before)
    assert atoms_at(crystal, column) == sorted(after)
    assert len(crystal.atoms) - len(pristine.atoms) == len(after) - len(before)


def test_silicon_on_one_carbon_site_has_three_neighbours():
    crystal = specimen("graphene", [("si_on_c", 30.0, 25.0)])
    np.testing.assert_allclose(
        neighbours(crystal, crystal.positions[0], 6, 2.0), [1.4203] * 3, 1e-3
    )


def test_silicon_on_two_carbon_sites_sits_between_them_and_has_four_neighbours():
    pristine = specimen("graphene")
    crystal = specimen("graphene", [("si_on_c2", 30.0, 25.0)])
    assert len(pristine.atoms) - len(crystal.atoms) == 1
    assert atoms_at(crystal, crystal.positions[0]) == [14]
    gone = neighbours(pristine, crystal.positions[0], 6, 1.0)
    np.testing.assert_allclose(gone, [1.4203 / 2] * 2, rtol=1e-3)
    # Half a bond and another one at 60°: sqrt(1² + (√3/2)²) = √7/2 bonds = 1.879 Å.
    left = neighbours(crystal, crystal.positions[0], 6, 2.4)
    np.testing.assert_allclose(left, [1.4203 * 7**0.5 / 2] * 4, rtol=1e-3)


def test_adatoms_are_added_where_they_are_listed():
    pristine = specimen("wse2")
    crystal = specimen("wse2", [("w_adatom", 20.1, 33.3), ("se_vacancy", 40.0, 30.0)])
    assert crystal.defects == ("se_vacancy", "w_adatom")
    assert atoms_at(crystal, (20.1, 33.3)) == [74]
    assert crystal.positions[1].tolist() == [20.1, 33.3]
    assert len(crystal.atoms) == len(pristine.atoms)


def test_a_place_without_host_is_refused():
    with pytest.raises(ValueError, match=r"No column for 'w_vacancy' within 2 Å .* x = 200.0"):
        specimen("wse2", [("w_vacancy", 200.0, 10.0)])
    with pytest.raises(ValueError, match=r"No column for 'sr_divacancy'"):
        specimen("srtio3", [("sr_divacancy", 10.0, 10.0)], thickness=1)


def test_two_listed_defects_on_one_column_are_refused():
    with pytest.raises(ValueError, match=r"one defect at most.* Received: 2 defects on 1 free"):
        specimen("wse2", [("se_vacancy", 30.0, 30.0), ("se_vacancy", 30.1, 30.0)])


def test_drawn_defects_come_at_their_probability():
    table = {"se_vacancy": 0.05, "se_divacancy": 0.01, "v_on_w": 0.03, "w_adatom": 0.02}
    extent = (300.0, 350.0)
    crystal = specimen("wse2", table, extent=extent)
    cells = 300 * 350 / np.prod(find_material("wse2").cell[:2])
    columns = {"w_adatom": cells}  # the others: two tungsten and two selenium columns in a cell
    for name, probability in table.items():
        expected = probability * columns.get(name, 2 * cells)
        if name == "se_divacancy":
            expected *= 1 - table["se_vacancy"]  # only on columns that have no defect yet
        assert crystal.defects.count(name) == pytest.approx(expected, abs=4 * expected**0.5), name


def test_drawn_defects_are_where_the_atoms_changed():
    table = {"se_vacancy": 0.05, "w_vacancy": 0.05, "w2_on_se": 0.03}
    crystal = specimen("wse2", table, rotation=11)
    expected = {"se_vacancy": [34], "w_vacancy": [], "w2_on_se": [74, 74]}
    assert len(set(crystal.defects)) == 3
    for name, place in zip(crystal.defects, crystal.positions, strict=True):
        assert atoms_at(crystal, place) == expected[name]
    assert (crystal.positions >= 0).all()
    assert (crystal.positions <= (75, 60)).all()
    assert len(np.unique(crystal.positions.round(6), axis=0)) == len(crystal.positions)


def test_drawn_pairs_of_sites_do_not_overlap():
    crystal = specimen("graphene", {"si_on_c2": 0.5, "si_on_c": 0.5})
    silicon = crystal.atoms.positions[crystal.atoms.numbers == 14, :2]
    distance = np.hypot(*(silicon[:, None] - silicon[None]).T) + 9 * np.eye(len(silicon))
    # Two pairs side by side are √3 bonds apart at their centres, or √3/2 where they are parallel.
    assert distance.min() > 1.2
    carbon = crystal.atoms.positions[crystal.atoms.numbers == 6, :2]
    assert np.hypot(*(silicon[:, None] - carbon[None]).T).min() > 1.4


def test_the_same_seed_gives_the_same_specimen():
    table = {"se_vacancy": 0.05, "w_adatom": 0.01}
    first, second, other = (
        specimen("wse2", table, seed=seed, displacement=0.02) for seed in (3, 3, 4)
    )
    assert first.defects == second.defects
    np.testing.assert_array_equal(first.atoms.positions, second.atoms.positions)
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.defects != other.defects


@pytest.mark.parametrize(
    ("name", "sign"), [("se_vacancy", -1), ("w_vacancy", -1), ("te_on_se", 1), ("w_adatom", 1)]
)
def test_defects_are_dark_or_bright_spots_at_their_positions(name, sign):
    pristine = specimen("wse2", rotation=8)
    crystal = specimen("wse2", [(name, 13.0, 11.0)], rotation=8)
    change = sign * difference_image(crystal, pristine, (110, 130), 0.2)
    rows, columns = np.indices(change.shape)
    weights = np.clip(change - 0.1 * change.max(), 0, None)
    centre = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum() * 0.2
    assert change.max() > -10 * change.min()
    np.testing.assert_allclose(centre, crystal.positions[0], atol=0.01)


@pytest.mark.parametrize("cells", [1, 4, 10])
@pytest.mark.parametrize(("name", "Z"), [("sr_vacancy", 38), ("ti_vacancy", 22)])
def test_a_vacancy_takes_one_cell_out_of_the_thickness_of_its_column(name, Z, cells):
    pristine = specimen("srtio3", thickness=cells, extent=(30, 30))
    crystal = specimen("srtio3", [(name, 15.0, 15.0)], thickness=cells, extent=(30, 30))
    x, y = crystal.positions[0]
    loss = -difference_image(crystal, pristine, (150, 150), 0.2)
    column = Atoms([Z] * cells, [[x, y, 3.905 * i] for i in range(cells)])
    whole = incoherent_image(column, SCOPE, (150, 150), 0.2)
    np.testing.assert_allclose(loss, whole / cells, atol=1e-9)
    assert loss.sum() * 0.04 == pytest.approx(adf_cross_section(Z, SCOPE), rel=1e-2)


@pytest.mark.parametrize("contrast", [0.44, 0.5, 0.6])
def test_a_pair_that_lost_one_atom_keeps_a_stated_part_of_its_intensity(contrast):
    rng = np.random.default_rng(0)
    specimen = make_specimen(
        "wse2", (20, 20), rng=rng, defects=[("se_vacancy", 10, 10)], vacancy_contrast=contrast
    )
    near = np.hypot(*(specimen.atoms.positions[:, :2] - specimen.positions[0]).T) < 0.5
    # Of two atoms of weight 1 one is left: its weight over 2 is the contrast.
    assert specimen.atoms.occupancy[near].tolist() == [2 * contrast]
    assert set(specimen.atoms.occupancy[~near]) == {1.0}


def test_single_atoms_and_replaced_ones_keep_their_weight():
    rng = np.random.default_rng(0)
    defects = {"se_divacancy": 0.1, "te_on_se": 0.1, "w_vacancy": 0.1}
    specimen = make_specimen("wse2", (40, 40), rng=rng, defects=defects, vacancy_contrast=0.4)
    assert set(specimen.atoms.occupancy) == {1.0}
