"""Choose among detectors: an earlier one stays unless another surely mends some of its errors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.detector_scores import (
    NOTHING,
    ColumnVerdict,
    EstimatedScore,
    error_reduction,
)
from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.inference.expectation import Expectation
from stemzoo.metrics.estimate import Estimate

RENEWED = "renewed"  # name of the new detector


@dataclass(frozen=True)
class Candidate:
    """A detector that may be returned.

    Parameters
    ----------
    name : str
        What to call it.
    model : DefectFCN
        The detector.
    verdict : ColumnVerdict
        Of the columns of the measured images.
    trained : bool
        Whether it was trained on frames that look like these images.
    margin : float
        Fraction of the errors of an earlier candidate that it must surely mend to replace that.
    """

    name: str
    model: Any
    verdict: ColumnVerdict
    trained: bool = False
    margin: float = 0.0

    def is_better_than(self, earlier: "Candidate") -> bool:
        """Whether it mends so many errors, by the lower end of the interval of 95 %."""
        low, _ = error_reduction(earlier.verdict, self.verdict).interval
        return low > self.margin


def choose_detector(candidates: Sequence[Candidate], limits: JudgementLimits = LIMITS) -> Candidate:
    """Return the best detector, or an earlier one whose errors it does not surely mend.

    Parameters
    ----------
    candidates : sequence of Candidate
        The first is the one of before. One that makes next to no errors, by the estimate, stays;
        so does one that was trained: estimates are not good enough to prefer an untrained one.
    limits : JudgementLimits, optional
        From which score on there are next to no errors.

    Returns
    -------
    Candidate

    Examples
    --------
    >>> import numpy as np
    >>> p, marked = np.ones(100), np.arange(100)
    >>> old = Candidate("old", None, ColumnVerdict(p, marked < 80, 100))
    >>> better = ColumnVerdict(p, marked < 85, 100)  # a quarter of the errors mended
    >>> choose_detector([old, Candidate("new", None, better)]).name
    'new'
    >>> choose_detector([old, Candidate("new", None, better, margin=1 / 3)]).name
    'old'
    """
    best, *others = candidates
    for other in others:
        if best.trained or best.verdict.score.f1 >= limits.faultless:
            break
        if other.is_better_than(best):
            best = other
    return best


class DetectorChoice:
    """The detectors that may be returned, and their scores.

    Parameters
    ----------
    detector : DefectFCN
        The one of before.
    rivals : sequence of DefectFCN
        Others that may be better.
    scorer : callable or None
        Judges a detector, see `find_scorer`; None where vacancies do not stand out.
    poor : bool
        Whether the detector is known to do badly on these images: where nothing judges, it is
        replaced then.
    limits : JudgementLimits, optional
        Margins.

    Attributes
    ----------
    candidates : list of Candidate
        Those that were judged.
    """

    def __init__(
        self,
        detector: Any,
        rivals: Sequence[Any],
        scorer: Callable[[Any], ColumnVerdict] | None,
        *,
        poor: bool,
        limits: JudgementLimits = LIMITS,
    ):
        self.detector, self.scorer, self.poor, self.limits = detector, scorer, poor, limits
        self.candidates: list[Candidate] = []
        for i, model in enumerate((detector, *rivals)):
            taken = {candidate.name for candidate in self.candidates}
            self._add(f"{model.name} ({i + 1})" if model.name in taken else model.name, model)
        self.by_rank: Candidate | None = None

    def find_start(self) -> Any:
        """Return what to train: the old detector, or one that sees intensities the other way.

        That is by rank, or no longer by rank, where it mends errors untrained, as where the
        response of the microscope's detector changed.

        Returns
        -------
        DefectFCN
        """
        if self.scorer is None or self.candidates[0].verdict.score.f1 >= self.limits.faultless:
            return self.detector
        name = f"{self.detector.name}-{'unranked' if self.detector.ranked else 'ranked'}"
        other = self.detector.successor(name=name, ranked=not self.detector.ranked)
        by_rank = Candidate(name, other, self.scorer(other), margin=self.limits.better_by_rank)
        if not by_rank.is_better_than(self.candidates[0]):
            return self.detector
        self.by_rank = by_rank
        return other

    def best(self, renewed: Any, steps: int) -> Candidate:
        """Score the new detector and choose.

        Parameters
        ----------
        renewed : DefectFCN
            The new detector.
        steps : int
            For how many steps it was trained; it cannot be chosen if for none.

        Returns
        -------
        Candidate
            Where nothing judges, the old one unless that is known to do badly.
        """
        if self.scorer is None:
            stays = not self.poor or not steps
            name, model = (self.detector.name, self.detector) if stays else (RENEWED, renewed)
            return Candidate(name, model, NOTHING, trained=not stays)
        if steps:
            self._add(RENEWED, renewed, trained=True)
        # The last, as the estimate is made by rank, too, and favours what sees nothing else.
        if self.by_rank is not None:
            self.candidates.append(self.by_rank)
        return choose_detector(self.candidates, self.limits)

    def _add(self, name: str, model: Any, trained: bool = False) -> None:
        if self.scorer is not None:
            margin = self.limits.better
            self.candidates.append(Candidate(name, model, self.scorer(model), trained, margin))


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
        Whether vacancies could be told by their intensity; else the old one is returned unless it
        is known to do badly, and the new one, if there is one, if it is.
    agreements : dict of str to Agreement
        Of the ways in which training frames were made, or tried, with held-out patches.
    seconds : float
        How long it took in all.
    steps : int
        How long the new one was trained; 0 if there was no time left for that, or no need.
    expected : mapping of str to Expectation
        What `detect` lets expect in these images of the class that detectors are judged by, of
        those that are calibrated.
    mastered : bool
        Whether the one that was returned masters the images, so that nothing was trained.
    mended : Estimate or None
        Fraction of the errors of the first one that the new one mends, by the columns.
    """

    scores: dict[str, EstimatedScore]
    chosen: str
    judged: bool
    agreements: dict[str, Agreement]
    seconds: float
    steps: int
    expected: Mapping[str, Expectation] = field(default_factory=dict)
    mastered: bool = False
    mended: Estimate | None = None

    @property
    def helped(self) -> bool:
        """Whether the new detector was returned."""
        return self.chosen == RENEWED

    def __str__(self) -> str:
        if self.mastered:
            f1 = self.expected[self.chosen].f1
            return (
                f"{self.chosen} masters these images (expected F1 {f1.value:.2f}, {f1.low:.2f} to "
                f"{f1.high:.2f}): it stays as it is, and nothing was trained; --force (force=True) "
                "trains all the same"
            )
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
        scores = ", ".join(f"{name} {score.f1:.2f}" for name, score in self.scores.items())
        most = max(score.f1 for score in self.scores.values())
        verdict = "is best"
        if self.scores[self.chosen].f1 < most:
            verdict = "is taken" if self.helped else "stays, as no other is surely better"
        mended = ""
        if self.mended is not None:
            low, high = (f"{100 * end:.0f}" for end in self.mended.interval)
            mended = (
                f"; renewed mends {100 * self.mended.value:.0f} % of the errors ({low} to {high})"
            )
        return (
            f"{self.chosen} {verdict}, by the intensities of the columns: estimated F1 {scores}"
            f"{mended}"
        )
