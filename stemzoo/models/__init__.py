"""The networks of the zoo."""

import importlib
from typing import TYPE_CHECKING, Any

from stemzoo.models.start import quiet_start

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM
    from stemzoo.models.denoiser import DenoisingUNet
    from stemzoo.models.fcn import DefectFCN

__all__ = ["CycleGANSTEM", "DefectFCN", "DenoisingUNet"]

_MODULES = {
    "CycleGANSTEM": "stemzoo.models.cyclegan",
    "DefectFCN": "stemzoo.models.fcn",
    "DenoisingUNet": "stemzoo.models.denoiser",
}


def __getattr__(name: str) -> Any:
    # Imported when first used: `stemzoo.models.onnx` works where Keras is not installed.
    if name not in _MODULES:
        raise AttributeError(f"module 'stemzoo.models' has no attribute {name!r}")
    with quiet_start():
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
