"""Choose among detectors: an earlier one stays unless another mends enough of its errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.detector_scores import EstimatedScore
from stemzoo.training.recipes import LIMITS, JudgementLimits

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
    score : EstimatedScore
        On the measured images.
    trained : bool
        Whether it was trained on frames that look like these images.
    margin : float
        Fraction of the errors of an earlier candidate that it must mend to replace that.
    """

    name: str
    model: Any
    score: EstimatedScore
    trained: bool = False
    margin: float = 0.0


def choose_detector(candidates: Sequence[Candidate], limits: JudgementLimits = LIMITS) -> Candidate:
    """Return the best detector, or an earlier one whose errors it does not mend by its margin.

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
    >>> old = Candidate("old", None, EstimatedScore(80, 100, 100))
    >>> better = EstimatedScore(85, 100, 100)  # a quarter of the errors mended
    >>> choose_detector([old, Candidate("new", None, better)]).name
    'new'
    >>> choose_detector([old, Candidate("new", None, better, margin=1 / 3)]).name
    'old'
    """
    best, *others = candidates
    for other in others:
        if best.trained or best.score.f1 >= limits.faultless:
            break
        if error_reduction(best.score, other.score) > other.margin:
            best = other
    return best


def error_reduction(old: EstimatedScore, new: EstimatedScore) -> float:
    """Fraction of the estimated errors, 1 - F1, that a change of detectors mends.

    Parameters
    ----------
    old, new : EstimatedScore
        Of two detectors.

    Returns
    -------
    float
        1 at most; negative where there are more errors.

    Examples
    --------
    >>> round(error_reduction(EstimatedScore(80, 100, 100), EstimatedScore(85, 100, 100)), 3)
    0.25
    """
    return (new.f1 - old.f1) / max(1 - old.f1, 1e-6)


class DetectorChoice:
    """The detectors that may be returned, and their scores.

    Parameters
    ----------
    detector : DefectFCN
        The one of before.
    rivals : sequence of DefectFCN
        Others that may be better.
    scorer : callable or None
        Scores a detector, see `find_scorer`; None where vacancies do not stand out.
    fits : bool
        Whether the images are like the frames that the detector was trained on: then others have
        to mend a good part of its errors, else it has to prove itself.
    limits : JudgementLimits, optional
        Margins.

    Attributes
    ----------
    candidates : list of Candidate
        Those that were scored.
    """

    def __init__(
        self,
        detector: Any,
        rivals: Sequence[Any],
        scorer: Callable[[Any], EstimatedScore] | None,
        *,
        fits: bool,
        limits: JudgementLimits = LIMITS,
    ):
        self.detector, self.scorer, self.fits, self.limits = detector, scorer, fits, limits
        self.margin = limits.better if fits else 0.0
        self.candidates: list[Candidate] = []
        for i, model in enumerate((detector, *rivals)):
            taken = {candidate.name for candidate in self.candidates}
            self._add(f"{model.name} ({i + 1})" if model.name in taken else model.name, model)
        self.by_rank: Candidate | None = None

    def find_start(self) -> Any:
        """Return what to train: the old detector, or one that sees intensities the other way.

        That is by rank, or no longer by rank, where the images are unlike the old one's training
        frames and it mends errors untrained, as where the response of the microscope's detector
        changed.

        Returns
        -------
        DefectFCN
        """
        if self.scorer is None or self.fits:
            return self.detector
        name = f"{self.detector.name}-{'unranked' if self.detector.ranked else 'ranked'}"
        other = self.detector.successor(name=name, ranked=not self.detector.ranked)
        margin, score = self.limits.better_by_rank, self.scorer(other)
        if error_reduction(self.candidates[0].score, score) <= margin:
            return self.detector
        self.by_rank = Candidate(name, other, score, margin=margin)
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
            Without scores, the old one where the images are like its training frames.
        """
        if self.scorer is None:
            stays = self.fits or not steps
            name, model = (self.detector.name, self.detector) if stays else (RENEWED, renewed)
            return Candidate(name, model, EstimatedScore(), trained=not stays)
        if steps:
            self._add(RENEWED, renewed, trained=True)
        # The last, as the estimate is made by rank, too, and favours what sees nothing else.
        if self.by_rank is not None:
            self.candidates.append(self.by_rank)
        return choose_detector(self.candidates, self.limits)

    def _add(self, name: str, model: Any, trained: bool = False) -> None:
        if self.scorer is not None:
            self.candidates.append(Candidate(name, model, self.scorer(model), trained, self.margin))


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
        return self.chosen == RENEWED

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
        scores = ", ".join(f"{name} {score.f1:.2f}" for name, score in self.scores.items())
        most = max(score.f1 for score in self.scores.values())
        verdict = "is best"
        if self.scores[self.chosen].f1 < most:
            verdict = "is taken" if self.helped else "stays, as no other is clearly better"
        return f"{self.chosen} {verdict}, by the intensities of the columns: estimated F1 {scores}"
