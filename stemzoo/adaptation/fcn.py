"""Renew a detector on frames that look like the new images."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stemzoo.adaptation.detector_choice import DetectorChoice, Renewal
from stemzoo.adaptation.detector_scores import EstimatedScore, find_scorer
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.fine_tuning import adapted_name
from stemzoo.adaptation.frames import training_frames
from stemzoo.adaptation.run import run_seed
from stemzoo.inference.matching import match
from stemzoo.io import Image
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.labels import LabelledImage, session_classes
from stemzoo.training.budget import TimeBudget
from stemzoo.training.fcn import train_fcn
from stemzoo.training.recipes import RenewalRecipe


def renew_detector(
    detector: Any,
    translator: Any,
    experimental_images: Sequence[np.ndarray | Image] | ExperimentalSession,
    *,
    rivals: Sequence[Any] = (),
    minutes: float = 2.5,
    sampling: float | None = None,
    recipe: RenewalRecipe | None = None,
    out: Any = None,
    rng: np.random.Generator | None = None,
    callbacks: Sequence[Any] = (),
) -> Any:
    """Train a detector on simulations that look like the new images, if that makes it better.

    Parameters
    ----------
    detector : DefectFCN
        To start from; it is not changed.
    translator : CycleGANSTEM
        From `fit_adapt`: makes simulations look like the new images.
    experimental_images : sequence of ndarray of shape (M, N), or of Image; or ExperimentalSession
        The new images, without labels: detectors are judged on them. Or what was measured on them.
    rivals : sequence of DefectFCN
        Other detectors that may be better.
    minutes : float
        How long it may take in all.
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the translator's.
    recipe : RenewalRecipe, optional
        How to train and to choose.
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
    budget, recipe = TimeBudget(60 * minutes), recipe or RenewalRecipe()
    label = vacancy_class((detector, *rivals), translator)
    session = ExperimentalSession.of(experimental_images, translator, own=sampling)
    seed = run_seed(out, rng, session.given, detector.name)
    known = (session.images, session.material, label, session.sampling)
    run = RenewalRun(
        detector,
        translator,
        session,
        recipe,
        budget,
        rivals=rivals,
        fits=fits_training_frames(detector, session),
        scorer=find_scorer(*known, minutes, recipe.limits),
        seed=seed,
    )
    result = run.run(out=out, callbacks=callbacks)
    result.model.renewal = result.report
    if not (result.report.helped and result.report.judged):
        warnings.warn(str(result.report), stacklevel=2)
    return result.model


@dataclass(frozen=True)
class RenewalResult:
    """The detector that was chosen, and what was done.

    Parameters
    ----------
    model : DefectFCN
        The new one, or a copy of another.
    report : Renewal
        How it was chosen.
    """

    model: Any
    report: Renewal


class RenewalRun:
    """The renewing of a detector: old ones are scored, a new one trained and scored, one chosen.

    Parameters
    ----------
    detector, translator
        As in `renew_detector`.
    session : ExperimentalSession
        The new images.
    recipe : RenewalRecipe
        How to train and to choose.
    budget : TimeBudget
        How long it may take.
    rivals : sequence of DefectFCN
        Other detectors that may be better.
    fits : bool
        Whether the images are like the frames that the detector was trained on.
    scorer : callable or None
        Scores a detector; None where vacancies do not stand out.
    seed : int
        Seed of the run.
    """

    def __init__(
        self,
        detector: Any,
        translator: Any,
        session: ExperimentalSession,
        recipe: RenewalRecipe,
        budget: TimeBudget,
        *,
        rivals: Sequence[Any] = (),
        fits: bool,
        scorer: Callable[[Any], EstimatedScore] | None,
        seed: int,
    ):
        self.detector, self.translator, self.session = detector, translator, session
        self.recipe, self.budget, self.fits, self.seed = recipe, budget, fits, seed
        begun = budget.used
        self.choice = DetectorChoice(detector, rivals, scorer, fits=fits, limits=recipe.limits)
        each = (budget.used - begun) / (1 + len(rivals))
        budget.reserved = recipe.limits.spare * each

    def run(self, **options: Any) -> RenewalResult:
        """Train and choose.

        Parameters
        ----------
        **options
            `out` and `callbacks`, as in `train_fcn`.

        Returns
        -------
        RenewalResult
        """
        start = self.choice.find_start()
        adaptation = self.translator.adaptation
        frames, agreements = training_frames(
            self.translator,
            self.session,
            self.detector.sampling,
            self.recipe,
            translations=adaptation is None or not adaptation.stopped.left_to_simulations,
            randomised=self.fits,
            seed=self.seed,
        )
        untrained = start.successor(name=adapted_name(self.detector.name))
        renewed = self._train(untrained, frames, **options)
        steps = int(renewed.optimizer.iterations)
        best = self.choice.best(renewed, steps)
        scores = {candidate.name: candidate.score for candidate in self.choice.candidates}
        judged = bool(scores)
        report = Renewal(scores, best.name, judged, agreements, self.budget.used, steps)
        return RenewalResult(renewed if best.trained else best.model.successor(), report)

    def _train(self, model: Any, frames: Sequence[LabelledImage], **options: Any) -> Any:
        recipe = replace(self.recipe.training, seed=self.seed)
        if model.ranked:
            recipe = replace(recipe, epochs=self.recipe.epochs_by_rank)
        return train_fcn(
            [frame.image for frame in frames],
            [frame.mask for frame in frames],
            recipe,
            classes=model.classes,
            sampling=model.sampling,
            material=model.material,
            model=model,
            budget=self.budget,
            **options,
        )


def vacancy_class(detectors: Sequence[Any], translator: Any) -> str:
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


def fits_training_frames(detector: Any, session: ExperimentalSession) -> bool:
    """Whether images are like the frames that a detector is known to be trained on.

    Parameters
    ----------
    detector : DefectFCN
        With its `conditions`, or without.
    session : ExperimentalSession
        The images.

    Returns
    -------
    bool
    """
    if detector.conditions is None:
        return False
    known = {detector.name: detector.conditions}
    (result,) = match(session.images, sampling=session.sampling, conditions=known)
    return result.fits
