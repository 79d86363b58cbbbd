"""Where weights come from, and what they are good for."""

import logging
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stemzoo import __version__
from stemzoo.io import write_json
from stemzoo.zoo import registry
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import CARD, PROVENANCE, TRAINING_DATA, WEIGHTS
from stemzoo.zoo.manifest import Source

log = logging.getLogger(__name__)

PACKAGES = ("keras", "tensorflow", "onnxruntime", "numpy", "scipy", "h5py")
# What is beyond is not read: a card may come from anywhere [characters].
LARGEST_CARD = 1 << 20


@dataclass(frozen=True)
class Provenance:
    """Where the weights of a loaded model come from.

    Parameters
    ----------
    name : str
        Name in the zoo; for other weights that of the model.
    origin : str
        ``"bundled"``, ``"hub"``, ``"mirror"`` or ``"folder"``.
    folder : Path
        Where the files are.
    repository, revision : str or None
        Repository on the Hugging Face Hub, and its commit.
    sha256 : str
        Hash of ``model.weights.h5``.
    licence : str or None
        SPDX identifier.
    training_data : mapping
        What the weights were trained on, as far as their folder says.
    record : mapping
        The folder's ``provenance.json``: package versions, parent weights and other facts.
    """

    name: str
    origin: str
    folder: Path
    repository: str | None
    revision: str | None
    sha256: str
    licence: str | None
    training_data: Mapping = field(default_factory=dict)
    record: Mapping = field(default_factory=dict)


def read_provenance(source: Source, name: str) -> Provenance:
    """Gather what manifest and folder say about weights.

    Parameters
    ----------
    source : Source
        Where they are.
    name : str
        Name of the model.

    Returns
    -------
    Provenance
    """
    record, data = (_read(source.folder, name) for name in (PROVENANCE, TRAINING_DATA))
    data = data or record.get("training_data") or {}
    return Provenance(
        name=name if source.entry is None else source.entry.name,
        origin=source.origin,
        folder=source.folder,
        repository=source.repo_id,
        revision=source.revision,
        sha256=source.sha256_of(WEIGHTS),
        licence=record.get("licence") if source.entry is None else source.entry.licence,
        training_data=data,
        record=record,
    )


def _read(folder: Path, name: str) -> dict:
    """Read facts that a model works without; a damaged file of them is no reason to fail."""
    try:
        return read_facts(folder, name)
    except ValueError as error:
        log.warning("%s They are left out.", error)
        return {}


def read_card(source: Source) -> str:
    """Return the text that says what weights are good for.

    Parameters
    ----------
    source : Source
        Where they are.

    Returns
    -------
    str
        Markdown: of ``model_cards/<name>.md``, else of the folder's ``README.md``, else what the
        manifest says; empty if there is nothing.
    """
    entry, paths = source.entry, [source.folder / CARD]
    if entry is not None:
        homes = (registry.PACKAGE, registry.PACKAGE.parent)
        paths = [*(home / "model_cards" / f"{entry.name}.md" for home in homes), *paths]
    for path in paths:
        if path.is_file():
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(LARGEST_CARD)
    if entry is None:
        return ""
    return (
        f"# {entry.name}\n\n{entry.summary}\n\n"
        f"Task: {entry.task}. Material: {entry.material}. Session: {entry.session}. "
        f"Licence: {entry.licence}.\n"
    )


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that results may depend on, of those installed.

    Examples
    --------
    >>> "numpy" in installed_versions()
    True
    """
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write_provenance(path: str | Path, *, parent: Provenance | None, facts: Mapping) -> None:
    """Write what a saved model was made with.

    Parameters
    ----------
    path : path-like
        The JSON file.
    parent : Provenance or None
        The weights that its training started from.
    facts : mapping
        Anything else that JSON can hold.
    """
    packages = {"stemzoo": __version__, "python": platform.python_version()}
    packages.update(installed_versions())
    record = {"packages": packages, "parent": None, **facts}
    if parent is not None:
        keys = ("name", "repository", "revision", "sha256", "licence")
        record["parent"] = {key: getattr(parent, key) for key in keys}
    write_json(path, record)
