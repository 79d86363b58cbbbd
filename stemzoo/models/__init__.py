"""The networks of the zoo."""

from stemzoo.models.cyclegan import CycleGANSTEM
from stemzoo.models.fcn import DefectFCN

__all__ = ["CycleGANSTEM", "DefectFCN"]
