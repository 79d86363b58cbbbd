"""What is known of weights without loading them, and copies of them as model folders."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stemzoo.io import write_text
from stemzoo.zoo.cards.card import model_card
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import (
    CARD,
    CONDITIONS,
    CONFIG,
    GOLDEN,
    LOADED,
    ONNX,
    PROVENANCE,
    TRAINING_DATA,
    TRAINING_WEIGHTS,
)
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import find_weights
from stemzoo.zoo.remote.download import cached_snapshot
from stemzoo.zoo.sources import find_source
from stemzoo.zoo.whole_folder import finish, whole_folder


def describe_weights(source: str | Path) -> dict:
    """Gather what manifest and model folder say; nothing is fetched.

    Parameters
    ----------
    source : str or path-like
        Name of the zoo, or model folder.

    Returns
    -------
    dict
        `name`, `origin` (``"bundled"``, ``"hub"`` or ``"folder"``), `folder` if the files are on
        this machine, the fields of `WeightsEntry` for a name, and `config`, `training_data`,
        `provenance` and `conditions` (session and number of frames) as far as their files are here.

    Raises
    ------
    KeyError, FileNotFoundError
        If there are no such weights.

    Examples
    --------
    >>> describe_weights("fcn-wse2")["config"]["material"]
    'wse2'
    """
    text = str(source)
    is_name = not isinstance(source, Path) and Path(text).name == text
    try:
        entry = find_weights(text) if is_name else None
    except KeyError:
        if not Path(text).is_dir():
            raise
        entry = None
    if entry is None:
        folder = find_source(Path(text)).folder
        return {"name": folder.resolve().name, "origin": "folder", **_contents(folder)}
    facts = asdict(entry)
    # Most weights are of one session.
    facts = {k: v for k, v in facts.items() if v or k not in ("sessions", "wide")}
    facts["files"] = [{k: f[k] for k in ("name", "size", "sha256")} for f in facts["files"]]
    here = entry.folder if entry.bundled else None
    if not entry.bundled and entry.revision and entry.repo_id:
        here = cached_snapshot(entry.repo_id, entry.revision)
    contents = {} if here is None else _contents(here)
    return {**facts, "origin": "bundled" if entry.bundled else "hub", **contents}


def _contents(folder: Path) -> dict:
    found: dict[str, Any] = {"folder": str(folder)}
    if config := read_facts(folder, CONFIG):
        found.update({"class": config["class"], "config": config["config"]})
    for key, name in (("training_data", TRAINING_DATA), ("provenance", PROVENANCE)):
        if facts := read_facts(folder, name):
            found[key] = facts
    if conditions := read_facts(folder, CONDITIONS):
        found["conditions"] = {key: conditions.get(key) for key in ("session", "frames")}
    return found


def copy_weights(source: str, to: str | Path | None = None) -> Path:
    """Bring all files of weights to this machine, and check them.

    Parameters
    ----------
    source : str
        Name of the zoo, or ``hf://user/repository[@revision]``.
    to : path-like, optional
        Receives a model folder of the weights' name; where not given, the files stay in the cache
        or the package.

    Returns
    -------
    Path
        The model folder: `load` takes it, and as one of an entry's `mirrors` it serves others.

    Raises
    ------
    ValueError
        If a file differs from what is expected.
    KeyError, FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had.

    Examples
    --------
    >>> copy_weights("fcn-wse2", "weights")  # doctest: +SKIP
    PosixPath('weights/fcn-wse2')
    """
    names: Sequence[str] = (*LOADED, *ONNX, TRAINING_WEIGHTS, GOLDEN)
    if not source.startswith("hf://"):
        names = [file.name for file in find_weights(source).files]
    found = find_source(source, names=names)
    if different := found.differences():
        raise ValueError(f"{' '.join(different)} Nothing was copied.")
    if to is None:
        return found.folder
    # Weights without an entry come from an address of the Hub.
    name = found.entry.name if found.entry else str(found.repo_id).split("/")[1]
    folder = Path(to) / name
    finish(folder)
    paths = {file: folder / file.name for file in found.files}
    there = [file for file, path in paths.items() if os.path.lexists(path)]
    for file in there:
        if not paths[file].is_file() or difference(paths[file], file) is not None:
            raise ValueError(
                f"{paths[file]}: expected a new folder, or an earlier copy of {source}. Received: "
                "another file, which is kept. Choose another folder, or move this one."
            )
    with whole_folder(folder) as aside:
        for file in found.files:
            if file not in there:
                shutil.copyfile(found.folder / file.name, aside / file.name)
        if found.entry is not None and found.origin == "bundled":
            write_text(aside / CARD, model_card(found.entry, found.folder))
    return folder
