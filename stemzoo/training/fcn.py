"""Training of detectors: a recipe, labelled images, a folder with all that was learnt."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

import keras
import numpy as np

from stemzoo import io
from stemzoo.models import DefectFCN
from stemzoo.training.budget import TimeBudget, TimedRate
from stemzoo.training.callbacks import StopOnNaN
from stemzoo.training.fingerprint import find_fingerprint
from stemzoo.training.folder_lock import folder_lock
from stemzoo.training.patches import PatchSequence, check_pairs
from stemzoo.training.recipes import FCNRecipe
from stemzoo.training.state import TrainingState
from stemzoo.zoo.file_names import RECIPE

log = logging.getLogger(__name__)


def train_fcn(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    recipe: FCNRecipe | None = None,
    *,
    classes: Sequence[str],
    sampling: float,
    material: str | None = None,
    validation: tuple[Sequence[np.ndarray], Sequence[np.ndarray]] | None = None,
    model: DefectFCN | None = None,
    out=None,
    budget: TimeBudget | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> DefectFCN:
    """Train a detector on labelled images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Raw images; they are saturated and scaled here, each by itself.
    masks : sequence of ndarray of shape (M, N)
        Class masks: 0 background, k + 1 for ``classes[k]``.
    recipe : FCNRecipe, optional
        How to train.
    classes : sequence of str
        Names of the defect classes.
    sampling : float
        Pixel size of the images [Å/px].
    material : str, optional
        Their material.
    validation : tuple of (images, masks), optional
        Labelled images that are not trained on; cut to whole multiples of the network's stride.
    model : DefectFCN, optional
        Start from a copy of this one instead of new weights.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments.
    budget : TimeBudget, optional
        Train until it is used up, if that comes before the recipe's last epoch, and let the
        learning rate follow it.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.

    Returns
    -------
    DefectFCN

    Raises
    ------
    ValueError
        If images and masks do not fit together, hold NaN or are smaller than a patch; if patch or
        classes do not fit the network; if `out` holds a training of another recipe, other images or
        another network, or one that was begun with a budget where there is none now, or the
        reverse, or a damaged state; if another training is in `out` now.
    FloatingPointError
        If a loss is not finite; the last saved epoch stays.

    References
    ----------
    Recipe after A. Khan et al., npj Comput. Mater. 9, 85 (2023): 24 augmentations, categorical
    cross-entropy, Adam.

    Examples
    --------
    >>> model = train_fcn(images, masks, classes=["se_vacancy"], sampling=0.2)  # doctest: +SKIP
    """
    recipe = recipe or FCNRecipe()
    check_pairs(images, masks, "mask")
    for i, mask in enumerate(masks):
        if np.max(mask) > len(classes):
            raise ValueError(
                f"Mask {i} holds a value above the number of classes, {len(classes)}. Received: "
                f"{np.max(mask)}"
            )
    start = None if model is None else _copy(model)
    if start is None:
        recipe.check_network()
    keras.utils.set_random_seed(recipe.seed)
    model = _new_model(recipe, classes, sampling, material) if start is None else start
    _check_model(model, recipe, classes)
    _compile(model, recipe, budget)
    data = PatchSequence([model.prepare(image) for image in images], masks, recipe)
    # Keras' own signals to a dataset also come before the first epoch.
    watching = [keras.callbacks.LambdaCallback(on_epoch_begin=lambda n, _: data.start_epoch(n))]
    watching += [StopOnNaN()] if budget is None else [StopOnNaN(), budget]
    with folder_lock(out):
        done = 0
        if out is not None:
            # What a training with a budget is about, `stemzoo.adaptation.run` knows.
            run = None if budget else find_fingerprint(recipe, model, [*images, *masks], start)
            state = TrainingState(out, run=run)
            done = _restore(state, model, recipe, budget)
            watching.append(state)  # after the budget, which adds the time to what is logged
        # A run whose time is over learns no more, but Keras ends it with the averaged weights.
        over = budget is not None and budget.left <= 0
        model.fit(
            data,
            epochs=done if over else recipe.epochs,
            initial_epoch=done,
            shuffle=False,  # Keras' own shuffling would differ when a run goes on
            validation_data=_whole_images(validation, model) if validation else None,
            validation_batch_size=1,
            callbacks=[*watching, *callbacks],
            verbose=0,
        )
    return model


def _new_model(recipe: FCNRecipe, classes, sampling: float, material: str | None) -> DefectFCN:
    return DefectFCN(
        classes,
        filters=recipe.filters,
        depth=recipe.depth,
        dropout=recipe.dropout,
        sampling=sampling,
        material=material,
    )


def _copy(model: DefectFCN) -> DefectFCN:
    """Copy a model with all its state, the random numbers of the dropout included."""
    copy = model.successor()
    for new, old in zip(copy.variables, model.variables, strict=True):
        new.assign(old)
    copy.provenance = getattr(model, "provenance", None)  # which `save` names as the parent
    return copy


def _compile(model: DefectFCN, recipe: FCNRecipe, budget: TimeBudget | None) -> None:
    steps = recipe.epochs * recipe.steps_per_epoch
    if budget is None:
        rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    else:
        budget.steps = steps
        rate = budget.schedule(TimedRate(recipe.learning_rate))
    average = {"use_ema": True, "ema_momentum": recipe.ema} if recipe.ema else {}
    # Masks hold class numbers, so this is categorical cross-entropy without the one-hot arrays.
    loss = keras.losses.SparseCategoricalCrossentropy()
    model.compile(keras.optimizers.Adam(rate, **average), loss=loss)
    model.optimizer.build(model.trainable_variables)


def _restore(
    state: TrainingState, model: DefectFCN, recipe: FCNRecipe, budget: TimeBudget | None
) -> int:
    """Go on from the last state in a folder, if there is one, and write down the recipe."""
    done = state.restore(model)
    if done and ("seconds" in state.rows[-1]) != (budget is not None):
        begun, now = ("without", "with") if budget is not None else ("with", "without")
        raise ValueError(
            f"{state.folder} holds a training that was begun {begun} a time budget and goes on the "
            f"same way, or choose an empty folder. Received: a training {now} a time budget"
        )
    if done and budget is not None:
        budget.add_used(state.rows[-1]["seconds"], done * recipe.steps_per_epoch)
    io.write_json(state.folder / RECIPE, asdict(recipe))
    return done


def _whole_images(validation, model: DefectFCN):
    shapes = [np.shape(image) for image in validation[0]]
    rows, columns = (min(s[i] for s in shapes) // model.stride * model.stride for i in (0, 1))
    images = np.stack([model.prepare(image)[:rows, :columns, None] for image in validation[0]])
    masks = np.stack([mask[:rows, :columns] for mask in validation[1]])
    return images, masks


def _check_model(model: DefectFCN, recipe: FCNRecipe, classes) -> None:
    if tuple(classes) != tuple(model.classes):
        raise ValueError(
            f"Expected the classes of the model, {model.classes}. Received: {tuple(classes)}"
        )
    if recipe.patch % model.stride:
        raise ValueError(
            f"A network of depth {model.depth} takes patches of a multiple of {model.stride} px. "
            f"Received: {recipe.patch}"
        )
