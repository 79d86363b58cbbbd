"""Train a CycleGAN between experimental and simulated images."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from stemzoo import io
from stemzoo.models import CycleGANSTEM
from stemzoo.preprocessing import rescale_group
from stemzoo.training.samples import SamplePictures
from stemzoo.training.state import TrainingState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CycleGANRecipe:
    """How to train a `CycleGANSTEM`; the defaults are the zoo's.

    Parameters
    ----------
    epochs, steps_per_epoch : int
        Length of the training.
    batch_size, patch : int
        Patches of each domain per step and their edge [px].
    learning_rate : float
        Of Adam (β1 = 0.5), constant for the first half of the steps, then falling linearly to zero.
    noise : float
        Standard deviation of Gaussian noise that is added to simulated patches in [-1, 1], so that
        the generator has something to make noise of.
    ema : float
        Momentum of a moving average of the generators' weights, which the trained model ends with;
        0 for none.
    filters, depth, discriminator_filters, fft_discriminators, bottleneck_norm, dropout
        As in `CycleGANSTEM`.
    seed : int
        Names the run: initial weights, order and augmentation of the data.
    """

    epochs: int = 40
    steps_per_epoch: int = 50
    batch_size: int = 8
    patch: int = 128
    learning_rate: float = 2e-4
    noise: float = 0.1
    ema: float = 0.0
    filters: int = 16
    depth: int = 5
    discriminator_filters: int = 16
    fft_discriminators: bool = True
    bottleneck_norm: bool = False
    dropout: float = 0.0
    seed: int = 0


# Sizes of the paper: 256² patches, batches of 42, 5e5 patches in all over 297 epochs.
_PAPER = {
    "epochs": 297,
    "steps_per_epoch": 40,
    "batch_size": 42,
    "patch": 256,
    "learning_rate": 2e-3,
    "filters": 64,
    "depth": 8,
    "discriminator_filters": 64,
    "bottleneck_norm": True,
    "dropout": 0.5,
}


def recipe_of_size(size: str, **changes) -> CycleGANRecipe:
    """Return the recipe of a size.

    Parameters
    ----------
    size : str
        ``"zoo"`` (for a CPU) or ``"paper"`` (for a GPU).
    **changes
        Fields that differ.

    Returns
    -------
    CycleGANRecipe

    Raises
    ------
    ValueError
        For an unknown size.
    """
    sizes = {"zoo": {}, "paper": _PAPER}
    if size not in sizes:
        raise ValueError(f"size is {' or '.join(sizes)}. Received: {size!r}")
    return CycleGANRecipe(**{**sizes[size], **changes})


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


class StopOnNaN(keras.callbacks.Callback):
    """Stop a training whose loss is not finite; the last saved state stays.

    Raises
    ------
    FloatingPointError
        Names the loss and the step.
    """

    def on_train_batch_end(self, batch, logs=None):
        """Look at every loss of the step."""
        for name, value in (logs or {}).items():
            if not np.isfinite(float(value)):
                raise FloatingPointError(
                    f"The loss {name!r} is not finite after step {batch + 1} of this epoch. The "
                    "last saved epoch is kept; go on from it with a lower learning rate. "
                    f"Received: {float(value)}"
                )


def _stack(images: Sequence[np.ndarray], patch: int, domain: str):
    """Images of one domain as one array, scaled as a group, with the size of each."""
    for i, image in enumerate(images):
        if np.ndim(image) != 2 or min(np.shape(image)) < patch:
            raise ValueError(
                f"The {domain} image {i} must be 2-D and at least {patch} px on each side, the "
                f"size of a patch. Received: {np.shape(image)}"
            )
    scaled = rescale_group(images)
    shapes = np.array([image.shape for image in scaled])
    stack = np.zeros((len(scaled), *shapes.max(0)), np.float32)
    for i, image in enumerate(scaled):
        stack[i, : image.shape[0], : image.shape[1]] = image
    return tf.constant(stack), tf.constant(shapes, tf.int32)


def _random_patch(stack, shapes, size: int, seed):
    """Random square of a random image, rotated by a multiple of 90° and flipped at random."""
    draws = tf.random.stateless_uniform((5,), seed)
    image = tf.cast(draws[0] * tf.cast(tf.shape(stack)[0], tf.float32), tf.int32)
    room = tf.cast(shapes[image] - size + 1, tf.float32)
    start = tf.cast(draws[1:3] * room, tf.int32)
    patch = tf.slice(stack, [image, start[0], start[1]], [1, size, size])[0]
    patch = tf.image.rot90(patch[..., None], tf.cast(draws[3] * 4, tf.int32))
    return tf.cond(draws[4] < 0.5, lambda: patch[:, ::-1], lambda: patch)


def patch_dataset(
    experimental: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    recipe: CycleGANRecipe,
    *,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Random pairs of unpaired patches, one batch of both domains a step.

    The patches of a step depend on the recipe's seed and the step alone, so that a training goes on
    with the same data.

    Parameters
    ----------
    experimental, simulated : sequence of ndarray of shape (M, N)
        Raw images, each at least as large as a patch.
    recipe : CycleGANRecipe
        Sizes, noise and seed.
    first_step : int
        Step to start at.

    Returns
    -------
    tf.data.Dataset
        Pairs of float32 (batch, patch, patch, 1) in [-1, 1], simulated ones with noise.

    Raises
    ------
    ValueError
        If a domain is empty or an image smaller than a patch.
    """
    if not len(experimental) or not len(simulated):
        raise ValueError(
            "Expected at least one image of each domain. Received: "
            f"{len(experimental)} experimental, {len(simulated)} simulated"
        )
    size = recipe.patch
    domains = [
        _stack(experimental, size, "experimental"),
        _stack(simulated, size, "simulated"),
    ]

    def pair(index):
        seeds = tf.random.experimental.stateless_split([recipe.seed, index], 3)
        real, clean = (
            _random_patch(*domain, size, seed)
            for domain, seed in zip(domains, (seeds[0], seeds[1]), strict=True)
        )
        noise = recipe.noise * tf.random.stateless_normal((size, size, 1), seeds[2])
        return real, clean + noise

    first = first_step * recipe.batch_size
    last = recipe.epochs * recipe.steps_per_epoch * recipe.batch_size
    patches = tf.data.Dataset.range(first, last, output_type=tf.int32).map(
        pair, num_parallel_calls=tf.data.AUTOTUNE
    )
    return patches.batch(recipe.batch_size, drop_remainder=True).prefetch(2)


def train_cyclegan(
    experimental: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    recipe: CycleGANRecipe | None = None,
    *,
    sampling: float,
    material: str | None = None,
    session: str | None = None,
    model: CycleGANSTEM | None = None,
    out=None,
    samples_every: int = 5,
    callbacks: Sequence[keras.callbacks.Callback] = (),
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
    model : CycleGANSTEM, optional
        Start from these weights instead of new ones.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments.
    samples_every : int
        Number of epochs from one sample picture in `out` to the next.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.

    Returns
    -------
    CycleGANSTEM

    Raises
    ------
    ValueError
        If a domain is empty or an image smaller than a patch.
    FloatingPointError
        If a loss is not finite; the last saved epoch stays.

    References
    ----------
    A. Khan et al., npj Comput. Mater. 9, 85 (2023), Methods.

    Examples
    --------
    >>> model = train_cyclegan(measured, simulated, sampling=0.2074)  # doctest: +SKIP
    """
    recipe = recipe or CycleGANRecipe()
    keras.utils.set_random_seed(recipe.seed)
    if model is None:
        model = CycleGANSTEM(
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
        )
    schedule = ConstantThenLinear(recipe.learning_rate, recipe.epochs * recipe.steps_per_epoch)
    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    model.compile(
        keras.optimizers.Adam(schedule, beta_1=0.5, **average),
        keras.optimizers.Adam(schedule, beta_1=0.5),
    )
    callbacks = [StopOnNaN(), *callbacks]
    first = 0
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        state = TrainingState(folder)
        first = state.restore(model)
        io.write_text(folder / "recipe.json", json.dumps(asdict(recipe), indent=1) + "\n")
        real, clean = next(iter(patch_dataset(experimental, simulated, recipe)))
        pictures = real[0, ..., 0].numpy(), clean[0, ..., 0].numpy()
        callbacks += [state, SamplePictures(*pictures, folder, samples_every)]
    data = patch_dataset(experimental, simulated, recipe, first_step=first * recipe.steps_per_epoch)
    model.fit(
        data,
        epochs=recipe.epochs,
        initial_epoch=first,
        steps_per_epoch=recipe.steps_per_epoch,
        shuffle=False,
        callbacks=callbacks,
        verbose=0,
    )
    if recipe.ema:
        model.generator_optimizer.finalize_variable_values(
            [v for network in model.generators for v in network.trainable_variables]
        )
    return model
