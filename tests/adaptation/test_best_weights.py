import json
from dataclasses import replace

import numpy as np
import pytest
from quick_gan import JUDGEMENT, ScriptedJudge, assert_same, quick_gan, quick_recipe

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.best_weights import BEST_FILE, RestoreBestWeights
from stemzoo.adaptation.judgement import Stopped
from stemzoo.adaptation.recipes import JudgementLimits
from stemzoo.training.budget import TimeBudget


@pytest.fixture
def make_keeper(clock):
    def make(misfits=lambda i: 1 / (i + 1), *, unsafe=(), limits=None, seconds=60.0, **options):
        judge = ScriptedJudge(clock, misfits, unsafe)
        recipe = quick_recipe(judgements=1000, limits=limits or JudgementLimits())
        budget = TimeBudget(seconds)
        return RestoreBestWeights(judge, budget, recipe, lambda line: None, **options)

    return make


def train(keeper, model, blocks):
    """Change a model for some blocks of ten steps, as Keras would tell the callback of it."""
    keeper.set_model(model)
    model.stop_training = False
    for block in range(blocks):
        model.set_weights([weights + 1 for weights in model.get_weights()])
        for step in range(10):
            keeper.on_train_batch_end(step)
        keeper.judge.clock.now += 10
        keeper.on_epoch_end(block)
        if model.stop_training:
            break


def test_the_best_weights_come_back(make_keeper):
    parent, model = quick_gan(), quick_gan()
    keeper = make_keeper(lambda i: [1.0, 0.5, 0.9, 0.8][i])
    keeper.start(parent, 0)
    train(keeper, model, 3)
    report = keeper.finish(model)
    assert_same(model.get_weights(), [weights + 1 for weights in parent.get_weights()])
    assert [judgement.steps for judgement in report.judgements] == [0, 10, 20, 30]
    assert report.best.steps == 10
    assert report.stopped == Stopped.NOT_STOPPED


def test_it_is_judged_no_more_often_than_the_recipe_says(make_keeper):
    keeper = make_keeper()
    keeper.recipe = replace(keeper.recipe, judgements=3)  # each 20 s, of which a block takes 10
    keeper.start(quick_gan(), 0)
    train(keeper, quick_gan(), 4)
    assert [judgement.steps for judgement in keeper.judgements] == [0, 20, 40]


def test_time_is_kept_for_a_last_judgement(make_keeper):
    keeper = make_keeper()
    keeper.start(quick_gan(), 0)
    assert keeper.budget.reserved == JUDGEMENT


def test_judgements_and_best_weights_are_read_again(make_keeper, tmp_path):
    parent, model = quick_gan(), quick_gan()
    keeper = make_keeper(out=tmp_path)
    keeper.start(parent, 0)
    train(keeper, model, 2)
    again = make_keeper(out=tmp_path)
    again.start(parent, 20)
    assert again.judgements == keeper.judgements
    assert again.judge.start == keeper.judgements[0]
    assert again.judge.calls == 0
    assert_same(again.best, model.get_weights())


def test_a_file_of_an_earlier_version_is_read(make_keeper, tmp_path):
    """As version 0.1 wrote it: judgements as text, and the weights w0, w1, ..."""
    parent = quick_gan()
    labels = {"removed": [10.0, 4.0], "invented": [2.0, 1.0], "moved": 0.0}
    agreement = {"spectrum_rms": 0.4, "kernel_distance": 20.0, "intensity_kl": 0.1}
    entry = {"seconds": 1.5, "steps": 0, "agreement": agreement, "labels": labels}
    text = json.dumps([entry | {"misfit": 1.0, "safe": True}])
    arrays = {f"w{i}": weights for i, weights in enumerate(parent.get_weights())}
    np.savez(tmp_path / BEST_FILE, judgements=text, **arrays)
    keeper = make_keeper(out=tmp_path)
    keeper.start(parent, 0)
    (judgement,) = keeper.judgements
    assert judgement.agreement == Agreement(0.4, 20.0, 0.1)
    assert judgement.labels.removed == (10.0, 4.0)
    assert_same(keeper.best, parent.get_weights())


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:300]),
    "empty": lambda path: path.write_bytes(b""),
    "no judgements": lambda path: rewrite(path, judgements="[]"),
    "text": lambda path: rewrite(path, judgements="late"),
    "steps": lambda path: rewrite(path, judgements='[{"steps": -1}]'),
    "not finite": lambda path: rewrite(path, w0=np.float32(np.nan)),
    "another network": lambda path: rewrite(path, w0=np.zeros((3, 3), np.float32)),
}


def rewrite(path, **changes):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{**arrays, **changes})


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_best_weights_are_refused_in_one_line_and_kept(make_keeper, tmp_path, damage):
    make_keeper(out=tmp_path).start(quick_gan(), 0)
    path = tmp_path / BEST_FILE
    DAMAGES[damage](path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Choose another folder to adapt anew.$") as caught:
        make_keeper(out=tmp_path).start(quick_gan(), 0)
    assert str(caught.value).startswith(f"{path}: expected the best weights of an adaptation")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_judgements_that_are_no_numbers_are_read_again(make_keeper, tmp_path):
    make_keeper(out=tmp_path).start(quick_gan(), 0)
    with np.load(tmp_path / BEST_FILE) as file:
        (entry,) = json.loads(str(file["judgements"]))
    entry["labels"] = {"removed": [np.nan, np.nan], "invented": [1.0, 0.5], "moved": 0.0}
    rewrite(tmp_path / BEST_FILE, judgements=json.dumps([entry]))
    keeper = make_keeper(out=tmp_path)
    keeper.start(quick_gan(), 0)
    labels = keeper.judgements[0].labels
    assert np.isnan(labels.removed).all()
    assert labels.invented == (1.0, 0.5)


@pytest.mark.parametrize(
    ("limits", "blocks"),
    [
        # Half of a minute in blocks of 10 s and judgements of 4 s: 4, 18, 32.
        (JudgementLimits(), 2),
        (JudgementLimits(patience=0.8), 4),
        (JudgementLimits(patience_at_chance=0.2, chance_kernel_distance=3.1), 1),
        (JudgementLimits(patience=1.1), 4),
    ],
)
def test_limits_say_how_long_translations_are_waited_for(make_keeper, limits, blocks):
    keeper = make_keeper(lambda i: 1.0, limits=limits, rival=Agreement(0.9, 3.0, 0.9))
    keeper.start(quick_gan(), 0)
    train(keeper, quick_gan(), 4)
    assert keeper.steps == 10 * blocks
    assert (keeper.stopped == Stopped.RIVAL) == (limits.patience <= 1)


@pytest.mark.parametrize(("least", "stopped"), [(45.0, Stopped.RIVAL), (20.0, "time")])
def test_limits_say_how_little_time_is_not_enough_to_begin(make_keeper, least, stopped):
    limits = JudgementLimits(least_seconds=least)
    keeper = make_keeper(lambda i: 1.0, limits=limits, rival=Agreement(0.9, 3.0, 0.9), seconds=40.0)
    keeper.start(quick_gan(), 0)
    assert keeper.stopped == stopped


def test_labels_that_are_lost_twice_in_a_row_stop_a_run(make_keeper):
    keeper = make_keeper(unsafe=(1, 3, 4))
    keeper.start(quick_gan(), 0)
    train(keeper, quick_gan(), 9)
    assert keeper.stopped == Stopped.LABELS
    assert [judgement.safe for judgement in keeper.judgements] == [True, False, True, False, False]
