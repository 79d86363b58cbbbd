from dataclasses import replace

import keras
import numpy as np
import pytest

from stemzoo.training import budget as module
from stemzoo.training.budget import TimeBudget, TimedRate
from stemzoo.training.fcn import train_fcn
from stemzoo.training.recipes import FCNRecipe


class Clock:
    """A clock that only goes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Model:
    stop_training = False


def train(budget, clock, cost):
    """Do as `fit` does, with steps of a given cost [s]; return how many there were."""
    budget.set_model(Model())
    steps = 0
    while not budget.model.stop_training:
        budget.on_train_batch_begin(steps)
        clock.now += cost
        budget.on_train_batch_end(steps)
        steps += 1
    return steps


def test_it_stops_at_the_first_step_that_ends_too_late(clock):
    budget = TimeBudget(10.0)
    assert train(budget, clock, 0.75) == 14  # 13 of them take 9.75 s
    assert budget.used == pytest.approx(10.5)


def test_time_that_was_used_before_counts(clock):
    assert train(TimeBudget(10.0, used=4.0), clock, 1.0) == 6
    budget = TimeBudget(10.0)
    budget.add_used(7.0)
    assert (budget.used, budget.left) == (7.0, 3.0)
    assert train(budget, clock, 1.0) == 3


def test_time_is_kept_for_what_comes_after(clock):
    budget = TimeBudget(10.0)
    budget.reserved = 2.5
    assert budget.left == 7.5
    assert train(budget, clock, 0.5) == 15


def test_the_rate_is_constant_for_half_of_the_time_then_falls_linearly_to_zero(clock):
    budget = TimeBudget(10.0)
    budget.set_model(Model())
    rate = budget.schedule(TimedRate(0.2))
    rates = []
    for _ in range(6):
        budget.on_train_batch_begin(0)
        rates.append(float(rate(3)))
        clock.now += 2.5
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.2, 0.1, 0.0, 0.0], atol=1e-6)


def test_time_that_is_kept_is_no_time_to_train_at_a_rate_of_zero(clock):
    budget = TimeBudget(10.0)
    budget.set_model(Model())
    budget.reserved = 5.0
    rate = budget.schedule(TimedRate(0.2))
    clock.now += 3.75
    budget.on_train_batch_begin(0)
    assert float(rate(0)) == pytest.approx(0.1)  # 3/4 of the 5 s that are for training


def test_a_rate_is_what_its_config_says():
    again = TimedRate.from_config(TimedRate(0.3).get_config())
    assert float(again(0)) == pytest.approx(0.3)


def test_the_rate_follows_the_steps_where_these_end_first(clock):
    budget = TimeBudget(100.0)
    schedule = budget.schedule(TimedRate(1.0))
    budget.steps = 8
    budget.add_used(5.0, 2)
    rates = []
    budget.set_model(Model())
    for step in range(6):
        budget.on_train_batch_begin(step)
        rates.append(float(schedule(0)))
        clock.now += 1.0
        budget.on_train_batch_end(step)
    # From 2 of 8 steps on: constant for a half, then linearly to zero.
    assert rates == pytest.approx([1.0, 1.0, 1.0, 0.75, 0.5, 0.25])
    # Where time ends first, steps do not matter: 96 of 100 s.
    budget.steps = 1000
    clock.now += 85.0
    budget.on_train_batch_begin(6)
    assert float(schedule(0)) == pytest.approx(0.08)


def test_an_optimizer_follows_the_rate(clock):
    budget = TimeBudget(10.0)
    budget.set_model(Model())
    optimizer = keras.optimizers.SGD(budget.schedule(TimedRate(1.0)))
    weight = keras.Variable(0.0)
    values = []
    for _ in range(3):
        budget.on_train_batch_begin(0)
        optimizer.apply([keras.ops.ones(())], [weight])
        values.append(float(weight.value))
        clock.now += 5.0
    assert values == [-1.0, -2.0, -2.0]


def training(budget, recipe, **options):
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(64, 64))]
    masks = [(rng.random((64, 64)) < 0.1).astype(np.uint8)]
    return train_fcn(images, masks, recipe, classes=["a"], sampling=0.2, budget=budget, **options)


TINY = FCNRecipe(epochs=4, steps_per_epoch=3, batch_size=2, patch=16, filters=2, depth=1)


class Counter(keras.callbacks.Callback):
    """Each step takes a second."""

    def __init__(self, clock=None):
        super().__init__()
        self.clock, self.steps = clock, 0

    def on_train_batch_begin(self, batch, logs=None):
        self.steps += 1
        if self.clock is not None:
            self.clock.now += 1.0


def test_a_detector_trains_until_the_time_is_used_up(clock):
    counter = Counter(clock)
    training(TimeBudget(4.5), TINY, callbacks=[counter])
    assert counter.steps == 5


def test_a_detector_trains_no_longer_than_its_recipe(clock):
    counter = Counter()
    training(TimeBudget(1e6), TINY, callbacks=[counter])
    assert counter.steps == 4 * 3


def test_a_detector_that_has_no_time_does_not_change(clock):
    parent = training(None, TINY)
    before = parent.get_weights()
    counter = Counter()
    model = training(TimeBudget(10.0, used=20.0), TINY, model=parent, callbacks=[counter])
    assert counter.steps == 0
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(("begun", "now"), [("without", "with"), ("with", "without")])
def test_a_training_goes_on_with_a_budget_only_if_it_was_begun_with_one(tmp_path, begun, now):
    budgets = {"with": lambda: TimeBudget(1e6), "without": lambda: None}
    training(budgets[begun](), replace(TINY, epochs=1), out=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"begun {begun} a time .* Received: .* {now} a") as caught:
        training(budgets[now](), TINY, out=tmp_path)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
