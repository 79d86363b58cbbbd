"""Judge a CycleGAN while it is fine-tuned: on held-out patches, and by its labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo.adaptation.held_out import Agreement, HeldOut, random_patches
from stemzoo.adaptation.labels import LabelCheck, check_labels
from stemzoo.simulate.dataset import LabelledImage
from stemzoo.translation import translate

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


@dataclass(frozen=True)
class Adaptation:
    """What an adaptation did.

    Parameters
    ----------
    judgements : tuple of Judgement
        The first is of the pretrained weights; none if the time was too short to try.
    seconds : float
        How long it took in all.
    stopped : str
        Why it ended: ``"time"``, ``"labels"``, ``"rival"`` (its translations are not clearly
        nearer than frames made in another way), or ``"short"`` (there is another way, and not the
        time to try).
    """

    judgements: tuple[Judgement, ...]
    seconds: float
    stopped: str

    @property
    def best(self) -> Judgement | None:
        """The judgement of the weights that were returned; None without any."""
        return best_of(self.judgements) if self.judgements else None

    @property
    def helped(self) -> bool:
        """Whether they are other weights than those at the start."""
        return self.best is not None and self.best.steps > 0

    def __str__(self) -> str:
        if not self.judgements:
            return (
                "adapting was not tried (little time; give more minutes): the weights are those of "
                "the start"
            )
        first, best = self.judgements[0].agreement, self.best.agreement
        if not self.helped:
            reasons = {
                "labels": "labels no longer held",
                "rival": "filtered simulations do about as well",
            }
            reason = reasons.get(self.stopped, "none agreed better")
            return f"adapting did not help ({reason}): the weights are those of the start"
        return (
            f"after {self.best.steps} steps: power spectrum {first.spectrum_rms:.3f} -> "
            f"{best.spectrum_rms:.3f} (rms of log10), kernel distance {first.kernel_distance:.3g} "
            f"-> {best.kernel_distance:.3g}, intensities {first.intensity_kl:.3g} -> "
            f"{best.intensity_kl:.3g} nats"
        )


def best_of(judgements: Sequence[Judgement]) -> Judgement:
    """Return the judgement with the smallest misfit among those whose labels hold."""
    return min((one for one in judgements if one.safe), key=lambda one: one.misfit)


class Judge:
    """Judges translations, always on the same images.

    Parameters
    ----------
    held : HeldOut
        Measured patches.
    simulated : sequence of ndarray of shape (M, N)
        Clean simulations in [-1, 1], patches of which are translated.
    watched : sequence of LabelledImage
        From `watched_frames`.
    patch : int
        Edge of a patch [px].
    noise : float
        That goes into the generator.
    seed : int
        Names the noise.
    """

    def __init__(
        self,
        held: HeldOut,
        simulated: Sequence[np.ndarray],
        watched: Sequence[LabelledImage],
        *,
        patch: int,
        noise: float,
        seed: int,
    ):
        rng = np.random.default_rng([seed, 2])
        patches = random_patches(simulated, patch, _PATCHES, rng)
        self.patches = patches + rng.normal(0, noise, patches.shape).astype(np.float32)
        self.held, self.watched, self.noise, self.seed = held, watched, noise, seed
        self.start: Judgement | None = None

    def __call__(self, model, seconds: float, steps: int) -> Judgement:
        """Judge a model; the first judgement is what others are compared with."""
        batches = np.array_split(self.patches[..., None], -(-len(self.patches) // _BATCH))
        generated = [model.sim_to_exp.predict_on_batch(batch)[..., 0] for batch in batches]
        agreement = self.held.agreement(np.concatenate(generated))
        rng = np.random.default_rng([self.seed, 3])
        translated = [
            translate(frame.image, model, noise=self.noise, rng=rng) for frame in self.watched
        ]
        labels = check_labels(self.watched, translated)
        first = self.start
        found = Judgement(
            seconds,
            steps,
            agreement,
            labels,
            1.0 if first is None else agreement.misfit(first.agreement),
            first is None or labels is None or labels.is_safe(first.labels),
        )
        self.start = first or found
        return found
