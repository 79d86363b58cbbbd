"""Judge a CycleGAN while it is fine-tuned, and report what the fine-tuning did."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from stemzoo.adaptation.agreement import Agreement, HoldOut, random_patches
from stemzoo.adaptation.labels import LabelCheck, check_labels
from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.inference.translation import translate
from stemzoo.simulate.labels import LabelledImage

_PATCHES = 96  # that are translated for a judgement
_BATCH = 16


@dataclass(frozen=True)
class Judgement:
    """How good translations were at one moment of an adaptation.

    Parameters
    ----------
    seconds : float
        When.
    steps : int
        After how many steps.
    agreement : Agreement
        With held-out parts of the measured images.
    labels : LabelCheck or None
        What became of labelled vacancies; None for a material without.
    misfit : float
        1 at the start; smaller is better.
    safe : bool
        Whether labels hold as they did at the start.
    """

    seconds: float
    steps: int
    agreement: Agreement
    labels: LabelCheck | None
    misfit: float
    safe: bool

    def __str__(self) -> str:
        agreement = self.agreement
        labels = "" if self.safe else "  labels no longer hold"
        return (
            f"{self.seconds / 60:.1f} min  {self.steps} steps  misfit {self.misfit:.2f}  power "
            f"spectrum {agreement.spectrum_rms:.3f}  kernel distance "
            f"{agreement.kernel_distance:.3g}  intensities {agreement.intensity_kl:.3g}{labels}"
        )


class Stopped(StrEnum):
    """Why the training of an adaptation ended; the values are those of ``adaptation.json``."""

    NOT_STOPPED = "time"  # it used all of its time
    LABELS = "labels"  # they no longer held
    RIVAL = "rival"  # translations are not clearly nearer than filtered simulations
    SHORT = "short"  # there are filtered simulations, and no time to get nearer
    MASTERED = "mastered"  # the detector that it was for needs no other frames

    @property
    def left_to_simulations(self) -> bool:
        """Whether the CycleGAN was left, as filtered simulations do as well, or for no need."""
        return self in (Stopped.RIVAL, Stopped.SHORT, Stopped.MASTERED)


@dataclass(frozen=True)
class Adaptation:
    """What an adaptation did.

    Parameters
    ----------
    judgements : tuple of Judgement
        The first is of the pretrained weights; none if the time was too short to try.
    seconds : float
        How long it took in all.
    stopped : Stopped
        Why it ended.
    """

    judgements: tuple[Judgement, ...]
    seconds: float
    stopped: Stopped

    @property
    def best(self) -> Judgement | None:
        """The judgement of the weights that were returned; None without any."""
        return best_of(self.judgements) if self.judgements else None

    @property
    def helped(self) -> bool:
        """Whether they are other weights than those at the start."""
        return self.best is not None and self.best.steps > 0

    def __str__(self) -> str:
        best = self.best
        if self.stopped == Stopped.MASTERED:
            return (
                "adapting was not tried, as the detector masters these images (--force, "
                "force=True tries all the same): the weights are those of the start"
            )
        if best is None:
            return (
                "adapting was not tried (little time; give more minutes): the weights are those of "
                "the start"
            )
        if not best.steps:
            reasons = {
                Stopped.LABELS: "labels no longer held",
                Stopped.RIVAL: "filtered simulations do about as well",
            }
            reason = reasons.get(self.stopped, "none agreed better")
            return f"adapting did not help ({reason}): the weights are those of the start"
        first, last = self.judgements[0].agreement, best.agreement
        return (
            f"after {best.steps} steps: power spectrum {first.spectrum_rms:.3f} -> "
            f"{last.spectrum_rms:.3f} (rms of log10), kernel distance {first.kernel_distance:.3g} "
            f"-> {last.kernel_distance:.3g}, intensities {first.intensity_kl:.3g} -> "
            f"{last.intensity_kl:.3g} nats"
        )


def best_of(judgements: Sequence[Judgement]) -> Judgement:
    """Return the judgement with the smallest misfit among those whose labels hold.

    Parameters
    ----------
    judgements : sequence of Judgement
        The first is of the pretrained weights, which are safe.

    Returns
    -------
    Judgement
        The first of equal ones.
    """
    safe = (judgement for judgement in judgements if judgement.safe)
    return min(safe, key=lambda judgement: judgement.misfit)


class Judge(Protocol):
    """What judges a CycleGAN, always in the same way; `start` is its first judgement."""

    start: Judgement | None

    def __call__(self, model: Any, seconds: float, steps: int) -> Judgement:
        """Judge a model as it is now."""


class TranslationJudge:
    """Judges translations, always on the same images.

    Parameters
    ----------
    held_out : HoldOut
        Measured patches.
    simulated : sequence of ndarray of shape (M, N)
        Clean simulations in [-1, 1], patches of which are translated.
    probes : sequence of LabelledImage
        From `label_probes`.
    patch : int
        Edge of a patch [px].
    noise : float
        Standard deviation of the noise that goes into the generator.
    seed : int
        Seed of the noise.
    limits : JudgementLimits, optional
        What counts as chance, and how much worse labels may be.
    """

    def __init__(
        self,
        held_out: HoldOut,
        simulated: Sequence[np.ndarray],
        probes: Sequence[LabelledImage],
        *,
        patch: int,
        noise: float,
        seed: int,
        limits: JudgementLimits = LIMITS,
    ):
        rng = np.random.default_rng([seed, 2])
        patches = random_patches(simulated, patch, _PATCHES, rng)
        self.patches = patches + rng.normal(0, noise, patches.shape).astype(np.float32)
        self.held_out, self.probes, self.limits = held_out, probes, limits
        self.noise, self.seed = noise, seed
        self.start: Judgement | None = None

    def __call__(self, model: Any, seconds: float, steps: int) -> Judgement:
        """Judge a model; the first judgement is what others are compared with.

        Parameters
        ----------
        model : CycleGANSTEM
            As it is now.
        seconds, steps : float, int
            When.

        Returns
        -------
        Judgement
        """
        batches = np.array_split(self.patches[..., None], -(-len(self.patches) // _BATCH))
        generated = [model.sim_to_exp.predict_on_batch(batch)[..., 0] for batch in batches]
        agreement = self.held_out.agreement(np.concatenate(generated))
        rng = np.random.default_rng([self.seed, 3])
        translated = [
            translate(frame.image, model, noise=self.noise, rng=rng) for frame in self.probes
        ]
        labels = check_labels(self.probes, translated)
        if self.start is None:
            self.start = Judgement(seconds, steps, agreement, labels, misfit=1.0, safe=True)
            return self.start
        misfit = agreement.relative_error(self.start.agreement, self.limits)
        begun = self.start.labels
        safe = labels is None or begun is None or labels.is_safe(begun, self.limits)
        return Judgement(seconds, steps, agreement, labels, misfit, safe)
