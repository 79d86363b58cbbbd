from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.response import Response, find_response
from stemzoo.simulate import find_material, find_session, simulate_session

SAMPLING = 0.2074


@pytest.fixture(scope="module")
def frame():
    """A frame in electrons, its whole crystal and its lattice."""
    session = replace(find_session("wse2-dayA"), bits=0)
    image = next(simulate_session(session, 1, (384, 384), seed=2)).image.astype(float)
    lattice = find_lattice(image, find_material("wse2"), sampling=SAMPLING)
    return np.maximum(image, 0), np.ones(image.shape, bool), lattice


@pytest.mark.parametrize("gamma", [0.5, 1.0])
def test_a_response_that_detectors_bear_is_left_as_it_is(frame, gamma):
    image, crystal, lattice = frame
    assert find_response(image**gamma, crystal, lattice) is None


@pytest.mark.parametrize("gamma", [2.0, 3.0])
@pytest.mark.parametrize(("scale", "zero"), [(1.0, 0.0), (0.02, 700.0)])
def test_the_power_of_the_signal_is_found(frame, gamma, scale, zero):
    image, crystal, lattice = frame
    found = find_response(scale * image**gamma + zero, crystal, lattice)
    # By a third: blur and noise move the clearest one.
    assert found.gamma == pytest.approx(gamma, rel=0.33)
    left = found.undo(scale * image**gamma + zero)
    # Nearly a straight line, where it was none.
    assert np.corrcoef(left.ravel(), image.ravel())[0, 1] > 0.98
    assert np.corrcoef((image**gamma).ravel(), image.ravel())[0, 1] < 0.97


def test_what_is_darker_than_black_is_black():
    left = Response(2.0, 10.0, 20.0).undo(np.array([[0.0, 10.0, 12.5, 50.0]]))
    assert left.tolist() == [[10.0, 10.0, 15.0, 30.0]]


def test_an_image_of_one_value_has_no_response(frame):
    _, crystal, lattice = frame
    assert find_response(np.ones(crystal.shape), crystal, lattice) is None
