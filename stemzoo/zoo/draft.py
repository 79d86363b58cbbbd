"""What is to be published: checked files of a model folder, their card and their manifest entry."""

import json
from dataclasses import dataclass
from pathlib import Path

from stemzoo.io import write_text
from stemzoo.zoo.cards.card import find_pictures, model_card
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import (
    CARD,
    CONFIG,
    GOLDEN,
    ONNX,
    PROVENANCE,
    TRAINING_DATA,
    TRAINING_WEIGHTS,
    WEIGHTS,
    is_record,
)
from stemzoo.zoo.hub import verify
from stemzoo.zoo.manifest import checked_entry, describe_files
from stemzoo.zoo.model_folder import model_class
from stemzoo.zoo.registry import PLAIN_NAME, WeightsEntry, read_manifest
from stemzoo.zoo.sources import find_source

# Measured figures, logs and plots go up beside the weights; nothing else leaves the machine.
SUFFIXES = (".json", ".csv")


@dataclass(frozen=True)
class Draft:
    """What is to be published.

    Parameters
    ----------
    files : dict of str to Path
        Files by the name that they get, the card among them.
    card : str
        Text of the model card.
    record : dict
        Entry of the manifest, without a revision.
    old : dict
        The entry that the manifest has under this name; empty if it has none.
    """

    files: dict[str, Path]
    card: str
    record: dict
    old: dict

    @property
    def entry(self) -> WeightsEntry:
        """The record as an entry."""
        return checked_entry(self.record)

    @property
    def is_published(self) -> bool:
        """Whether the manifest has a revision of this repository."""
        at = self.old.get("repo_id") if self.old.get("revision") else None
        return at == self.record["repo_id"]

    def changes(self) -> list[str]:
        """Names of files that are not those of the manifest; the card may be another one."""
        if not self.old:
            return []
        known, new = self.old.get("files", {}), describe_files(self.files)
        names = known if self.entry.bundled else {**known, **new}
        return [name for name in names if name != CARD and known.get(name) != new.get(name)]


def checked_folder(source: str | Path) -> Path:
    """Load a model and compare it with its golden output.

    Parameters
    ----------
    source : str or path-like
        Model folder, or name of weights that come with the package.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        If it does not pass, or is no folder of this machine.
    KeyError, FileNotFoundError
        If there is no such thing.
    """
    found = None
    if not str(source).startswith("hf://"):
        found = find_source(source, local_files_only=True)
    if found is None or found.origin not in ("folder", "bundled"):
        raise ValueError(
            f"expected a model folder, or weights of the package. Received: {source}, which is on "
            "the Hub already. 'stemzoo download' makes a folder of it."
        )
    report = verify(source, local_files_only=True)
    if not report.passed:
        raise ValueError(f"{' '.join(report.differences)} Nothing was published.")
    return found.folder.resolve()


def published_files(folder: Path, *, samples: bool = False) -> dict[str, Path]:
    """Find the files of a model folder that are for others.

    Parameters
    ----------
    folder : Path
        Model folder.
    samples : bool
        Also pictures that may show measured images.

    Returns
    -------
    dict of str to Path
        Weights, measured figures, logs and pictures by the name that they get; no states of
        trainings, and nothing of another kind.
    """
    known = (WEIGHTS, *ONNX, TRAINING_WEIGHTS, GOLDEN)
    files = {
        path.name: path
        for path in sorted(folder.iterdir())
        if path.is_file()
        and PLAIN_NAME.fullmatch(path.name)
        and (path.name in known or path.suffix in SUFFIXES)
    }
    return {**files, **find_pictures(folder, samples=samples)}


def make_draft(
    folder: Path,
    name: str,
    repo: str,
    manifest: Path,
    facts: dict,
    card: Path,
    *,
    with_samples: bool = False,
) -> Draft:
    """Write the model card and gather what the manifest is to hold.

    Parameters
    ----------
    folder : Path
        Model folder.
    name, repo : str
        Name in the zoo, and ``user/repository``.
    manifest : Path
        Which may have an entry of that name; what it says is kept.
    facts : dict
        Fields of `WeightsEntry`, stronger than those of folder and manifest.
    card : Path
        Where to write the card: not into the folder, which may have one.
    with_samples : bool
        Whether pictures that may show measured images are for others. Those of the package's own
        weights are, and those that the manifest names.

    Returns
    -------
    Draft

    Raises
    ------
    ValueError
        If facts are missing or wrong.
    """
    content = json.loads(manifest.read_text(encoding="utf-8"))
    old = next((record for record in content["weights"] if record["name"] == name), None)
    new = {"name": name, "repo_id": repo, "revision": None, **_facts(folder, old, facts)}
    # Twice, for the order of the keys and for what is stronger.
    record = {**new, **(old or {"bundled": False}), **new}
    bundled = old is not None and checked_entry(old).bundled
    shown = set(find_pictures(folder)) - set(find_pictures(folder, samples=False))
    samples = with_samples or bundled or bool(shown & set((old or {}).get("files", {})))
    text = model_card(checked_entry(record), folder, samples=samples)
    write_text(card, text)
    files = {**published_files(folder, samples=samples), CARD: card}
    if old is not None and bundled:
        record["files"] = old["files"]
    else:
        record["files"] = describe_files(files)
    return Draft(files, text, record, old or {})


def _facts(folder: Path, old: dict | None, given: dict) -> dict:
    """Gather what the entry says about the weights: what is given, else what is known."""
    config, data, provenance = (
        read_facts(folder, name) for name in (CONFIG, TRAINING_DATA, PROVENANCE)
    )
    session = data.get("session")
    found = {
        "material": config["config"].get("material"),
        "session": session[0] if isinstance(session, list) and session else session,
        "licence": provenance.get("licence"),
    }
    kept = {key: old[key] for key in (*found, "summary")} if old else {}
    found = {key: value for key, value in {**found, **kept, **given}.items() if value}
    for key, example in (("material", "wse2"), ("session", "wse2-dayC"), ("licence", "CC-BY-4.0")):
        if key not in found:
            raise ValueError(
                f"{folder}: expected to know the {key} of the weights. Received: none. Give "
                f"--{key}, for instance {example}."
            )
    model = model_class(config["class"])
    found.setdefault("summary", model.summary.format(**found))
    return {"task": model.task, **found}


def refuse_to_overwrite(draft: Draft, manifest: Path, new_revision: bool) -> None:
    """See that no published name gets other bytes unasked.

    Parameters
    ----------
    draft : Draft
        What is to be published.
    manifest : Path
        What is published.
    new_revision : bool
        Whether it is asked for.

    Raises
    ------
    ValueError
        If name or repository are another entry's, or the files are to come with the package.
    FileExistsError
        If the name is published with other bytes, or elsewhere.
    """
    name, repo, changes = draft.record["name"], draft.record["repo_id"], draft.changes()
    for other in read_manifest(manifest):
        if other.name != name and name in (*other.aliases, *other.supersedes):
            raise ValueError(f"expected a new name. Received: {name}, another name of {other.name}")
        if other.name != name and repo == other.repo_id:
            raise ValueError(f"expected a repository for {name}. Received: that of {other.name}")
    absent = [change for change in changes if is_record(change) and change not in draft.files]
    if changes and changes == absent and draft.entry.bundled:
        raise ValueError(
            f"{name}: expected the logs and pictures of its training, too. Received: no "
            f"{', '.join(absent)}, which an installed package does not hold. Publish it from a "
            "checkout of the repository."
        )
    if changes and draft.entry.bundled:
        raise ValueError(
            f"{name}: expected the files that come with the package. Received: other bytes of "
            f"{', '.join(changes)}. Take another --name, or enter them with "
            "stemzoo.zoo.hub.register."
        )
    moved = bool(draft.old.get("revision")) and not draft.is_published
    if (moved or (draft.is_published and changes)) and not new_revision:
        what = f"--repo {repo}" if moved else f"other bytes of {', '.join(changes)}"
        raise FileExistsError(
            f"{name}: expected what is published at hf://{draft.old['repo_id']}@"
            f"{draft.old['revision'][:12]}. Received: {what}. Take another --name, or give "
            "--new-revision to replace it."
        )
