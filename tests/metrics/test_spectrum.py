import numpy as np
import pytest
from known_lattices import HEXAGONAL, SAMPLING, SQUARE, WSE2, known_lattice, waves

from stemzoo.metrics.spectrum import information_limit, power_spectrum_bands


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_bands_of_haze_lattice_and_noise_are_told_apart(rng):
    lattice = known_lattice(SQUARE, 4)
    crystal = waves(SQUARE, 4, lambda n: float(n <= 2))
    crystal /= crystal.std()
    assert power_spectrum_bands(crystal, lattice)["bragg"] > 0.99
    haze = np.cos(2 * np.pi * 0.012 * np.arange(256))[:, None] * np.sqrt(2)
    noise = rng.normal(size=crystal.shape)
    # Variances 4 : 2 : 1. Discs of 2 bins at 0.04 per pixel take 12 % of the noise.
    bands = power_spectrum_bands(2 * crystal + np.sqrt(2) * haze + noise, lattice)
    assert bands["low"] == pytest.approx(2 / 7, abs=0.02)
    assert bands["bragg"] == pytest.approx((4 + 0.12) / 7, abs=0.02)
    assert bands["rest"] == pytest.approx(0.88 / 7, abs=0.02)
    assert sum(bands.values()) == pytest.approx(1)


@pytest.mark.parametrize("norm", [3, 4, 7, 9, 13])
def test_information_limit_is_the_outermost_shell_present(norm, rng):
    image = waves(HEXAGONAL, 6, lambda n: 0.2 * (n <= norm)) + rng.normal(size=(256, 256))
    expected = WSE2.spacing / np.sqrt(norm)
    lattice = known_lattice(HEXAGONAL, 6)
    assert information_limit(image, SAMPLING, lattice=lattice) == pytest.approx(expected)
    assert information_limit(image, SAMPLING, material=WSE2) == pytest.approx(expected, rel=0.005)


def test_information_limit_passes_over_a_missing_shell_but_not_over_many(rng):
    lattice = known_lattice(HEXAGONAL, 6)
    noise = rng.normal(size=(256, 256))
    one = waves(HEXAGONAL, 6, lambda n: 0.2 * (n <= 7 and n != 4))
    assert information_limit(one + noise, SAMPLING, lattice=lattice) == pytest.approx(
        WSE2.spacing / np.sqrt(7)
    )
    # Shells 7, 9, 12, 13 and 16 lie between 4 and 19.
    many = waves(HEXAGONAL, 6, lambda n: 0.2 * (n <= 4 or n == 19))
    assert information_limit(many + noise, SAMPLING, lattice=lattice) == pytest.approx(
        WSE2.spacing / 2
    )


def test_information_limit_is_not_fooled_by_one_pair_of_spots(rng):
    image = waves(HEXAGONAL, 6, lambda n: 0.2 * (n <= 3)) + rng.normal(size=(256, 256))
    y, x = np.mgrid[:256, :256]
    image += np.cos(4 * np.pi * (HEXAGONAL[0, 0] * y + HEXAGONAL[0, 1] * x))
    limit = information_limit(image, SAMPLING, lattice=known_lattice(HEXAGONAL, 6))
    assert limit == pytest.approx(WSE2.spacing / np.sqrt(3))


def test_noise_seldom_has_an_information_limit(rng):
    # Expected: 1 in 100.
    lattice = known_lattice(HEXAGONAL, 6)
    seen = 0
    for _ in range(100):
        try:
            information_limit(rng.normal(size=(128, 128)), SAMPLING, lattice=lattice)
            seen += 1
        except ValueError:
            pass
    assert seen <= 4


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 3)), "shape"),
        (np.ones((64, 64)), "all equal"),
        (np.full((64, 64), np.inf), "finite"),
    ],
)
def test_unusable_images_say_why(image, message):
    lattice = known_lattice(HEXAGONAL, 6)
    for function in (
        lambda x: power_spectrum_bands(x, lattice),
        lambda x: information_limit(x, 0.1, lattice=lattice),
    ):
        with pytest.raises(ValueError, match=message):
            function(image)


def test_impossible_arguments_say_what_is_expected(rng):
    image = rng.normal(size=(64, 64))
    with pytest.raises(ValueError, match="sampling above 0"):
        information_limit(image, 0.0, material=WSE2)
    with pytest.raises(ValueError, match="a material or a lattice"):
        information_limit(image, 0.1)
