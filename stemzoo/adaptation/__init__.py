"""Adapt pretrained weights to a few new images of a changed microscope, without labels."""

import stemzoo.models.quiet_keras  # noqa: F401  first: it starts without messages
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.fcn import renew_detector
from stemzoo.adaptation.recipes import AdaptRecipe, JudgementLimits, RenewalRecipe

__all__ = [
    "AdaptRecipe",
    "ExperimentalSession",
    "JudgementLimits",
    "RenewalRecipe",
    "fit_adapt",
    "renew_detector",
]
