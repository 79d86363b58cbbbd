"""Recipes of trainings: every number that a run can be told by."""

from dataclasses import dataclass

FROZEN = ("nothing", "discriminators", "inner layers")


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
        ``"nothing"``; ``"discriminators"``, the lower half of their layers (FreezeD: S. Mo, M. Cho,
        J. Shin, arXiv:2002.10964); or ``"inner layers"``: only normalisations and the generators'
        first and last layers learn.
    replay : float
        Part of the measured patches that are the pretrained model's own translations instead.
    ema : float
        Momentum of a moving average of the generators' weights, which are judged and returned; 0
        for none.
    judgements : int
        How often the run is judged, at least.
    """

    batch_size: int = 8
    learning_rate: float = 2e-4
    noise: float = 0.1
    frames: int = 16
    frame_size: int = 512
    frozen: str = "discriminators"
    replay: float = 0.0
    ema: float = 0.0
    judgements: int = 8

    def __post_init__(self):
        if self.frozen not in FROZEN:
            raise ValueError(f"frozen is {' or '.join(FROZEN)}. Received: {self.frozen!r}")
        if not (0 <= self.replay < 1 and 0 <= self.ema < 1):
            raise ValueError(
                f"replay and ema are at least 0 and below 1. Received: {self.replay}, {self.ema}"
            )


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
