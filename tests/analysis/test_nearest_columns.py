import numpy as np
import pytest
from scipy.spatial import cKDTree

from stemzoo.analysis.nearest_columns import NearestColumns


@pytest.fixture
def columns():
    return np.random.default_rng(0).uniform(0, 100, (200, 2))


def test_the_nearest_columns_are_those_of_a_tree_asked_once_or_twice(columns):
    nearest = NearestColumns()
    for places in (columns[:50], columns[50:90], columns[:50]):
        (near,) = nearest.to(places, columns, 7)
        np.testing.assert_array_equal(near, cKDTree(columns).query(places, 7)[1])


def test_other_columns_or_another_number_of_them_are_looked_for_anew(columns):
    nearest = NearestColumns()
    next(nearest.to(columns[:5], columns, 3))
    assert next(nearest.to(columns[:5], columns, 4)).shape == (5, 4)
    (near,) = nearest.to(columns[:5], columns[::-1], 3)
    np.testing.assert_array_equal(near[:, 0], 199 - np.arange(5))


def test_the_nearest_columns_of_many_places_come_in_parts():
    columns = np.stack(np.mgrid[:150, :150], axis=-1).reshape(-1, 2) * 1.0
    parts = list(NearestColumns().to(columns, columns, 1))
    assert max(map(len, parts)) <= 10_000
    np.testing.assert_array_equal(np.concatenate(parts)[:, 0], np.arange(len(columns)))
