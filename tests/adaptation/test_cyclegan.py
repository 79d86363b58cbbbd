import json
import time

import numpy as np
import pytest
from quick_gan import assert_same, quick_gan, quick_recipe

import stemzoo
from stemzoo.adaptation.agreement import overlapping_patches
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.judgement import Stopped
from stemzoo.adaptation.recipes import JudgementLimits
from stemzoo.adaptation.run import RUN
from stemzoo.inference.translation import translate
from stemzoo.io import Image
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.training.state import STATE_FILE


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_images_or_what_was_measured_on_them_give_the_same(clock, session, day_b):
    images = [frame.image for frame in day_b[:2]]
    weights = [
        fit_adapt(
            quick_gan(), given, minutes=0.2, recipe=quick_recipe(), rng=np.random.default_rng(0)
        ).get_weights()
        for given in (images, session)
    ]
    assert_same(*weights)


def test_that_it_was_of_no_use_is_warned_of(clock, session):
    limits = JudgementLimits(
        least_seconds=20.0, patience=0.0, patience_at_chance=0.0, nearer_spectra=1e9
    )
    with pytest.warns(UserWarning, match="filtered simulations do about as well"):
        adapted = fit_adapt(
            quick_gan(),
            session,
            minutes=0.4,
            recipe=quick_recipe(limits=limits),
            for_detector=True,
        )
    assert adapted.adaptation.stopped == Stopped.RIVAL


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_it_is_a_method_of_the_model_too(clock, session):
    adapted = quick_gan().fit_adapt(session, minutes=0.2, recipe=quick_recipe(), session="dayZ")
    assert len(adapted.adaptation.judgements) > 1
    assert adapted.session == "dayZ"
    assert stemzoo.fit_adapt is fit_adapt


def test_a_run_whose_translations_move_the_crystal_is_rolled_back(clock, session):
    """With the real judge: after the start, a network shifts its translations by 0.8 Å."""

    class Shifting(type(quick_gan())):
        def successor(self, **changes):
            other = super().successor(**changes)
            whole = other.sim_to_exp.predict_on_batch
            other.sim_to_exp.predict_on_batch = lambda batch: np.roll(batch, 4, axis=2)
            assert whole is not None
            return other

    parent = quick_gan(Shifting)
    parent.sim_to_exp.predict_on_batch = lambda batch: batch
    # Whatever agrees better; 32 px tiles that are each rolled move all columns.
    with pytest.warns(UserWarning, match="labels no longer held"):
        adapted = fit_adapt(parent, session, minutes=1.0, recipe=quick_recipe(judgements=40))
    assert adapted.adaptation.stopped == Stopped.LABELS
    assert len(adapted.adaptation.judgements) == 3
    assert clock.now < 0.2 * 60
    assert_same(adapted.get_weights(), parent.get_weights())


# Filtered simulations


@pytest.mark.parametrize("images", ["images", "session"])
def test_half_a_minute_is_the_detectors_where_there_is_another_way(
    clock, day_b, session, tmp_path, images
):
    parent = quick_gan()
    given = session if images == "session" else [frame.image for frame in day_b[:2]]
    for _ in range(2):  # nor when the run goes on
        with pytest.warns(
            UserWarning, match=r"not tried \(little time; .*\): .* those of the start"
        ):
            adapted = fit_adapt(
                parent, given, minutes=0.5, for_detector=True, session="today", out=tmp_path
            )
        assert_same(adapted.get_weights(), parent.get_weights())
        assert (adapted.session, adapted.name) == ("today", f"{parent.name}-adapted")
        assert adapted.adaptation.stopped == Stopped.SHORT
        assert not adapted.adaptation.helped
        assert adapted.adaptation.best is None
        assert adapted.rotation == pytest.approx(session.rotation, abs=0.5)
    assert not (tmp_path / STATE_FILE).exists()


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_limits_say_how_little_time_is_left_to_the_detector(clock, session):
    recipe = quick_recipe(limits=JudgementLimits(least_seconds=20.0))
    adapted = fit_adapt(quick_gan(), session, minutes=0.4, recipe=recipe, for_detector=True)
    assert adapted.adaptation.judgements


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_what_was_adapted_before_in_the_same_folder_is_not_lost_in_half_a_minute(
    clock, session, tmp_path
):
    first = fit_adapt(quick_gan(), session, recipe=quick_recipe(), minutes=0.8, out=tmp_path)
    again = fit_adapt(
        quick_gan(), session, recipe=quick_recipe(), minutes=0.5, for_detector=True, out=tmp_path
    )
    before, after = (
        [(judgement.seconds, judgement.steps, judgement.misfit) for judgement in done.judgements]
        for done in (first.adaptation, again.adaptation)
    )
    assert after[: len(before)] == before
    assert again.adaptation.stopped != Stopped.SHORT
    assert_same(again.get_weights(), first.get_weights())


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_without_a_detector_nothing_is_compared_with(clock, day_b):
    model, images = quick_gan(), [frame.image for frame in day_b[:2]]
    session = ExperimentalSession.of(images, model)
    fit_adapt(model, session, minutes=0.1, recipe=quick_recipe())
    assert "appearances" not in vars(session)  # measured when it is asked for
    assert "scan_errors" in vars(session)


# Runs that go on, and input that cannot be used


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_a_run_goes_on_with_its_own_seed_and_images(clock, session, day_b, tmp_path):
    options = {"recipe": quick_recipe(), "minutes": 0.3, "out": tmp_path}
    first = fit_adapt(quick_gan(), session, rng=np.random.default_rng(0), **options)
    known = json.loads((tmp_path / RUN).read_text())
    again = fit_adapt(quick_gan(), session, rng=np.random.default_rng(9), **options)
    assert json.loads((tmp_path / RUN).read_text()) == known
    assert_same(again.get_weights(), first.get_weights())
    before = (tmp_path / STATE_FILE).read_bytes()
    with pytest.raises(ValueError, match="expected a new folder, or one of the same images"):
        fit_adapt(quick_gan(), [day_b[2].image], out=tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before


def bad_inputs(day_b):
    (graphene,) = simulate_session(find_session("graphene"), 1, (256, 256), seed=1)
    image = day_b[0].image
    nan = image.astype(float)
    nan[0, 0] = np.nan
    noise = np.random.default_rng(0).normal(size=(256, 256))
    return {
        "no image": ([], "one image or more"),
        "blank": ([np.zeros((256, 256))], "an image with contrast"),
        "NaN": ([image, nan], "image 1: expected finite values"),
        "tiny": ([image[:40, :40]], "at least 64 px"),
        "too small to divide": ([image[:120, :80]], "half of it to learn from"),
        "another material": ([Image(graphene.image, graphene.sampling)], "it fits graphene"),
        "no lattice": ([noise], "Expected images of wse2"),
        "mixed": ([Image(image, 0.2), Image(image, 0.1)], "images of one pixel size"),
    }


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
def test_bad_images_are_one_line_before_any_time_is_spent(case, day_b, clock, tmp_path):
    images, words = bad_inputs(day_b)[case]
    parent = quick_gan(patch_size=64)
    with pytest.raises(ValueError, match=words) as caught:
        fit_adapt(parent, images, out=tmp_path / "out")
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert clock.now == 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("minutes", [0, -1.0, float("nan")])
def test_a_time_that_is_none_is_one_line(minutes, day_b):
    with pytest.raises(ValueError, match=f"minutes is positive. Received: {minutes}"):
        fit_adapt(quick_gan(), [day_b[0].image], minutes=minutes)


def test_a_model_that_cannot_be_adapted_is_one_line(day_b, tiny_model):
    with pytest.raises(ValueError, match="whose material is known.*Received: quick"):
        fit_adapt(quick_gan(material=None), [day_b[0].image])
    with pytest.raises(ValueError, match="Expected a CycleGANSTEM.*Received: tiny"):
        fit_adapt(tiny_model, [day_b[0].image])


@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_saturated_images_are_warned_of_and_used(clock, day_b):
    image = np.minimum(day_b[0].image, np.quantile(day_b[0].image, 0.9))
    with pytest.warns(UserWarning, match="10% of the pixels are at the upper and 0% at the lower"):
        adapted = fit_adapt(quick_gan(), [image], minutes=0.1, recipe=quick_recipe())
    assert len(adapted.adaptation.judgements) > 1


@pytest.mark.slow
# Whether so short a training helps does not matter here.
@pytest.mark.filterwarnings("ignore:adapting did not help")
def test_a_network_with_gradients_is_trained_and_judged(day_b):
    parent = quick_gan(stemzoo.CycleGANSTEM, filters=4, depth=2, discriminator_filters=4)
    begun = time.monotonic()
    adapted = fit_adapt(
        parent,
        [day_b[0].image],
        minutes=0.15,
        recipe=quick_recipe(judgements=3, block=5),
        rng=np.random.default_rng(0),
    )
    seconds = time.monotonic() - begun
    assert adapted.adaptation.seconds == pytest.approx(seconds, abs=0.5)
    first, *others = adapted.adaptation.judgements
    assert first.steps == 0 < others[0].steps
    assert others[0].agreement != first.agreement


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
def test_one_image_is_not_learnt_by_heart(clock):
    """After 30 steps, by a clock that goes on by a second a step."""
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
        nearest(overlapping_patches(translated, 48), all_patches(part)) for part in parts
    )
    assert to_given > 0.95 * to_unseen
    # What copies would measure.
    noise = np.random.default_rng(0).normal(0, 0.1, parts[0].shape).astype(np.float32)
    copies = overlapping_patches(parts[0] + noise, 48)
    to_given, to_unseen = (nearest(copies, all_patches(part)) for part in parts)
    assert to_given < 0.5 * to_unseen
