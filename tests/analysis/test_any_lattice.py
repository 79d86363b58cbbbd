"""Rectangular and oblique lattices: from the frame to the columns."""

import ase
import numpy as np
import pytest
from known_structures import gallium_nitride, silicon, strontium_titanate, tungsten_ditelluride
from scipy.spatial import cKDTree

from stemzoo.analysis.condition_features import find_condition_features
from stemzoo.analysis.crystal_mask import crystal_mask
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.lattice_count import lattice_difference
from stemzoo.analysis.sites import lattice_shifts, lattice_sites
from stemzoo.analysis.structure_match import told_apart
from stemzoo.analysis.sublattices import find_sublattices
from stemzoo.simulate import Microscope, incoherent_image, make_specimen
from stemzoo.simulate.materials import Material

SAMPLING, SIDE = 0.2, 256


def oblique():
    atoms = ase.Atoms("ReO", [[0, 0, 0], [1.1, 2.3, 0.5]], cell=[4, 5, 6, 90, 90, 100], pbc=True)
    return Material.from_structure(atoms, name="oblique")


MATERIALS = {
    "wte2": lambda: Material.from_structure(tungsten_ditelluride(), layers=1),
    "gan-110": lambda: Material.from_structure(gallium_nitride(), (1, 1, 0)),
    "si-110": lambda: Material.from_structure(silicon(), (1, 1, 0)),
    "srtio3-111": lambda: Material.from_structure(strontium_titanate(), (1, 1, 1)),
    "oblique": oblique,
}


def frame(material, rotation, dose=300, seed=0):
    """Counts of a crystal at 1 Å resolution, and the columns that were drawn (row, column) [px]."""
    rng = np.random.default_rng(seed)
    field = (SIDE * SAMPLING,) * 2
    specimen = make_specimen(
        material, field, rng=rng, rotation=rotation, displacement=0.05, origin=(0.3, 0.7)
    )
    optics = Microscope(source_size=0.9, aberrations={"C12a": 10.0})
    image = incoherent_image(specimen.atoms, optics, (SIDE, SIDE), SAMPLING)
    return rng.poisson(dose * image / image.mean()), specimen


@pytest.mark.parametrize("name", MATERIALS)
@pytest.mark.parametrize("rotation", [0.0, 17.0, 63.0, 138.0])
def test_columns_are_found_without_knowing_the_pixel_size(name, rotation):
    material = MATERIALS[name]()
    image, specimen = frame(material, rotation)
    lattice = find_lattice(image, material)
    assert lattice.sampling == pytest.approx(SAMPLING, rel=0.004)
    assert lattice.symmetry == 2
    assert crystal_mask(image, lattice).is_whole
    sites = lattice_sites(image, material, lattice=lattice)
    inner = ((sites.positions > 10) & (sites.positions < SIDE - 11)).all(axis=1)
    drawn = specimen.columns[:, ::-1] / SAMPLING
    distance, _ = cKDTree(drawn).query(sites.positions[inner])
    assert distance.max() * SAMPLING < 0.1
    within = ((drawn > 10) & (drawn < SIDE - 11)).all(axis=1)
    assert abs(np.count_nonzero(inner) - np.count_nonzero(within)) <= 0.03 * within.sum()


@pytest.mark.parametrize(("name", "heavy"), [("wte2", "W"), ("gan-110", "Ga"), ("oblique", "Re")])
def test_kinds_of_columns_are_told_whichever_way_round_the_crystal_lies(name, heavy):
    material = MATERIALS[name]()
    number = ase.data.atomic_numbers[heavy]
    for rotation, mirrored in ((40.0, False), (220.0, False), (95.0, True)):
        image, specimen = frame(material, rotation)
        atoms = specimen.atoms.positions[specimen.atoms.numbers == number][:, 1::-1] / SAMPLING
        if mirrored:
            image, atoms = image[:, ::-1], np.array([0, SIDE - 1]) + atoms * (1, -1)
        sites = lattice_sites(image, material, sampling=SAMPLING)
        inner = ((sites.positions > 10) & (sites.positions < SIDE - 11)).all(axis=1)
        distance, _ = cKDTree(atoms).query(sites.positions[inner & (sites.kinds == heavy)])
        assert distance.max() * SAMPLING < 0.35  # atoms are displaced by 0.05 Å at random


def test_a_hole_is_no_crystal():
    for name in ("wte2", "gan-110", "si-110"):
        image, _ = frame(MATERIALS[name](), 30.0)
        y, x = np.mgrid[:SIDE, :SIDE]
        hole = (y - 100) ** 2 + (x - 150) ** 2 < 50**2
        image[hole] = np.random.default_rng(1).poisson(20, hole.sum())
        lattice = find_lattice(image, MATERIALS[name](), sampling=SAMPLING)
        out = ~crystal_mask(image, lattice).crystal
        assert (out & hole).sum() / (out | hole).sum() > 0.6


def test_inverted_contrast_is_told():
    for name in MATERIALS:
        material = MATERIALS[name]()
        image, _ = frame(material, 30.0)
        lattice = find_lattice(image, material, sampling=SAMPLING)
        everywhere = np.ones(image.shape, bool)
        assert find_sublattices(image, everywhere, lattice).contrast > 0.8
        assert find_sublattices(-1.0 * image, everywhere, lattice).contrast < -0.8


@pytest.mark.parametrize("seed", [0, 2])
def test_another_structure_with_the_same_lattice_is_refused(seed):
    rng = np.random.default_rng(seed)
    places = np.column_stack([rng.random((6, 2)), np.zeros(6)])
    atoms = ase.Atoms("W2Te4", scaled_positions=places, cell=[3.477, 6.249, 9.0], pbc=True)
    image, _ = frame(Material.from_structure(atoms, name="other"), 20.0)
    with pytest.raises(ValueError, match=r"columns that lie as in wte2; give the right material"):
        lattice_sites(image, MATERIALS["wte2"](), sampling=SAMPLING)


def test_noise_has_no_lattice():
    image = np.random.default_rng(4).poisson(30, (SIDE, SIDE))
    for build in MATERIALS.values():
        with pytest.raises(ValueError, match="lattice found"):
            find_lattice(image, build())


def test_a_shift_between_two_frames_is_measured():
    material = MATERIALS["gan-110"]()
    image, _ = frame(material, 25.0)
    sites = lattice_sites(image, material, sampling=SAMPLING)
    moved = np.roll(image, (2, -3), axis=(0, 1))
    shifts = lattice_shifts(moved, image, sites)
    inner = ((sites.positions > 30) & (sites.positions < SIDE - 31)).all(axis=1)
    assert shifts[inner].mean(axis=0) == pytest.approx((2, -3), abs=0.05)


def test_the_same_lattice_counted_from_other_spots_is_no_other():
    material = MATERIALS["si-110"]()
    one = find_lattice(frame(material, 10.0)[0], material, sampling=SAMPLING)
    same = find_lattice(frame(material, 190.0, seed=1)[0], material, sampling=SAMPLING)
    turned = find_lattice(frame(material, 40.0)[0], material, sampling=SAMPLING)
    assert lattice_difference(one, same) < 0.02
    assert lattice_difference(one, turned) > 0.3


def test_conditions_are_described():
    for name in ("wte2", "gan-110", "si-110", "srtio3-111"):
        material = MATERIALS[name]()
        image, _ = frame(material, 33.0)
        lattice = find_lattice(image, material, sampling=SAMPLING)
        features = find_condition_features(image, material, 0.2074, lattice=lattice).features
        assert np.isfinite(features).all()


def test_columns_too_near_to_each_other_are_measured_as_one():
    atoms = ase.Atoms("PbO", [[0, 0, 0], [0.4, 0, 2]], cell=[4.0, 5.0, 4.0], pbc=True)
    places, strengths, kinds = told_apart(Material.from_structure(atoms))
    assert kinds == ("Pb",)
    # The centre of 82^1.7 and 8^1.7.
    assert places[0, 0] * 4.0 == pytest.approx(0.4 * 8**1.7 / (8**1.7 + 82**1.7))
    assert strengths == pytest.approx([8**1.7 + 82**1.7])


def test_crystals_of_nearly_one_cell_are_told_by_the_reflections_that_are_extinct():
    # GaN [11-20] and 1T'-WTe2 have cells of nearly one shape: 1.88 and 1.80 times as long as wide.
    nitride, telluride = MATERIALS["gan-110"](), MATERIALS["wte2"]()
    for shown, other in ((nitride, telluride), (telluride, nitride)):
        image, _ = frame(shown, 20.0)
        assert find_lattice(image, shown).confidence > 0.95
        assert find_lattice(image, other, min_confidence=0.0).confidence < 0.75


def test_a_weak_innermost_reflection_may_drown_in_haze():
    material = MATERIALS["wte2"]()
    image, _ = frame(material, 35.0, dose=60)
    y, x = np.mgrid[:SIDE, :SIDE]
    rng = np.random.default_rng(2)
    haze = sum(
        rng.normal() * np.cos(2 * np.pi * (f * (x * np.cos(a) + y * np.sin(a))) + rng.uniform(0, 6))
        for f in rng.uniform(0.005, 0.045, 60)
        for a in rng.uniform(0, np.pi, 1)
    )
    lattice = find_lattice(image + 12 * haze, material, sampling=SAMPLING)
    assert lattice.sampling == pytest.approx(SAMPLING, rel=0.01)
