"""Judge a CycleGAN while it is fine-tuned: likeness of its translations, and what labels become."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.adaptation.agreement import Agreement, HoldOut, random_patches
from stemzoo.inference.translation import translate
from stemzoo.metrics.preservation import label_preservation
from stemzoo.preprocessing import normal_scores
from stemzoo.simulate.dataset import LabelledImage, simulate_session
from stemzoo.simulate.sessions import AcquisitionSession

_PATCHES = 96  # that are translated for a judgement
_BATCH = 16
# Part of the columns of a watched frame that are vacancies: more than in any session, to count on.
_VACANCIES = 0.06
# Above those of the pretrained model, in 1,000; with 95 % confidence.
_MORE_REMOVED, _MORE_INVENTED = 40.0, 15.0
_MOVED = 20.0


@dataclass(frozen=True)
class LabelCheck:
    """What became of the labelled vacancies of some frames.

    Parameters
    ----------
    removed, invented : tuple of float
        Per 1,000, corrected for noise: estimate and the lower end of its interval of 95 %; NaN
        where noise hides the vacancies.
    moved : float
        Per 1,000.
    """

    removed: tuple[float, float]
    invented: tuple[float, float]
    moved: float

    def is_safe(self, start: "LabelCheck") -> bool:
        """Whether labels hold as well as they did at the start, and can still be told."""
        if np.isnan(self.removed[0]) and not np.isnan(start.removed[0]):
            return False
        pairs = ((self.removed, start.removed, _MORE_REMOVED),)
        pairs += ((self.invented, start.invented, _MORE_INVENTED),)
        more = any(now[1] > np.nan_to_num(then[0]) + room for now, then, room in pairs)
        return not more and not self.moved > max(start.moved, 0) + _MOVED


def label_probes(
    session: AcquisitionSession, count: int, edge: int, seed: int
) -> list[LabelledImage]:
    """Simulate clean frames with many vacancies of the session's most frequent kind.

    Parameters
    ----------
    session : AcquisitionSession
        From `domain_session`.
    count, edge : int
        Number of frames and their edge [px].
    seed : int
        Seed of the frames.

    Returns
    -------
    list of LabelledImage
        Empty if the session has no vacancies.
    """
    rates = {name: rate for name, rate in session.defects.items() if name.endswith("_vacancy")}
    if not rates:
        return []
    crowded = replace(session, defects={max(rates, key=rates.get): _VACANCIES})
    return list(simulate_session(crowded, count, (edge, edge), seed=seed))


def check_labels(
    frames: Sequence[LabelledImage], translated: Sequence[np.ndarray]
) -> LabelCheck | None:
    """Compare the vacancies of frames with those of their translations.

    Parameters
    ----------
    frames : sequence of LabelledImage
        From `label_probes`.
    translated : sequence of ndarray of shape (M, N)
        Their translations.

    Returns
    -------
    LabelCheck, or None
        None if there are no frames.
    """
    if not frames:
        return None
    # By rank: what a translation does to contrast, as the detector does, is not to count.
    pairs = zip(frames, map(normal_scores, translated), strict=True)
    first, *others = (label_preservation(*pair) for pair in pairs)
    found = sum(others, start=first)
    fair = found.noise_corrected()
    return LabelCheck(
        (fair.removed_per_1000, fair.removed_interval[0]),
        (fair.invented_per_1000, fair.invented_interval[0]),
        found.moved_per_1000,
    )


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


class TranslationJudge:
    """Judges translations, always on the same images.

    Parameters
    ----------
    held : HoldOut
        Measured patches.
    simulated : sequence of ndarray of shape (M, N)
        Clean simulations in [-1, 1], patches of which are translated.
    watched : sequence of LabelledImage
        From `label_probes`.
    patch : int
        Edge of a patch [px].
    noise : float
        That goes into the generator.
    seed : int
        Seed of the noise.
    """

    def __init__(
        self,
        held: HoldOut,
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
