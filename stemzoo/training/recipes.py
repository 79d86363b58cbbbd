"""Recipes of trainings: every number that a run can be told by."""

import math
from dataclasses import dataclass
from typing import Any

FROZEN = ("nothing", "discriminators")


# Channels of a layer: 4,096 make a convolution of 600 MB.
_WIDEST = 4096


def _check_numbers(recipe: Any) -> None:
    """See that numbers which would spoil every weight, or never end, are not in a recipe."""
    rate = recipe.learning_rate
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(
            f"Expected a learning rate above 0, such as 0.002 (--learning-rate). Received: {rate}"
        )
    for name in ("epochs", "steps_per_epoch", "batch_size", "patch", "filters", "depth", "block"):
        if getattr(recipe, name, 1) < 1:
            raise ValueError(f"Expected {name} of 1 or more. Received: {getattr(recipe, name)}")


def _check_network(channels: int, depth: int, patch: int) -> None:
    if patch % 2**depth:
        raise ValueError(
            f"A network of depth {depth} takes patches of a multiple of {2**depth} px. Received: "
            f"{patch}"
        )
    if channels > _WIDEST:
        raise ValueError(
            f"Expected at most {_WIDEST} channels a layer, for memory; choose fewer filters or a "
            f"smaller depth. Received: {channels}"
        )


@dataclass(frozen=True)
class CycleGANRecipe:
    """How to train a `CycleGANSTEM`; the defaults are the zoo's.

    Parameters
    ----------
    epochs, steps_per_epoch : int
        Length of the training.
    batch_size, patch : int
        Patches of each domain per step and their edge [px].
    learning_rate : float
        Of Adam (β1 = 0.5), constant for the first half of the steps, then falling linearly to zero.
    noise : float
        Standard deviation of Gaussian noise that is added to simulated patches in [-1, 1], so that
        the generator has something to make noise of.
    ema : float
        Momentum of a moving average of the generators' weights, which the trained model ends with;
        0 for none.
    filters, depth, discriminator_filters, fft_discriminators, bottleneck_norm, dropout
        As in `CycleGANSTEM`.
    rotations : bool
        Whether patches are rotated by multiples of 90° and flipped along both axes. Without it they
        are flipped upside down only, which leaves the direction of the scan, and so the streaks of
        detector lag and line jitter, as they are in the session.
    lambda_pair, pair_noise : float
        Paired supervision of the way back, see `CycleGANSTEM.compile`; none where the weight is 0.
    seed : int
        Seed of the run: initial weights, order and augmentation of the data.
    """

    epochs: int = 40
    steps_per_epoch: int = 50
    batch_size: int = 8
    patch: int = 128
    learning_rate: float = 2e-4
    noise: float = 0.1
    ema: float = 0.0
    filters: int = 16
    depth: int = 5
    discriminator_filters: int = 16
    fft_discriminators: bool = True
    bottleneck_norm: bool = False
    dropout: float = 0.0
    rotations: bool = False
    seed: int = 0
    lambda_pair: float = 0.0
    pair_noise: float = 0.1

    def __post_init__(self) -> None:
        _check_numbers(self)
        for name in ("lambda_pair", "pair_noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"Expected {name} of 0 or more. Received: {getattr(self, name)}")

    def check_network(self) -> None:
        """Raise a ValueError if new networks of this recipe would not fit patches or memory."""
        _check_network(self.filters, self.depth, self.patch)


# What a model that was built before decides, not the recipe of a further training.
_BUILT = (
    "filters",
    "depth",
    "discriminator_filters",
    "fft_discriminators",
    "bottleneck_norm",
    "dropout",
)
# Sizes of the paper: 256² patches, batches of 42, 5e5 patches in all over 297 epochs.
_PAPER = {
    "epochs": 297,
    "steps_per_epoch": 40,
    "batch_size": 42,
    "patch": 256,
    "learning_rate": 2e-3,
    "filters": 64,
    "depth": 8,
    "discriminator_filters": 64,
    "bottleneck_norm": True,
    "dropout": 0.5,
    "rotations": True,
}


def recipe_of_size(size: str, **changes) -> CycleGANRecipe:
    """Return the recipe of a size.

    Parameters
    ----------
    size : str
        ``"zoo"`` (for a CPU) or ``"paper"`` (for a GPU).
    **changes
        Fields that differ.

    Returns
    -------
    CycleGANRecipe

    Raises
    ------
    ValueError
        For an unknown size.
    """
    sizes = {"zoo": {}, "paper": _PAPER}
    if size not in sizes:
        raise ValueError(f"size is {' or '.join(sizes)}. Received: {size!r}")
    return CycleGANRecipe(**{**sizes[size], **changes})


def recipe_from(config: dict, size: str, **changes) -> CycleGANRecipe:
    """Return the recipe for training a model on.

    Parameters
    ----------
    config : dict
        Configuration of the model, see `CycleGANSTEM`: its networks stay as they are, and its
        patches have the same size if nothing else is said.
    size, **changes
        As for `recipe_of_size`.

    Returns
    -------
    CycleGANRecipe

    Raises
    ------
    ValueError
        If a change would need other networks.
    """
    built = {key: config[key] for key in _BUILT}
    for key in changes.keys() & built.keys():
        if changes[key] != built[key]:
            raise ValueError(
                f"weights to start from keep their networks: {key} is {built[key]}. Received: "
                f"{changes[key]}. Leave it out, or train from scratch."
            )
    return recipe_of_size(size, **{"patch": config["patch_size"], **changes, **built})


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
        _check_numbers(self)


@dataclass(frozen=True)
class FCNRecipe:
    """How to train a `DefectFCN`; the defaults are the zoo's.

    Parameters
    ----------
    epochs, steps_per_epoch : int
        Length of the training.
    batch_size, patch : int
        Patches per step and their edge [px].
    learning_rate : float
        Of Adam at the start; it falls to zero along half a cosine.
    scales : tuple of float
        Magnifications among which patches are drawn: with 8 rotations and flips, three scales
        make the paper's 24 augmentations.
    ema : float
        Momentum of a moving average of the weights, which the trained model ends with; 0 for none.
        It evens out what the last few hundred steps happened to see.
    filters, depth, dropout
        As in `DefectFCN`.
    seed : int
        Seed of the run: initial weights, order and augmentation of the data.
    """

    epochs: int = 60
    steps_per_epoch: int = 50
    batch_size: int = 16
    patch: int = 128
    learning_rate: float = 2e-3
    scales: tuple[float, ...] = (0.95, 1.0, 1.05)
    ema: float = 0.995
    filters: int = 16
    depth: int = 3
    dropout: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        _check_numbers(self)

    def check_network(self) -> None:
        """Raise a ValueError if a new network of this recipe would not fit patches or memory."""
        # Its channels double at each level.
        _check_network(self.filters * 2**self.depth, self.depth, self.patch)


@dataclass(frozen=True)
class DenoiserRecipe(FCNRecipe):
    """How to train a `DenoisingUNet`: an `FCNRecipe` with the zoo's numbers for denoisers.

    Patches are as small as they may be, for as many steps as a minute has; they are not zoomed
    (`scales`), and nothing drops out, as intensities matter.

    Examples
    --------
    >>> DenoiserRecipe().patch
    64
    """

    epochs: int = 40
    steps_per_epoch: int = 25
    patch: int = 64
    learning_rate: float = 4e-3
    scales: tuple[float, ...] = (1.0,)
    filters: int = 24
    depth: int = 2
    dropout: float = 0.0


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
