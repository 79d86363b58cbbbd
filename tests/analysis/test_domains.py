import numpy as np
import pytest
from drawn_crystal import SHAPE, WSE2, crystal, drawn, heights_of
from scipy.spatial import cKDTree

from stemzoo.analysis.sites import lattice_sites
from stemzoo.simulate.materials import MATERIALS

HALF = SHAPE[1] / 2
CELL = 16.4  # WSe2: 3.28 Å at 0.2 Å/px


def two_domains(material, *, turned, shift=(0.0, 0.0)):
    """Columns of a crystal, with another domain of the same lattice in the right half [px]."""
    positions, kinds = crystal(material)
    # An atom of the first kind near the middle, about which half a turn keeps its sublattice.
    centre = positions[kinds == kinds[0]][
        np.argmin(abs(positions[kinds == kinds[0]] - HALF).sum(1))
    ]
    other = (2 * centre - positions if turned else positions) + np.array(shift)
    left, right = positions[:, 1] < HALF, other[:, 1] >= HALF
    places = np.concatenate([positions[left], other[right]])
    return places, np.concatenate([kinds[left], kinds[right]])


@pytest.mark.parametrize("name", ["wse2", "mos2", "hbn"])
@pytest.mark.parametrize("turned", [True, False], ids=["twin", "shifted"])
def test_each_domain_has_its_own_sublattices(name, turned):
    material = MATERIALS[name]
    # Along y, from a column of the first kind to one of the second: a third of the long edge.
    shift = (0.0, 0.0) if turned else (material.cell[1] / 3 / 0.2, 0.0)
    positions, kinds = two_domains(material, turned=turned, shift=shift)
    heights = np.where(kinds == kinds[0], 1.0, 0.55)
    if name == "hbn":  # nitrogen (Z = 7) is the brighter one of the two
        heights = np.where(kinds == kinds[0], 0.6, 1.0)
    sites = lattice_sites(drawn(positions, heights, width=1.6), material, sampling=0.2)
    assert len(sites.domains) == 2
    away = abs(sites.positions[:, 1] - HALF) > 2 * CELL
    distance, nearest = cKDTree(positions).query(sites.positions[away])
    assert distance.max() < 1.5  # px; the next column is 7 px away or more
    assert (sites.kinds[away] == kinds[nearest]).all()
    left, right = sites.domains.masks(SHAPE)
    if not left[:, 0].all():
        left, right = right, left
    # The boundary is where it was drawn, within two cells.
    assert left[:, : int(HALF - 2 * CELL)].all()
    assert right[:, int(HALF + 2 * CELL) :].all()
    assert (left ^ right).all()


def test_a_single_crystal_has_no_domains_in_noise_and_with_vacancies():
    rng = np.random.default_rng(2)
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    heights[(rng.random(len(heights)) < 0.1) & (kinds == "Se")] *= 0.5
    for noise in (0.0, 0.2, 0.6):
        image = drawn(positions, heights) + rng.normal(0, noise, SHAPE)
        assert lattice_sites(image, WSE2, sampling=0.2).domains is None


def test_a_patch_of_many_vacancies_is_no_domain():
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    patch = (abs(positions - HALF) < 40).all(axis=1) & (kinds == "Se")
    heights[patch] *= 0.5
    assert lattice_sites(drawn(positions, heights), WSE2, sampling=0.2).domains is None
