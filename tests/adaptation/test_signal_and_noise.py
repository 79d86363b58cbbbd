import numpy as np
import pytest

from stemzoo.adaptation.signal_and_noise import NoiseLevels, find_signal
from stemzoo.lattice import find_lattice
from stemzoo.simulate import find_material, simulate_session
from stemzoo.simulate.domain import domain_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


@pytest.fixture(scope="module")
def clean():
    session = domain_session("wse2", SAMPLING, (12.0, 0.0))
    (frame,) = simulate_session(session, 1, (512, 512), seed=4)
    return frame.image.astype(float)


def test_the_signal_is_lattice_and_background(clean):
    slow = clean.std() * np.sin(np.arange(512) / 60)[:, None]
    noise = np.random.default_rng(5).normal(0, clean.std(), clean.shape)
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    found = find_signal(clean + slow + noise, lattice)
    # Displaced columns, defects and one part in twenty of the noise stay where they do not belong.
    assert np.corrcoef(found.ravel(), (clean + slow).ravel())[0, 1] > 0.95
    left = (clean + slow + noise - found).std() / noise.std()
    assert left == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_noise_that_follows_the_signal_is_told_from_noise_that_does_not(clean, part):
    """Its variance follows the signal by a part, and is half of the signal's."""
    relative = clean / clean.mean()
    sigma = np.sqrt(0.5 * clean.var() * (1 + part * (relative - 1)))
    noise = sigma * np.random.default_rng(5).standard_normal(clean.shape)
    levels = NoiseLevels.of(clean, noise)
    assert len(levels.rms) == 24
    expected = 0.5 * clean.var() * (1 + part * (levels.signal / clean.mean() - 1))
    np.testing.assert_allclose(levels.rms**2, expected, rtol=0.05)


def test_noise_beyond_what_was_seen_is_that_of_the_last_level():
    levels = NoiseLevels(np.array([0.0, 1.0]), np.array([0.1, 0.3]))
    assert levels.at(np.array([-5.0, 0.5, 9.0])) == pytest.approx([0.1, 0.2, 0.3])
