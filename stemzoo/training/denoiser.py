"""Training of denoisers: a recipe, pairs of images, a folder with all that was learnt."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.models.denoiser import DenoisingUNet, gaussian_loss
from stemzoo.training.callbacks import StopOnNaN
from stemzoo.training.fingerprint import find_fingerprint
from stemzoo.training.folder_lock import folder_lock
from stemzoo.training.patches import PatchSequence, check_pairs
from stemzoo.training.recipes import DenoiserRecipe
from stemzoo.training.state import TrainingState
from stemzoo.zoo.file_names import RECIPE


def train_denoiser(
    images: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    recipe: DenoiserRecipe | None = None,
    *,
    sampling: float,
    material: str | None = None,
    out: str | Path | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> DenoisingUNet:
    """Train a denoiser on pairs of images.

    Parameters
    ----------
    images, targets : sequence of ndarray of shape (M, N)
        Frames in [-1, 1], and what they would be without noise on the same scale, as
        `stemzoo.simulate.pairs.denoising_pair` makes them.
    recipe : DenoiserRecipe, optional
        How to train.
    sampling : float
        Pixel size of the images [Å/px].
    material : str, optional
        Their material.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.

    Returns
    -------
    DenoisingUNet

    Raises
    ------
    ValueError
        If images and targets do not fit together, hold NaN or are smaller than a patch; if `out`
        holds a training of another recipe, other images or another network; if another training
        is in `out` now.
    FloatingPointError
        If a loss is not finite; the last saved epoch stays.

    Examples
    --------
    >>> pairs = [denoising_pair(frame, 0.4148) for frame in frames]  # doctest: +SKIP
    >>> model = train_denoiser(  # doctest: +SKIP
    ...     [pair.image for pair in pairs], [pair.target for pair in pairs], sampling=0.4148
    ... )
    """
    recipe = recipe or DenoiserRecipe()
    check_pairs(images, targets, "target")
    recipe.check_network()
    keras.utils.set_random_seed(recipe.seed)
    model = DenoisingUNet(
        filters=recipe.filters, depth=recipe.depth, sampling=sampling, material=material
    )
    _compile(model, recipe)
    data = PatchSequence(images, targets, recipe)
    watching = [
        # Keras' own signals to a dataset also come before the first epoch.
        keras.callbacks.LambdaCallback(on_epoch_begin=lambda n, _: data.start_epoch(n)),
        StopOnNaN(),
    ]
    with folder_lock(out):
        done = 0
        if out is not None:
            run = find_fingerprint(recipe, model, [*images, *targets], None)
            state = TrainingState(out, run=run)
            done = state.restore(model)
            io.write_json(state.folder / RECIPE, asdict(recipe))
            watching.append(state)
        model.fit(
            data,
            epochs=recipe.epochs,
            initial_epoch=done,
            shuffle=False,  # Keras' own shuffling would differ when a run goes on
            callbacks=[*watching, *callbacks],
            verbose=0,
        )
    return model


def _compile(model: DenoisingUNet, recipe: DenoiserRecipe) -> None:
    steps = recipe.epochs * recipe.steps_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    model.compile(keras.optimizers.Adam(rate, **average), loss=gaussian_loss)
    model.optimizer.build(model.trainable_variables)
