import numpy as np
import pytest

from stemzoo.analysis.cell import Lattice


def test_places_alike_are_all_lattice_vectors_apart_and_near():
    vectors = np.array([[8.0, 1.0], [-2.0, 9.0]])
    lattice = Lattice(0.2, vectors, np.linalg.inv(vectors).T, 4, 0.0, 0.0, 1.0, 4, 4)
    place, near = np.array([3.0, -2.0]), np.array([40.0, 21.0])
    found = lattice.alike(place, near, 30.0)
    # By trying all vectors that could reach so far.
    n = np.stack(np.meshgrid(np.arange(-20, 21), np.arange(-20, 21)), -1).reshape(-1, 2)
    every = place + n @ vectors
    expected = every[np.hypot(*(every - near).T) <= 30.0]
    # One a cell of 74 px² in a disc of 2,827 px²: 38, give or take its rim.
    assert len(found) == len(expected) == pytest.approx(38, abs=4)
    assert {tuple(np.round(p, 6)) for p in found} == {tuple(np.round(p, 6)) for p in expected}
