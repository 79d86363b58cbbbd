"""Adapt pretrained weights to a few new images of a changed microscope, without labels."""

from stemzoo.adaptation.fine_tuning import fit_adapt
from stemzoo.adaptation.recipe import AdaptRecipe
from stemzoo.adaptation.renewal import renew_detector

__all__ = ["AdaptRecipe", "fit_adapt", "renew_detector"]
