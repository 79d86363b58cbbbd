import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from quick_gan import quick_gan
from still_translator import Translator

import stemzoo
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.detector_scores import ColumnVerdict
from stemzoo.adaptation.fcn import renew_detector
from stemzoo.adaptation.judgement import Adaptation, Stopped
from stemzoo.adaptation.recipes import RenewalRecipe
from stemzoo.adaptation.renewal import (
    RenewalRun,
    does_badly,
    fits_training_frames,
    judged_class,
    keep_master,
)
from stemzoo.adaptation.run import RUN
from stemzoo.training.budget import TimeBudget
from stemzoo.training.recipes import FCNRecipe

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")
TRAINING = FCNRecipe(
    epochs=10_000, steps_per_epoch=2, batch_size=2, patch=32, learning_rate=2e-3, ema=0.98
)
SMALL = RenewalRecipe(translated=2, simulated=4, frame_size=128, training=TRAINING)


@pytest.fixture
def session(large_session):
    return large_session


@pytest.fixture
def parent(make_model):
    return make_model(CLASSES, name="parent")


@pytest.fixture
def renew(session, parent, clock):
    """Renew by that clock in small frames; `f1` of a model is given."""

    def run(f1, *, minutes=0.5, fits=True, recipe=SMALL, **options):
        def scorer(model):
            return ColumnVerdict(np.ones(1000), np.arange(1000) < 1000 * f1(model), 1000.0)

        budget = TimeBudget(60 * minutes)
        given = {"fits": fits, "poor": False, "scorer": scorer, "seed": 3, **options}
        run.run = RenewalRun(parent, Translator(), session, recipe, budget, **given)
        return run.run.run()

    return run


def is_new(model):
    return model.name.endswith("-adapted")


def test_a_detector_that_is_better_is_trained_and_returned(renew, parent, clock):
    before = parent.get_weights()
    result = renew(lambda model: 0.8 if is_new(model) else 0.5)
    assert result.report.helped
    assert result.model.name == "parent-adapted"
    assert result.model.classes == CLASSES
    # Half a minute by a clock that goes on by a second a step.
    assert result.report.steps == result.report.seconds == clock.now == 30
    assert set(result.report.agreements) == {"translated", "simulated"}
    for weights, old, new in zip(
        parent.get_weights(), before, result.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(weights, old)
        assert not np.array_equal(new, old)


def test_what_is_returned_is_a_copy(renew, parent):
    result = renew(lambda model: 0.2 if is_new(model) else 0.5, minutes=0.1)
    assert result.report.chosen == "parent"
    assert result.model is not parent
    for weights, other in zip(result.model.get_weights(), parent.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, other)


@pytest.mark.parametrize(("by_rank", "steps"), [(0.9, 10), (0.0, 30)])
def test_by_rank_it_is_trained_no_longer_than_some_steps(renew, by_rank, steps):
    """By ranks it soon learns what frames have that images have not."""
    result = renew(
        lambda model: (by_rank if model.ranked else 0.2) + 0.05 * is_new(model),
        fits=False,
        recipe=replace(SMALL, epochs_by_rank=5),
    )
    assert result.report.helped
    assert result.model.ranked == (by_rank > 0)
    # Half a minute by a clock that goes on by a second a step.
    assert result.report.steps == result.report.seconds == steps


def test_time_is_kept_for_judging_the_new_one(renew, make_model, clock):
    def f1(model):
        clock.now += 4.0
        return 0.5

    rival = make_model(CLASSES, name="rival")
    result = renew(f1, minutes=1.0, rivals=[rival])
    # A quarter more than one takes; two were judged before the training, and the first by ranks.
    assert renew.run.budget.reserved == pytest.approx(5.0)
    assert result.report.steps == 60 - 5 - 3 * 4
    assert result.report.seconds == 60 - 5 + 4


def test_without_time_to_train_no_frames_are_made(renew, monkeypatch, clock):
    monkeypatch.setattr("stemzoo.adaptation.renewal.training_frames", pytest.fail)

    def f1(model):
        clock.now += 20.0
        return 0.5

    result = renew(f1, minutes=0.5)
    assert (result.report.steps, result.report.agreements) == (0, {})
    assert str(result.report).startswith("parent is returned, as no time was left to train")


@pytest.mark.parametrize(
    ("stopped", "tried"),
    [
        (Stopped.RIVAL, {"simulated"}),
        (Stopped.SHORT, {"simulated"}),
        (Stopped.NOT_STOPPED, {"translated", "simulated"}),
    ],
)
def test_translations_that_were_found_worse_already_are_not_made_again(
    session, parent, clock, stopped, tried
):
    translator = Translator(Adaptation((), 1.0, stopped))
    with pytest.warns(UserWarning, match="parent is best"):
        renewed = renew_detector(parent, translator, session, recipe=SMALL, minutes=0.01)
    assert set(renewed.renewal.agreements) == tried


@pytest.mark.filterwarnings("ignore:parent is best")
def test_images_or_what_was_measured_on_them(session, parent, clock):
    images = list(session.images)
    renewed = [
        renew_detector(
            parent,
            Translator(),
            given,
            minutes=0.1,
            recipe=SMALL,
            rng=np.random.default_rng(0),
        )
        for given in (images, session)
    ]
    # A network that has learnt for 6 steps finds nothing: the detector of before stays.
    assert [model.renewal.chosen for model in renewed] == ["parent", "parent"]
    assert renewed[0].renewal.scores == renewed[1].renewal.scores
    assert set(renewed[0].renewal.scores) == {"parent", "renewed"}
    detections = stemzoo.detect(images[0], renewed[0], sampling=0.2074)
    assert detections.details["classes"] == CLASSES


@pytest.mark.filterwarnings("ignore:parent is best")
def test_a_killed_renewal_goes_on_in_the_time_that_is_left(
    session, make_model, parent, clock, tmp_path
):
    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if clock.now > 12:
                raise KeyboardInterrupt

    recipe = replace(SMALL, training=replace(TRAINING, steps_per_epoch=5))

    def renew(detector=parent, **options):
        clock.now = 0.0
        given = {"minutes": 0.5, "recipe": recipe, "out": tmp_path, **options}
        renew_detector(detector, Translator(), session, **given)
        return clock.now

    with pytest.raises(KeyboardInterrupt):
        renew(callbacks=[Kill()])
    killed = json.loads((tmp_path / RUN).read_text())
    log = (tmp_path / "training_log.csv").read_text().splitlines()
    assert log[-1].startswith("3,")
    # 15 of 30 s were spent; another source of randomness does not make it another run.
    assert renew(rng=np.random.default_rng(8)) == 15
    assert json.loads((tmp_path / RUN).read_text()) == killed
    # It was ended: no step more.
    assert renew() == 0
    with pytest.raises(ValueError, match="expected a new folder"):
        renew(make_model(CLASSES, name="other"))


def test_images_that_cannot_be_judged_give_no_judgement(session, parent, clock):
    rng = np.random.default_rng(0)
    noisy = [image + rng.normal(0, 4 * image.std(), image.shape) for image in session.images]
    bad = replace(session, images=tuple(noisy))
    bad.filtered_simulator(0, 128)
    with pytest.warns(UserWarning, match="renewed, but not judged"):
        found = renew_detector(parent, Translator(), bad, minutes=0.1, recipe=SMALL)
    assert found.renewal.scores == {}
    assert not found.renewal.judged
    assert found.name == "parent-adapted"


def test_images_are_new_to_a_detector_if_they_do_not_fit_or_nothing_is_known(
    parent, session, day_conditions
):
    assert not fits_training_frames(parent, session)
    parent.conditions = day_conditions
    assert fits_training_frames(parent, session)
    image = session.images[0]
    noise = np.random.default_rng(0).normal(0, 4 * image.std(), image.shape)
    assert not fits_training_frames(parent, replace(session, images=(image + noise,)))


def test_the_vacancies_of_a_material_are_what_is_judged(parent):
    assert judged_class([parent], "wse2") == "se_vacancy"


def test_a_structure_of_ones_own_is_trained_on_anew(make_model):
    own = make_model(CLASSES)
    own.structure = object()
    with pytest.raises(ValueError, match="structure of your own.*train fcn --structure"):
        judged_class([own], "wse2")


def test_without_a_cyclegan_frames_are_made_from_what_the_images_tell(session, parent, clock):
    with pytest.warns(UserWarning, match="parent is best"):
        renewed = renew_detector(parent, None, session, minutes=0.01, recipe=SMALL)
    assert set(renewed.renewal.agreements) == {"simulated"}
    blind = replace(session, images=session.images)
    blind.__dict__["appearances"] = ()  # as where no image shows its lattice well
    with pytest.raises(ValueError, match="three or more reflections.*Received: none of 2"):
        renew_detector(parent, None, blind, minutes=0.01, recipe=SMALL)


def test_images_that_a_detector_masters_are_left_after_the_measurement(session, detector, clock):
    """The bundled detector on frames of day A: an F1 of 1.00 on its card."""
    begun = clock.now
    with pytest.warns(UserWarning, match="fcn-wse2 masters these images"):
        renewed = renew_detector(detector, None, session, recipe=SMALL)
    report = renewed.renewal
    assert report.mastered
    assert (report.chosen, report.steps, clock.now) == ("fcn-wse2", 0, begun)
    assert report.expected["fcn-wse2"].f1.value >= 0.95
    for weights, other in zip(detector.get_weights(), renewed.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, other)
    # So is a CycleGAN that would only serve this detector.
    with pytest.warns(UserWarning, match="the detector masters these images"):
        adapted = fit_adapt(quick_gan(), session, for_detector=detector)
    assert adapted.adaptation.stopped == Stopped.MASTERED


def test_what_is_forced_is_trained(session, detector, clock):
    with pytest.warns(UserWarning, match="fcn-wse2 is best|fcn-wse2 stays"):
        renewed = renew_detector(detector, None, session, minutes=0.1, recipe=SMALL, force=True)
    assert not renewed.renewal.mastered
    assert renewed.renewal.steps > 0
    assert "fcn-wse2" in renewed.renewal.expected


def test_nothing_is_known_to_master_images_without_a_calibration(session, parent, detector):
    budget = TimeBudget(60)
    assert keep_master([parent], session, budget) is None
    # A rival may, and is returned then.
    assert keep_master([parent, detector], session, budget).report.chosen == "fcn-wse2"
    assert not does_badly(detector, session)
    assert does_badly(parent, session)  # nothing is known of its training frames


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"material": "graphene"}, "Expected detectors of wse2.*Received: other, of graphene"),
        ({"classes": ("bright",)}, "Received: other, of wse2, of bright"),
    ],
)
@pytest.mark.parametrize("role", ["parent", "rival"])
def test_a_detector_for_something_else_is_one_line(
    options, words, role, parent, make_model, session, clock
):
    other = make_model(**{"classes": CLASSES, "name": "other", **options})
    detectors = [other, []] if role == "parent" else [parent, [other]]
    words = words if role == "parent" or "graphene" in words else "that know se_vacancy"
    with pytest.raises(ValueError, match=words) as caught:
        renew_detector(detectors[0], Translator(), session, rivals=detectors[1])
    assert "\n" not in str(caught.value)
    assert clock.now == 0


def test_bad_images_are_one_line_before_any_time_is_spent(parent, tmp_path):
    for bad, words in (([], "one image or more"), ([np.zeros((99, 99))], "with contrast")):
        with pytest.raises(ValueError, match=words):
            renew_detector(parent, Translator(), bad, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
