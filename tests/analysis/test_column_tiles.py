import numpy as np
import pytest
from drawn_crystal import SHAPE, WSE2, crystal, drawn, heights_of, inner

from stemzoo.analysis.column_tiles import fit_in_tiles
from stemzoo.analysis.columns import fit_columns


@pytest.fixture
def noisy():
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    heights[::31] *= 0.5
    noise = np.random.default_rng(3).normal(0, 0.05, SHAPE)
    return drawn(positions, heights) + noise, positions[inner(positions, 0)]


def test_tiles_change_next_to_nothing(noisy):
    image, positions = noisy
    whole = fit_columns(image, positions)
    fit = fit_in_tiles(image, positions, (2, 1), 80.0)
    assert fit.width == whole.width
    middle = inner(positions)
    full = np.median(whole.intensities)
    assert fit.intensities[middle] == pytest.approx(whole.intensities[middle], abs=0.02 * full)
    assert fit.shifts[middle] == pytest.approx(whole.shifts[middle], abs=0.03)


def test_one_tile_is_the_whole(noisy):
    image, positions = noisy
    whole, fit = fit_columns(image, positions), fit_in_tiles(image, positions, (1, 1), 80.0)
    assert (fit.intensities == whole.intensities).all()


def test_a_tile_without_columns_is_passed_over(noisy):
    image, positions = noisy
    upper = positions[positions[:, 0] < 100]
    fit = fit_in_tiles(image, upper, (4, 1), 80.0)
    seen = inner(upper) & (upper[:, 0] < 90)
    assert (fit.intensities[seen] > 0).all()
