"""Recipes of trainings: every number that a run can be told by."""

import math
from dataclasses import dataclass
from typing import Any

from stemzoo.models.arguments import CycleGANArguments, DenoiserArguments, DetectorArguments

# Channels of a layer: 4,096 make a convolution of 600 MB.
_WIDEST = 4096


def check_numbers(recipe: Any) -> None:
    """See that numbers which would spoil every weight, or never end, are not in a recipe.

    Parameters
    ----------
    recipe : dataclass
        Of any training.

    Raises
    ------
    ValueError
        For such a number.
    """
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
    patch: int = CycleGANArguments.patch_size
    learning_rate: float = 2e-4
    noise: float = 0.1
    ema: float = 0.0
    filters: int = CycleGANArguments.filters
    depth: int = CycleGANArguments.depth
    discriminator_filters: int = CycleGANArguments.discriminator_filters
    fft_discriminators: bool = CycleGANArguments.fft_discriminators
    bottleneck_norm: bool = CycleGANArguments.bottleneck_norm
    dropout: float = CycleGANArguments.dropout
    rotations: bool = False
    seed: int = 0
    lambda_pair: float = 0.0
    pair_noise: float = 0.1

    def __post_init__(self) -> None:
        check_numbers(self)
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
    filters: int = DetectorArguments.filters
    depth: int = DetectorArguments.depth
    dropout: float = DetectorArguments.dropout
    seed: int = 0

    def __post_init__(self) -> None:
        check_numbers(self)

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
    filters: int = DenoiserArguments.filters
    depth: int = DenoiserArguments.depth
    dropout: float = 0.0
