"""Fine-tune a pretrained CycleGAN on a handful of new images, in minutes."""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.adaptation.agreement import HoldOut
from stemzoo.adaptation.best_weights import BEST_FILE, LEAST_SECONDS, RestoreBestWeights
from stemzoo.adaptation.domain import matched_session
from stemzoo.adaptation.experimental import prepare_images
from stemzoo.adaptation.frames import FilteredSimulator
from stemzoo.adaptation.judgement import Adaptation, TranslationJudge, label_probes
from stemzoo.adaptation.run import run_seed
from stemzoo.analysis.lattice import find_rotation
from stemzoo.inference.translation import translate
from stemzoo.preprocessing import rescale, rescale_group
from stemzoo.simulate.dataset import simulate_session
from stemzoo.training.budget import TimeBudget, TimedRate
from stemzoo.training.callbacks import StopOnNaN
from stemzoo.training.patches import patch_dataset
from stemzoo.training.recipes import AdaptRecipe, CycleGANRecipe
from stemzoo.training.state import TrainingState

log = logging.getLogger(__name__)

_BLOCK = 25  # steps from one saved state to the next
_WATCHED = (2, 512)  # number of frames whose labels are watched, and their edge [px]


def fit_adapt(
    model,
    experimental_images: Sequence[np.ndarray | io.Image],
    *,
    simulated: Sequence[np.ndarray] | None = None,
    minutes: float = 5.0,
    sampling: float | None = None,
    session: str | None = None,
    recipe: AdaptRecipe | None = None,
    for_detector: bool = False,
    out=None,
    rng: np.random.Generator | None = None,
    report=log.info,
):
    """Fine-tune a pretrained CycleGAN on a handful of new images.

    It simulates the other domain itself, judges itself on parts of the images that it does not
    learn from, and returns the best weights that it has seen: never worse ones than at the start.

    Parameters
    ----------
    model : CycleGANSTEM
        Pretrained, with its discriminators (``load(name, training=True)``); it is not changed.
    experimental_images : sequence of ndarray of shape (M, N), or of Image
        One to some ten new images of the model's material; no labels.
    simulated : sequence of ndarray of shape (M, N), optional
        Clean simulations at the model's pixel size, instead of its own.
    minutes : float
        How long it may take in all.
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the model's.
    session : str, optional
        What to call the new conditions.
    recipe : AdaptRecipe, optional
        How to train.
    for_detector : bool
        Whether it is to make training frames for `renew_detector`. Where these can be made without
        a network, and its own are not clearly nearer to the images after half of the time, or a
        quarter if nothing tells the others from the images, it ends and leaves the rest to the
        detector; it does not begin if less than 45 s are left for it. Where `minutes` are fewer
        than that, it is not even compared with.
    out : path-like, optional
        Folder for the log and the state from which a run that was killed goes on when called again
        with the same arguments.
    rng : numpy.random.Generator, optional
        Source of randomness; unpredictable where not given.
    report : callable
        Takes a line of text at each judgement.

    Returns
    -------
    CycleGANSTEM
        A new model; its attribute `adaptation` is an `Adaptation`, which says whether it helped.
        With `for_detector`, `likeness` is a `FilteredSimulator`, which `renew_detector` uses.

    Raises
    ------
    ValueError
        If the images cannot be used (none, blank, too small, of another material), the model has no
        material, `minutes` is not positive, or `out` holds a run on other images.
    FloatingPointError
        If a loss is not finite; the last saved state stays.

    Warns
    -----
    UserWarning
        If adapting did not help or was not tried, or images are doubtful.

    Examples
    --------
    >>> model = stemzoo.load("cyclegan-wse2-dayB", training=True)  # doctest: +SKIP
    >>> adapted = stemzoo.fit_adapt(model, images, sampling=0.2)  # doctest: +SKIP
    >>> print(adapted.adaptation)  # doctest: +SKIP
    after 400 steps: power spectrum 0.412 -> 0.081 (rms of log10), ...
    """
    started = time.monotonic()
    _check(model, minutes)
    recipe = recipe or AdaptRecipe()
    images = prepare_images(
        experimental_images, model.material, model.sampling, model.patch_size, own=sampling
    )
    held = HoldOut.split(images, model.patch_size)
    seed = run_seed(out, rng, images, model.name)
    likeness = FilteredSimulator.measure(model, images, seed) if for_detector else None
    begun = out is not None and (Path(out) / BEST_FILE).is_file()
    if likeness is not None and likeness.appearances and 60 * minutes < LEAST_SECONDS and not begun:
        return _not_tried(model, likeness, session, time.monotonic() - started)
    domain, rotation = matched_session(images, model.material, model.sampling)
    if simulated is None:
        frames = simulate_session(domain, recipe.frames, (recipe.frame_size,) * 2, seed=seed)
        simulated = [frame.image for frame in frames]
    simulated = rescale_group(simulated)
    judge = TranslationJudge(
        held,
        simulated,
        # Straight ones, whose columns can be told one by one.
        label_probes(replace(domain, line_shifts=()), *_WATCHED, seed + 1),
        patch=model.patch_size,
        noise=recipe.noise,
        seed=seed,
    )
    measured = [*held.training, *_replayed(model, simulated, len(held.training), recipe, seed)]
    adapted = _successor(model, session, rotation)
    budget = TimeBudget(60 * minutes, used=time.monotonic() - started)
    _compile(adapted, recipe, budget)
    state = None if out is None else TrainingState(out)
    done = 0 if state is None else state.restore(adapted)
    used = state.rows[-1]["seconds"] if done else 0.0
    budget.add_used(used)
    rival = None if likeness is None else likeness.agreement
    keeper = RestoreBestWeights(judge, budget, recipe, report, out, rival)
    keeper.start(adapted, model, done * _BLOCK)
    if budget.left > 0 and keeper.stopped == "time":
        patches = _patch_recipe(recipe, model, seed)
        adapted.fit(
            patch_dataset(measured, simulated, patches, first_step=done * _BLOCK),
            epochs=patches.epochs,
            initial_epoch=done,
            steps_per_epoch=_BLOCK,
            shuffle=False,
            callbacks=[StopOnNaN(), budget, keeper, *([] if state is None else [state])],
            verbose=0,
        )
    adapted.adaptation, adapted.likeness = keeper.finish(adapted), likeness
    for network in (*adapted.generators, *adapted.discriminators):
        for layer in network.layers:
            layer.trainable = True
    if not adapted.adaptation.helped:
        warnings.warn(str(adapted.adaptation), stacklevel=2)
    return adapted


def _check(model, minutes: float) -> None:
    if not minutes > 0:
        raise ValueError(f"minutes is positive. Received: {minutes}")
    if not getattr(model, "material", None) or not hasattr(model, "sim_to_exp"):
        raise ValueError(
            "Expected a CycleGANSTEM whose material is known; 'stemzoo list' shows those of the "
            f"zoo. Received: {getattr(model, 'name', model)}"
        )


def _successor(model, session: str | None, rotation):
    return model.successor(
        session=session or adapted_name(str(model.session)),
        rotation=rotation,
        name=adapted_name(model.name),
    )


def _not_tried(model, likeness: FilteredSimulator, session: str | None, seconds: float):
    """Return the weights as they are: the little time there is, is the detector's."""
    straight = [one.errors.undo(rescale(one.image)) for one in likeness.appearances]
    rotation = find_rotation(straight, model.material, model.sampling)
    adapted = _successor(model, session, rotation)
    adapted.adaptation, adapted.likeness = Adaptation((), seconds, "short"), likeness
    warnings.warn(str(adapted.adaptation), stacklevel=3)
    return adapted


def _replayed(model, simulated, count: int, recipe: AdaptRecipe, seed: int) -> list[np.ndarray]:
    """Translate by the pretrained model as many as make up their part of all images."""
    number = round(count * recipe.replay / (1 - recipe.replay))
    rng = np.random.default_rng([seed, 4])
    chosen = [simulated[i % len(simulated)] for i in range(number)]
    return [translate(image, model, noise=recipe.noise, rng=rng) for image in chosen]


def _compile(model, recipe: AdaptRecipe, budget: TimeBudget) -> None:
    """Freeze what the recipe says and set the optimizers."""
    for network in model.discriminators if recipe.frozen == "discriminators" else ():
        for name in ("down0", "down1", "down1_norm"):
            network.get_layer(name).trainable = False
    for network in model.generators if recipe.frozen == "inner layers" else ():
        for layer in network.layers:
            layer.trainable = "norm" in layer.name or layer.name in ("down0", "last")
    rates = [budget.schedule(TimedRate(recipe.learning_rate)) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))


def _patch_recipe(recipe: AdaptRecipe, model, seed: int) -> CycleGANRecipe:
    """Say how patches are drawn; there are more of them than any budget has time for."""
    return CycleGANRecipe(
        epochs=10_000,
        steps_per_epoch=_BLOCK,
        batch_size=recipe.batch_size,
        patch=model.patch_size,
        noise=recipe.noise,
        seed=seed,
    )


def adapted_name(name: str) -> str:
    """Return the name of a model that was adapted.

    Examples
    --------
    >>> adapted_name("fcn-wse2"), adapted_name("fcn-wse2-adapted")
    ('fcn-wse2-adapted', 'fcn-wse2-adapted')
    """
    return f"{name.removesuffix('-adapted')}-adapted"
