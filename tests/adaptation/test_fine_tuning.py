import json
import signal

import numpy as np
import pytest
from places import TESTS
from quick_gan import JUDGEMENT, ScriptedJudge, assert_same, differ, quick_gan, quick_recipe

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.best_weights import BEST_FILE
from stemzoo.adaptation.fine_tuning import AdaptationRun, adapted_name, successor
from stemzoo.adaptation.judgement import Stopped
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.training.budget import TimeBudget
from stemzoo.training.state import STATE_FILE


def test_if_nothing_agrees_better_the_start_is_returned_to_the_bit(adapt):
    parent = quick_gan()
    before = parent.get_weights()
    adapted, report, judge = adapt(lambda i: 1 + i, parent=parent)
    assert judge.calls > 5
    assert differ(judge.weights[-1], before)  # it was trained
    assert_same(adapted.get_weights(), before)
    assert not report.helped
    assert str(report).startswith("adapting did not help (none agreed better)")


@pytest.mark.parametrize("best", [2, -1])
def test_the_best_weights_are_returned_not_the_last(adapt, best):
    adapted, report, judge = adapt(lambda i: 0.1 if i == best else 1 / (i + 1) if best < 0 else 1.0)
    assert_same(adapted.get_weights(), judge.weights[best])
    assert report.helped
    assert report.best is report.judgements[best]


def test_weights_that_lose_labels_are_not_returned_however_well_they_agree(adapt):
    adapted, _, judge = adapt(unsafe=(2, 4))
    assert_same(adapted.get_weights(), judge.weights[judge.calls - 1])
    adapted, report, judge = adapt(lambda i: 0.1 if i == 2 else 0.5 if i == 1 else 1.0, unsafe=(2,))
    assert_same(adapted.get_weights(), judge.weights[1])
    assert report.stopped == Stopped.NOT_STOPPED


def test_a_run_that_goes_on_losing_labels_is_stopped_and_rolled_back(adapt, clock):
    adapted, report, judge = adapt(unsafe=range(3, 99))
    # Twice in a row, then no more time is spent.
    assert judge.calls == 5
    assert clock.now < 45
    assert report.stopped == Stopped.LABELS
    assert_same(adapted.get_weights(), judge.weights[2])


def test_a_run_that_loses_labels_at_once_returns_the_start(adapt):
    parent = quick_gan()
    adapted, report, _ = adapt(parent=parent, unsafe=range(1, 99))
    assert "labels no longer held" in str(report)
    assert_same(adapted.get_weights(), parent.get_weights())


def test_the_parent_is_not_changed(adapt):
    parent = quick_gan()
    parent.discriminators[0].trainable = False
    before, config = parent.get_weights(), parent.get_config()
    adapted, _, _ = adapt(parent=parent)
    assert_same(parent.get_weights(), before)
    assert parent.get_config() == config
    assert not parent.discriminators[0].trainable
    assert adapted is not parent
    assert differ(adapted.get_weights(), before)


def test_the_new_model_knows_what_it_is(adapt, day_b):
    adapted, _, _ = adapt()
    assert adapted.session == "dayX-adapted"
    assert (adapted.material, adapted.patch_size, adapted.sampling) == ("wse2", 32, 0.2074)
    middle, spread = adapted.rotation
    # A hexagonal lattice repeats after 60 degrees.
    true = day_b[0].conditions.rotation
    assert abs((middle - true + 30) % 60 - 30) < 10
    assert spread >= 1
    assert adapt(name="dayZ")[0].session == "dayZ"


def test_a_successor_is_named_once():
    first = successor(quick_gan(), None, (3.0, 1.0))
    second = successor(first, None, None)
    assert (first.name, first.session) == ("quick-adapted", "dayX-adapted")
    assert (second.name, second.session) == (first.name, first.session)
    assert adapted_name(first.name) == first.name


def test_the_same_seed_gives_the_same_weights(adapt):
    weights = [adapt(seed=seed)[0].get_weights() for seed in (1, 1, 2)]
    for a, b in zip(*weights[:2], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert any(not np.allclose(a, c, atol=1e-5) for a, c in zip(*weights[::2], strict=True))


# What is trained, and on what


def layers_that_changed(networks, others):
    return {
        (network.name, layer.name)
        for network, other in zip(networks, others, strict=True)
        for layer, its in zip(network.layers, other.layers, strict=True)
        if layer.weights and differ(layer.get_weights(), its.get_weights())
    }


def all_layers(networks):
    return {(n.name, layer.name) for n in networks for layer in n.layers if layer.weights}


def test_everything_learns_where_nothing_is_frozen(adapt):
    parent = quick_gan(depth=2)
    adapted, _, _ = adapt(parent=parent, recipe=quick_recipe(frozen="nothing"))
    for networks, others in (
        (adapted.generators, parent.generators),
        (adapted.discriminators, parent.discriminators),
    ):
        assert layers_that_changed(networks, others) == all_layers(networks)


def test_discriminators_keep_their_lower_half_unless_told_otherwise(adapt):
    parent = quick_gan(depth=2)
    adapted, _, _ = adapt(parent=parent)
    changed = layers_that_changed(adapted.discriminators, parent.discriminators)
    kept = all_layers(adapted.discriminators) - changed
    assert {layer for _, layer in kept} == {"down0", "down1", "down1_norm"}
    assert len(kept) == 3 * len(adapted.discriminators)
    assert layers_that_changed(adapted.generators, parent.generators) == all_layers(
        adapted.generators
    )


def test_what_was_frozen_can_be_trained_again(adapt):
    parent = quick_gan()
    adapted, _, _ = adapt(parent=parent)
    for network, other in zip(
        (*adapted.generators, *adapted.discriminators),
        (*parent.generators, *parent.discriminators),
        strict=True,
    ):
        assert len(network.trainable_variables) == len(other.trainable_variables)
        assert all(layer.trainable for layer in network.layers)


def test_a_recipe_that_cannot_be_is_one_line():
    with pytest.raises(ValueError, match="nothing or discriminators. Received: 'all'"):
        quick_recipe(frozen="all")


def test_what_is_judged_by_is_not_learnt_from(session):
    whole = rescale_group(session.images)
    for part, image in zip(session.held_out.training, whole, strict=True):
        np.testing.assert_allclose(part, image[: 256 - 256 // 5], atol=1e-6)


def test_simulations_that_are_given_are_used(session, clock):
    (frame,) = simulate_session(domain_session("wse2", 0.2074), 1, (100, 120), seed=8)
    run = AdaptationRun(
        quick_gan(), session, quick_recipe(), TimeBudget(60), seed=0, simulated=[frame.image]
    )
    (simulated,) = run.simulated
    np.testing.assert_array_equal(simulated, rescale_group([frame.image])[0])


def test_its_own_simulations_are_those_of_the_clean_session(session, clock):
    run = AdaptationRun(quick_gan(), session, quick_recipe(), TimeBudget(60), seed=5)
    clean = session.clean_session()
    frames = simulate_session(clean, 2, (128, 128), seed=5)
    expected = rescale_group([frame.image for frame in frames])
    for image, other in zip(run.simulated, expected, strict=True):
        np.testing.assert_array_equal(image, other)
    assert (clean.rotation.mean, clean.rotation.std) == run.model.rotation


def test_simulations_that_are_too_small_are_one_line(session):
    with pytest.raises(ValueError, match="at least 32 px a side.*Received: 20 x 20 px"):
        AdaptationRun(
            quick_gan(), session, quick_recipe(), TimeBudget(60), seed=0, simulated=[np.eye(20)]
        )


# Time


@pytest.mark.parametrize("minutes", [0.75, 2.0])
def test_the_time_is_kept_within_a_tenth(adapt, clock, minutes):
    _, report, judge = adapt(minutes=minutes)
    assert clock.now == pytest.approx(60 * minutes, rel=0.1)
    assert report.seconds == pytest.approx(clock.now)
    assert judge.calls >= 8


def test_what_improves_is_reported(adapt):
    lines = []
    _, _, judge = adapt(report=lines.append)
    assert len(lines) == judge.calls
    assert lines[0].startswith("0.0 min  0 steps  misfit 1.00")
    assert "misfit 0.50" in lines[1]


def test_hardly_any_time_is_no_error(adapt):
    _, report, judge = adapt(minutes=0.01)
    assert "did not help" in str(report)
    assert judge.calls == 1
    assert report.seconds == JUDGEMENT


# Filtered simulations, which would be used instead


@pytest.mark.parametrize(
    ("misfit", "kernel_distance", "stopped", "seconds"),
    [
        (0.1, 3.0, "rival", 35),
        # Nothing tells its frames from the images.
        (0.1, 1.0, "rival", 20),
        # As near as translations are: these would not be used.
        (0.4, 3.0, "rival", 35),
        (2.0, 20.0, "time", 60),
        (None, None, "time", 60),
    ],
)
def test_where_translations_are_not_clearly_nearer_after_half_of_the_time_the_rest_is_left(
    adapt, clock, misfit, kernel_distance, stopped, seconds
):
    rival = None if misfit is None else Agreement(misfit, kernel_distance, misfit)
    _, report, _ = adapt(lambda i: max(1 / (i + 1), 0.4), rival=rival)
    assert report.stopped == stopped
    assert report.helped
    # A judgement each eighth of the minute.
    assert clock.now == pytest.approx(seconds, abs=9)


def test_where_there_is_another_way_three_quarters_of_a_minute_are_not_spent_on_training(
    adapt, clock
):
    _, report, _ = adapt(minutes=0.8, rival=Agreement(0.1, 3.0, 0.1))
    assert "filtered simulations do about as well" in str(report)
    assert report.stopped == Stopped.RIVAL
    assert clock.now == JUDGEMENT


@pytest.mark.parametrize(("misfit", "minutes"), [(2.0, 0.8), (None, 0.45)])
def test_where_translations_are_clearly_nearer_they_are_used(adapt, clock, misfit, minutes):
    rival = None if misfit is None else Agreement(misfit, 20.0, misfit)
    _, report, _ = adapt(minutes=minutes, rival=rival)
    assert report.helped
    assert clock.now == pytest.approx(60 * minutes, abs=3)


def test_simulations_that_do_as_well_as_any_translation_are_named(adapt):
    _, report, _ = adapt(lambda i: 1.0 + i, rival=Agreement(0.1, 3.0, 0.1))
    assert "did not help (filtered simulations do about as well)" in str(report)


# Runs that go on


def test_an_interrupted_run_goes_on(adapt, clock, tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 4:
            raise KeyboardInterrupt

    lines = []
    with pytest.raises(KeyboardInterrupt):
        adapt(out=tmp_path, report=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [BEST_FILE, STATE_FILE, "training_log.csv", "training_log.png"]
    )
    spent, clock.now = clock.now, 0.0
    # Judged 0.2, 0.25, ... from here on.
    _, report, judge = adapt(lambda i: 1 / (5 + i), out=tmp_path, report=lines.append)
    judged = report.judgements
    misfits = [judgement.misfit for judgement in judged[:5]]
    assert misfits == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    steps = [judgement.steps for judgement in judged]
    assert steps == sorted(steps)
    assert len(judged) == 4 + judge.calls
    # A judgement at most is not counted.
    assert spent + clock.now == pytest.approx(60, abs=0.1 * 60)
    assert report.seconds == pytest.approx(60, abs=0.1 * 60)
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
    adapted, report, judge = adapt(lambda i: 0.5, out=tmp_path)
    assert judge.calls > 0
    assert_same(adapted.get_weights(), best)
    assert report.best.misfit == 0.1


def test_a_run_that_is_done_is_not_done_again(adapt, tmp_path):
    first, _, _ = adapt(out=tmp_path)
    again, _, judge = adapt(lambda i: 2.0, out=tmp_path)
    assert judge.calls <= 1
    assert_same(first.get_weights(), again.get_weights())


def test_a_run_that_was_ended_is_not_gone_on_with(adapt, clock, tmp_path):
    rival = Agreement(0.1, 3.0, 0.1)
    first, _, _ = adapt(lambda i: max(1 / (i + 1), 0.4), rival=rival, out=tmp_path)
    spent = clock.now
    again, report, judge = adapt(rival=rival, out=tmp_path)
    assert judge.calls == 0
    assert clock.now == spent
    assert report.stopped == Stopped.RIVAL
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
from stemzoo.adaptation import fit_adapt
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
fit_adapt(quick_gan(), images, minutes=5, recipe=recipe, out="run", rng=rng)
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
    adapted, report, judge = adapt(lambda i: 0.01, out=out)
    judged = report.judgements
    assert [old.seconds for old in judged[: len(kept)]] == [old["seconds"] for old in kept]
    # It went on from the saved state, and its time counts.
    assert judged[-1].steps > 2 * len(rows)
    assert judged[len(kept)].seconds > rows[-1]["seconds"]
    assert_same(adapted.get_weights(), judge.weights[0])


def test_a_loss_that_is_not_finite_stops_and_keeps_the_best_weights(clock, session, tmp_path):
    def poison(i):
        if i == 2:
            weight = run.model.discriminators[0].weights[0]
            weight.assign(np.full(weight.shape, np.nan))
        return 1 / (i + 1) if i < 2 else 2.0

    judge = ScriptedJudge(clock, poison)
    run = AdaptationRun(
        quick_gan(), session, quick_recipe(), TimeBudget(60), tmp_path, seed=0, judge=judge
    )
    run.resume()
    with pytest.raises(FloatingPointError, match="not finite"):
        run.run()
    with np.load(tmp_path / BEST_FILE) as file:
        assert all(np.isfinite(file[key]).all() for key in file.files if key != "judgements")
