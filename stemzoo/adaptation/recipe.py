"""Recipe of an adaptation: every number that it can be told by."""

from dataclasses import dataclass

FROZEN = ("nothing", "discriminators", "inner layers")


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
