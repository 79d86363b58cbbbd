import time
from types import SimpleNamespace

import numpy as np
import pytest
from quick_gan import (
    JUDGEMENT,
    Script,
    assert_same,
    differ,
    quick_gan,
    quick_recipe,
    use_small_frames,
)

import stemzoo
from stemzoo.adaptation import cyclegan
from stemzoo.adaptation.agreement import Agreement, cut_patches
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.frames import FilteredSimulator
from stemzoo.analysis.lattice import find_rotation
from stemzoo.inference.translation import translate
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session


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

    monkeypatch.setattr("stemzoo.adaptation.judgement.translate", shifted)
    monkeypatch.setattr("stemzoo.adaptation.cyclegan._WATCHED", (2, 256))
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
    monkeypatch.setattr(cyclegan, "TranslationJudge", Script(clock, lambda i: 1 / (i + 1)))
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
def test_a_network_with_gradients_is_trained_and_judged(day_b, monkeypatch):
    use_small_frames(monkeypatch, block=5)
    parent = quick_gan(stemzoo.CycleGANSTEM, filters=4, depth=2, discriminator_filters=4)
    begun = time.monotonic()
    # Whether so short a training helps does not matter here.
    monkeypatch.setattr(cyclegan.warnings, "warn", lambda *_, **__: None)
    adapted = fit_adapt(
        parent,
        [day_b[0].image],
        minutes=0.15,
        recipe=quick_recipe(judgements=3),
        rng=np.random.default_rng(0),
    )
    seconds = time.monotonic() - begun
    assert adapted.adaptation.seconds == pytest.approx(seconds, abs=0.5)
    first, *others = adapted.adaptation.judgements
    assert first.steps == 0 < others[0].steps
    assert others[0].agreement != first.agreement


# Another way to make frames


@pytest.fixture
def rival(monkeypatch):
    """Frames of another way agree as they are told."""

    def set_to(misfit, kernel_distance=3.0):
        found = None if misfit is None else Agreement(misfit, kernel_distance, misfit)
        measured = SimpleNamespace(agreement=found, appearances=() if found is None else (1,))
        monkeypatch.setattr(FilteredSimulator, "measure", lambda *_: measured)

    return set_to


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
    adapt, clock, rival, misfit, kernel_distance, stopped, seconds
):
    rival(misfit, kernel_distance)
    adapted, _ = adapt(lambda i: max(1 / (i + 1), 0.4), for_detector=True)
    assert adapted.adaptation.stopped == stopped
    assert adapted.adaptation.helped
    # A judgement each eighth of the minute.
    assert clock.now == pytest.approx(seconds, abs=9)


def test_where_there_is_another_way_three_quarters_of_a_minute_are_not_spent_on_training(
    adapt, clock, rival
):
    rival(0.1)
    with pytest.warns(UserWarning, match="filtered simulations do about as well"):
        adapted, _ = adapt(minutes=0.8, for_detector=True)
    assert adapted.likeness.agreement.spectrum_rms == 0.1  # for the detector
    assert adapted.adaptation.stopped == "rival"
    assert clock.now == JUDGEMENT


@pytest.mark.parametrize(("misfit", "minutes"), [(2.0, 0.8), (None, 0.45)])
def test_where_translations_are_clearly_nearer_they_are_used(adapt, clock, rival, misfit, minutes):
    rival(misfit, 20.0)
    adapted, _ = adapt(minutes=minutes, for_detector=True)
    assert adapted.adaptation.helped
    assert clock.now == pytest.approx(60 * minutes, abs=3)


def test_half_a_minute_is_the_detectors_where_there_is_another_way(adapt, day_b, tmp_path):
    parent = quick_gan()
    images = [frame.image for frame in day_b[:2]]
    rotation = find_rotation(images, parent.material, parent.sampling)
    for _ in range(2):  # nor when the run goes on
        with pytest.warns(
            UserWarning, match=r"not tried \(little time; .*\): .* those of the start"
        ):
            adapted, script = adapt(
                parent=parent, minutes=0.5, for_detector=True, session="today", out=tmp_path
            )
        assert script.calls == 0
        assert_same(adapted.get_weights(), parent.get_weights())
        assert (adapted.session, adapted.name) == ("today", f"{parent.name}-adapted")
        assert adapted.adaptation.stopped == "short"
        assert not adapted.adaptation.helped
        assert adapted.adaptation.best is None
        assert adapted.likeness.agreement is not None
        assert adapted.rotation == pytest.approx(rotation, abs=0.5)


def test_what_was_adapted_before_in_the_same_folder_is_not_lost_in_half_a_minute(
    adapt, rival, tmp_path
):
    first, _ = adapt(out=tmp_path)
    rival(2.0, 20.0)
    again, _ = adapt(minutes=0.5, for_detector=True, out=tmp_path)
    assert again.adaptation.stopped == "time"
    assert_same(again.get_weights(), first.get_weights())


def test_without_a_detector_nothing_is_compared_with(adapt, monkeypatch):
    monkeypatch.setattr(FilteredSimulator, "measure", pytest.fail)
    adapted, script = adapt()
    assert adapted.likeness is None
    assert adapted.adaptation.stopped == "time"
    assert_same(adapted.get_weights(), script.weights[-1])


def test_simulations_that_do_as_well_as_any_translation_are_named(adapt, rival):
    rival(0.1)
    with pytest.warns(UserWarning, match=r"did not help \(filtered simulations do about as well\)"):
        adapt(lambda i: 1.0 + i, for_detector=True)


def test_a_run_that_was_ended_is_not_gone_on_with(adapt, clock, rival, tmp_path):
    rival(0.1)
    first, _ = adapt(lambda i: max(1 / (i + 1), 0.4), for_detector=True, out=tmp_path)
    spent = clock.now
    again, script = adapt(for_detector=True, out=tmp_path)
    assert script.calls == 0
    assert clock.now == spent
    assert again.adaptation.stopped == "rival"
    assert_same(first.get_weights(), again.get_weights())


# Copies


def nearest(generated, given):
    """Median distance of patches to the nearest of some others, both of mean 0 and variance 1."""
    flat = [patches.reshape(len(patches), -1) for patches in (generated, given)]
    flat = [(x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) for x in flat]
    return float(np.median(1 - (flat[0] @ flat[1].T).max(axis=1) / flat[0].shape[1]))


def all_patches(image, patch=48):
    """Patches at every second pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(image, (patch, patch))
    return windows[::2, ::2].reshape(-1, patch, patch)


@pytest.mark.slow
# Whether so short a training helps does not matter here.
@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_one_image_is_not_learnt_by_heart():
    frames = list(simulate_session(find_session("wse2-dayB"), 2, (512, 512), seed=11))
    parent = stemzoo.load("cyclegan-wse2-dayA", training=True)
    given, unseen = (frame.image for frame in frames)
    adapted = fit_adapt(parent, [given], minutes=0.5, rng=np.random.default_rng(0))
    assert adapted.adaptation.judgements[-1].steps > 0
    session = domain_session("wse2", parent.sampling, adapted.rotation)
    (clean,) = simulate_session(session, 1, (256, 256), seed=3)
    translated = translate(clean.image, adapted, rng=np.random.default_rng(0))
    parts = [rescale_group([image])[0][:256, :256] for image in (given, unseen)]
    to_given, to_unseen = (
        nearest(cut_patches(translated, 48), all_patches(part)) for part in parts
    )
    assert to_given > 0.95 * to_unseen
    # What copies would measure.
    noise = np.random.default_rng(0).normal(0, 0.1, parts[0].shape).astype(np.float32)
    copies = cut_patches(parts[0] + noise, 48)
    to_given, to_unseen = (nearest(copies, all_patches(part)) for part in parts)
    assert to_given < 0.5 * to_unseen
