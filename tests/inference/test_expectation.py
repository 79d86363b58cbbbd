import numpy as np
import pytest

from stemzoo.inference.expectation import ExpectedCount, count_interval, expect

CLASSIC = [(0, 0.0, 3.69), (1, 0.025, 5.57), (10, 4.80, 18.39)]


@pytest.mark.parametrize(("count", "low", "high"), CLASSIC)
def test_plain_counts_have_the_exact_poisson_interval(count, low, high):
    # Garwood's table.
    assert count_interval(count) == pytest.approx((low, high), abs=0.01)


def test_what_is_not_sure_makes_the_interval_wider():
    plain, wide = count_interval(30), count_interval(30, 60)
    assert wide[0] < plain[0] < plain[1] < wide[1]
    assert count_interval(0.3, 0.3)[0] >= 0


def test_intervals_of_uncertain_counts_hold_the_true_mean():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        mean = rng.uniform(3, 60)
        true = rng.poisson(mean)
        # Half of them are sure, half have p = 0.5 beside as many that are none.
        p = np.concatenate([np.ones(true // 2), np.full(2 * (true - true // 2), 0.5)])
        count = ExpectedCount.of(p, 0.0)
        low, high = count_interval(count.total, count.uncertainty)
        inside.append(low <= mean <= high)
    assert np.mean(inside) > 0.93


def test_precision_and_recall_follow_from_the_probabilities():
    hits = ExpectedCount.of(np.full(20, 0.9), 0.0)
    misses = ExpectedCount.of(np.full(40, 0.05), 0.0)
    found = expect(20, hits, misses)
    assert found.precision.value == pytest.approx(0.9)
    assert found.recall.value == pytest.approx(18 / 20)
    assert found.f1.value == pytest.approx(36 / 40)
    for one in (found.precision, found.recall, found.f1):
        assert 0 <= one.low < one.value < one.high <= 1
    assert found.expected == pytest.approx(20)


def test_images_that_differ_beside_chance_are_less_sure():
    probabilities = np.full(40, 0.7)
    same, other = (
        expect(40, ExpectedCount.of(probabilities, spread), ExpectedCount(0, 0, 0)).precision
        for spread in (0.0, 1.0)
    )
    assert other.high - other.low > same.high - same.low


def test_nothing_reported_has_no_precision():
    found = expect(0, ExpectedCount(0, 0, 0), ExpectedCount(2, 1.5, 0))
    assert np.isnan(found.precision.value)
    assert found.recall.value == 0


def test_of_few_defects_many_errors_are_expected_only_where_that_is_sure():
    # One of two right and no other one expected: the F1 may be anything. None of two right and six
    # missed: it is surely low.
    open_ = expect(2, ExpectedCount(1.0, 0.5, 0.0), ExpectedCount(0.0, 0.0, 0.0))
    sure = expect(2, ExpectedCount(0.3, 0.25, 0.0), ExpectedCount(6.0, 5.0, 0.0))
    assert not open_.is_enough
    assert not sure.is_enough
    assert (open_.is_poor, sure.is_poor) == (False, True)


def test_of_many_defects_the_expected_f1_itself_decides():
    right, none = ExpectedCount(19.0, 0.95, 0.0), ExpectedCount(0.0, 0.0, 0.0)
    half = ExpectedCount(10.0, 5.0, 0.0)
    assert expect(20, right, none).is_enough
    assert (expect(20, right, none).is_poor, expect(20, half, none).is_poor) == (False, True)
