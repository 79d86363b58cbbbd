import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from quick_gan import quick_gan, quick_recipe, use_small_frames

import stemzoo
from stemzoo import plotting
from stemzoo.adaptation import fine_tuning
from stemzoo.adaptation.fine_tuning import BEST, RUN, fit_adapt
from stemzoo.adaptation.held_out import Agreement, HeldOut, cut_patches
from stemzoo.adaptation.judging import Judgement
from stemzoo.io import Image
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.training import budget
from stemzoo.training.state import STATE_FILE
from stemzoo.translation import translate

STEP, JUDGEMENT = 1.0, 4.0  # seconds


class Clock:
    """A clock that goes on by a second a step, and by four a judgement."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


class Script:
    """Stand in for `Judge`: it says what it is told, and remembers what it saw."""

    def __init__(self, clock, misfits, unsafe=()):
        self.clock, self.misfits, self.unsafe = clock, misfits, unsafe
        self.calls, self.weights = 0, []

    def __call__(self, *_, **__):
        self.start = None
        return self.judge

    @property
    def judge(self):
        script = self

        class Judge:
            start = None

            def __call__(self, model, seconds, steps):
                i = script.calls
                script.calls += 1
                script.weights.append(model.get_weights())
                script.clock.now += JUDGEMENT
                misfit = float(script.misfits(i))
                labels, safe = None, i not in script.unsafe
                one = Agreement(misfit, misfit, misfit)
                return Judgement(seconds, steps, one, labels, misfit, safe)

        return Judge()


@pytest.fixture
def clock(monkeypatch):
    """Train by a clock of its own, in small blocks."""
    clock = Clock()
    monkeypatch.setattr(fine_tuning, "time", clock)
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
        monkeypatch.setattr(fine_tuning, "Judge", script)
        given = {"minutes": 1.0, "rng": np.random.default_rng(0), **options}
        images = [frame.image for frame in day_b[:2]]
        adapted = fit_adapt(parent or quick_gan(), images, recipe=recipe or quick_recipe(), **given)
        return adapted, script

    return run


def assert_same(weights, others):
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(weights, others):
    return any(not np.array_equal(a, b) for a, b in zip(weights, others, strict=True))


# What is returned


def test_if_nothing_agrees_better_the_start_is_returned_to_the_bit(adapt):
    parent = quick_gan()
    before = parent.get_weights()
    with pytest.warns(UserWarning, match=r"adapting did not help \(none agreed better\)"):
        adapted, script = adapt(lambda i: 1 + i, parent=parent)
    assert script.calls > 5
    assert differ(script.weights[-1], before)  # it was trained
    assert_same(adapted.get_weights(), before)
    assert not adapted.adaptation.helped


@pytest.mark.parametrize("best", [2, -1])
def test_the_best_weights_are_returned_not_the_last(adapt, best):
    adapted, script = adapt(lambda i: 0.1 if i == best else 1 / (i + 1) if best < 0 else 1.0)
    assert_same(adapted.get_weights(), script.weights[best])
    assert adapted.adaptation.helped
    assert adapted.adaptation.best is adapted.adaptation.judgements[best]


def test_weights_that_lose_labels_are_not_returned_however_well_they_agree(adapt):
    adapted, script = adapt(unsafe=(2, 4))
    last = script.calls - 1
    assert_same(adapted.get_weights(), script.weights[last])
    adapted, script = adapt(lambda i: 0.1 if i == 2 else 0.5 if i == 1 else 1.0, unsafe=(2,))
    assert_same(adapted.get_weights(), script.weights[1])
    assert adapted.adaptation.stopped == "time"


def test_a_run_that_goes_on_losing_labels_is_stopped_and_rolled_back(adapt, clock):
    adapted, script = adapt(unsafe=range(3, 99))
    # Twice in a row, then no more time is spent.
    assert script.calls == 5
    assert clock.now < 45
    assert adapted.adaptation.stopped == "labels"
    assert_same(adapted.get_weights(), script.weights[2])


def test_a_run_that_loses_labels_at_once_returns_the_start(adapt):
    parent = quick_gan()
    with pytest.warns(UserWarning, match="labels no longer held"):
        adapted, _ = adapt(parent=parent, unsafe=range(1, 99))
    assert_same(adapted.get_weights(), parent.get_weights())


def test_a_run_whose_translations_move_the_crystal_is_rolled_back(day_b, monkeypatch):
    """The same with the real judge: after the start, translations are shifted by 0.8 Å."""
    use_small_frames(monkeypatch)
    parent = quick_gan()
    calls = []

    def shifted(image, model, **options):
        calls.append(model)
        found = image.astype(np.float32)
        return found if model is parent else np.roll(found, 4, axis=1)

    monkeypatch.setattr("stemzoo.adaptation.judging.translate", shifted)
    monkeypatch.setattr("stemzoo.adaptation.fine_tuning._WATCHED", (2, 256))
    with pytest.warns(UserWarning, match="labels no longer held"):
        adapted = fit_adapt(
            parent, [day_b[0].image], minutes=0.2, recipe=quick_recipe(judgements=40)
        )
    assert adapted.adaptation.stopped == "labels"
    assert len(calls) == 2 * len(adapted.adaptation.judgements) == 6
    assert adapted.adaptation.seconds < 0.2 * 60
    assert_same(adapted.get_weights(), parent.get_weights())


def test_the_parent_is_not_changed(adapt):
    parent = quick_gan()
    parent.discriminators[0].trainable = False
    before, config = parent.get_weights(), parent.get_config()
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(replay=0.5, ema=0.9))
    assert_same(parent.get_weights(), before)
    assert parent.get_config() == config
    assert not parent.discriminators[0].trainable
    assert adapted is not parent
    assert differ(adapted.get_weights(), before)


def test_the_new_model_knows_what_it_is(adapt, day_b):
    adapted, _ = adapt()
    assert adapted.session == "dayX-adapted"
    assert (adapted.material, adapted.patch_size, adapted.sampling) == ("wse2", 32, 0.2074)
    middle, spread = adapted.rotation
    # A hexagonal lattice repeats after 60 degrees.
    true = day_b[0].conditions.rotation
    assert abs((middle - true + 30) % 60 - 30) < 10
    assert spread >= 1
    adapted, _ = adapt(session="dayZ")
    assert adapted.session == "dayZ"


def test_it_is_a_method_of_the_model_too(clock, monkeypatch, day_b):
    monkeypatch.setattr(fine_tuning, "Judge", Script(clock, lambda i: 1 / (i + 1)))
    adapted = quick_gan().fit_adapt([day_b[0].image], minutes=0.5, recipe=quick_recipe())
    assert adapted.adaptation.helped
    assert stemzoo.fit_adapt is fit_adapt


def test_the_same_rng_gives_the_same_weights(adapt):
    weights = [adapt(rng=np.random.default_rng(seed))[0].get_weights() for seed in (1, 1, 2)]
    for a, b in zip(*weights[:2], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert any(not np.allclose(a, c, atol=1e-5) for a, c in zip(*weights[::2], strict=True))


# Time


@pytest.mark.parametrize("minutes", [0.75, 2.0])
def test_the_time_is_kept_within_a_tenth(adapt, clock, minutes):
    adapted, script = adapt(minutes=minutes)
    assert clock.now == pytest.approx(60 * minutes, rel=0.1)
    assert adapted.adaptation.seconds == pytest.approx(clock.now)
    assert script.calls >= 8


def test_what_improves_is_reported(adapt):
    lines = []
    _, script = adapt(report=lines.append)
    assert len(lines) == script.calls
    assert lines[0].startswith("0.0 min  0 steps  misfit 1.00")
    assert "misfit 0.50" in lines[1]


def test_hardly_any_time_is_no_error(adapt):
    with pytest.warns(UserWarning, match="did not help"):
        adapted, script = adapt(minutes=0.01)
    assert script.calls == 1
    assert adapted.adaptation.seconds == JUDGEMENT


@pytest.mark.slow
def test_a_small_network_keeps_the_time_of_the_clock_on_the_wall(day_b, monkeypatch):
    use_small_frames(monkeypatch, block=25)
    parent = quick_gan(stemzoo.CycleGANSTEM, filters=4, depth=2, discriminator_filters=4)
    begun = time.monotonic()
    # Whether so short a training helps does not matter here.
    monkeypatch.setattr(fine_tuning.warnings, "warn", lambda *_, **__: None)
    adapted = fit_adapt(
        parent,
        [day_b[0].image],
        minutes=0.3,
        recipe=quick_recipe(),
        rng=np.random.default_rng(0),
    )
    seconds = time.monotonic() - begun
    assert seconds == pytest.approx(18, rel=0.1)
    assert adapted.adaptation.seconds == pytest.approx(seconds, abs=0.2)


# Recipes


def layers_that_changed(networks, others):
    return {
        (network.name, layer.name)
        for network, other in zip(networks, others, strict=True)
        for layer, its in zip(network.layers, other.layers, strict=True)
        if layer.weights and differ(layer.get_weights(), its.get_weights())
    }


def all_layers(networks):
    return {(n.name, layer.name) for n in networks for layer in n.layers if layer.weights}


def test_everything_learns_unless_told_otherwise(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent)
    for networks, others in (
        (adapted.generators, parent.generators),
        (adapted.discriminators, parent.discriminators),
    ):
        assert layers_that_changed(networks, others) == all_layers(networks)


def test_frozen_discriminators_keep_their_lower_half(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen="discriminators"))
    changed = layers_that_changed(adapted.discriminators, parent.discriminators)
    kept = all_layers(adapted.discriminators) - changed
    assert {layer for _, layer in kept} == {"down0", "down1", "down1_norm"}
    assert len(kept) == 3 * len(adapted.discriminators)
    assert layers_that_changed(adapted.generators, parent.generators) == all_layers(
        adapted.generators
    )


def test_frozen_inner_layers_leave_normalisations_and_the_ends(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen="inner layers"))
    changed = {name for _, name in layers_that_changed(adapted.generators, parent.generators)}
    assert {"down0", "last"} <= changed
    assert all("norm" in name for name in changed - {"down0", "last"})
    assert any("norm" in name for name in changed)
    assert len(changed) < len({name for _, name in all_layers(adapted.generators)})


@pytest.mark.parametrize("frozen", ["discriminators", "inner layers"])
def test_what_was_frozen_can_be_trained_again(adapt, frozen):
    parent = quick_gan()
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen=frozen))
    for network, other in zip(
        (*adapted.generators, *adapted.discriminators),
        (*parent.generators, *parent.discriminators),
        strict=True,
    ):
        assert len(network.trainable_variables) == len(other.trainable_variables)
        assert all(layer.trainable for layer in network.layers)


@pytest.fixture
def seen(monkeypatch):
    """Note which images a training is given."""
    found = []

    def note(experimental, simulated, *arguments, **options):
        found.append((list(experimental), list(simulated)))
        return original(experimental, simulated, *arguments, **options)

    original = fine_tuning.patch_dataset
    monkeypatch.setattr(fine_tuning, "patch_dataset", note)
    return found


@pytest.mark.parametrize(("replay", "count"), [(0.0, 2), (0.5, 4), (0.75, 8)])
def test_replay_adds_its_part_of_translations(adapt, seen, replay, count):
    adapt(recipe=quick_recipe(replay=replay))
    ((measured, _),) = seen
    assert len(measured) == count
    assert all(image.shape == (128, 128) for image in measured[2:])
    assert all(abs(image).max() <= 1 for image in measured[2:])


def test_what_is_judged_by_is_not_learnt_from(adapt, seen, day_b):
    adapt()
    ((measured, _),) = seen
    whole = rescale_group([frame.image for frame in day_b[:2]])
    for part, image in zip(measured, whole, strict=True):
        np.testing.assert_allclose(part, image[: 256 - 256 // 5], atol=1e-6)


def test_simulations_that_are_given_are_used(adapt, seen):
    (frame,) = simulate_session(domain_session("wse2", 0.2074), 1, (100, 120), seed=8)
    adapt(simulated=[frame.image])
    ((_, simulated),) = seen
    assert [image.shape for image in simulated] == [(100, 120)]


def test_its_own_simulations_are_turned_like_the_images(adapt, monkeypatch):
    drawn = []

    def note(session, *arguments, **options):
        drawn.append(session)
        return simulate_session(session, *arguments, **options)

    monkeypatch.setattr(fine_tuning, "simulate_session", note)
    adapted, _ = adapt()
    (session,) = drawn
    assert (session.material, session.sampling) == ("wse2", 0.2074)
    assert (session.rotation.mean, session.rotation.std) == adapted.rotation


def test_averaged_weights_are_judged_and_returned_but_not_trained(adapt, monkeypatch):
    # Judged after each step, so that every weight on the way is known.
    monkeypatch.setattr(fine_tuning, "_BLOCK", 1)
    often = {"judgements": 1000}
    rng = {"minutes": 0.8}
    _, raw = adapt(recipe=quick_recipe(**often), **rng)
    adapted, averaged = adapt(recipe=quick_recipe(ema=0.8, **often), **rng)
    assert raw.calls == averaged.calls > 4
    number = sum(len(network.weights) for network in adapted.generators)
    expected = raw.weights[0]
    for new, judged in zip(raw.weights[1:], averaged.weights[1:], strict=True):
        expected = [0.8 * a + 0.2 * b for a, b in zip(expected, new, strict=True)]
        for a, b in zip(expected[:number], judged[:number], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        # Discriminators are not averaged; that they are the same tells that training is.
        for b, c in zip(judged[number:], new[number:], strict=True):
            np.testing.assert_allclose(b, c, atol=1e-5)
    assert_same(adapted.get_weights(), averaged.weights[-1])


# Going on


def test_an_interrupted_run_goes_on(adapt, clock, tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 4:
            raise KeyboardInterrupt

    lines = []
    with pytest.raises(KeyboardInterrupt):
        adapt(out=tmp_path, report=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [RUN, BEST, STATE_FILE, "training_log.csv", "training_log.png"]
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
    with np.load(tmp_path / BEST) as file:
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


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import numpy as np
from quick_gan import quick_gan, quick_recipe
from stemzoo.adaptation import fine_tuning
fine_tuning._WATCHED, fine_tuning._BLOCK = (1, 256), 2
images = [np.load("image.npy")]
written, write = [], np.savez

def half(file, **arrays):
    written.append({key!r} in arrays)
    if sum(written) == 3:
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(file, **arrays)

np.savez = half
recipe = quick_recipe(judgements=100)
fine_tuning.fit_adapt(quick_gan(), images, minutes=0.5, recipe=recipe, out="run", rng=None)
"""


@pytest.mark.parametrize("key", ["log", "judgements"])
def test_a_run_that_is_killed_while_it_writes_goes_on(python, tmp_path, adapt, day_b, key):
    np.save(tmp_path / "image.npy", day_b[0].image)
    code = KILLED.format(tests=str(Path(__file__).parents[1]), key=key)
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    out = tmp_path / "run"
    with np.load(out / BEST) as file:
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

    original = fine_tuning._compile
    monkeypatch.setattr(fine_tuning, "_compile", note)
    with pytest.raises(FloatingPointError, match="not finite"):
        adapt(poison, out=tmp_path)
    with np.load(tmp_path / BEST) as file:
        assert all(np.isfinite(file[key]).all() for key in file.files if key != "judgements")


# Bad input


def bad_inputs(day_b):
    (graphene,) = simulate_session(find_session("graphene"), 1, (256, 256), seed=1)
    image = day_b[0].image
    nan = image.astype(float)
    nan[0, 0] = np.nan
    noise = np.random.default_rng(0).normal(size=(256, 256))
    return {
        "no image": ([], "at least one|one measured image or more"),
        "blank": ([np.zeros((256, 256))], "an image with contrast"),
        "NaN": ([image, nan], "image 1: expected finite values"),
        "tiny": ([image[:40, :40]], "at least 64 px"),
        "too small to divide": ([image[:120, :80]], "half of it to learn from"),
        "another material": ([Image(graphene.image, graphene.sampling)], "it fits graphene"),
        "no lattice": ([noise], "Expected images of wse2"),
        "mixed": ([Image(image, 0.2), Image(image, 0.1)], "images of one pixel size"),
    }


@pytest.fixture
def no_time(monkeypatch):
    """Fail as soon as any time is spent."""

    def fail(*_, **__):
        pytest.fail("time was spent")

    for name in ("simulate_session", "Judge", "patch_dataset"):
        monkeypatch.setattr(fine_tuning, name, fail)


@pytest.mark.parametrize(
    "case",
    [
        "no image",
        "blank",
        "NaN",
        "tiny",
        "too small to divide",
        "another material",
        "no lattice",
        "mixed",
    ],
)
def test_bad_images_are_one_line_before_any_time_is_spent(case, day_b, no_time, tmp_path):
    images, words = bad_inputs(day_b)[case]
    parent = quick_gan(patch_size=64)
    with pytest.raises(ValueError, match=words) as caught:
        fit_adapt(parent, images, out=tmp_path / "out")
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("minutes", [0, -1.0, float("nan")])
def test_a_time_that_is_none_is_one_line(minutes, day_b, no_time):
    with pytest.raises(ValueError, match=f"minutes is positive. Received: {minutes}"):
        fit_adapt(quick_gan(), [day_b[0].image], minutes=minutes)


def test_a_model_that_cannot_be_adapted_is_one_line(day_b, no_time, tiny_model):
    with pytest.raises(ValueError, match="whose material is known.*Received: quick"):
        fit_adapt(quick_gan(material=None), [day_b[0].image])
    with pytest.raises(ValueError, match="Expected a CycleGANSTEM.*Received: tiny"):
        fit_adapt(tiny_model, [day_b[0].image])


def test_simulations_that_are_too_small_are_one_line(day_b):
    with pytest.raises(ValueError, match="at least 32 px a side.*Received: 20 x 20 px"):
        fit_adapt(quick_gan(), [day_b[0].image], simulated=[np.eye(20)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frozen": "all"}, "nothing or discriminators or inner layers. Received: 'all'"),
        ({"replay": 1.0}, "replay and ema are at least 0 and below 1. Received: 1.0, 0"),
        ({"ema": -0.1}, "replay and ema are at least 0 and below 1"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        quick_recipe(**options)


def test_saturated_images_are_warned_of_and_used(adapt, day_b, clock, monkeypatch):
    monkeypatch.setattr(fine_tuning, "Judge", Script(clock, lambda i: 1 / (i + 1)))
    image = np.minimum(day_b[0].image, np.quantile(day_b[0].image, 0.9))
    with pytest.warns(UserWarning, match="10% of the pixels are at one end of the scale"):
        adapted = fit_adapt(quick_gan(), [image], minutes=0.5, recipe=quick_recipe())
    assert adapted.adaptation.helped


# Copies


def nearest(generated, given):
    """Median distance of patches to the nearest of some others, both of mean 0 and variance 1."""
    flat = [patches.reshape(len(patches), -1) for patches in (generated, given)]
    flat = [(x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) for x in flat]
    return float(np.median(1 - (flat[0] @ flat[1].T).max(axis=1) / flat[0].shape[1]))


def shifted_patches(image, patch=48, step=6):
    """Patches at every sixth pixel."""
    rows, columns = (range(0, n - patch + 1, step) for n in image.shape)
    return np.stack([image[r : r + patch, c : c + patch] for r in rows for c in columns])


@pytest.mark.slow
def test_one_image_is_not_learnt_by_heart(monkeypatch):
    frames = list(simulate_session(find_session("wse2-dayB"), 2, (512, 512), seed=11))
    parent = stemzoo.load("cyclegan-wse2-dayA", training=True)
    given, unseen = (frame.image for frame in frames)
    adapted = fit_adapt(parent, [given], minutes=0.5, rng=np.random.default_rng(0))
    assert adapted.adaptation.helped
    held = HeldOut.split([given], 128).training[0]
    other = rescale_group([unseen])[0][: held.shape[0]]
    (clean,) = simulate_session(
        domain_session("wse2", parent.sampling, adapted.rotation), 1, (256, 256), seed=3
    )
    translated = translate(clean.image, adapted, rng=np.random.default_rng(0))
    patches = cut_patches(translated, 48)
    distances = [nearest(patches, shifted_patches(image)) for image in (held, other)]
    assert distances[0] > 0.95 * distances[1]
    # What a copy would measure.
    rng = np.random.default_rng(0)
    copies = cut_patches(held[:256, :256] + rng.normal(0, 0.1, (256, 256)), 48)
    assert nearest(copies, shifted_patches(held)) < 0.7 * nearest(copies, shifted_patches(other))
