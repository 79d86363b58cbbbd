from dataclasses import replace

import numpy as np
import pytest

from stemzoo.training import DenoiserRecipe, train_denoiser

TINY = DenoiserRecipe(
    epochs=4,
    steps_per_epoch=10,
    batch_size=4,
    patch=32,
    learning_rate=1e-2,
    ema=0.9,
    filters=4,
    depth=1,
    seed=3,
)


def waves(n, size=64):
    """Waves, and the same with noise of twice their standard deviation."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((size, size))
    targets = [
        0.2 * np.cos(0.4 * rows + phase) * np.cos(0.5 * columns).astype(np.float32)
        for phase in rng.uniform(0, 6, n)
    ]
    return [t + rng.normal(0, 0.2, t.shape).astype(np.float32) for t in targets], targets


def train(out=None, **changes):
    images, targets = waves(4)
    recipe = replace(TINY, **changes)
    return train_denoiser(images, targets, recipe, sampling=0.4, material="wse2", out=out)


def test_noise_is_taken_out_and_the_deviation_is_that_of_the_error():
    model = train(epochs=12)
    images, targets = waves(6)
    output = model.predict_on_batch(np.stack(images)[..., None])
    error = output[..., 0] - np.stack(targets)
    before = np.std(np.stack(images) - np.stack(targets))
    assert np.std(error) < 0.6 * before
    ratio = np.sqrt(np.mean(error**2)) / np.sqrt(np.mean(output[..., 1] ** 2))
    assert 0.6 < ratio < 1.6


def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path):
    whole = train(tmp_path / "whole")

    class Killed(Exception):
        pass

    import keras

    def stop(epoch, logs):
        if epoch == 1:
            raise Killed

    images, targets = waves(4)
    with pytest.raises(Killed):
        train_denoiser(
            images,
            targets,
            TINY,
            sampling=0.4,
            material="wse2",
            out=tmp_path / "killed",
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop)],
        )
    again = train(tmp_path / "killed")
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="another training"):
        train(tmp_path / "killed", seed=4)


@pytest.mark.parametrize(
    ("images", "targets", "reason"),
    [
        ([], [], "at least one"),
        ([np.ones((64, 64))], [], "as many targets"),
        ([np.ones((64, 64))], [np.ones((64, 60))], "of one shape"),
        ([np.ones((64, 64))], [np.full((64, 64), np.nan)], "finite"),
        ([np.ones((16, 16))], [np.ones((16, 16))], "smaller patch"),
    ],
)
def test_pairs_that_do_not_fit_together_are_refused(images, targets, reason):
    with pytest.raises(ValueError, match=reason):
        train_denoiser(images, targets, TINY, sampling=0.4)
