"""Renew a detector on frames that look like the new images."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.cyclegan import adapted_name
from stemzoo.adaptation.detector_scores import (
    EstimatedScore,
    choose_detector,
    error_reduction,
    find_scorer,
)
from stemzoo.adaptation.experimental import prepare_images
from stemzoo.adaptation.frames import training_frames
from stemzoo.adaptation.run import run_seed
from stemzoo.inference.matching import match
from stemzoo.io import Image
from stemzoo.simulate.dataset import session_classes
from stemzoo.simulate.domain import domain_session
from stemzoo.training.budget import TimeBudget
from stemzoo.training.fcn import train_fcn
from stemzoo.training.recipes import FCNRecipe

_SPARE = 1.25  # times what judging one took is kept for judging the new one
# Part of the estimated errors, 1 - F1, that a change of detectors must mend where the images are
# like the frames that the old one was trained on: 8 % on day B and 21 % on a real image, mended by
# the estimate, were truly a small loss. Where they are not, the old one has to prove itself.
_BETTER = 1 / 3
# The same for intensities by rank, where images are not like those. Found: 12 to 72 % where the
# response is not linear, 4 % and less where it is.
_RANKED = 0.1
# Small batches: in a minute or two the number of steps counts.
_RECIPE = FCNRecipe(epochs=10_000, steps_per_epoch=25, batch_size=8, learning_rate=2e-3, ema=0.98)
# By rank no more than 125 steps: there is little to learn but what frames have that images have not
# ('expanding', first draw: F1 0.80, 0.75 and 0.71 after 125, 200 and 259). 'hum' needs more, 255.
_RANKED_EPOCHS = 5


@dataclass(frozen=True)
class Renewal:
    """What renewing a detector did.

    Parameters
    ----------
    scores : dict of str to EstimatedScore
        Precision and recall on the measured images of each detector that could be returned, as the
        intensities of their columns tell them; ``"renewed"`` is the new one.
    chosen : str
        The one that was returned.
    judged : bool
        Whether vacancies could be told by their intensity; else the old one is returned if the
        images are like the frames that it was trained on, and the new one, if there is one, if not.
    agreements : dict of str to Agreement
        Of the ways in which training frames were made, or tried, with held-out patches.
    seconds : float
        How long it took in all.
    steps : int
        How long the new one was trained; 0 if there was no time left for that.
    """

    scores: dict[str, EstimatedScore]
    chosen: str
    judged: bool
    agreements: dict[str, Agreement]
    seconds: float
    steps: int

    @property
    def helped(self) -> bool:
        """Whether the new detector was returned."""
        return self.chosen == "renewed"

    def __str__(self) -> str:
        if not self.steps:
            return (
                f"{self.chosen} is returned, as no time was left to train a new one: give more "
                "minutes or fewer images"
            )
        if not self.judged:
            return (
                f"{self.chosen}, but not judged: the intensity of the columns does not tell "
                "vacancies in these images. Look at what it finds"
            )
        found = ", ".join(f"{name} {one.f1:.2f}" for name, one in self.scores.items())
        most = max(one.f1 for one in self.scores.values())
        best = self.scores[self.chosen].f1 >= most
        verdict = "is best"
        if not best:
            verdict = "is taken" if self.helped else "stays, as no other is clearly better"
        return f"{self.chosen} {verdict}, by the intensities of the columns: estimated F1 {found}"


def renew_detector(
    detector,
    translator,
    experimental_images: Sequence[np.ndarray | Image],
    *,
    rivals: Sequence = (),
    minutes: float = 2.5,
    sampling: float | None = None,
    out=None,
    rng: np.random.Generator | None = None,
    callbacks: Sequence = (),
):
    """Train a detector on simulations that look like the new images, if that makes it better.

    Parameters
    ----------
    detector : DefectFCN
        To start from; it is not changed.
    translator : CycleGANSTEM
        From `fit_adapt`: makes simulations look like the new images.
    experimental_images : sequence of ndarray of shape (M, N), or of Image
        The new images, without labels: detectors are judged on them.
    rivals : sequence of DefectFCN
        Other detectors that may be better.
    minutes : float
        How long it may take in all.
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the translator's.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments.
    rng : numpy.random.Generator, optional
        Source of randomness; unpredictable where not given.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.

    Returns
    -------
    DefectFCN
        A new model. Its attribute `renewal` is a `Renewal`, which says which detector it is.

    Raises
    ------
    ValueError
        If the images cannot be used, or the detector is for another material or other classes; if
        `out` holds another run.

    Warns
    -----
    UserWarning
        If the detectors could not be judged, or the new one is not the best.

    Notes
    -----
    Where the images are like the frames that the old detector was trained on, frames that are
    randomised over many microscopes are mixed in, so that it does not forget them. Where they are
    not, the old one is judged with intensities by rank, too (see `DefectFCN.prepare`). If that
    mends more than a tenth of its estimated errors, as where the response of the microscope's
    detector changed, the new one starts from that. Untrained, it is returned only in place of the
    old ones: the estimate, too, is made of intensities by rank, and favours what sees nothing else.

    Examples
    --------
    >>> parent = stemzoo.load("fcn-wse2")  # doctest: +SKIP
    >>> print(renew_detector(parent, adapted, images).renewal)  # doctest: +SKIP
    renewed is best, by the intensities of the columns: estimated F1 fcn-wse2 0.50, renewed 0.89
    """
    started = time.monotonic()
    label = vacancy_class((detector, *rivals), translator)
    images = prepare_images(
        experimental_images,
        translator.material,
        translator.sampling,
        translator.patch_size,
        own=sampling,
    )
    seed = run_seed(out, rng, images, detector.name)
    known = _named((detector, *rivals))
    fits = _fits(detector, images, translator.sampling)
    score = find_scorer(images, translator.material, label, translator.sampling, minutes)
    begun = time.monotonic()
    scores = {name: score(model) for name, model in known.items()} if score else {}
    reserved = _SPARE * (time.monotonic() - begun) / len(known)
    start, untrained = detector, {}
    if scores and not fits:
        start, untrained = _start(detector, scores[detector.name], score)
    frames, agreements = training_frames(
        translator,
        images,
        detector.sampling,
        translations=not _is_left(translator),
        randomised=fits,
        seed=seed,
    )
    renewed = start.successor(name=adapted_name(detector.name))
    budget = TimeBudget(60 * minutes, used=time.monotonic() - started)
    budget.reserved = reserved
    recipe = replace(_RECIPE, seed=seed)
    if renewed.ranked:
        recipe = replace(recipe, epochs=_RANKED_EPOCHS)
    steps = _train(renewed, frames, recipe, budget, out=out, callbacks=callbacks)
    if score and steps:
        scores["renewed"] = score(renewed)
    if scores:
        chosen = choose_detector(scores, _BETTER if fits else 0.0)
        if chosen != "renewed":
            chosen = choose_detector({chosen: scores[chosen], **untrained}, _RANKED)
        scores |= untrained
    else:
        chosen = detector.name if fits or not steps else "renewed"
    if chosen != "renewed":
        known |= dict.fromkeys(untrained, start)
        renewed = known[chosen].successor()
    renewed.renewal = Renewal(scores, chosen, bool(scores), agreements, budget.used, steps)
    if not renewed.renewal.helped or not scores:
        warnings.warn(str(renewed.renewal), stacklevel=2)
    return renewed


def vacancy_class(detectors, translator) -> str:
    """Name the class that detectors are judged by.

    Parameters
    ----------
    detectors : sequence of DefectFCN
        Those that may be returned.
    translator : CycleGANSTEM
        What they are to be trained with.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If one is for another material or other classes.
    """
    classes = session_classes(domain_session(translator.material, translator.sampling))
    for model in detectors:
        if model.material != translator.material or tuple(model.classes) != classes:
            raise ValueError(
                f"Expected detectors of {translator.material}, of the classes "
                f"{', '.join(classes)}; name another one. Received: {model.name}, of "
                f"{model.material}, of {', '.join(model.classes)}"
            )
    return next(name for name in classes if name.endswith("_vacancy"))


def _train(model, frames, recipe: FCNRecipe, budget: TimeBudget, **options) -> int:
    """Train a detector in place; return how many steps it has been trained."""
    trained = train_fcn(
        [frame.image for frame in frames],
        [frame.mask for frame in frames],
        recipe,
        classes=model.classes,
        sampling=model.sampling,
        material=model.material,
        model=model,
        budget=budget,
        **options,
    )
    model.set_weights(trained.get_weights())
    return int(trained.optimizer.iterations)


def _named(detectors) -> dict[str, object]:
    """Tell detectors apart that have the same name."""
    named = {}
    for i, model in enumerate(detectors):
        named[f"{model.name} ({i + 1})" if model.name in named else model.name] = model
    return named


def _fits(detector, images, sampling: float) -> bool:
    """Whether the images are like the frames that a detector is known to be trained on."""
    conditions = getattr(detector, "conditions", None)
    if conditions is None:
        return False
    (found,) = match(images, sampling=sampling, conditions={detector.name: conditions})
    return found.fits


def _is_left(translator) -> bool:
    """Whether `fit_adapt` left the CycleGAN, as there are frames made without it."""
    adaptation = getattr(translator, "adaptation", None)
    return adaptation is not None and adaptation.stopped in ("rival", "short")


def _start(detector, found: EstimatedScore, score) -> tuple[object, dict[str, EstimatedScore]]:
    """Return what to train: the old detector, or one that sees intensities by rank, or no longer.

    And the score of the second, if it is that.
    """
    name = f"{detector.name}-{'unranked' if detector.ranked else 'ranked'}"
    other = detector.successor(name=name, ranked=not detector.ranked)
    untrained = score(other)
    if error_reduction(found, untrained) > _RANKED:
        return other, {name: untrained}
    return detector, {}
