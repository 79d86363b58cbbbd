from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series

DAY = find_session("wse2-dayB").draw(np.random.default_rng(5))
BRIGHT = replace(DAY, current=1e6, bits=0, line_jitter=0.0, misregistration=0.0, read_noise=0.0)
DRIFT = np.array([[0.0, 0.0], [6.0, -11.0]])


def simulated(session, defects=((), ()), seed=0):
    rng = np.random.default_rng(seed)
    return list(simulate_series(session, (160, 160), DRIFT, defects, rng=rng))


def test_crystal_and_contamination_move_with_the_drift():
    first, second = simulated(BRIGHT)
    moved = ndimage.shift(first.image.astype(float), DRIFT[1], order=3)
    inner = (slice(20, 140), slice(20, 140))
    assert (
        np.corrcoef(moved[inner].ravel(), second.image[inner].ravel())[0, 1] > 0.97
    )  # atoms vibrate


def test_defects_move_come_and_go_and_the_rest_stays():
    vacancy, other = ("se_vacancy", 12.0, 14.0), ("se_vacancy", 25.0, 20.0)
    first, second = simulated(DAY, [[vacancy], [vacancy, other]])
    assert first.defects == ("se_vacancy",)
    assert second.points[0] - first.points[0] == pytest.approx(DRIFT[1], abs=0.5)
    assert len(second.points) == 2


def test_what_is_outside_of_a_frame_is_left_out_of_it():
    # 1 Å from the left edge, over which the second frame has moved it.
    first, second = simulated(DAY, [[("se_vacancy", 1.5, 14.0)]] * 2)
    assert (len(first.points), len(second.points)) == (1, 0)


def test_noise_is_new_in_each_frame():
    rng = np.random.default_rng(0)
    still = np.zeros((2, 2))
    first, second = simulate_series(DAY, (96, 96), still, [[], []], rng=rng)
    assert (first.image != second.image).any()
    assert np.corrcoef(first.clean.ravel(), second.clean.ravel())[0, 1] > 0.97


def test_a_list_of_defects_is_needed_for_each_drift():
    with pytest.raises(ValueError, match="each of 2 drifts. Received: 1"):
        simulated(DAY, [[]])
