import time

import pytest

from stemzoo.analysis.threads import in_threads


def test_results_come_in_the_order_of_the_items():
    def late(i):
        time.sleep(0.02 * (3 - i))
        return i

    assert in_threads(late, range(4)) == [0, 1, 2, 3]


def test_the_first_error_is_raised():
    def fail(i):
        if i:
            raise ValueError(f"item {i}")

    with pytest.raises(ValueError, match="item 1"):
        in_threads(fail, range(4))
