import numpy as np
import pytest

from stemzoo.analysis.robust_spread import row_medians


@pytest.mark.parametrize("count", [1, 2, 5, 18, 100])
def test_medians_of_rows_are_those_of_numpy(count):
    values = np.random.default_rng(count).normal(size=(40, count))
    values[3, 0] = np.nan
    values[4] = 2.0
    np.testing.assert_array_equal(row_medians(values), np.median(values, axis=1))
