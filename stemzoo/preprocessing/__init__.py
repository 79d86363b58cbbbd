"""What every image goes through before a network sees it, in training and in use."""

from stemzoo.preprocessing.intensities import (
    N_SIGMA,
    normal_scores,
    rescale,
    rescale_group,
    saturate,
    scale_of_parts,
)
from stemzoo.preprocessing.patches import dihedral, dihedral_inverse, random_patch
from stemzoo.preprocessing.resampling import (
    ZOO_SAMPLING,
    average_blocks,
    resample,
    resampled_shape,
    resampling_memory,
)

__all__ = [
    "N_SIGMA",
    "ZOO_SAMPLING",
    "average_blocks",
    "dihedral",
    "dihedral_inverse",
    "normal_scores",
    "random_patch",
    "resample",
    "resampled_shape",
    "resampling_memory",
    "rescale",
    "rescale_group",
    "saturate",
    "scale_of_parts",
]
