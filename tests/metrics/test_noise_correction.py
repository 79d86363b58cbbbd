import math

import numpy as np
import pytest

from stemzoo.metrics.noise_correction import correct_for_noise


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def noisy(rng, separation, removed, invented, labelled=3000, intact=60000):
    """Contrasts of both sets, of which these parts belong to the other class."""
    width = 0.5 / separation
    low = np.where(rng.random(labelled) < removed, 1.0, 0.5)
    full = np.where(rng.random(intact) < invented, 0.5, 1.0)
    return [values + rng.normal(0, width, len(values)) for values in (low, full)]


@pytest.mark.parametrize(("removed", "invented"), [(0.0, 0.0), (0.03, 0.01)])
def test_misread_columns_are_told_from_changed_ones(rng, removed, invented):
    vacancies, full = noisy(rng, 4.0, removed, invented)
    corrected = correct_for_noise(vacancies, full, 0.75)
    assert corrected.separation == pytest.approx(4.0, rel=0.03)
    # A normal distribution has 22.8 in 1,000 beyond two standard deviations.
    assert corrected.noise_invented_per_1000 == pytest.approx(22.8, abs=3)
    assert 1000 * (full < 0.75).mean() > 18
    assert corrected.removed_per_1000 == pytest.approx(1000 * removed, abs=6)
    assert corrected.invented_per_1000 == pytest.approx(1000 * invented, abs=1.5)
    low, high = corrected.removed_interval
    assert low <= corrected.removed_per_1000 <= high < 1000 * removed + 15


def test_noise_free_classes_need_no_correction():
    corrected = correct_for_noise(np.array([0.5] * 47 + [1.0] * 3), np.ones(500), 0.75)
    assert corrected.noise_removed_per_1000 == pytest.approx(0, abs=1e-6)
    assert corrected.removed_per_1000 == pytest.approx(60, abs=0.1)
    assert corrected.invented_per_1000 == pytest.approx(0, abs=0.1)


def test_classes_that_cannot_be_separated_give_no_corrected_rates(rng):
    sets = noisy(rng, 0.3, 0.0, 0.0, labelled=200, intact=2000)
    corrected = correct_for_noise(*sets, 0.75)
    assert corrected.separation < 1
    assert math.isnan(corrected.removed_per_1000)


def test_fewer_than_ten_of_a_class_say_nothing(rng):
    vacancies, full = noisy(rng, 4.0, 0.0, 0.0, labelled=9, intact=2000)
    assert math.isnan(correct_for_noise(vacancies, full, 0.75).separation)
