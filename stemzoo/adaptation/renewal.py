"""The renewing of a detector: old ones are judged, a new one trained and judged, one chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.detector_choice import DetectorChoice, Renewal
from stemzoo.adaptation.detector_scores import ColumnVerdict, error_reduction
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.fine_tuning import adapted_name
from stemzoo.adaptation.frames import training_frames
from stemzoo.adaptation.mastery import masters
from stemzoo.adaptation.recipes import LIMITS, JudgementLimits, RenewalRecipe
from stemzoo.inference.expectation import LEAST_F1
from stemzoo.inference.matching import match
from stemzoo.simulate.labels import LabelledImage
from stemzoo.training.budget import TimeBudget
from stemzoo.training.fcn import train_fcn
from stemzoo.training.state import STATE_FILE


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


def is_begun(out: str | Path | None) -> bool:
    """Whether a folder holds the state of a training.

    Examples
    --------
    >>> is_begun(None)
    False
    """
    return out is not None and (Path(out) / STATE_FILE).is_file()


def keep_master(
    detectors: Sequence[Any],
    session: ExperimentalSession,
    budget: TimeBudget,
    limits: JudgementLimits = LIMITS,
) -> RenewalResult | None:
    """Return a copy of the first detector that masters the images, if one does.

    Parameters
    ----------
    detectors : sequence of DefectFCN
        The one of before, and rivals.
    session : ExperimentalSession
        The images.
    budget : TimeBudget
        Time of the run.
    limits : JudgementLimits, optional
        From which expected F1 on a detector masters images.

    Returns
    -------
    RenewalResult or None
        None where there are errors to mend, or nothing tells.
    """
    label = judged_class(detectors, session.material)
    expected = {}
    for model in detectors:
        found = session.expected(model)
        if label in found:
            expected[model.name] = found[label]
        if masters(found, label, limits):
            report = Renewal({}, model.name, True, {}, budget.used, 0, expected, mastered=True)
            return RenewalResult(model.successor(), report)
    return None


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
    poor : bool
        Whether it is known to do badly on them.
    scorer : callable or None
        Judges a detector; None where vacancies do not stand out.
    seed : int
        Seed of the run.
    """

    def __init__(
        self,
        detector: Any,
        translator: Any | None,
        session: ExperimentalSession,
        recipe: RenewalRecipe,
        budget: TimeBudget,
        *,
        rivals: Sequence[Any] = (),
        fits: bool,
        poor: bool,
        scorer: Callable[[Any], ColumnVerdict] | None,
        seed: int,
    ):
        self.detector, self.translator, self.session = detector, translator, session
        self.recipe, self.budget, self.fits, self.seed = recipe, budget, fits, seed
        begun = budget.used
        self.choice = DetectorChoice(detector, rivals, scorer, poor=poor, limits=recipe.limits)
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
        if self.budget.left <= 0 and not is_begun(options.get("out")):
            return self._result(start, {}, 0)  # frames would be made in vain
        adaptation = getattr(self.translator, "adaptation", None)
        frames, agreements = training_frames(
            self.translator,
            self.session,
            self.detector.sampling,
            self.recipe,
            classes=self.detector.classes,
            translations=adaptation is None or not adaptation.stopped.left_to_simulations,
            randomised=self.fits,
            seed=self.seed,
        )
        untrained = start.successor(name=adapted_name(self.detector.name))
        renewed = self._train(untrained, frames, **options)
        return self._result(renewed, agreements, int(renewed.optimizer.iterations))

    def _result(self, renewed: Any, agreements: dict[str, Agreement], steps: int) -> RenewalResult:
        """Choose among the old ones and one that was trained for some steps."""
        best = self.choice.best(renewed, steps)
        judged = self.choice.candidates
        scores = {candidate.name: candidate.verdict.score for candidate in judged}
        new = [candidate.verdict for candidate in judged if candidate.trained]
        mended = error_reduction(judged[0].verdict, new[0]) if new else None
        report = Renewal(
            scores,
            best.name,
            bool(judged),
            agreements,
            self.budget.used,
            steps,
            mended=mended,
        )
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


def judged_class(detectors: Sequence[Any], material: str) -> str:
    """Name the class that detectors are judged by: vacancies, which columns tell.

    Parameters
    ----------
    detectors : sequence of DefectFCN
        Those that may be returned, the first of which is trained.
    material : str
        Entry of `MATERIALS`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If one is for another material or a structure of one's own, or does not know the class.
    """
    label = next((name for name in detectors[0].classes if name.endswith("_vacancy")), None)
    for model in detectors:
        if getattr(model, "structure", None) is not None:
            raise ValueError(
                f"Expected a detector of a material of the table. Received: {model.name}, of a "
                "structure of your own; train it on conditions like the image instead (stemzoo "
                "train fcn --structure FILE --like IMAGE)"
            )
        if model.material != material or label is None or label not in model.classes:
            raise ValueError(
                f"Expected detectors of {material} that know "
                f"{label or 'a class of vacancies such as se_vacancy'}; name another one. "
                f"Received: {model.name}, of {model.material}, of {', '.join(model.classes)}"
            )
    assert label is not None
    return label


def does_badly(detector: Any, session: ExperimentalSession) -> bool:
    """Whether a detector is known to do badly on images, where no column can judge it.

    Parameters
    ----------
    detector : DefectFCN
        A detector.
    session : ExperimentalSession
        The images.

    Returns
    -------
    bool
        By the upper end of the expected F1; of one that is not calibrated, whether the images are
        unlike the frames that it was trained on, or nothing is known of these.
    """
    expected = session.expected(detector)
    if not expected:
        return not fits_training_frames(detector, session)
    _, high = expected[judged_class([detector], session.material)].f1.interval
    return high < LEAST_F1


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
