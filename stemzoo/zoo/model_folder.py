"""The format of a model folder: what its config may say, and how weights get in and out."""

import inspect
import json
import math
import tempfile
from collections.abc import Collection
from pathlib import Path

from stemzoo.io import atomic_path, write_json
from stemzoo.zoo.hdf5 import layer_names, read_shapes, write_half

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
# What only training needs, such as discriminators; may be missing.
TRAINING_WEIGHTS = "training.weights.h5"
GOLDEN = "golden.npz"
PROVENANCE = "provenance.json"
TRAINING_DATA = "training_data.json"
# How the frames that the weights were trained on look; may be missing.
CONDITIONS = "conditions.json"
CARD = "README.md"
REQUIRED = (CONFIG, WEIGHTS)
# What `load` looks at, and so what is fetched for it.
LOADED = (*REQUIRED, PROVENANCE, TRAINING_DATA, CONDITIONS, CARD)
FOLDER_FORMAT = 1
# Classes that a folder may name; nothing else is ever built from a file.
MODEL_CLASSES = ("CycleGANSTEM", "DefectFCN")
FILES = {"CycleGANSTEM": (WEIGHTS, TRAINING_WEIGHTS), "DefectFCN": (WEIGHTS,)}
# Largest arguments; the paper's networks are a fourth of this or less.
LARGEST = {
    "filters": 256,
    "depth": 12,
    "discriminator_filters": 128,
    "patch_size": 8192,
    "classes": 100,
}

LARGEST_CONFIG = 1 << 20  # [bytes]


def read_json(path: Path) -> dict:
    """Read a small JSON object that may come from anywhere.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it holds anything else.
    """
    if path.stat().st_size > LARGEST_CONFIG:
        raise ValueError(f"{path.stat().st_size} bytes, more than {LARGEST_CONFIG}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("brackets in brackets without end") from error
    if not isinstance(content, dict):
        raise ValueError(f"{type(content).__name__}, no JSON object")
    return content


def parts_of(model) -> dict:
    """Files of weights, and the network or group of networks that each holds."""
    return model.parts() if hasattr(model, "parts") else {WEIGHTS: model}


def write_model(model, folder: Path, *, half: bool = False) -> None:
    """Write `config.json` and the files of weights.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        A model of the zoo.
    folder : Path
        Made if it does not exist; each file is replaced in one step.
    half : bool
        Whether to store the weights in half precision.

    Raises
    ------
    ValueError
        If the model is of no class of the zoo.
    """
    kind = type(model).__name__
    if kind not in MODEL_CLASSES:
        raise ValueError(f"Expected one of {', '.join(MODEL_CLASSES)}. Received: {kind}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts_of(model).items():
        _write_weights(part, folder / name, half)
    config = {"format": FOLDER_FORMAT, "class": kind, "config": model.get_config()}
    write_json(folder / CONFIG, config)


def _write_weights(part, path: Path, half: bool) -> None:
    with atomic_path(path) as temporary:
        # Keras insists on the suffix .weights.h5, and would save the optimizer with a model.
        named = temporary.with_name(temporary.stem + ".weights.h5")
        optimizer, part.optimizer = getattr(part, "optimizer", None), None
        try:
            part.save_weights(named)
            if half:
                write_half(named, temporary)
            else:
                named.replace(temporary)
        finally:
            part.optimizer = optimizer
            named.unlink(missing_ok=True)


def read_model(folder: Path, names: Collection[str], changes: dict | None = None):
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
    try:
        kind, arguments = _read_config(folder / CONFIG)
    except (ValueError, KeyError, TypeError) as error:
        raise _refused_config(folder, error) from error
    stored = {name: _read_shapes(folder / name, kind) for name in names if name in FILES[kind]}
    numbers = sum(math.prod(shape) for shape in stored[WEIGHTS].values())
    if least_weights(kind, arguments) > numbers:
        raise _refused_weights(folder / WEIGHTS, kind, f"{numbers} numbers, too few for it")
    try:
        from stemzoo import models

        model = getattr(models, kind)(**{**arguments, **(changes or {})})
    except (ValueError, TypeError) as error:
        raise _refused_config(folder, error) from error
    for name, part in parts_of(model).items():
        if name in stored:
            _read_weights(part, folder / name, kind, stored[name])
    return model


def _refused_config(folder: Path, reason) -> ValueError:
    text = f"no {reason}" if isinstance(reason, KeyError) else " ".join(str(reason).split())
    return ValueError(
        f"{folder / CONFIG}: expected a model of format {FOLDER_FORMAT} and a class among "
        f"{', '.join(MODEL_CLASSES)}. Received: {text[:400]}"
    )


def _refused_weights(path: Path, kind: str, reason) -> ValueError:
    text = " ".join(str(reason).split())
    return ValueError(
        f"{path}: expected the weights of a {kind} as in {CONFIG}. Received: {text[:400]}"
    )


def _read_config(path: Path) -> tuple[str, dict]:
    """Class and constructor arguments, none of which is more than a number, a text or a list."""
    content = read_json(path)
    if content["format"] != FOLDER_FORMAT:
        raise ValueError(f"format {content['format']}")
    kind = content["class"]
    if kind not in MODEL_CLASSES:
        raise ValueError(f"class {kind!r}")
    if not isinstance(content["config"], dict):
        raise ValueError(f"config {content['config']!r}")
    from stemzoo import models

    known = inspect.signature(getattr(models, kind)).parameters
    arguments = {k: p.default for k, p in known.items() if p.kind is not p.VAR_KEYWORD}
    for key, value in content["config"].items():
        if key not in arguments:
            raise ValueError(f"an argument {key!r} that {kind} does not have")
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, str | int | float | None):
                raise ValueError(f"{key}={value!r}")
        arguments[key] = value
    for key in LARGEST.keys() & arguments.keys():
        value = arguments[key]
        size = len(value) if isinstance(value, list | tuple) else value
        if type(size) is not int or not 1 <= size <= LARGEST[key]:
            raise ValueError(f"{key}={value!r}, where 1 to {LARGEST[key]} are possible")
    return kind, arguments


def least_weights(kind: str, arguments: dict) -> int:
    """Count the weights of the largest layers only: a network has more than these.

    Parameters
    ----------
    kind : str
        Class.
    arguments : dict
        Of its constructor.

    Returns
    -------
    int

    Examples
    --------
    >>> least_weights("DefectFCN", {"filters": 16, "depth": 3})
    147456
    """
    filters, depth = arguments["filters"], arguments["depth"]
    if kind == "DefectFCN":
        # The second 3x3 convolution at the bottom.
        return 9 * (filters * 2**depth) ** 2
    widths = [filters * min(2**level, 8) for level in range(depth)]
    # 4x4 convolutions, down and up again, of two generators.
    return 2 * 2 * 16 * sum(a * b for a, b in zip(widths, widths[1:], strict=False))


def _read_shapes(path: Path, kind: str) -> dict[str, tuple[int, ...]]:
    try:
        return read_shapes(path)
    except ValueError as error:
        raise _refused_weights(path, kind, error) from error


def _read_weights(part, path: Path, kind: str, stored: dict) -> None:
    reason = _mismatch(part, stored)
    if reason:
        raise _refused_weights(path, kind, reason)
    try:
        part.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise _refused_weights(path, kind, error) from error


def _mismatch(part, stored: dict[str, tuple[int, ...]]) -> str | None:
    """Say which variable of a network a file lacks, has too many or has in another shape.

    Keras itself does not mind what a file holds beyond the network's variables.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.weights.h5"
        part.save_weights(own)
        expected = read_shapes(own)
        layers = layer_names(own)
    for name, shape in expected.items():
        where = f"{name} (layer {layers[name]})"
        if name not in stored:
            return f"none for {where}"
        if stored[name] != shape:
            return f"shape {stored[name]} for {where}, which has {shape}"
    extra = sorted(stored.keys() - expected.keys())
    if extra:
        return f"{extra[0]}, of which the network knows nothing"
    return None
