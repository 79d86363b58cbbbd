import pytest
from quick_gan import STEP, Clock, ScriptedJudge, quick_gan, quick_recipe
from still_translator import Translator

from stemzoo import plotting
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.fine_tuning import AdaptationRun
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training import budget


@pytest.fixture
def clock(monkeypatch):
    """Train by a clock of its own: a step takes a second of it."""
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    # A plot after each block would take most of the time.
    monkeypatch.setattr(plotting, "plot_training_log", lambda rows, path: path.touch())

    def tick(self, batch, logs=None):
        clock.now += STEP
        original(self, batch, logs)

    original = budget.TimeBudget.on_train_batch_end
    monkeypatch.setattr(budget.TimeBudget, "on_train_batch_end", tick)
    return clock


@pytest.fixture(scope="session")
def large_frames():
    """Two frames of day A, of 512 x 512 pixels, with some 20 vacancies each, which stand out."""
    return list(simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=7))


@pytest.fixture(scope="session")
def large_session(large_frames):
    """What was measured on these, with filtered simulations in small frames."""
    session = ExperimentalSession.of([frame.image for frame in large_frames], Translator())
    session.filtered_simulator(0, 128)
    return session


@pytest.fixture(scope="session")
def session(day_b):
    """Two images of day B, measured for quick networks."""
    model = quick_gan()
    images = [frame.image for frame in day_b[:2]]
    return ExperimentalSession.measure(images, model.material, model.sampling, model.patch_size)


@pytest.fixture
def adapt(clock, session):
    """Adapt a quick network in a minute of that clock; `misfits` of the judgements are given."""

    def run(
        misfits=lambda i: 1 / (i + 1),
        *,
        parent=None,
        unsafe=(),
        recipe=None,
        minutes=1.0,
        out=None,
        **options,
    ):
        judge = ScriptedJudge(clock, misfits, unsafe)
        parent, recipe = parent or quick_gan(), recipe or quick_recipe()
        limit = budget.TimeBudget(60 * minutes)
        given = {"seed": 0, "judge": judge, **options}
        run = AdaptationRun(parent, session, recipe, limit, out, **given)
        run.resume()
        result = run.run()
        return result.model, result.report, judge

    return run
