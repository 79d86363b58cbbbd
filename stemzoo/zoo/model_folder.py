"""The format of a model folder: what its config may say, and how weights get in and out."""

import importlib
import inspect
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo.io import atomic_path, write_json
from stemzoo.io.json_files import parse_json, read_small
from stemzoo.zoo.facts import FIELDS
from stemzoo.zoo.file_names import COMPLETE, CONFIG, FOLDER_FORMAT, WEIGHTS
from stemzoo.zoo.hdf5 import in_half_precision, read_layers, read_shapes, weights_in_memory
from stemzoo.zoo.whole_folder import finish

if TYPE_CHECKING:
    from stemzoo.models.zoo_model import ZooModel

# Classes that a folder may name, of `stemzoo.models`; nothing else is ever built from a file.
MODEL_CLASSES = ("CycleGANSTEM", "DefectFCN", "DenoisingUNet")


def model_class(name: str) -> "type[ZooModel]":
    """Return a class of the zoo, a `stemzoo.models.zoo_model.ZooModel`; this imports Keras.

    Parameters
    ----------
    name : str
        One of `MODEL_CLASSES`.

    Returns
    -------
    type

    Raises
    ------
    ValueError
        If the zoo has no such class.

    Examples
    --------
    >>> model_class("DefectFCN").task
    'detection'
    """
    if name not in MODEL_CLASSES:
        raise ValueError(f"Expected one of {', '.join(MODEL_CLASSES)}. Received: {name}")
    return getattr(importlib.import_module("stemzoo.models"), name)


def kind_of(model: Any) -> str:
    """Return the class that the folder of a model names, whatever computes the model.

    Examples
    --------
    >>> from stemzoo.models.onnx import OnnxDetector
    >>> kind_of(OnnxDetector())
    'DefectFCN'
    """
    return getattr(model, "kind", type(model).__name__)


def weight_files(model: "ZooModel | type[ZooModel]") -> tuple[str, ...]:
    """Return the names of the files that hold the weights of a model or class.

    Parameters
    ----------
    model : ZooModel or type
        A model of the zoo, or its class.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> weight_files(model_class("CycleGANSTEM"))
    ('model.weights.h5', 'training.weights.h5')
    """
    return tuple(f"{group}.weights.h5" for group in model.weight_groups)


def write_model(model: "ZooModel", folder: Path, *, half: bool = False) -> None:
    """Write `config.json` and the files of weights.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        A model of the zoo.
    folder : Path
        Each file is replaced in one step.
    half : bool
        Whether to store the weights in half precision.

    Raises
    ------
    ValueError
        If the model is of no class of the zoo, or a weight is not finite, or too large for half
        precision; nothing is written then.
    """
    kind = type(model).__name__
    model_class(kind)
    for network in model.weight_networks().values():
        _check_finite(network, float(np.finfo("float16" if half else "float32").max))
    for name, network in zip(weight_files(model), model.weight_networks().values(), strict=True):
        file = weights_in_memory(network)
        with atomic_path(folder / name) as temporary:
            temporary.write_bytes((in_half_precision(file) if half else file).getbuffer())
    config = {"format": FOLDER_FORMAT, "class": kind, "config": model.get_config()}
    write_json(folder / CONFIG, config)


def _check_finite(network: Any, largest: float) -> None:
    """See that no weight is infinite, NaN or too large: the outputs would be, too."""
    for variable in network.weights:
        values = np.asarray(variable)
        if not np.all(np.abs(values, dtype="float64") <= largest):
            raise ValueError(
                f"{network.name}: expected finite weights, up to {largest:g}. Received: others in "
                f"{variable.path}. Train again, with a lower learning rate."
            )


def read_model(folder: Path, names: Collection[str], changes: dict | None = None) -> Any:
    """Build the model of a folder and fill in its weights.

    What the files declare is checked before anything is built or allocated.

    Parameters
    ----------
    folder : Path
        Model folder.
    names : collection of str
        Files of it that may be read.
    changes : dict, optional
        Arguments that take the place of those of the config.

    Returns
    -------
    DefectFCN or CycleGANSTEM

    Raises
    ------
    ValueError
        If the config describes no model of the zoo, or a file holds other weights.
    """
    built, arguments = read_config(folder)
    kind, files = built.__name__, weight_files(built)
    stored = {}
    for name in (name for name in files if name in names):
        try:
            stored[name] = read_shapes(folder / name)
        except ValueError as error:
            raise refused_weights(folder / name, kind, error) from error
    numbers = sum(math.prod(shape) for shape in stored[WEIGHTS].values())
    if built.least_weights(arguments) > numbers:
        raise refused_weights(folder / WEIGHTS, kind, f"{numbers} numbers, too few for it")
    try:
        model = built(**{**arguments, **(changes or {})})
    except (ValueError, TypeError) as error:
        raise refused_config(folder, error) from error
    for name, network in zip(files, model.weight_networks().values(), strict=True):
        if name not in stored:
            continue
        try:
            _check_variables(network, stored[name])
            network.load_weights(folder / name)
            _check_finite(network, float(np.finfo("float32").max))
        except (ValueError, OSError, KeyError) as error:
            raise refused_weights(folder / name, kind, error) from error
    return model


def holds_model(folder: Path, model: "ZooModel", *, half: bool = False) -> bool:
    """Whether a folder is what `save` would write of a model: as after a save that was repeated.

    Parameters
    ----------
    folder : Path
        Any folder.
    model : DefectFCN or CycleGANSTEM
        A model of the zoo.
    half : bool
        Whether its weights are to be stored in half precision.

    Returns
    -------
    bool
    """
    finish(folder)
    names = {*COMPLETE, *weight_files(model)}
    if not folder.is_dir() or not all((folder / name).is_file() for name in names):
        return False
    try:
        found = read_model(folder, names)
    except (ValueError, OSError):
        return False
    pairs = zip(model.weight_networks().values(), found.weight_networks().values(), strict=True)
    return found.get_config() == model.get_config() and all(
        np.array_equal(mine.astype("float16") if half else mine, its)
        for one, other in pairs
        for mine, its in zip(one.get_weights(), other.get_weights(), strict=True)
    )


def refused_config(folder: Path, reason: object) -> ValueError:
    """Return the error for a folder whose config describes no model of the zoo."""
    text = " ".join(str(reason).split()).rpartition("Received: ")[2]
    return ValueError(
        f"{folder / CONFIG}: expected a model of format {FOLDER_FORMAT} and a class among "
        f"{', '.join(MODEL_CLASSES)}. Received: {text[:400]}"
    )


def refused_weights(path: Path, kind: str, reason: object) -> ValueError:
    """Return the error for a file that holds other weights than those of its config."""
    text = " ".join(str(reason).split())
    return ValueError(
        f"{path}: expected the weights of a {kind} as in {CONFIG}. Received: {text[:400]}"
    )


def read_config(
    folder: Path, find_class: Callable[[str], Any] = model_class
) -> tuple[Any, dict[str, Any]]:
    """Read what the weights of a folder are.

    Parameters
    ----------
    folder : Path
        Model folder.
    find_class : callable
        Returns the class to build, for one of `MODEL_CLASSES`.

    Returns
    -------
    built : type
        The class.
    arguments : dict
        Of its constructor, within the bounds that the class states.

    Raises
    ------
    ValueError
        If the config describes no model of the zoo.
    """
    try:
        return _class_and_arguments(folder / CONFIG, find_class)
    except ValueError as error:
        raise refused_config(folder, error) from error


def _class_and_arguments(
    path: Path, find_class: Callable[[str], Any]
) -> tuple[Any, dict[str, Any]]:
    from stemzoo.models.zoo_model import check_arguments

    content = parse_json(read_small(path), FIELDS[CONFIG])
    if content["format"] != FOLDER_FORMAT:
        raise ValueError(f"format {content['format']}")
    kind = content["class"]
    if kind not in MODEL_CLASSES:
        raise ValueError(f"class {kind!r}")
    built = find_class(kind)
    known = inspect.signature(getattr(built, "arguments", built)).parameters
    arguments = {k: p.default for k, p in known.items() if p.kind is not p.VAR_KEYWORD}
    for key in content["config"]:
        if key not in arguments:
            raise ValueError(f"an argument {key!r} that {kind} does not have")
    arguments.update(content["config"])
    check_arguments(built, arguments)
    return built, arguments


def _check_variables(network: Any, stored: dict[str, tuple[int, ...]]) -> None:
    """See that a file holds each variable of a network in its shape, and no others.

    Keras itself does not mind what a file holds beyond the network's variables.
    """
    expected = read_layers(weights_in_memory(network))
    for name, (shape, layer) in expected.items():
        where = f"{name} (layer {layer})"
        if name not in stored:
            raise ValueError(f"none for {where}")
        if stored[name] != shape:
            raise ValueError(f"shape {stored[name]} for {where}, which has {shape}")
    if extra := sorted(stored.keys() - expected.keys()):
        raise ValueError(f"{extra[0]}, of which the network knows nothing")
