import numpy as np
import pytest
from quick_gan import STEP, Clock, Script, quick_gan, quick_recipe, use_small_frames

from stemzoo import plotting
from stemzoo.adaptation import best_weights, cyclegan, fcn
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.training import budget


@pytest.fixture
def clock(monkeypatch):
    """Train by a clock of its own, in small blocks."""
    clock = Clock()
    monkeypatch.setattr(cyclegan, "time", clock)
    monkeypatch.setattr(best_weights, "time", clock)
    monkeypatch.setattr(fcn, "time", clock)
    monkeypatch.setattr(budget, "time", clock)
    use_small_frames(monkeypatch)

    # A plot after each block would take most of the time.
    monkeypatch.setattr(plotting, "plot_training_log", lambda rows, path: path.touch())

    def tick(self, batch, logs=None):
        clock.now += STEP
        original(self, batch, logs)

    original = budget.TimeBudget.on_train_batch_end
    monkeypatch.setattr(budget.TimeBudget, "on_train_batch_end", tick)
    return clock


@pytest.fixture
def adapt(clock, monkeypatch, day_b):
    """Adapt a quick network in a minute of that clock; `misfits` of the judgements are given."""

    def run(misfits=lambda i: 1 / (i + 1), *, parent=None, unsafe=(), recipe=None, **options):
        script = Script(clock, misfits, unsafe)
        monkeypatch.setattr(cyclegan, "TranslationJudge", script)
        given = {"minutes": 1.0, "rng": np.random.default_rng(0), **options}
        images = [frame.image for frame in day_b[:2]]
        adapted = fit_adapt(parent or quick_gan(), images, recipe=recipe or quick_recipe(), **given)
        return adapted, script

    return run
