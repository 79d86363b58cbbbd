"""Model folders: save a model, check its bytes, load it by name or from a folder."""

import hashlib
import json
import logging
import warnings
from pathlib import Path

from stemzoo.io import atomic_path, write_text
from stemzoo.registry import (
    FileEntry,
    WeightsEntry,
    find_weights,
    manifest_path,
    read_manifest,
)

log = logging.getLogger(__name__)

FOLDER_FORMAT = 1
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
# What only training needs, such as discriminators; may be missing.
TRAINING_WEIGHTS = "training.weights.h5"
# Classes that a folder may name; nothing else is ever built from a file.
MODEL_CLASSES = ("CycleGANSTEM", "DefectFCN")


def sha256(path) -> str:
    """Hash of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(model, folder) -> None:
    """Save a model as a folder: `config.json` and `model.weights.h5`.

    What only training needs, the discriminators of a CycleGAN, goes into `training.weights.h5`.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        A model of the zoo.
    folder : path-like
        Made if it does not exist; each file is replaced in one step.

    Raises
    ------
    ValueError
        If the model is of no class of the zoo.

    Examples
    --------
    >>> save(model, "my-detector")  # doctest: +SKIP
    """
    kind = type(model).__name__
    if kind not in MODEL_CLASSES:
        raise ValueError(f"Expected one of {', '.join(MODEL_CLASSES)}. Received: {kind}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in _parts(model).items():
        _save_weights(part, folder / name)
    config = {"format": FOLDER_FORMAT, "class": kind, "config": model.get_config()}
    write_text(folder / CONFIG, json.dumps(config, indent=1) + "\n")


def _parts(model) -> dict:
    """Files of weights, and the network or group of networks that each holds."""
    return model.parts() if hasattr(model, "parts") else {WEIGHTS: model}


def _save_weights(part, path: Path) -> None:
    with atomic_path(path) as temporary:
        # Keras insists on the suffix .weights.h5, and would save the optimizer with a model.
        named = temporary.with_name(temporary.stem + ".weights.h5")
        optimizer, part.optimizer = getattr(part, "optimizer", None), None
        try:
            part.save_weights(named)
            named.replace(temporary)
        finally:
            part.optimizer = optimizer
            named.unlink(missing_ok=True)


def register(folder, **facts) -> WeightsEntry:
    """Write the manifest entry of a bundled model folder.

    Parameters
    ----------
    folder : path-like
        ``stemzoo/weights/<name>`` of a source tree; its hashes and sizes are taken.
    **facts
        `task`, `material`, `session`, `summary`, `licence` and other fields of `WeightsEntry`.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    ValueError
        If the folder holds no complete model.

    Examples
    --------
    >>> register("stemzoo/weights/fcn-wse2", task="detection", ...)  # doctest: +SKIP
    """
    folder = Path(folder)
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    if not {CONFIG, WEIGHTS} <= set(names):
        raise ValueError(f"{folder}: expected {CONFIG} and {WEIGHTS}. Received: {names}")
    files = {
        name: {"sha256": sha256(folder / name), "size": (folder / name).stat().st_size}
        for name in names
    }
    record = {"name": folder.name, "repo_id": None, "revision": None, **facts, "files": files}
    path = manifest_path()
    content = json.loads(path.read_text(encoding="utf-8"))
    others = [other for other in content["weights"] if other["name"] != folder.name]
    content["weights"] = sorted([*others, record], key=lambda other: other["name"])
    write_text(path, json.dumps(content, indent=1) + "\n")
    read_manifest.cache_clear()
    return find_weights(folder.name)


def check_file(path: Path, expected: FileEntry) -> None:
    """Compare a file with the manifest.

    Parameters
    ----------
    path : Path
        The file.
    expected : FileEntry
        Its size and hash.

    Raises
    ------
    ValueError
        If a byte differs.
    FileNotFoundError
        If the file is not there.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected a file of the weights. Received: none. Install stemzoo again."
        )
    found = sha256(path)
    if path.stat().st_size != expected.size or found != expected.sha256:
        raise ValueError(
            f"{path}: expected {expected.size} bytes with sha256 {expected.sha256}. Received: "
            f"{path.stat().st_size} bytes with {found}. The file was changed or damaged; it was "
            "not loaded. Install stemzoo again."
        )


def load(source):
    """Load a model by name or from a folder.

    Parameters
    ----------
    source : str or path-like
        A name of the manifest (``"fcn-wse2"``, see `stemzoo.list_weights`), or a folder that
        `save` wrote: a path with a separator, or an existing folder that is no name.

    Returns
    -------
    DefectFCN or CycleGANSTEM
        Ready to `detect` or `translate`, and to train on.

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    ValueError
        If a byte of the files differs from the manifest, or a folder is no model folder.
    FileNotFoundError
        If a file is missing.

    Examples
    --------
    >>> model = load("fcn-wse2")  # doctest: +SKIP
    """
    entry = None
    text = str(source)
    if "/" not in text and not isinstance(source, Path):
        try:
            entry = find_weights(text)
        except KeyError:
            if not Path(text).is_dir():
                raise
    if entry is None:
        return _load_folder(Path(source))
    if entry.name != text:
        log.warning("%s is now called %s", text, entry.name)
    for expected in entry.files:
        check_file(entry.folder / expected.name, expected)
    return _load_folder(entry.folder, entry)


def _load_folder(folder: Path, entry: WeightsEntry | None = None):
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder}: expected a model folder with {CONFIG} and {WEIGHTS}. Received: no folder"
        )
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder}: expected a model folder with {CONFIG} and {WEIGHTS}. Received: no "
                f"{name}"
            )
    model = _build(folder / CONFIG, {} if entry is None else {"name": entry.name})
    for name, part in _parts(model).items():
        if (folder / name).is_file():
            _load_weights(part, folder / name, type(model).__name__)
        else:
            log.info("%s: no %s, so the model can be used but not trained on", folder, name)
    return model


def _load_weights(part, path: Path, kind: str) -> None:
    try:
        with warnings.catch_warnings():
            # Dozens of them come before the error that says the same.
            warnings.filterwarnings("ignore", "Skipping nested container", UserWarning)
            part.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{path}: expected the weights of a {kind} as in {CONFIG}. Received: {reason}"
        ) from error


def _build(path: Path, changes: dict):
    """Build the untrained model that a config describes."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if config["format"] != FOLDER_FORMAT:
            raise ValueError(f"format {config['format']}")
        kind = config["class"]
        if kind not in MODEL_CLASSES:
            raise ValueError(f"class {kind!r}")
        from stemzoo import models

        return getattr(models, kind)(**{**config["config"], **changes})
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: expected a model of format {FOLDER_FORMAT} and a class among "
            f"{', '.join(MODEL_CLASSES)}. Received: {error}"
        ) from error
