"""Keras models and pretrained weights for atomic-resolution STEM images."""

import importlib

__version__ = "0.1.0"

# Where each public name lives; it is imported when first used (PEP 562), so that
# `import stemzoo` is quick and needs no TensorFlow.
_NAMES = {
    "AdaptRecipe": "stemzoo.adaptation",
    "Columns": "stemzoo.inference.column_table",
    "CycleGANRecipe": "stemzoo.training",
    "CycleGANSTEM": "stemzoo.models",
    "DefectFCN": "stemzoo.models",
    "Denoised": "stemzoo.inference.denoising",
    "DenoiserRecipe": "stemzoo.training",
    "DenoisingUNet": "stemzoo.models",
    "Detections": "stemzoo.inference.detections",
    "FCNRecipe": "stemzoo.training",
    "Image": "stemzoo.io",
    "align_frames": "stemzoo.analysis.alignment",
    "denoise": "stemzoo.inference.denoising",
    "detect": "stemzoo.inference.detection",
    "evaluate": "stemzoo.metrics.evaluation",
    "find_columns": "stemzoo.inference.atom_columns",
    "find_weights": "stemzoo.zoo.registry",
    "fit_adapt": "stemzoo.adaptation",
    "identify": "stemzoo.analysis.identification",
    "list_weights": "stemzoo.zoo.registry",
    "load": "stemzoo.zoo.hub",
    "match": "stemzoo.inference.matching",
    "publish": "stemzoo.zoo.publishing",
    "read_image": "stemzoo.io",
    "renew_detector": "stemzoo.adaptation",
    "save": "stemzoo.zoo.hub",
    "score": "stemzoo.workflows.scoring",
    "simulate": "stemzoo.simulate",
    "track": "stemzoo.inference.tracking",
    "train_cyclegan": "stemzoo.training",
    "train_denoiser": "stemzoo.training",
    "train_detector": "stemzoo.workflows.detector_training",
    "train_fcn": "stemzoo.training",
    "translate": "stemzoo.inference.translation",
    "verify": "stemzoo.zoo.hub",
}

__all__ = sorted([*_NAMES, "__version__"])


def __getattr__(name):
    if name not in _NAMES:
        raise AttributeError(f"module 'stemzoo' has no attribute {name!r}")
    module = importlib.import_module(_NAMES[name])
    return module if module.__name__ == f"stemzoo.{name}" else getattr(module, name)


def __dir__():
    return __all__
