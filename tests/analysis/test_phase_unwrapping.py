import numpy as np
import pytest

from stemzoo.analysis.phase_unwrapping import unwrap_phase


def without_common_turns(phases):
    return phases - 2 * np.pi * np.rint(np.median(phases) / (2 * np.pi))


@pytest.mark.parametrize("shape", [(2, 2), (2, 9), (3, 3), (17, 40)])
def test_a_smooth_phase_comes_back_but_for_common_turns(shape):
    rows, columns = np.indices(shape)
    smooth = 0.9 * rows - 1.3 * columns + 0.02 * rows**2
    found = unwrap_phase(np.angle(np.exp(1j * smooth)))
    np.testing.assert_allclose(without_common_turns(found), without_common_turns(smooth), atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_noisy_phases_are_unwrapped_as_by_scikit_image(seed):
    restoration = pytest.importorskip("skimage.restoration")
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((24, 31))
    noisy = 0.5 * rows + 0.3 * columns + rng.normal(0, 0.5, (24, 31))
    wrapped = np.angle(np.exp(1j * noisy))
    theirs = restoration.unwrap_phase(wrapped)
    ours = without_common_turns(unwrap_phase(wrapped))
    # Of pairs at the edges of the grid, scikit-image draws the order.
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(ours[inside], without_common_turns(theirs)[inside], atol=1e-9)


def test_what_is_only_noise_spoils_no_smooth_part():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(0.8 * np.arange(30), 0.6 * np.arange(30))
    wrapped = np.angle(np.exp(1j * smooth))
    wrapped[10:14, 10:14] = rng.uniform(-np.pi, np.pi, (4, 4))
    found = unwrap_phase(wrapped) - smooth
    outside = np.ones((30, 30), bool)
    outside[10:14, 10:14] = False
    assert np.ptp(found[outside]) < 1e-9


def test_a_large_grid_with_noise_in_it_is_unwrapped_around_the_noise():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(0.8 * np.arange(400), 0.6 * np.arange(400))
    known = np.ones((400, 400), bool)
    known[100:140, 100:140] = False
    wrapped = np.angle(np.exp(1j * smooth))
    wrapped[~known] = rng.uniform(-np.pi, np.pi, 1600)
    for told in (None, known):
        found = unwrap_phase(wrapped, told) - smooth
        assert np.ptp(found[known]) < 1e-9
