import json
import signal

import numpy as np
import pytest
from places import TESTS
from quick_gan import (
    assert_same,
    quick_gan,
)

from stemzoo.adaptation import cyclegan
from stemzoo.adaptation.best_weights import BEST_FILE
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.run import RUN
from stemzoo.training.state import STATE_FILE


def test_an_interrupted_run_goes_on(adapt, clock, tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 4:
            raise KeyboardInterrupt

    lines = []
    with pytest.raises(KeyboardInterrupt):
        adapt(out=tmp_path, report=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [RUN, BEST_FILE, STATE_FILE, "training_log.csv", "training_log.png"]
    )
    seed, spent, clock.now = json.loads((tmp_path / RUN).read_text()), clock.now, 0.0
    # Judged 0.2, 0.25, ... from here on; another seed changes nothing.
    adapted, script = adapt(
        lambda i: 1 / (5 + i), out=tmp_path, rng=np.random.default_rng(9), report=lines.append
    )
    assert json.loads((tmp_path / RUN).read_text()) == seed
    judged = adapted.adaptation.judgements
    assert [one.misfit for one in judged[:5]] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    steps = [one.steps for one in judged]
    assert steps == sorted(steps)
    assert len(judged) == 4 + script.calls
    # A judgement at most is not counted.
    assert spent + clock.now == pytest.approx(60, abs=0.1 * 60)
    assert adapted.adaptation.seconds == pytest.approx(60, abs=0.1 * 60)
    assert clock.now < 60 - 0.7 * spent


def test_the_best_weights_of_before_are_kept(adapt, tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 5:
            raise KeyboardInterrupt

    lines = []
    with pytest.raises(KeyboardInterrupt):
        adapt(lambda i: 0.1 if i == 2 else 1.0, out=tmp_path, report=interrupt)
    with np.load(tmp_path / BEST_FILE) as file:
        best = [file[f"w{i}"] for i in range(len(file.files) - 1)]
    adapted, script = adapt(lambda i: 0.5, out=tmp_path)
    assert script.calls > 0
    assert_same(adapted.get_weights(), best)
    assert adapted.adaptation.best.misfit == 0.1


def test_a_run_that_is_done_is_not_done_again(adapt, tmp_path):
    first, _ = adapt(out=tmp_path)
    again, script = adapt(lambda i: 2.0, out=tmp_path)
    assert script.calls <= 1
    assert_same(first.get_weights(), again.get_weights())


def test_a_run_of_another_network_is_not_gone_on_with(adapt, tmp_path):
    adapt(out=tmp_path)
    with pytest.raises(ValueError, match="another network's training"):
        adapt(parent=quick_gan(filters=4), out=tmp_path)


def test_a_run_on_other_images_is_not_gone_on_with(adapt, tmp_path, day_b):
    adapt(out=tmp_path, minutes=0.3)
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(ValueError, match="expected a new folder, or one of the same images"):
        fit_adapt(quick_gan(), [day_b[2].image], out=tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import numpy as np
from quick_gan import quick_gan, quick_recipe
from stemzoo.adaptation import cyclegan
cyclegan._WATCHED, cyclegan._BLOCK = (1, 256), 2
images = list(np.load("images.npy"))
written, write = [], np.savez

def half(file, **arrays):
    written.append({key!r} in arrays)
    if sum(written) == 3:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, **arrays)

np.savez = half
recipe, rng = quick_recipe(judgements=1000), np.random.default_rng(0)
cyclegan.fit_adapt(quick_gan(), images, minutes=5, recipe=recipe, out="run", rng=rng)
"""


@pytest.mark.parametrize("key", ["log", "judgements"])
def test_a_run_that_is_killed_while_it_writes_goes_on(python, tmp_path, adapt, day_b, key):
    np.save(tmp_path / "images.npy", [frame.image for frame in day_b[:2]])
    code = KILLED.format(tests=str(TESTS), key=key)
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    out = tmp_path / "run"
    with np.load(out / BEST_FILE) as file:
        kept = json.loads(str(file["judgements"]))
    with np.load(out / STATE_FILE) as state:
        rows = json.loads(str(state["log"]))
    assert kept
    assert rows
    adapted, script = adapt(lambda i: 0.01, out=out, minutes=1.0)
    judged = adapted.adaptation.judgements
    assert [one.seconds for one in judged[: len(kept)]] == [one["seconds"] for one in kept]
    # It went on from the saved state, and its time counts.
    assert judged[-1].steps > 2 * len(rows)
    assert judged[len(kept)].seconds > rows[-1]["seconds"]
    assert_same(adapted.get_weights(), script.weights[0])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_best_weights(adapt, tmp_path, monkeypatch):
    def poison(i):
        if i == 2:
            weight = models[-1].discriminators[0].weights[0]
            weight.assign(np.full(weight.shape, np.nan))
        return 1 / (i + 1) if i < 2 else 2.0

    models = []

    def note(*arguments):
        models.append(arguments[0])
        return original(*arguments)

    original = cyclegan._compile
    monkeypatch.setattr(cyclegan, "_compile", note)
    with pytest.raises(FloatingPointError, match="not finite"):
        adapt(poison, out=tmp_path)
    with np.load(tmp_path / BEST_FILE) as file:
        assert all(np.isfinite(file[key]).all() for key in file.files if key != "judgements")
