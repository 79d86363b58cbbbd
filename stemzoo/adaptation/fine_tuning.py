"""Fine-tune a pretrained CycleGAN on a handful of new images, in minutes."""

import hashlib
import json
import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.adaptation.held_out import Agreement, HeldOut
from stemzoo.adaptation.judging import Adaptation, Judge, Judgement, best_of
from stemzoo.adaptation.labels import LabelCheck, watched_frames
from stemzoo.adaptation.measured import measured_images
from stemzoo.adaptation.recipe import AdaptRecipe
from stemzoo.adaptation.scan_errors import all_scan_errors
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.domain import domain_session, find_rotation
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.training.budget import TimeBudget, TimedRate
from stemzoo.training.cyclegan import StopOnNaN
from stemzoo.training.patches import patch_dataset
from stemzoo.training.recipe import CycleGANRecipe
from stemzoo.training.state import TrainingState
from stemzoo.translation import translate

log = logging.getLogger(__name__)

RUN = "adaptation.json"
BEST = "adaptation_best.npz"
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
        If adapting did not help, or images are doubtful.

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
    images = measured_images(
        experimental_images, model.material, model.sampling, model.patch_size, own=sampling
    )
    held = HeldOut.split(images, model.patch_size)
    seed = _seed(out, rng, {"images": _digest(images), "parent": model.name})
    domain, rotation = measured_domain(images, model.material, model.sampling)
    if simulated is None:
        frames = simulate_session(domain, recipe.frames, (recipe.frame_size,) * 2, seed=seed)
        simulated = [frame.image for frame in frames]
    simulated = rescale_group(simulated)
    judge = Judge(
        held,
        simulated,
        # Straight ones, whose columns can be told one by one.
        watched_frames(replace(domain, line_shifts=()), *_WATCHED, seed + 1),
        patch=model.patch_size,
        noise=recipe.noise,
        seed=seed,
    )
    measured = [*held.training, *_replayed(model, simulated, len(held.training), recipe, seed)]
    adapted = model.successor(
        session=session or adapted_name(str(model.session)),
        rotation=rotation,
        name=adapted_name(model.name),
    )
    budget = TimeBudget(60 * minutes, used=time.monotonic() - started)
    _compile(adapted, recipe, budget)
    state = None if out is None else TrainingState(out)
    done = 0 if state is None else state.restore(adapted)
    used = state.rows[-1]["seconds"] if done else 0.0
    budget.add_used(used)
    keeper = KeepBest(judge, budget, recipe, report, out)
    keeper.start(adapted, model, done * _BLOCK)
    if budget.left > 0:
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
    adapted.adaptation = keeper.finish(adapted)
    for network in (*adapted.generators, *adapted.discriminators):
        for layer in network.layers:
            layer.trainable = True
    if not adapted.adaptation.helped:
        warnings.warn(str(adapted.adaptation), stacklevel=2)
    return adapted


def measured_domain(
    images: Sequence[np.ndarray], material: str, sampling: float
) -> tuple[AcquisitionSession, tuple[float, float] | None]:
    """Return clean simulations that lie and sway as measured images do.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    domain : AcquisitionSession
        See `domain_session`, with the orientation and the shifted lines of the images: a CycleGAN
        could learn to shift lines only by moving columns away from their labels.
    rotation : pair of float, or None
        See `find_rotation`.
    """
    errors = all_scan_errors(images, find_material(material), sampling)
    straight = [one.undo(image) for one, image in zip(errors, images, strict=True)]
    rotation = find_rotation(straight, material, sampling)
    shifts = tuple(one.line_shifts for one in errors if one.line_shifts is not None)
    return replace(domain_session(material, sampling, rotation), line_shifts=shifts), rotation


def _check(model, minutes: float) -> None:
    if not minutes > 0:
        raise ValueError(f"minutes is positive. Received: {minutes}")
    if not getattr(model, "material", None) or not hasattr(model, "sim_to_exp"):
        raise ValueError(
            "Expected a CycleGANSTEM whose material is known; 'stemzoo list' shows those of the "
            f"zoo. Received: {getattr(model, 'name', model)}"
        )


def _seed(out, rng: np.random.Generator | None, facts: dict) -> int:
    """Name the run; one that goes on keeps the name it had, and must be of the same facts."""
    path = None if out is None else Path(out) / RUN
    if path is not None and path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if {key: known.get(key) for key in facts} != facts:
            raise ValueError(
                f"{path.parent}: expected a new folder, or one of the same images and weights, to "
                f"go on in. Received: a run of {known.get('parent')} on other images or weights"
            )
        return int(known["seed"])
    seed = int((rng or np.random.default_rng()).integers(2**31))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        io.write_text(path, json.dumps({"seed": seed, **facts}) + "\n")
    return seed


def _digest(images: Sequence[np.ndarray]) -> str:
    found = hashlib.sha256()
    for image in images:
        found.update(str(image.shape).encode())
        found.update(np.ascontiguousarray(image))
    return found.hexdigest()


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
    rates = [budget.follow(TimedRate(recipe.learning_rate)) for _ in range(2)]
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


class KeepBest(keras.callbacks.Callback):
    """Judge a model several times while it is fine-tuned, and keep its best weights.

    Parameters
    ----------
    judge : Judge
        Tells how good it is.
    budget : TimeBudget
        Tells how much time is left.
    recipe : AdaptRecipe
        Tells how often to judge.
    report : callable
        Takes a line of text at each judgement.
    out : path-like, optional
        Folder for the best weights and the judgements.
    """

    def __init__(self, judge: Judge, budget: TimeBudget, recipe: AdaptRecipe, report, out):
        super().__init__()
        self.judge, self.budget, self.recipe, self.report = judge, budget, recipe, report
        self.folder = None if out is None else Path(out)
        self.judgements: list[Judgement] = []
        self.best: list[np.ndarray] = []
        self.steps, self.stopped = 0, "time"
        self._average: list[np.ndarray] = []

    def start(self, model, parent, steps: int) -> None:
        """Judge the pretrained weights, or go on from what was judged before.

        Parameters
        ----------
        model, parent : CycleGANSTEM
            The one that is trained, and the one that it started from.
        steps : int
            Steps that it has been trained already.
        """
        self.steps = steps
        self._average = [] if not self.recipe.ema else _generator_weights(model)
        if self.folder is not None and (self.folder / BEST).is_file():
            with np.load(self.folder / BEST, allow_pickle=False) as file:
                self.best = [file[f"w{i}"] for i in range(len(file.files) - 1)]
                self.judgements = [_judgement(one) for one in json.loads(str(file["judgements"]))]
            self.judge.start = self.judgements[0]
            return
        self.best = parent.get_weights()
        self._judge(parent)

    def on_train_batch_end(self, batch, logs=None):
        """Count, and average the weights if the recipe says so."""
        self.steps += 1
        if self._average:
            new, keep = _generator_weights(self.model), self.recipe.ema
            self._average = [
                keep * a + (1 - keep) * w for a, w in zip(self._average, new, strict=True)
            ]

    def on_epoch_end(self, epoch, logs=None):
        """Judge, if it is time; stop a run that has twice lost its labels."""
        logs["seconds"] = self.budget.used
        since = self.budget.used - self.judgements[-1].seconds
        if since < self.budget.seconds / self.recipe.judgements or self.model.stop_training:
            return
        self._judge(self.model)
        if not any(one.safe for one in self.judgements[-2:]):
            self.stopped, self.model.stop_training = "labels", True

    def finish(self, model) -> Adaptation:
        """Judge a last time and give the model its best weights."""
        if self.steps > self.judgements[-1].steps:
            self._judge(model)
        model.set_weights(self.best)
        return Adaptation(tuple(self.judgements), self.budget.used, self.stopped)

    def _judge(self, model) -> None:
        begun, current = time.monotonic(), _generator_weights(model)
        if self._average and model is self.model:
            _set_generator_weights(model, self._average)
        self.judgements.append(self.judge(model, self.budget.used, self.steps))
        if best_of(self.judgements) is self.judgements[-1]:
            self.best = model.get_weights()
        _set_generator_weights(model, current)
        if self.folder is not None:
            self._save()
        self.report(str(self.judgements[-1]))
        # The last judgement comes after the training.
        self.budget.reserved = time.monotonic() - begun

    def _save(self) -> None:
        text = json.dumps([asdict(one) for one in self.judgements])
        arrays = {f"w{i}": weights for i, weights in enumerate(self.best)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with io.atomic_path(self.folder / BEST) as temporary, open(temporary, "wb") as file:
            np.savez(file, judgements=text, **arrays)


def _judgement(content: dict) -> Judgement:
    labels = content["labels"]
    return Judgement(
        **{
            **content,
            "agreement": Agreement(**content["agreement"]),
            "labels": None if labels is None else LabelCheck(**labels),
        }
    )


def _generator_weights(model) -> list[np.ndarray]:
    return [array for network in model.generators for array in network.get_weights()]


def _set_generator_weights(model, weights: Sequence[np.ndarray]) -> None:
    weights = list(weights)
    for network in model.generators:
        network.set_weights([weights.pop(0) for _ in network.weights])
