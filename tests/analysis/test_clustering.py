import numpy as np
import pytest

from stemzoo.analysis.clustering import DefectField, find_clustering

VECTORS = 16 * np.array([[0, 1], [np.sqrt(0.75), 0.5]])


def sites():
    cells = np.stack(np.meshgrid(*[np.arange(-60, 61)] * 2), -1).reshape(-1, 2)
    points = cells @ VECTORS
    return points[((points >= 0) & (points < 512)).all(axis=1)]


def field(points):
    return DefectField(points, (512, 512), VECTORS, 0.2)


def test_random_defects_are_as_chance_makes_them():
    rng = np.random.default_rng(0)
    fields = [field(sites()[rng.choice(1100, 40, replace=False)]) for _ in range(6)]
    found = find_clustering(fields)
    assert (found.count, found.frames) == (240, 6)
    assert found.interval[0] <= found.nearest <= found.interval[1]
    inside = (found.low <= found.ratio) & (found.ratio <= found.high)
    assert inside.mean() > 0.8
    assert found.ratio == pytest.approx(1, abs=0.5)
    assert "as chance makes them" in found.summary()


def test_pairs_on_neighbouring_sites_stand_out_in_the_first_ring():
    rng = np.random.default_rng(0)
    inner = sites()[((sites() > 40) & (sites() < 470)).all(axis=1)]
    some = inner[rng.choice(len(inner), 20, replace=False)]
    found = find_clustering([field(np.vstack([some, some + VECTORS[0]]))])
    assert found.ratio[0] > 2 * found.high[0]
    # The ring of the nearest neighbours, 16 px of 0.2 Å: 0.32 nm.
    assert found.edges[0] < 0.32 < found.edges[1]
    assert "they cluster" in found.summary()


def test_defects_that_keep_apart_are_told():
    grid = np.stack(np.meshgrid(*[np.arange(4, 32, 6)] * 2), -1).reshape(-1, 2) @ VECTORS
    grid = grid[((grid >= 0) & (grid < 512)).all(axis=1)]
    found = find_clustering([field(grid)])
    assert found.ratio[0] == 0
    assert "avoid each other" in found.summary()


def test_a_single_defect_has_no_neighbour():
    assert find_clustering([field(np.array([[5.0, 5.0]])), field(np.empty((0, 2)))]) is None
