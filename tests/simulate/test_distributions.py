import numpy as np
import pytest

from stemzoo.simulate.distributions import LogUniform, Normal, Sometimes, Uniform, draw


def rng(seed=0):
    return np.random.default_rng(seed)


def test_distributions_have_their_moments():
    source, n = rng(), 20000
    normal = [draw(Normal(5, 2), source) for _ in range(n)]
    assert np.mean(normal) == pytest.approx(5, abs=4 * 2 / np.sqrt(n))
    assert np.std(normal) == pytest.approx(2, rel=4 / np.sqrt(2 * n))
    uniform = [draw(Uniform(2, 4), source) for _ in range(n)]
    assert (min(uniform) >= 2, max(uniform) <= 4) == (True, True)
    assert np.mean(uniform) == pytest.approx(3, abs=4 * 2 / np.sqrt(12 * n))
    squared = [draw(Uniform(0, 3, power=2), source) for _ in range(n)]
    assert np.mean(squared) == pytest.approx(1, rel=0.03)
    wide = [np.log10(draw(LogUniform(1e-3, 10), source)) for _ in range(n)]
    assert np.mean(wide) == pytest.approx(-1, abs=4 * 4 / np.sqrt(12 * n))


def test_a_clipped_normal_stays_above_its_limit_and_a_number_is_itself():
    values = [draw(Normal(0, 1, low=0), rng(s)) for s in range(50)]
    assert min(values) == 0
    assert {type(value) for value in values} == {float}
    assert draw(3, rng()) == 3.0


def test_what_is_only_sometimes_there_is_zero_else():
    source, n = rng(), 20000
    values = np.array([draw(Sometimes(0.3, Uniform(2, 4)), source) for _ in range(n)])
    there = values > 0
    assert there.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / n))
    assert (values[there].min() >= 2, values[there].mean()) == (True, pytest.approx(3, rel=0.01))
