"""The networks of the zoo."""

from stemzoo.models.start import quiet_start

with quiet_start():
    from stemzoo.models.cyclegan import CycleGANSTEM
    from stemzoo.models.denoiser import DenoisingUNet
    from stemzoo.models.fcn import DefectFCN

__all__ = ["CycleGANSTEM", "DefectFCN", "DenoisingUNet"]
