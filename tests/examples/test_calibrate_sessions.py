import importlib.util

import numpy as np
import pytest
from known_lattices import HEXAGONAL, SAMPLING, SQUARE, known_lattice, waves
from places import EXAMPLES


@pytest.fixture(scope="module")
def script():
    (path,) = EXAMPLES.rglob("calibrate_sessions.py")
    spec = importlib.util.spec_from_file_location("calibrate_sessions", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("width", [0.45, 0.6])
def test_spectral_cutoff_is_where_gaussian_columns_fall_to_the_noise(width, rng, script):
    # Cosines of amplitude 2 exp(-2 π² width² g²): the Fourier series of Gaussians of mean 1.
    factor = 2 * np.pi**2 * width**2 * np.linalg.det(SQUARE) / SAMPLING**2
    image = waves(SQUARE, 4, lambda n: 2 * np.exp(-factor * n))
    sigma = 1.0
    image += sigma * rng.normal(size=image.shape)
    # Spot over noise: exp(-2 factor n) sum(w)² / sum(w²) / sigma². A spot of a Hann window has 1.5²
    # of the power of its middle bin, so 3 x 3 bins have a quarter of it on average.
    spot = 0.25 * ((257 / 2) ** 2 / (3 / 8 * 257)) ** 2 / sigma**2
    cutoff = 1 / np.sqrt(np.log(spot) / (4 * np.pi**2 * width**2))
    found = script.spectral_cutoff(image, SAMPLING, known_lattice(SQUARE, 4))
    assert found == pytest.approx(cutoff, rel=0.05)


def test_spectral_cutoff_gets_finer_with_less_noise(rng, script):
    columns = waves(HEXAGONAL, 6, lambda n: np.exp(-0.3 * n))
    lattice = known_lattice(HEXAGONAL, 6)
    noise = rng.normal(size=columns.shape)
    cutoffs = [
        script.spectral_cutoff(columns + level * noise, SAMPLING, lattice)
        for level in (3.0, 1.0, 0.3)
    ]
    assert cutoffs == sorted(cutoffs, reverse=True)


def test_a_lattice_lost_in_noise_has_no_cutoff(rng, script):
    with pytest.raises(ValueError, match="innermost ring above the noise"):
        script.spectral_cutoff(rng.normal(size=(128, 128)), SAMPLING, known_lattice(HEXAGONAL, 6))
