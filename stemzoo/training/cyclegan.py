"""Train a CycleGAN between experimental and simulated images."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from stemzoo import io
from stemzoo.models import CycleGANSTEM
from stemzoo.training.callbacks import SamplePictures, StopOnNaN
from stemzoo.training.fingerprint import find_fingerprint
from stemzoo.training.folder_lock import folder_lock
from stemzoo.training.patches import patch_dataset
from stemzoo.training.recipes import CycleGANRecipe
from stemzoo.training.several_hosts import check_same_epoch
from stemzoo.training.state import TrainingState, tensorboard_log
from stemzoo.training.strategy import fit_on_replicas, is_chief, on_replicas
from stemzoo.zoo.file_names import RECIPE


@keras.saving.register_keras_serializable(package="stemzoo")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that is constant for half of the steps, then falls linearly to zero.

    Parameters
    ----------
    learning_rate : float
        Rate at the start.
    steps : int
        Number of steps in all.

    References
    ----------
    J.-Y. Zhu et al., Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks, ICCV 2017.
    """

    def __init__(self, learning_rate: float, steps: int):
        self.learning_rate, self.steps = learning_rate, steps

    def __call__(self, step):
        """Return the rate at a step."""
        progress = keras.ops.cast(step, "float32") / self.steps
        return self.learning_rate * keras.ops.clip(2.0 - 2.0 * progress, 0.0, 1.0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"learning_rate": self.learning_rate, "steps": self.steps}


def train_cyclegan(
    experimental: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    recipe: CycleGANRecipe | None = None,
    *,
    sampling: float,
    material: str | None = None,
    session: str | None = None,
    rotation: Sequence[float] | None = None,
    model: CycleGANSTEM | None = None,
    out=None,
    samples_every: int = 5,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    strategy: tf.distribute.Strategy | None = None,
    tensorboard=None,
) -> CycleGANSTEM:
    """Train a CycleGAN between a session's images and simulations.

    Parameters
    ----------
    experimental, simulated : sequence of ndarray of shape (M, N)
        Raw images of the two domains, of one pixel size; each domain is saturated and scaled as a
        group here.
    recipe : CycleGANRecipe, optional
        How to train.
    sampling : float
        Pixel size [Å/px].
    material, session : str, optional
        What the images show, for the model's configuration.
    rotation : pair of float, optional
        Mean and standard deviation of the lattices' orientation [degrees], for the same.
    model : CycleGANSTEM, optional
        Train this one, see `CycleGANSTEM.successor`, instead of a new one.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments. With workers on several hosts, all must see it; the chief writes.
    samples_every : int
        Number of epochs from one sample picture in `out` to the next.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.
    strategy : tf.distribute.Strategy, optional
        From `make_strategy`. Each batch of the recipe is split evenly among its devices, with the
        losses and weights of one device that sees the whole batch (but replicas share their dropout
        masks).
    tensorboard : path-like, optional
        Folder for the losses in TensorBoard's format.

    Returns
    -------
    CycleGANSTEM
        In memory of this process, also under a strategy.

    Raises
    ------
    ValueError
        If a domain is empty, an image smaller than a patch or a batch not a multiple of the number
        of devices; if the workers see different folders; if `out` holds a training of another
        recipe, other images or another network, or a damaged state; if another training is in it
        now.
    FloatingPointError
        If a loss is not finite; the last saved epoch stays.
    ConnectionError
        If another worker has stopped; the last saved epoch stays.
    ModuleNotFoundError
        If TensorBoard is asked for but not installed.

    References
    ----------
    A. Khan et al., npj Comput. Mater. 9, 85 (2023), Methods.

    Examples
    --------
    >>> model = train_cyclegan(measured, simulated, sampling=0.2074)  # doctest: +SKIP
    """
    recipe = recipe or CycleGANRecipe()
    if model is None:
        recipe.check_network()
    keras.utils.set_random_seed(recipe.seed)
    start = model
    if model is None:
        model = _new_model(recipe, sampling, material, session, rotation)
    trained = model if strategy is None else on_replicas(model, strategy, recipe.batch_size)
    _compile(trained, recipe, strategy)
    callbacks = [StopOnNaN(), *callbacks]
    chief = is_chief(strategy)
    if tensorboard is not None and chief:
        callbacks.append(tensorboard_log(tensorboard))
    done = 0
    with folder_lock(out if chief else None):
        if out is not None:
            run = find_fingerprint(recipe, model, [*experimental, *simulated], start)
            state = TrainingState(out, writes=chief, run=run)
            done = state.restore(trained)
            callbacks.append(state)
            if strategy is not None:
                check_same_epoch(strategy, done, out)
            if chief:
                patches = patch_dataset(experimental, simulated, recipe)
                callbacks.append(_start_folder(Path(out), recipe, patches, samples_every))
        first = done * recipe.steps_per_epoch
        data = patch_dataset(experimental, simulated, recipe, first_step=first)
        _fit(trained, data, recipe, done, strategy, callbacks)
    if strategy is not None:
        model.set_weights(trained.get_weights())
    return model


def _new_model(recipe: CycleGANRecipe, sampling, material, session, rotation) -> CycleGANSTEM:
    return CycleGANSTEM(
        filters=recipe.filters,
        depth=recipe.depth,
        discriminator_filters=recipe.discriminator_filters,
        patch_size=recipe.patch,
        fft_discriminators=recipe.fft_discriminators,
        bottleneck_norm=recipe.bottleneck_norm,
        dropout=recipe.dropout,
        sampling=sampling,
        material=material,
        session=session,
        rotation=rotation,
    )


def _compile(model: CycleGANSTEM, recipe: CycleGANRecipe, strategy) -> None:
    schedule = ConstantThenLinear(recipe.learning_rate, recipe.epochs * recipe.steps_per_epoch)
    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    with nullcontext() if strategy is None else strategy.scope():
        model.compile(
            keras.optimizers.Adam(schedule, beta_1=0.5, **average),
            keras.optimizers.Adam(schedule, beta_1=0.5),
            lambda_pair=recipe.lambda_pair,
            pair_noise=recipe.pair_noise,
        )


def _start_folder(folder: Path, recipe: CycleGANRecipe, patches, every: int) -> SamplePictures:
    """Write down the recipe and choose the patches of the sample pictures."""
    io.write_json(folder / RECIPE, asdict(recipe))
    real, clean, *_ = next(iter(patches))
    return SamplePictures(real[0, ..., 0].numpy(), clean[0, ..., 0].numpy(), folder, every)


def _fit(model, data, recipe: CycleGANRecipe, done: int, strategy, callbacks) -> None:
    """Train from an epoch on and end with the averaged weights, if the recipe averages."""
    length = {
        "epochs": recipe.epochs,
        "initial_epoch": done,
        "steps_per_epoch": recipe.steps_per_epoch,
    }
    if strategy is None:
        model.fit(data, shuffle=False, callbacks=callbacks, verbose=0, **length)
    else:
        fit_on_replicas(model, data, strategy, callbacks=callbacks, **length)
    if recipe.ema:
        model.generator_optimizer.finalize_variable_values(
            [v for network in model.generators for v in network.trainable_variables]
        )
