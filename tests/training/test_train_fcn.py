import json
import signal
import sys
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest
from matplotlib.image import imread

import stemzoo
from stemzoo import io
from stemzoo.models import DefectFCN
from stemzoo.training import FCNRecipe, fcn, train_fcn
from stemzoo.training.patches import PatchSequence

TINY = FCNRecipe(
    epochs=4,
    steps_per_epoch=6,
    batch_size=4,
    patch=32,
    learning_rate=1e-2,
    filters=4,
    depth=2,
    seed=3,
)


def toy(n, seed=0, size=64):
    """Noise with bright squares, and their mask."""
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(n):
        mask = np.zeros((size, size), np.uint8)
        for row, column in rng.integers(2, size - 6, (12, 2)):
            mask[row : row + 4, column : column + 4] = 1
        images.append(rng.normal(size=(size, size)) + 6 * mask)
        masks.append(mask)
    return images, masks


# Patches.

SCALES = (0.95, 1.0, 1.05)


def ramp(size=100):
    """Image that betrays its orientation and scale by its slopes: 3 down, 1 to the right."""
    y, x = np.indices((size, size))
    image = 3.0 * y + 1.0 * x
    return image, (image > 200).astype(np.uint8)


def slopes(patch):
    return np.diff(patch, axis=0).mean(), np.diff(patch, axis=1).mean()


def test_eight_orientations_times_three_scales_occur_alike_often():
    image, mask = ramp()
    recipe = replace(TINY, batch_size=10, steps_per_epoch=60, scales=SCALES)
    data = PatchSequence([image], [mask], recipe)
    counts = {}
    for step in range(len(data)):
        for patch in data[step][0]:
            down, right = slopes(patch[..., 0])
            # The steeper slope tells the scale: 3 divided by the magnification of 99 steps.
            steep = max(abs(down), abs(right))
            (scale,) = [s for s in SCALES if abs(steep - 3 * 99 / (round(100 * s) - 1)) < 0.02]
            key = (abs(down) > abs(right), down > 0, right > 0, scale)
            counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24
    # 600 patches: 25 each, give or take four standard deviations.
    assert min(counts.values()) > 5
    assert max(counts.values()) < 45


def test_masks_follow_their_images():
    image, mask = ramp()
    data = PatchSequence([image], [mask], replace(TINY, batch_size=50, scales=SCALES))
    images, masks = data[0]
    # The two interpolations of the scaled ones differ by less than a pixel along the edge.
    assert ((images[..., 0] > 200) == masks).mean() > 0.98
    assert 0.2 < masks.mean() < 0.8


def test_the_default_recipe_has_the_papers_24_augmentations():
    assert len(FCNRecipe().scales) == 3


def test_patches_depend_on_seed_epoch_and_step_only():
    images, masks = toy(2)
    data = PatchSequence(images, masks, TINY)
    assert len(data) == TINY.steps_per_epoch
    first, second = data[0], data[1]
    assert first[0].shape == (4, 32, 32, 1)
    assert first[1].shape == (4, 32, 32)
    assert np.array_equal(data[0][0], first[0])
    assert not np.array_equal(second[0], first[0])
    data.start_epoch(1)
    assert not np.array_equal(data[0][0], first[0])
    later = PatchSequence(images, masks, TINY)
    later.start_epoch(1)
    assert np.array_equal(later[0][0], data[0][0])
    assert np.array_equal(later[0][1], data[0][1])
    other = PatchSequence(images, masks, replace(TINY, seed=4))
    assert not np.array_equal(other[0][0], first[0])


# A training.


KNOWN = {"classes": ["square"], "sampling": 0.2, "material": "wse2"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a toy detector; returns the model, its folder, its lines and the order of its data."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    order, lines = [], []

    class Recorded(PatchSequence):
        def __getitem__(self, step):
            order.append((self.epoch, step))
            return super().__getitem__(step)

    class Lines(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            lines.append((epoch, dict(logs)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcn, "PatchSequence", Recorded)
        images, masks = toy(3)
        images[0].setflags(write=False)
        model = train_fcn(
            images,
            masks,
            TINY,
            **KNOWN,
            validation=toy(1, seed=9, size=66),
            out=folder,
            callbacks=[Lines()],
        )
    return model, folder, lines, order


def test_a_training_learns(trained):
    model, _, lines, _ = trained
    losses = [logs["loss"] for _, logs in lines]
    assert len(losses) == TINY.epochs
    assert losses[-1] < 0.5 * losses[0]
    assert lines[-1][1]["val_loss"] < lines[0][1]["val_loss"]
    assert int(model.optimizer.iterations.numpy()) == TINY.epochs * TINY.steps_per_epoch


def test_the_model_knows_what_it_was_trained_for(trained):
    model = trained[0]
    assert isinstance(model, DefectFCN)
    assert (model.classes, model.sampling, model.material) == (("square",), 0.2, "wse2")
    assert (model.filters, model.depth, model.dropout) == (4, 2, 0.1)


def test_patches_are_taken_in_the_order_of_their_steps(trained):
    # Keras looks at a few patches of the first epoch to learn their shapes.
    order = trained[3]
    expected = [(e, s) for e in range(TINY.epochs) for s in range(TINY.steps_per_epoch)]
    assert order[-len(expected) :] == expected
    assert len(order) - len(expected) <= 2


def test_the_learning_rate_falls_along_half_a_cosine(trained):
    _, columns = io.read_csv(trained[1] / "training_log.csv")
    epochs = np.arange(1, 5)
    expected = 1e-2 * (1 + np.cos(np.pi * epochs / 4)) / 2
    assert columns["learning_rate"] == pytest.approx(expected, abs=1e-8)


def test_the_log_is_a_table_and_a_plot(trained):
    _, folder, lines, _ = trained
    _, columns = io.read_csv(folder / "training_log.csv")
    assert list(columns) == ["epoch", "learning_rate", "loss", "val_loss"]
    assert columns["epoch"].tolist() == [1, 2, 3, 4]
    assert columns["loss"] == pytest.approx([logs["loss"] for _, logs in lines])
    picture = imread(folder / "training_log.png")
    assert min(picture.shape[:2]) > 300
    assert picture[..., :3].std() > 0.05


def test_the_folder_holds_the_recipe_and_no_leftovers(trained):
    folder = trained[1]
    assert json.loads((folder / "recipe.json").read_text()) == {
        **asdict(TINY),
        "scales": list(TINY.scales),
    }
    names = {p.name for p in folder.iterdir()}
    assert names == {
        "recipe.json",
        "training_log.csv",
        "training_log.png",
        "training_state.npz",
    }


def test_a_finished_training_is_not_repeated(trained, tmp_path):
    model, folder, _, _ = trained
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".png"}
    images, masks = toy(3)
    again = train_fcn(images, masks, TINY, **KNOWN, out=folder)
    for one, other in zip(again.weights, model.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".png"} == before


@pytest.mark.parametrize(
    ("changes", "classes"),
    [({"filters": 5}, ["square"]), ({"depth": 1}, ["square"]), ({}, ["square", "circle"])],
)
def test_the_state_of_another_network_is_refused_and_kept(trained, changes, classes):
    folder = trained[1]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(ValueError, match="holds another network's training") as caught:
        train_fcn(*toy(1), replace(TINY, **changes), classes=classes, sampling=0.2, out=folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("images", "changes", "reason"),
    [
        (toy(3), {"learning_rate": 0.1}, "Received: learning_rate 0.01, now 0.1"),
        (toy(3), {"seed": 5}, "seed 3, now 5"),
        (toy(3, seed=4), {}, "Received: other images"),
        (toy(2), {"epochs": 9}, "epochs 4, now 9; other images"),
    ],
)
def test_another_training_in_the_folder_is_refused_and_nothing_changes(
    trained, images, changes, reason
):
    folder = trained[1]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(ValueError, match=reason) as caught:
        train_fcn(*images, replace(TINY, **changes), **KNOWN, out=folder)
    assert str(caught.value).startswith(f"{folder} holds another training: choose another folder")
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_state_of_an_older_version_goes_on_without_a_fingerprint(trained, tmp_path):
    with np.load(trained[1] / "training_state.npz") as state:
        older = {name: state[name] for name in state.files if name != "run"}
    np.savez(tmp_path / "training_state.npz", **older)
    again = train_fcn(*toy(2), replace(TINY, seed=5), **KNOWN, out=tmp_path)
    for one, other in zip(again.weights, trained[0].weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                weight = self.model.trainable_variables[0]
                weight.assign(np.full(weight.shape, np.nan))

    with pytest.raises(FloatingPointError, match="'loss' is not finite after step 1"):
        train_fcn(*toy(2), TINY, **KNOWN, out=tmp_path, callbacks=[Poison()])
    state = read_state(tmp_path)
    assert all(np.isfinite(state[name]).all() for name in state if name[0] == "v")
    assert len(json.loads(str(state["log"]))) == 1


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.1, 0.0])
def test_a_learning_rate_that_spoils_the_weights_is_refused(rate):
    with pytest.raises(ValueError, match=f"learning rate above 0.* Received: {rate}"):
        replace(TINY, learning_rate=rate)


def test_a_network_that_fits_no_memory_is_refused_before_it_is_built():
    with pytest.raises(ValueError, match="depth 40 takes patches of a multiple of 1099511627776"):
        train_fcn(*toy(1), replace(TINY, depth=40), **KNOWN)
    huge = replace(TINY, depth=12, patch=4096, filters=16)
    with pytest.raises(ValueError, match="at most 4096 channels a layer.* Received: 65536"):
        train_fcn(*toy(1), huge, **KNOWN)


def test_a_ranked_model_is_trained_and_validated_on_ranks():
    """A rising response of the detector changes nothing, to the last bit."""
    images, masks = toy(2)
    bent = [np.exp(image) for image in images]
    losses, weights = [], []
    for some in (images, bent):
        keras.utils.set_random_seed(0)  # of its dropout
        model = DefectFCN(["square"], filters=4, depth=2, ranked=True)
        model.set_weights(_first_weights(model))
        log = keras.callbacks.History()
        trained = train_fcn(
            some,
            masks,
            replace(TINY, epochs=1),
            classes=["square"],
            sampling=0.2,
            model=model,
            validation=(some, masks),
            callbacks=[log],
        )
        losses.append(log.history["val_loss"])
        weights.append(trained.get_weights())
    assert losses[0] == losses[1]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def _first_weights(model):
    rng = np.random.default_rng(0)
    return [abs(rng.normal(0, 0.1, w.shape)).astype("float32") for w in model.get_weights()]


def test_a_model_to_start_from_stays_as_it_is(tiny_model):
    before = [variable.numpy() for variable in tiny_model.variables]
    trained = train_fcn(
        *toy(1), replace(TINY, epochs=1), classes=tiny_model.classes, sampling=0.2, model=tiny_model
    )
    assert trained is not tiny_model
    assert trained.name == tiny_model.name
    # Weights, statistics and the state of the dropout.
    for variable, old in zip(tiny_model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    assert any((new != old).any() for new, old in zip(trained.get_weights(), before, strict=False))


def test_a_training_from_loaded_weights_names_them_when_it_is_saved(tiny_folder, tmp_path):
    start = stemzoo.load(str(tiny_folder))
    trained = train_fcn(
        *toy(1), replace(TINY, epochs=1), classes=start.classes, sampling=0.2, model=start
    )
    stemzoo.save(trained, tmp_path / "next")
    record = json.loads((tmp_path / "next" / "provenance.json").read_text())
    assert record["parent"]["sha256"] == start.provenance.sha256


def test_the_same_seed_makes_the_same_first_weights():
    models = []
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DefectFCN, "fit", lambda *_, **__: None)
            models.append(train_fcn(*toy(1), TINY, classes=["square"], sampling=0.2))
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


# What cannot be trained.


def nan_image():
    images, masks = toy(2)
    images[1][0, 0] = np.nan
    return images, masks


@pytest.mark.parametrize(
    ("pairs", "changes", "reason"),
    [
        (([], []), {}, "Received: 0 images, 0 masks"),
        ((toy(2)[0], toy(1)[1]), {}, "Received: 2 images, 1 masks"),
        (([np.zeros((64, 64, 1))], [np.zeros((64, 64, 1))]), {}, "Image 0 .* 2-D"),
        (([np.zeros((64, 64))], [np.zeros((64, 65))]), {}, r"Received: \(64, 64\), \(64, 65\)"),
        (([np.eye(64)], [np.full((64, 64), 2)]), {}, "Mask 0 .* number of classes, 1. Received: 2"),
        (nan_image(), {}, "Image 1 and its mask must be finite"),
        (toy(1, size=32), {}, "Received: an image of 32 x 32 px, scaled by 0.95"),
        (toy(1), {"patch": 30}, "multiple of 4 px. Received: 30"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_training(tmp_path, pairs, changes, reason):
    recipe = replace(TINY, **changes)
    with pytest.raises(ValueError, match=reason) as caught:
        train_fcn(*pairs, recipe, classes=["square"], sampling=0.2, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_model_to_start_from_must_have_the_same_classes(tiny_model):
    with pytest.raises(ValueError, match=r"classes of the model, .*'se_vacancy', 'bright'"):
        train_fcn(*toy(1), TINY, classes=["square"], sampling=0.2, model=tiny_model)


# A training that is killed and goes on.

SCRIPT = """
import os, signal, sys
from dataclasses import replace
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.config.experimental.enable_op_determinism()
sys.path.insert(0, {tests!r})
from test_train_fcn import TINY, toy
from stemzoo.training import fcn, state

moment, folder = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
fetch, savez, write_log = fcn.PatchSequence.__getitem__, np.savez, state.write_log

def killed_fetch(self, step):
    if (self.epoch, step) == (1, 3):
        die()
    return fetch(self, step)

def killed_savez(file, **arrays):
    if len(arrays["log"].split("epoch")) == 4:  # three rows
        file.write(b"PK half a state")
        file.flush()
        die()
    savez(file, **arrays)

def killed_log(folder, rows):
    if len(rows) == 4:
        die()
    write_log(folder, rows)

if moment == "step":
    fcn.PatchSequence.__getitem__ = killed_fetch
elif moment == "state":
    np.savez = killed_savez
elif moment == "log":
    state.write_log = killed_log

def train(folder):
    recipe = replace(TINY, filters=2, depth=1, steps_per_epoch=4)
    fcn.train_fcn(*toy(3), recipe, classes=["square"], sampling=0.2, out=folder)

train(folder)
if moment == "none":
    train(folder + "-whole")
"""


def read_state(folder):
    with np.load(folder / "training_state.npz") as state:
        return {name: state[name] for name in state.files}


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_training_killed_at_any_moment_ends_like_one_that_was_not(python, tmp_path):
    folder = tmp_path / "run"
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(tests=str(__file__.rpartition("/")[0])), encoding="utf-8")

    def train(moment):
        return python(script, moment, folder).returncode

    # In the middle of the second epoch: the first one's state is there.
    assert train("step") == -signal.SIGKILL
    assert len(io.read_csv(folder / "training_log.csv")[1]["epoch"]) == 1
    # While the state of the third epoch is written: the second one's is whole.
    assert train("state") == -signal.SIGKILL
    assert len(json.loads(str(read_state(folder)["log"]))) == 2
    # Between the state of the last epoch and its log.
    assert train("log") == -signal.SIGKILL
    assert len(io.read_csv(folder / "training_log.csv")[1]["epoch"]) == 3
    assert train("none") == 0
    resumed, whole = read_state(folder), read_state(tmp_path / "run-whole")
    assert set(resumed) == set(whole)
    # Four epochs of four steps.
    assert any(value == 16 for value in whole.values() if value.shape == ())
    # Weights, statistics, seeds of the dropout, and all of the optimizer with its step: exactly.
    assert all(np.array_equal(resumed[name], whole[name]) for name in whole)
    logs = [f / "training_log.csv" for f in (folder, tmp_path / "run-whole")]
    assert logs[0].read_text() == logs[1].read_text()
    assert imread(folder / "training_log.png").shape[2] == 4
