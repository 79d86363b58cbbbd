import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import stemzoo
from stemzoo.adaptation import detector_scores, fcn, frames
from stemzoo.adaptation.agreement import Agreement, HoldOut
from stemzoo.adaptation.detector_scores import EstimatedScore
from stemzoo.adaptation.fcn import renew_detector
from stemzoo.adaptation.frames import (
    FilteredSimulator,
    compared_patches,
    likeness_of,
    training_frames,
)
from stemzoo.adaptation.run import RUN
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.scan_errors import ScanErrors
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training.budget import TimeBudget

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


class Translator:
    """A CycleGAN that leaves images as they are."""

    material, sampling, patch_size, rotation, session = "wse2", 0.2074, 32, (0.0, 3.0), "dayX"

    def __init__(self):
        self.sim_to_exp = self

    @staticmethod
    def predict_on_batch(batch):
        return batch


@pytest.fixture(scope="module")
def images():
    """Two images of day A, in which vacancies stand out."""
    frames = simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=7)
    return [frame.image for frame in frames]


@pytest.fixture
def parent(make_model):
    return make_model(CLASSES, name="parent")


@pytest.fixture
def renew(monkeypatch, images):
    """Renew a detector in no time; detectors have the scores that are given."""

    def run(detector, scores=None, *, images=images, fits=True, steps=64, **options):
        shifted = {}

        def train(frames, masks, recipe, *, model, **others):
            shifted.update(others, masks=masks, used=others["budget"].used)
            model.set_weights([w + 0.01 for w in model.get_weights()])
            model.optimizer = SimpleNamespace(iterations=steps)
            return model

        def score(model, images, evidence, label):
            assert label == "se_vacancy"
            judged.append(model)
            other = model.name.removeprefix(f"{detector.name}-")
            if model in known:
                f1 = scores[model.name]
            else:
                f1 = scores.get(other, 0.0) if other.endswith("ranked") else scores["renewed"]
            return EstimatedScore(100 * f1, 100.0, 100.0)

        known, judged = (detector, *options.get("rivals", ())), []
        monkeypatch.setattr(fcn, "train_fcn", train)
        monkeypatch.setattr(fcn, "training_frames", lambda *_, **__: ([], {}))
        if scores is not None:
            monkeypatch.setattr(detector_scores, "estimated_score", score)
            monkeypatch.setattr(fcn, "_fits", lambda *_: fits)
        found = renew_detector(detector, Translator(), images, **options)
        run.given, run.judged = shifted, judged
        return found

    return run


def assert_same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def is_trained(model, parent):
    return all(
        np.allclose(a, b + 0.01)
        for a, b in zip(model.get_weights(), parent.get_weights(), strict=True)
    )


def test_the_new_detector_is_returned_if_it_is_better(renew, parent):
    before = parent.get_weights()
    found = renew(parent, {"parent": 0.5, "renewed": 0.8})
    assert is_trained(found, parent)
    assert found is not parent
    for a, b in zip(parent.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert found.renewal.helped
    assert found.renewal.judged
    assert found.classes == CLASSES
    assert str(found.renewal) == (
        "renewed is best, by the intensities of the columns: estimated F1 parent 0.50, renewed 0.80"
    )


@pytest.mark.parametrize(
    # 0.86 would mend less than a third of the errors.
    ("f1", "why"),
    [(0.3, "is best"), (0.8, "is best"), (0.86, "stays, as no other is clearly better")],
)
def test_the_parent_is_kept_if_the_new_one_is_not_clearly_better(renew, parent, f1, why):
    with pytest.warns(UserWarning, match=f"parent {why}"):
        found = renew(parent, {"parent": 0.8, "renewed": f1})
    assert_same(found, parent)
    assert found is not parent
    assert not found.renewal.helped


def test_a_third_fewer_errors_are_enough(renew, parent):
    assert renew(parent, {"parent": 0.8, "renewed": 0.87}).renewal.chosen == "renewed"


def test_where_images_are_new_to_the_parent_it_has_to_be_as_good_as_the_new_one(renew, parent):
    """On 'expanding' 8 % of the errors were mended by the estimate, and more than that in truth."""
    assert renew(parent, {"parent": 0.8, "renewed": 0.815}, fits=False).renewal.helped
    with pytest.warns(UserWarning, match="parent is best"):
        assert not renew(parent, {"parent": 0.8, "renewed": 0.8}, fits=False).renewal.helped


def test_intensities_by_rank_are_where_the_new_one_starts_if_they_mend_errors(renew, parent):
    """As they do where the response changed: 0.21 became 0.86 on 'saturating', untrained."""
    found = renew(parent, {"parent": 0.5, "ranked": 0.6, "renewed": 0.8}, fits=False)
    assert list(found.renewal.scores) == ["parent", "renewed", "parent-ranked"]
    assert found.ranked
    assert not parent.ranked
    assert is_trained(found, parent)
    # Estimates are not trusted to a tenth of the errors.
    found = renew(parent, {"parent": 0.5, "ranked": 0.54, "renewed": 0.8}, fits=False)
    assert list(found.renewal.scores) == ["parent", "renewed"]
    assert not found.ranked


def test_what_is_better_by_ranks_alone_is_returned_if_the_new_one_is_no_better_than_the_old(
    renew, parent
):
    # 'expanding': estimated 0.61, the new one 0.53; truly 0.71 and 0.75.
    scores = {"parent": 0.2, "ranked": 0.8, "renewed": 0.7}
    found = renew(parent, scores, fits=False)
    assert found.renewal.chosen == "renewed"
    assert "renewed is taken, by the intensities of the columns" in str(found.renewal)
    scores["renewed"] = 0.1
    with pytest.warns(UserWarning, match="parent-ranked is best"):
        found = renew(parent, scores, fits=False)
    assert_same(found, parent)
    assert (found.name, found.ranked) == ("parent-ranked", True)
    with pytest.warns(UserWarning, match="parent-ranked is returned, as no time was left"):
        found = renew(parent, scores, fits=False, steps=0)
    assert found.ranked


def test_a_detector_that_sees_ranks_is_tried_without_them(renew, make_model):
    parent = make_model(CLASSES, name="parent", ranked=True)
    found = renew(parent, {"parent": 0.5, "unranked": 0.6, "renewed": 0.8}, fits=False)
    assert list(found.renewal.scores) == ["parent", "renewed", "parent-unranked"]
    assert not found.ranked
    assert renew(parent, {"parent": 0.5, "renewed": 0.8}, fits=False).ranked


def test_where_images_are_known_to_the_parent_no_time_is_spent_on_ranks(renew, parent):
    renew(parent, {"parent": 0.2, "ranked": 0.8, "renewed": 0.9}, fits=True)
    assert [model.name for model in renew.judged] == ["parent", "parent-adapted"]


def test_images_are_new_to_a_detector_if_they_do_not_fit_or_nothing_is_known(
    parent, images, day_conditions
):
    assert not fcn._fits(parent, images, 0.2074)
    parent.conditions = day_conditions
    assert fcn._fits(parent, images, 0.2074)
    noise = np.random.default_rng(0).normal(0, 4 * images[0].std(), images[0].shape)
    assert not fcn._fits(parent, [images[0] + noise], 0.2074)


def test_a_rival_that_is_better_is_returned(renew, parent, make_model):
    # It may be of another size.
    rival = make_model(CLASSES, seed=1, name="rival", filters=6, sampling=0.19)
    with pytest.warns(UserWarning, match="rival is best"):
        found = renew(parent, {"parent": 0.5, "rival": 0.9, "renewed": 0.7}, rivals=[rival])
    assert_same(found, rival)
    assert found.sampling == 0.19


def test_the_new_one_is_kept_against_rivals_that_are_worse(renew, parent, make_model):
    rival = make_model(CLASSES, seed=1, name="rival")
    found = renew(parent, {"parent": 0.5, "rival": 0.6, "renewed": 0.7}, rivals=[rival])
    assert is_trained(found, parent)
    assert list(found.renewal.scores) == ["parent", "rival", "renewed"]


def test_a_rival_of_the_same_name_does_not_replace_the_parent(renew, parent, make_model):
    rival = make_model(CLASSES, seed=1, name="parent")
    found = renew(parent, {"parent": 0.5, "renewed": 0.7}, rivals=[rival])
    assert list(found.renewal.scores) == ["parent", "parent (2)", "renewed"]


def test_time_is_kept_for_judging_the_new_one(renew, parent, make_model, clock, monkeypatch):
    def judge(*_):
        def score(model):
            clock.now += 4.0
            return EstimatedScore(50.0, 100.0, 100.0)

        return score

    monkeypatch.setattr(fcn, "find_scorer", judge)
    with pytest.warns(UserWarning, match="parent is best"):
        renew(parent, minutes=1.0, rivals=[make_model(CLASSES, name="rival")])
    budget = renew.given["budget"]
    assert isinstance(budget, TimeBudget)
    assert budget.seconds == 60
    # A quarter more than one takes; two were judged before the training, one of them also by rank.
    assert budget.reserved == pytest.approx(5.0)
    assert renew.given["used"] == pytest.approx(12.0)


@pytest.mark.parametrize("how", ["noise", "hardly any vacancy"])
def test_images_that_cannot_be_judged_give_no_judgement(renew, parent, images, how):
    if how == "noise":
        noise = np.random.default_rng(0).normal(0, 4 * images[0].std(), images[0].shape)
        bad = [images[0] + noise]
    else:
        session = replace(find_session("wse2-dayA"), defects={"se_vacancy": 0.0005})
        bad = [frame.image for frame in simulate_session(session, 1, (384, 384), seed=1)]
    with pytest.warns(UserWarning, match="renewed, but not judged"):
        found = renew(parent, images=bad)
    assert found.renewal.scores == {}
    assert not found.renewal.judged
    assert is_trained(found, parent)


@pytest.mark.parametrize("fits", [True, False])
def test_without_time_for_training_the_parent_stays_and_that_is_said(renew, parent, fits):
    with pytest.warns(UserWarning, match="parent is returned, as no time was left to train"):
        found = renew(parent, {"parent": 0.5, "renewed": 0.9}, fits=fits, steps=0)
    assert_same(found, parent)
    assert set(found.renewal.scores) == {"parent"}


def test_what_was_not_trained_does_not_replace_the_parent_where_nothing_can_be_judged(
    renew, parent, images
):
    noise = np.random.default_rng(0).normal(0, 4 * images[0].std(), images[0].shape)
    with pytest.warns(UserWarning, match="no time was left"):
        found = renew(parent, images=[images[0] + noise], steps=0)
    assert_same(found, parent)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"material": "graphene"}, "Expected detectors of wse2.*Received: other, of graphene"),
        ({"classes": ("se_vacancy", "bright")}, "of the classes se_vacancy, se_divacancy"),
        # The same names in another order would be learnt for each other.
        ({"classes": CLASSES[::-1]}, "Received: other, of wse2, of bright, metal_dark"),
        ({"classes": ("bright",)}, "Received: other, of wse2, of bright"),
    ],
)
@pytest.mark.parametrize("role", ["parent", "rival"])
def test_a_detector_for_something_else_is_one_line(
    options, words, role, parent, make_model, images, monkeypatch
):
    monkeypatch.setattr(fcn, "training_frames", pytest.fail)
    other = make_model(**{"classes": CLASSES, "name": "other", **options})
    detectors = [other, []] if role == "parent" else [parent, [other]]
    with pytest.raises(ValueError, match=words) as caught:
        renew_detector(detectors[0], Translator(), images, rivals=detectors[1])
    assert "\n" not in str(caught.value)


def test_bad_images_are_one_line_before_any_time_is_spent(parent, monkeypatch):
    monkeypatch.setattr(fcn, "training_frames", pytest.fail)
    for bad, words in (([], "one measured image or more"), ([np.zeros((99, 99))], "with contrast")):
        with pytest.raises(ValueError, match=words):
            renew_detector(parent, Translator(), bad)


@pytest.fixture
def small(monkeypatch):
    """Few and small frames to train on, and a tiny recipe."""
    monkeypatch.setattr(frames, "_TRANSLATED", 2)
    monkeypatch.setattr(frames, "_SIMULATED", 4)
    for module in (frames, frames):
        monkeypatch.setattr(module, "EDGE", 128)
    recipe = replace(fcn._RECIPE, patch=32, batch_size=2, steps_per_epoch=2)
    monkeypatch.setattr(fcn, "_RECIPE", recipe)


def test_training_frames_are_labelled_and_at_the_pixels_of_the_detector(small, images):
    frames, agreements = training_frames(Translator(), images, 0.19, seed=1)
    assert "translated" in agreements
    # Of the way that is nearer, and half as many that are randomised.
    assert len(frames) == 4 + 2
    for frame in frames:
        assert frame.sampling == 0.19
        assert frame.classes == CLASSES
        # 128 px of 0.2074 Å; randomised frames have pixels of their own.
        assert frame.image.shape == frame.mask.shape
        assert (frame.mask > 0).any() == bool(len(frame.points))
    assert frames[0].image.shape == (139, 139)  # 128 px of 0.2074 Å
    assert frames[-1].conditions.name == "wse2-randomised"


def test_a_detector_is_trained_in_the_time_it_is_given(small, images, make_model, clock):
    parent = make_model(CLASSES, name="parent")
    with pytest.warns(UserWarning, match="parent is best"):
        # A network that has learnt for 24 steps finds nothing: the detector of before stays.
        found = renew_detector(
            parent, Translator(), images, minutes=0.5, rng=np.random.default_rng(0)
        )
    # Half a minute by a clock that goes on by a second a step.
    assert clock.now == 30
    assert found.renewal.seconds == 30
    assert set(found.renewal.scores) == {"parent", "renewed"}
    detections = stemzoo.detect(images[0], found, sampling=0.2074)
    assert detections.details["classes"] == CLASSES


@pytest.mark.parametrize(("by_rank", "steps"), [(0.9, 10), (0.0, 30)])
def test_by_rank_it_is_trained_no_longer_than_some_steps(
    small, images, make_model, clock, monkeypatch, by_rank, steps
):
    """By ranks it soon learns what frames have that images have not."""

    def score(model):
        f1 = by_rank if model.ranked else 0.2
        return EstimatedScore(100 * (f1 + 0.05 * model.name.endswith("-adapted")), 100.0, 100.0)

    monkeypatch.setattr(fcn, "find_scorer", lambda *_: score)
    monkeypatch.setattr(fcn, "_RANKED_EPOCHS", 5)
    parent = make_model(CLASSES, name="parent")
    found = renew_detector(parent, Translator(), images, minutes=0.5, rng=np.random.default_rng(0))
    assert found.renewal.helped
    assert found.ranked == (by_rank > 0)
    # Half a minute by a clock that goes on by a second a step.
    assert found.renewal.steps == found.renewal.seconds == steps


@pytest.mark.filterwarnings("ignore:parent is best")
def test_a_killed_renewal_goes_on_in_the_time_that_is_left(
    small, images, make_model, clock, tmp_path, monkeypatch
):
    class Kill(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if clock.now > 12:
                raise KeyboardInterrupt

    def renew(**options):
        clock.now = 0.0
        renew_detector(parent, Translator(), images, minutes=0.5, out=tmp_path, **options)
        return clock.now

    parent = make_model(CLASSES, name="parent")
    monkeypatch.setattr(fcn, "_RECIPE", replace(fcn._RECIPE, steps_per_epoch=5))
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
        renew_detector(
            make_model(CLASSES, name="other"), Translator(), images, minutes=0.5, out=tmp_path
        )


def test_how_near_simulations_come_without_a_network_is_told_beforehand(small, images):
    found = FilteredSimulator.measure(Translator(), images, 0).agreement
    # Frames of day A among themselves: 0.07 to 0.1.
    assert found.spectrum_rms < 0.2
    # This translator leaves simulations as they are, clean.
    _, agreements = training_frames(Translator(), images, 0.2074, seed=1)
    assert found.clearly_better_than(agreements["translated"])
    assert not agreements["simulated"].clearly_better_than(found)


def test_what_simulations_need_is_measured_once_for_the_same_images(images, monkeypatch):
    translator = Translator()
    translator.likeness = FilteredSimulator.measure(translator, images, 0)
    monkeypatch.setattr(FilteredSimulator, "measure", lambda *_: "measured")
    assert likeness_of(translator, images, 1) is translator.likeness
    assert likeness_of(translator, images[:1], 1) == "measured"
    assert likeness_of(Translator(), images, 1) == "measured"


def test_frames_are_compared_in_the_units_of_the_measured_images(images):
    tailed = [(image / image.max()) ** 5 for image in images]
    held = HoldOut.split(tailed, 64)
    frames = [SimpleNamespace(image=image) for image in held.training]
    found = held.agreement(compared_patches(frames, 64, 0))
    # 0.15 and 1.3 if the frames were saturated and scaled once more.
    assert found.spectrum_rms < 0.05
    assert found.intensity_kl < 0.01


@pytest.mark.parametrize(
    ("translated", "simulated", "kept"),
    [
        (0.1, None, ["translated"]),
        (0.1, 0.2, ["translated", "simulated"]),
        (0.1, 0.12, ["simulated"]),
        (0.12, 0.1, ["simulated"]),
        (0.2, 0.1, ["simulated"]),
    ],
)
def test_translations_are_trained_on_only_where_they_are_clearly_nearer(
    translated, simulated, kept
):
    """The others' labels are true: on 'swaying' they alone gave 1.00, both 0.53."""
    found = {"translated": Agreement(translated, 100 * translated, 0.0)}
    if simulated is not None:
        found["simulated"] = Agreement(simulated, 100 * simulated, 0.0)
    assert frames._kept(found) == kept


def test_a_nearer_kernel_distance_alone_makes_no_translations():
    """It did harm: 0.983 became 0.947 on a V-doped image, of which there was one."""
    found = {"translated": Agreement(0.07, 47, 0.0), "simulated": Agreement(0.1, 550, 0.0)}
    assert frames._kept(found) == ["simulated"]


@pytest.mark.parametrize(
    ("stopped", "tried"),
    [
        ("rival", {"simulated"}),
        ("short", {"simulated"}),
        ("time", {"translated", "simulated"}),
    ],
)
def test_translations_that_were_found_worse_already_are_not_made_again(
    small, images, parent, stopped, tried
):
    translator = Translator()
    translator.adaptation = SimpleNamespace(stopped=stopped)
    with pytest.warns(UserWarning, match="no time was left"):
        found = renew_detector(parent, translator, images, minutes=0.01)
    assert set(found.renewal.agreements) == tried


@pytest.mark.parametrize(
    "errors", [ScanErrors(hum=(Wave((0.1, 0.07), 1.0, 0.0),)), ScanErrors(line_shifts=(1.0, 2.0))]
)
def test_an_image_whose_errors_of_the_scan_are_not_found_is_no_pattern(errors, monkeypatch):
    """Hum that hits a reflection, or lines that sway further than can be told."""
    monkeypatch.setattr(frames, "find_appearance", lambda image, *_: image)
    found = [SimpleNamespace(errors=one) for one in (errors, ScanErrors(), errors)]
    assert frames._appearances(found, "wse2", 0.2074) == [found[0], found[2]]
    assert frames._appearances(found[:2], "wse2", 0.2074) == found[:2]


def test_without_a_lattice_there_is_no_way_without_a_network(small, images, monkeypatch):
    def refuse(*_):
        raise ValueError("too few reflections")

    monkeypatch.setattr(frames, "find_appearance", refuse)
    assert FilteredSimulator.measure(Translator(), images, 0).agreement is None
    made, agreements = training_frames(Translator(), images, 0.2074, seed=1)
    assert set(agreements) == {"translated"}
    assert len(made) == 3
