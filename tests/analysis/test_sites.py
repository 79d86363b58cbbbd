import numpy as np
import pytest
from drawn_crystal import SAMPLING, SHAPE, WSE2, crystal, drawn, heights_of, inner
from scipy.spatial import cKDTree

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.sites import lattice_shifts, lattice_sites
from stemzoo.simulate.materials import MATERIALS


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("name", ["wse2", "mos2", "graphene", "srtio3"])
@pytest.mark.parametrize("rotation", [0.0, 40.0])
def test_sites_and_their_elements_are_found(name, rotation):
    positions, kinds = crystal(MATERIALS[name], rotation=rotation)
    width = 2.5 if name != "graphene" else 2.0
    image = drawn(positions, heights_of(kinds), width=width)
    sites = lattice_sites(image, MATERIALS[name])
    # One site for each column; on the edge itself rounding decides.
    assert inner(sites.positions, 2).sum() == inner(positions, 2).sum()
    distance, nearest = cKDTree(positions).query(sites.positions)
    assert distance.max() < 0.15  # px, 0.03 Å
    assert (sites.kinds == kinds[nearest]).all()


def test_the_brighter_sublattice_is_that_of_the_stronger_scatterer():
    # In MoSe2 two Se atoms (2 · 34^1.7) outshine one Mo atom (42^1.7).
    positions, kinds = crystal(MATERIALS["mose2"])
    image = drawn(positions, np.where(kinds == "Se", 1.0, 0.7))
    sites = lattice_sites(image, MATERIALS["mose2"])
    _, nearest = cKDTree(positions).query(sites.positions)
    assert (sites.kinds == kinds[nearest]).all()


def test_sites_follow_a_slow_distortion():
    positions, kinds = crystal(WSE2)
    t = positions[:, 0] / SHAPE[0] - 0.5
    # Bent by 5 px (1 Å) over the frame.
    bent = positions + np.stack([np.zeros_like(t), 20 * t**2], axis=1)
    sites = lattice_sites(drawn(bent, heights_of(kinds)), WSE2)
    distance, nearest = cKDTree(bent).query(sites.positions)
    assert (sites.kinds == kinds[nearest]).all()
    assert np.median(distance) < 0.25
    assert distance[inner(sites.positions)].max() < 0.75


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.0, -2.0), (-1.0, 5.0)])
def test_the_shift_of_a_lattice_between_two_images_is_found(shift, rng):
    positions, kinds = crystal(WSE2)
    before, after = (drawn(positions + s, heights_of(kinds)) for s in ((0, 0), np.array(shift)))
    sites = lattice_sites(before, WSE2)
    # Other contrast, brightness and noise; the metal stands out more.
    after = 5 * after**1.3 + 2 + rng.normal(0, 0.5, SHAPE)
    found = lattice_shifts(after, before, sites)
    assert found[inner(sites.positions)] == pytest.approx(
        np.broadcast_to(shift, (inner(sites.positions).sum(), 2)), abs=0.25
    )


def test_vacancies_do_not_move_sites(rng):
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    heights[rng.random(len(heights)) < 0.05] *= 0.5
    sites = lattice_sites(drawn(positions, heights), WSE2)
    distance, _ = cKDTree(positions).query(sites.positions)
    assert distance.max() < 0.5  # px, 0.1 Å


def test_there_are_no_sites_where_there_is_no_crystal(rng):
    positions, kinds = crystal(WSE2)
    image = drawn(positions, np.where(positions[:, 1] < 160, heights_of(kinds), 0.0))
    sites = lattice_sites(image + rng.normal(0, 0.1, SHAPE), WSE2, sampling=SAMPLING)
    # The window of 1.5 lattice constants is 25 px wide.
    assert sites.positions[:, 1].max() < 160 + 35
    assert inner(positions[positions[:, 1] < 140], 0).sum() <= (sites.positions[:, 1] < 140).sum()


def test_a_lattice_of_another_symmetry_is_refused():
    positions, kinds = crystal(WSE2)
    image = drawn(positions, heights_of(kinds))
    lattice = find_lattice(image, WSE2)
    with pytest.raises(ValueError, match="symmetry 4"):
        lattice_sites(image, MATERIALS["srtio3"], lattice=lattice)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="No wse2 lattice"):
        lattice_sites(np.random.default_rng(0).normal(size=(128, 128)), WSE2)
    with pytest.raises(ValueError, match="one image of shape"):
        lattice_sites(np.zeros((3, 128, 128)), WSE2)
