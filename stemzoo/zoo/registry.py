"""Which weights the zoo holds: reads the manifest, with the standard library only."""

import difflib
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

MANIFEST_FORMAT = 1

PACKAGE = Path(__file__).resolve().parents[1]

# A plain file or folder name: nothing that leads elsewhere.
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class FileEntry:
    """One file of a model folder.

    Parameters
    ----------
    name : str
        Its name in the folder.
    sha256 : str or None
        Hash of its bytes.
    size : int or None
        Number of bytes.
    git_sha1 : str or None
        The hash that git keeps of it: all that the Hub tells of a small file of a repository that
        is not in the manifest.

    Raises
    ------
    ValueError
        If the name leads out of the folder, or hash or size cannot be one.
    """

    name: str
    sha256: str | None
    size: int | None
    git_sha1: str | None = None

    def __post_init__(self):
        if not PLAIN_NAME.fullmatch(self.name):
            raise ValueError(f"expected the name of a file in the folder. Received: {self.name!r}")
        for digest, length in ((self.sha256, 64), (self.git_sha1, 40)):
            if digest is not None and not re.fullmatch(rf"[0-9a-f]{{{length}}}", digest):
                raise ValueError(
                    f"{self.name}: expected a hash of {length} digits. Received: {digest!r}"
                )
        if self.size is not None and (type(self.size) is not int or self.size < 0):
            raise ValueError(f"{self.name}: expected a size in bytes. Received: {self.size!r}")


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says about one set of weights.

    Parameters
    ----------
    name : str
        Name to load it by.
    task : str
        ``"detection"``, ``"translation"`` or ``"denoising"``.
    material : str
        Entry of `stemzoo.simulate.MATERIALS`.
    session : str
        Microscope session that the weights were trained on.
    summary : str
        One line for people.
    licence : str
        SPDX identifier.
    repo_id : str or None
        Repository on the Hugging Face Hub.
    revision : str or None
        Commit of that repository; None as long as it is not published.
    bundled : bool
        Whether the files come with the package, in ``stemzoo/weights/<name>``.
    files : tuple of FileEntry
        Which bytes they are.
    aliases, supersedes : tuple of str
        Other names that lead here.
    mirrors : tuple of str
        Other places of the files: each a URL or a folder that they lie in.
    requires : str
        Versions of stemzoo that can use them, such as ``">=0.1,<2"``; empty for any.
    sessions : tuple of str
        Sessions that `session` stands for, where it is the name of more than one.
    wide : bool
        Whether they were trained over conditions much wider than those of one session.

    Raises
    ------
    ValueError
        If the name cannot be that of a folder, or the revision is no commit.
    """

    name: str
    task: str
    material: str
    session: str
    summary: str
    licence: str
    repo_id: str | None = None
    revision: str | None = None
    bundled: bool = True
    files: tuple[FileEntry, ...] = field(default=())
    aliases: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    requires: str = ""
    sessions: tuple[str, ...] = ()
    wide: bool = False

    def __post_init__(self):
        if not PLAIN_NAME.fullmatch(self.name):
            raise ValueError(f"expected a name of letters, digits, -._ . Received: {self.name!r}")
        if self.revision is not None and not re.fullmatch("[0-9a-f]{40}", self.revision):
            # A branch or a tag can be moved to other files.
            raise ValueError(
                f"{self.name}: expected a commit as the revision. Received: {self.revision!r}"
            )

    @property
    def folder(self) -> Path:
        """Where bundled files are."""
        return PACKAGE / "weights" / self.name

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of the manifest that are no hashes; `sessions` and `wide` only if they say more."""
        facts = {key: getattr(self, key) for key in ("task", "material", "session")}
        if self.sessions:
            facts["sessions"] = list(self.sessions)
        if self.wide:
            facts["wide"] = True
        return facts | {key: getattr(self, key) for key in ("licence", "summary")}


def manifest_path() -> Path:
    """Return the path of the manifest.

    It lies in the package when installed from a wheel, beside it in a source tree.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If it is in neither place.
    """
    for folder in (PACKAGE, PACKAGE.parent):
        if (folder / "weights_manifest.json").is_file():
            return folder / "weights_manifest.json"
    raise FileNotFoundError(
        f"Expected weights_manifest.json in {PACKAGE} or {PACKAGE.parent}. Received: none. "
        "Install stemzoo again."
    )


def entry_of(record: dict) -> WeightsEntry:
    """Return the entry that a record of the manifest describes.

    Parameters
    ----------
    record : dict
        As JSON holds it.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        If it describes none.
    """
    files = tuple(
        FileEntry(name, facts["sha256"], facts["size"])
        for name, facts in sorted(record.get("files", {}).items())
    )
    names = ("aliases", "supersedes", "mirrors", "sessions")
    listed = {key: record.get(key, []) for key in names}
    for key, value in listed.items():
        if not isinstance(value, list):
            raise ValueError(f"{record['name']}: expected a list of {key}. Received: {value!r}")
        listed[key] = tuple(value)
    return WeightsEntry(**{**record, "files": files, **listed})


@lru_cache(maxsize=4)
def read_manifest(path: Path) -> tuple[WeightsEntry, ...]:
    """Read a manifest.

    Parameters
    ----------
    path : Path
        JSON file.

    Returns
    -------
    tuple of WeightsEntry

    Raises
    ------
    ValueError
        If the file is no manifest of this format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != MANIFEST_FORMAT:
            raise ValueError(f"format {content['format']}")
        return tuple(entry_of(record) for record in content["weights"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected a weights manifest of format {MANIFEST_FORMAT}. Received: "
            f"{error!r}. Install stemzoo again, or a newer version of it."
        ) from error


def list_weights(*, material: str | None = None, task: str | None = None) -> list[WeightsEntry]:
    """List the weights of the zoo.

    Parameters
    ----------
    material, task : str, optional
        Keep only these.

    Returns
    -------
    list of WeightsEntry

    Examples
    --------
    >>> "fcn-wse2" in [entry.name for entry in list_weights(material="wse2")]
    True
    """
    return [
        entry
        for entry in read_manifest(manifest_path())
        if material in (None, entry.material) and task in (None, entry.task)
    ]


def find_weights(name: str) -> WeightsEntry:
    """Return the entry of a name, an alias or a superseded name.

    Parameters
    ----------
    name : str
        Never guessed: it must match exactly.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.

    Examples
    --------
    >>> find_weights("fcn-wse2").material
    'wse2'
    """
    entries = read_manifest(manifest_path())
    names = {}
    for entry in entries:
        names.update(dict.fromkeys((*entry.aliases, *entry.supersedes), entry))
    names.update({entry.name: entry for entry in entries})
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise KeyError(
            f"No weights of that name.{hint} 'stemzoo list' shows all. Received: {name!r}"
        )
    return names[name]
