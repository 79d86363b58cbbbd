import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from stemzoo import io
from stemzoo.training import CycleGANRecipe, cyclegan, train_cyclegan
from stemzoo.training.cyclegan import ConstantThenLinear
from stemzoo.training.patches import patch_dataset
from stemzoo.training.state import tensorboard_log

TINY = CycleGANRecipe(
    epochs=3,
    steps_per_epoch=2,
    batch_size=2,
    patch=32,
    # The smallest networks: most of the time goes into tracing their layers.
    filters=2,
    depth=1,
    discriminator_filters=2,
)


def domains():
    rng = np.random.default_rng(0)
    experimental = [rng.normal(100, 20, (40, 50)), rng.normal(110, 25, (64, 40))]
    simulated = [np.sin(np.arange(48) / 2)[:, None] * np.ones((48, 48))]
    return experimental, simulated


def values(model):
    return [keras.ops.convert_to_numpy(v) for v in model.variables]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing disturbed: the model and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return train_cyclegan(*domains(), TINY, sampling=0.2, out=folder), folder


def test_patches_depend_on_seed_and_step_alone():
    whole = list(patch_dataset(*domains(), TINY).as_numpy_iterator())
    later = list(patch_dataset(*domains(), TINY, first_step=4).as_numpy_iterator())
    assert (len(whole), len(later)) == (6, 2)
    for a, b in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])
    assert not np.array_equal(whole[0][0], whole[1][0])


def test_patches_lie_inside_their_image_and_are_scaled_as_a_group():
    # Images are padded with zeros to one array; no patch may reach into the padding.
    experimental = [np.full((40, 50), 5.0), np.full((64, 40), 7.0)]
    recipe = CycleGANRecipe(epochs=20, steps_per_epoch=1, batch_size=4, patch=32, noise=0.0)
    for real, _ in patch_dataset(experimental, domains()[1], recipe):
        # Two levels around a common mean, in units of 3.5 standard deviations.
        levels = np.unique(np.round(real.numpy(), 5))
        assert len(levels) <= 2
        assert np.all(np.abs(levels) > 0.1)
        for patch in real.numpy():
            assert np.ptp(patch) == 0


def test_simulated_patches_get_noise_and_experimental_ones_do_not():
    flat = [np.tile([[0.0, 1.0]], (40, 20))]
    recipe = CycleGANRecipe(epochs=8, steps_per_epoch=1, batch_size=8, patch=32, noise=0.1)
    real, simulated = next(iter(patch_dataset(flat, flat, recipe)))
    assert len(np.unique(real)) == 2
    residual = np.abs(simulated.numpy()) - np.abs(real.numpy()).mean()
    assert np.std(residual) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("rotations", "directions"), [(False, {"rows"}), (True, {"rows", "columns"})]
)
def test_streaks_keep_their_direction_unless_patches_are_rotated(rotations, directions):
    ramp = np.arange(60.0)[:, None] * np.ones(60)  # rows are constant
    recipe = CycleGANRecipe(
        epochs=8, steps_per_epoch=1, batch_size=8, patch=32, noise=0.0, rotations=rotations
    )
    found, slopes = set(), set()
    for real, _ in patch_dataset([ramp], [ramp], recipe):
        for patch in real.numpy()[..., 0]:
            found.add("rows" if np.ptp(patch[0]) == 0 else "columns")
            slopes.add(np.sign(patch[-1, -1] - patch[0, 0]))
    assert found == directions
    assert slopes == {-1, 1}  # flipped half of the time


@pytest.mark.parametrize(
    ("experimental", "simulated", "reason"),
    [
        ([], [np.eye(64)], "at least one image"),
        ([np.eye(64)], [], "at least one image"),
        ([np.eye(20)], [np.eye(64)], "experimental image 0"),
        ([np.eye(64)], [np.zeros((64, 64, 3))], "simulated image 0"),
    ],
)
def test_images_that_do_not_fit_are_refused(experimental, simulated, reason):
    with pytest.raises(ValueError, match=reason):
        patch_dataset(experimental, simulated, TINY)


def test_learning_rate_is_constant_then_falls_linearly_to_zero():
    schedule = ConstantThenLinear(0.2, 100)
    rates = [float(schedule(step)) for step in (0, 25, 50, 75, 100)]
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.2, 0.1, 0.0], atol=1e-6)


def test_a_training_that_is_cut_ends_like_one_that_was_not(whole, tmp_path):
    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_cyclegan(*domains(), TINY, sampling=0.2, out=tmp_path, callbacks=[Cut()])
    resumed = train_cyclegan(*domains(), TINY, sampling=0.2, out=tmp_path)
    for a, b in zip(values(whole[0]), values(resumed), strict=True):
        # Convolutions on several threads add up in any order.
        np.testing.assert_allclose(a, b, atol=1e-5)
    tables = [io.read_csv(folder / "training_log.csv")[1] for folder in (whole[1], tmp_path)]
    assert tables[0]["epoch"].tolist() == tables[1]["epoch"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(tables[0]["generators"], tables[1]["generators"], rtol=1e-4)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                weight = self.model.sim_to_exp.trainable_variables[0]
                weight.assign(np.full(weight.shape, np.nan))

    recipe = replace(TINY, fft_discriminators=False)
    with pytest.raises(FloatingPointError, match="'adversarial_exp' is not finite after step 1"):
        train_cyclegan(*domains(), recipe, sampling=0.2, out=tmp_path, callbacks=[Poison()])
    with np.load(tmp_path / "training_state.npz") as state:
        assert all(np.isfinite(state[name]).all() for name in state.files if name[0] == "v")
    assert io.read_csv(tmp_path / "training_log.csv")[1]["epoch"].tolist() == [1]


def test_weights_average_is_what_the_training_ends_with(whole):
    averaged = train_cyclegan(*domains(), replace(TINY, ema=0.9), sampling=0.2)
    assert any(
        not np.allclose(a, b, atol=1e-7)
        for a, b in zip(values(whole[0]), values(averaged), strict=True)
    )


def test_data_pipeline_is_a_tensorflow_one():
    assert isinstance(patch_dataset(*domains(), TINY), tf.data.Dataset)
    assert cyclegan.CycleGANRecipe().noise == 0.1


def test_without_tensorboard_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        train_cyclegan(*domains(), TINY, sampling=0.2, tensorboard=tmp_path / "tensorboard")


def test_tensorboard_gets_the_losses_of_each_epoch(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = cyclegan.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32)
    model.compile()
    calls = keras.callbacks.CallbackList([tensorboard_log(tmp_path)], model=model)
    calls.on_train_begin()
    for epoch, loss in enumerate((2.0, 1.5)):
        calls.on_train_batch_end(0, {"cycle": loss})
        calls.on_epoch_end(epoch, {"cycle": loss})
    calls.on_train_end()
    events = accumulator.EventAccumulator(str(tmp_path / "train")).Reload()
    found = [tf.make_ndarray(event.tensor_proto) for event in events.Tensors("epoch_cycle")]
    assert found == [2.0, 1.5]


def test_patches_for_paired_supervision_come_without_noise_too(tmp_path):
    plain = next(iter(patch_dataset(*domains(), TINY)))
    recipe = replace(TINY, lambda_pair=10.0, epochs=1)
    real, simulated, clean = next(iter(patch_dataset(*domains(), recipe)))
    # The same patches and the same noise as without.
    np.testing.assert_array_equal(real, plain[0])
    np.testing.assert_array_equal(simulated, plain[1])
    assert float(np.std(simulated - clean)) == pytest.approx(recipe.noise, rel=0.1)
    train_cyclegan(*domains(), recipe, sampling=0.2, out=tmp_path)
    assert "pair" in (tmp_path / "training_log.csv").read_text().splitlines()[0].split(",")


@pytest.mark.parametrize("wrong", [{"lambda_pair": -1.0}, {"pair_noise": float("nan")}])
def test_weights_and_noise_of_pairs_are_numbers_from_0_on(wrong):
    with pytest.raises(ValueError, match="of 0 or more. Received"):
        replace(TINY, **wrong)
