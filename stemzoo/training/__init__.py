"""Train the networks of the zoo."""

import stemzoo.models.quiet_keras  # noqa: F401  first: it starts without messages
from stemzoo.training.cyclegan import train_cyclegan
from stemzoo.training.denoiser import train_denoiser
from stemzoo.training.fcn import train_fcn
from stemzoo.training.recipes import CycleGANRecipe, DenoiserRecipe, FCNRecipe
from stemzoo.training.state import TrainingState, write_log

__all__ = [
    "CycleGANRecipe",
    "DenoiserRecipe",
    "FCNRecipe",
    "TrainingState",
    "train_cyclegan",
    "train_denoiser",
    "train_fcn",
    "write_log",
]
