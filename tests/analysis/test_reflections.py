import numpy as np
import pytest
from known_lattices import HEXAGONAL, SQUARE, known_lattice

from stemzoo.analysis.cell import squared_length
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.reflections import (
    half_plane_indices,
    half_plane_reflections,
    nearest_reflection,
    nearest_reflections,
    power_at,
    power_between,
    ring_radius,
)
from stemzoo.analysis.spectrum import tile_power
from stemzoo.simulate import find_material, simulate_session
from stemzoo.simulate.domain import domain_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


@pytest.fixture(scope="module")
def clean():
    (frame,) = simulate_session(domain_session("wse2", SAMPLING), 1, (512, 512), seed=4)
    return frame.image.astype(float)


def test_a_wave_has_its_power_at_its_frequency():
    wave = 3 * np.sin(2 * np.pi * (20 * np.arange(512)[:, None] - 31 * np.arange(512)) / 256)
    power = tile_power(wave)
    # Parseval: 256² times the mean square, half of it at the opposite frequency.
    expected = 256**2 * 3**2 / 2 / 2
    for sign in (1, -1):
        spot = sign * np.array([20, -31]) / 256
        assert power_at(power, spot) == pytest.approx(expected, rel=0.01)
    assert power_at(power, np.array([31, 20]) / 256) < 1e-6 * expected


def test_reflections_are_no_part_of_what_is_between_them(clean):
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    sigma = 0.3 * clean.std()
    noise = np.random.default_rng(5).normal(0, sigma, clean.shape)
    power = tile_power(clean - clean.mean() + noise)
    between = power_between(power, lattice)
    assert power.mean() > 5 * sigma**2
    # Defects and the smallest reflections are in the first tenths, and leave the rest to the noise.
    fine = np.hypot(*np.indices((256, 256)) - 128) > 90
    assert between[fine].mean() == pytest.approx(sigma**2, rel=0.05)
    for spot in half_plane_reflections(lattice, 1):
        assert power_at(between, spot) < 0.05 * power_at(power, spot)


def test_the_nearest_reflection_is_found(clean):
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    for reflection in half_plane_reflections(lattice, 4):
        found = nearest_reflection(reflection + [0.004, -0.003], lattice)
        np.testing.assert_allclose(found, reflection, atol=1e-12)


@pytest.mark.parametrize(
    ("symmetry", "expected"),
    # Pairs of opposites in the first shells of a hexagonal and of a square lattice: 6, 6, 6, 12
    # and 4, 4, 4, 8 reflections.
    [(6, {1: 3, 3: 3, 4: 3, 7: 6}), (4, {1: 2, 2: 2, 4: 2, 5: 4})],
)
def test_shells_hold_as_many_reflections_as_they_should(symmetry, expected):
    norms, counts = np.unique(
        squared_length(*half_plane_indices(4).T, symmetry), return_counts=True
    )
    found = dict(zip(norms.tolist(), counts.tolist(), strict=True))
    assert {norm: found[norm] for norm in expected} == expected


def test_distances_are_to_the_nearest_reflection(clean):
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    reflection = np.array([1, -1]) @ lattice.reciprocal
    y, x = reflection + [0.004, -0.003]
    indices, away = nearest_reflections(np.array([[y]]), np.array([[x]]), lattice)
    assert indices.ravel().tolist() == [1, -1]
    np.testing.assert_allclose(away.ravel(), [0.004, -0.003], atol=1e-12)


def test_the_ring_of_a_lattice_without_strain_has_the_radius_of_its_reflections():
    square = known_lattice(SQUARE, 4)
    assert ring_radius(square) == pytest.approx(np.hypot(*SQUARE[0]), rel=1e-6)
    hexagonal = known_lattice(HEXAGONAL, 6)
    assert ring_radius(hexagonal) == pytest.approx(np.hypot(*HEXAGONAL[0]), rel=1e-6)
