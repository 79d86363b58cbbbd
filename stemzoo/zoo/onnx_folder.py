"""Networks for ONNX Runtime in a model folder, beside the weights that they were made of."""

import importlib
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.models.start import choose_runtime
from stemzoo.zoo.file_names import ONNX
from stemzoo.zoo.model_folder import read_config, refused_config, refused_weights

if TYPE_CHECKING:
    from stemzoo.models.onnx import OnnxModel

# The class of `stemzoo.models.onnx` that takes the place of each that a folder may name.
ONNX_CLASSES = {
    "CycleGANSTEM": "OnnxGenerators",
    "DefectFCN": "OnnxDetector",
    "DenoisingUNet": "OnnxDenoiser",
}


def onnx_class(name: str) -> "type[OnnxModel]":
    """Return the class that takes the place of one of Keras, which is not imported.

    Parameters
    ----------
    name : str
        Key of `ONNX_CLASSES`.

    Returns
    -------
    type

    Examples
    --------
    >>> onnx_class("DefectFCN").files
    ('model.onnx',)
    """
    return getattr(importlib.import_module("stemzoo.models.onnx"), ONNX_CLASSES[name])


def runtimes_of(names: Collection[str]) -> dict[str, str]:
    """Tell what can compute the weights of a folder in this installation.

    Parameters
    ----------
    names : collection of str
        Files of the folder.

    Returns
    -------
    dict of str to str
        What `stemzoo.load` takes as `runtime`: what its golden output is called.

    Examples
    --------
    >>> runtimes_of(["config.json", "model.weights.h5"])
    {'keras': 'golden output'}
    """
    found = {}
    if choose_runtime(None) == "keras":
        found["keras"] = "golden output"
    if set(ONNX) & set(names) and find_spec("onnxruntime"):
        found["onnx"] = "golden output by ONNX Runtime"
    return found


def read_onnx(
    folder: Path, names: Collection[str], weights_sha256: str, changes: dict[str, Any] | None = None
) -> Any:
    """Build the model of a folder for ONNX Runtime.

    Parameters
    ----------
    folder : Path
        Model folder.
    names : collection of str
        Files of it that may be read.
    weights_sha256 : str
        Of its ``model.weights.h5``: the networks must have been made of this file.
    changes : dict, optional
        Arguments that take the place of those of the config.

    Returns
    -------
    OnnxDetector, OnnxDenoiser or OnnxGenerators

    Raises
    ------
    FileNotFoundError
        If the folder holds no such network; the message says how to make it.
    ValueError
        If config or networks are none of the zoo's, or were made of other weights.
    ModuleNotFoundError
        If ONNX Runtime is not installed.
    """
    from stemzoo.models.onnx_network import OnnxNetwork

    built, arguments = read_config(folder, onnx_class)
    try:
        model = built(**{**arguments, **(changes or {})})
    except (ValueError, TypeError) as error:
        raise refused_config(folder, error) from error
    networks = []
    for name in built.files:
        path = folder / name
        if name not in names or not path.is_file():
            raise FileNotFoundError(
                f"{folder}: expected {name}, to compute with ONNX Runtime. Received: none. Where "
                f"Keras is installed, run: stemzoo export {model.name} --onnx --out FOLDER (or the "
                "path of the weights), and use that folder; or install Keras here: pip install "
                "keras tensorflow"
            )
        try:
            network = OnnxNetwork(path, model.channels)
        except ValueError as error:
            raise refused_weights(path, built.kind, error) from error
        if network.made_of != weights_sha256:
            raise ValueError(
                f"{path}: expected a network made of the weights beside it (SHA-256 "
                f"{weights_sha256[:12]}...). Received: one of {str(network.made_of)[:12]}... Make "
                f"it anew where Keras is installed: stemzoo export {folder} --onnx"
            )
        networks.append(network)
    model.use(networks)
    return model
