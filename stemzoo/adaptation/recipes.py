"""Recipes of adapting: every number that it can be told by."""

from dataclasses import dataclass

from stemzoo.training.recipes import FCNRecipe, check_numbers

FROZEN = ("nothing", "discriminators")


@dataclass(frozen=True)
class JudgementLimits:
    """Margins by which adapting judges; examples/reproduce/decisions.md says what they rest on.

    Parameters
    ----------
    chance_kernel_distance, chance_intensity_kl : float
        Kernel distance, and divergence [nats], below which patches agree as well as other images of
        the same session do.
    nearer, nearer_spectra : float
        Times by which translations are nearer to the images than filtered simulations, in the
        geometric mean of spectra and kernel distance and in the spectra alone, to be trained on:
        the labels of the simulations are true.
    patience, patience_at_chance : float
        Fraction of the time after which a CycleGAN whose translations would not be used is left;
        the second where nothing tells the filtered simulations from the images.
    least_seconds : float
        Training time below which a CycleGAN does not get nearer than filtered simulations [s].
    more_removed, more_invented, more_moved : float
        Vacancies in 1,000 by which translations may be worse than the pretrained model's: about
        what the interval of two probe frames resolves.
    separation, vacancies : float
        Distance of vacancies from full columns [standard deviations] and expected number of them
        from which on intensities of columns can judge a detector.
    faultless : float
        Estimated F1 from which on an earlier detector stays: the estimate is not good to a
        hundredth, and what these images do not show is not judged. With `surely`, also the
        expected F1 (see `Detections.expectation`) from which on nothing is trained: of 130 frames,
        the 38 with 0.95 had a true F1 of 0.955 and more.
    surely : float
        Lower end of the interval of that expected F1 from which on nothing is trained: below 0.85
        `detect` warns. (No frame of a faultless detector has 0.95: counting alone leaves 0.91.)
    better : float
        Fraction of the estimated errors that a change of detectors must mend, by the lower end of
        its interval: smaller gains by the estimate were small losses.
    better_by_rank : float
        The same for intensities by rank: where the response is linear, they mend less by chance.
    spare : float
        Times what judging one detector took that is kept for judging the new one.
    """

    chance_kernel_distance: float = 2.0
    chance_intensity_kl: float = 0.05
    nearer: float = 1.5
    nearer_spectra: float = 1.75
    patience: float = 0.5
    patience_at_chance: float = 0.25
    least_seconds: float = 45.0
    more_removed: float = 40.0
    more_invented: float = 15.0
    more_moved: float = 20.0
    separation: float = 2.5
    vacancies: float = 15.0
    faultless: float = 0.95
    surely: float = 0.85
    better: float = 0.05
    better_by_rank: float = 0.1
    spare: float = 1.25


LIMITS = JudgementLimits()


@dataclass(frozen=True)
class AdaptRecipe:
    """How to fine-tune a pretrained `CycleGANSTEM`; the defaults are what compared best.

    Parameters
    ----------
    batch_size : int
        Patches of each domain a step.
    learning_rate : float
        Of Adam (β1 = 0.5): constant for half of the time, then falling linearly to zero.
    noise : float
        As in `CycleGANRecipe`.
    frames, frame_size : int
        Number of simulated frames, and their edge [px].
    frozen : str
        ``"nothing"``, or ``"discriminators"``, the lower half of their layers (FreezeD: S. Mo, M.
        Cho, J. Shin, arXiv:2002.10964).
    judgements : int
        How often the run is judged, at least.
    probes, probe_size : int
        Number of clean frames on which label preservation is tested, and their edge [px].
    block : int
        Steps from one saved state to the next.
    limits : JudgementLimits
        When to stop, and what counts as nearer.
    """

    batch_size: int = 8
    learning_rate: float = 2e-4
    noise: float = 0.1
    frames: int = 16
    frame_size: int = 512
    frozen: str = "discriminators"
    judgements: int = 8
    probes: int = 2
    probe_size: int = 512
    block: int = 25
    limits: JudgementLimits = LIMITS

    def __post_init__(self):
        if self.frozen not in FROZEN:
            raise ValueError(f"frozen is {' or '.join(FROZEN)}. Received: {self.frozen!r}")
        check_numbers(self)


@dataclass(frozen=True)
class RenewalRecipe:
    """How to renew a `DefectFCN` on frames that look like new images.

    Parameters
    ----------
    translated, simulated : int
        Number of translated frames, and of filtered simulations where there are no translations:
        one takes a quarter of a second, the other a tenth.
    frame_size : int
        Edge of a frame [px].
    randomised : int
        So many frames to one that is randomised over many microscopes.
    training : FCNRecipe
        Small batches: in a minute or two the number of steps counts.
    epochs_by_rank : int
        Epochs at most where intensities are seen by rank: there is little to learn then but what
        frames have that images have not.
    calibrated : int
        Number of frames that the probabilities of the new one are fitted on, at most, each of which
        takes a second.
    limits : JudgementLimits
        Which detector to return.
    """

    translated: int = 24
    simulated: int = 48
    frame_size: int = 512
    randomised: int = 2
    training: FCNRecipe = FCNRecipe(
        epochs=10_000, steps_per_epoch=25, batch_size=8, learning_rate=2e-3, ema=0.98
    )
    epochs_by_rank: int = 5
    calibrated: int = 16
    limits: JudgementLimits = LIMITS
