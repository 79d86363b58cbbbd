import json
from dataclasses import asdict

import numpy as np
import pytest

from stemzoo.adaptation.agreement import Agreement, HoldOut
from stemzoo.adaptation.judgement import (
    Adaptation,
    Judgement,
    Stopped,
    TranslationJudge,
    best_of,
)
from stemzoo.adaptation.labels import label_probes
from stemzoo.adaptation.recipes import JudgementLimits
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import simulate_session
from stemzoo.simulate.domain import domain_session

PATCH = 64
DOMAIN = domain_session("wse2", 0.2074, (0.0, 2.0))


class Translator:
    """A model that does to each tile (B, M, N, 1) what it is told."""

    patch_size, sampling = PATCH, 0.2074

    def __init__(self, act):
        self.sim_to_exp = self
        self.predict_on_batch = act


@pytest.fixture(scope="module")
def make_judge():
    """Judge against images that are the simulations, noisier."""
    rng = np.random.default_rng(0)
    frames = [frame.image for frame in simulate_session(DOMAIN, 4, (256, 256), seed=1)]
    measured = [image + rng.normal(0, image.std(), image.shape) for image in frames[:2]]
    held = HoldOut.split(measured, PATCH)
    watched = label_probes(DOMAIN, 1, 384, seed=2)
    simulated = rescale_group(frames[2:])

    def make(watched=watched, **options):
        return TranslationJudge(held, simulated, watched, patch=PATCH, noise=0.1, seed=5, **options)

    return make


def same(batch):
    return batch


def noisier(batch):
    noise = np.random.default_rng(1).normal(0, batch.std(), batch.shape)
    scaled = rescale_group(list((batch + noise)[..., 0]))
    return np.stack(scaled)[..., None].astype(np.float32)


def moved(batch):
    return np.roll(batch, 4, axis=2)  # 0.8 Å


def test_translations_are_compared_in_the_units_of_the_measured_images():
    frames = [frame.image for frame in simulate_session(DOMAIN, 2, (256, 256), seed=1)]
    held = HoldOut.split([(image / image.max()) ** 5 for image in frames], PATCH)
    judge = TranslationJudge(held, held.training, [], patch=PATCH, noise=0.0, seed=5)
    # 1.0 if the translations were saturated and scaled once more.
    assert judge(Translator(same), 0.0, 0).agreement.intensity_kl < 0.01


def test_the_first_judgement_is_what_others_are_compared_with(make_judge):
    judge = make_judge()
    first = judge(Translator(same), 1.5, 0)
    assert (first.seconds, first.steps, first.misfit, first.safe) == (1.5, 0, 1.0, True)
    assert judge.start is first
    again = judge(Translator(same), 9.0, 7)
    assert (again.agreement, again.labels) == (first.agreement, first.labels)
    assert again.misfit == pytest.approx(1)


def test_translations_that_look_more_like_the_images_are_better(make_judge):
    judge = make_judge()
    judge(Translator(same), 0.0, 0)
    better = judge(Translator(noisier), 1.0, 1)
    assert better.misfit < 0.5
    assert better.safe


def test_translations_that_move_the_labels_are_not_safe_however_alike(make_judge):
    judge = make_judge()
    judge(Translator(same), 0.0, 0)
    shifted = judge(Translator(lambda batch: moved(noisier(batch))), 1.0, 1)
    assert shifted.misfit < 0.6
    assert not shifted.safe
    assert shifted.labels.moved > 500
    assert "labels no longer hold" in str(shifted)


def test_a_material_without_vacancies_has_no_labels_to_watch(make_judge):
    judge = make_judge(watched=())
    judge(Translator(same), 0.0, 0)
    found = judge(Translator(moved), 1.0, 1)
    assert found.labels is None
    assert found.safe


def test_limits_say_how_much_worse_labels_may_be(make_judge):
    judge = make_judge(
        limits=JudgementLimits(more_moved=1001, more_removed=1001, more_invented=1001)
    )
    judge(Translator(same), 0.0, 0)
    assert judge(Translator(lambda batch: moved(noisier(batch))), 1.0, 1).safe


def judgement(misfit, *, safe=True, steps=1):
    return Judgement(60.0 * steps, steps, Agreement(misfit, misfit, misfit), None, misfit, safe)


START = judgement(1.0, steps=0)


@pytest.mark.parametrize(
    ("others", "best"),
    [
        ([0.8, 0.5, 0.6], 2),
        ([1.2, 3.0], 0),
        # Of equal ones the first.
        ([1.0], 0),
        ([float("nan"), float("inf")], 0),
    ],
)
def test_the_smallest_misfit_is_best(others, best):
    judged = [START, *(judgement(misfit, steps=i + 1) for i, misfit in enumerate(others))]
    assert best_of(judged) is judged[best]


def test_what_is_not_safe_is_never_best():
    judged = [START, judgement(0.1, safe=False), judgement(0.7, steps=2)]
    assert best_of(judged) is judged[2]
    assert best_of(judged[:2]) is START


def test_an_adaptation_says_what_it_did():
    done = Adaptation((START, judgement(0.5)), 70.0, Stopped.NOT_STOPPED)
    assert done.helped
    assert done.best.steps == 1
    assert str(done).startswith("after 1 steps: power spectrum 1.000 -> 0.500")


@pytest.mark.parametrize(
    ("stopped", "reason"), [("time", "none agreed better"), ("labels", "labels no longer held")]
)
def test_an_adaptation_says_when_it_did_not_help(stopped, reason):
    done = Adaptation((START, judgement(0.5, safe=False)), 70.0, Stopped(stopped))
    assert not done.helped
    assert str(done) == f"adapting did not help ({reason}): the weights are those of the start"


@pytest.mark.parametrize(
    ("stopped", "text", "left"),
    [
        (Stopped.NOT_STOPPED, "time", False),
        (Stopped.LABELS, "labels", False),
        (Stopped.RIVAL, "rival", True),
        (Stopped.SHORT, "short", True),
    ],
)
def test_why_a_run_stopped_is_the_text_of_its_json(stopped, text, left):
    written = json.loads(json.dumps(asdict(Adaptation((START,), 1.0, stopped))))
    assert written["stopped"] == text
    assert stopped.left_to_simulations is left


def test_an_adaptation_that_was_not_tried_says_so():
    done = Adaptation((), 3.0, Stopped.SHORT)
    assert done.best is None
    assert not done.helped
    assert str(done).startswith("adapting was not tried (little time; give more minutes)")
