"""Which weights the zoo holds: reads the manifest, with the standard library only."""

import difflib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

MANIFEST_FORMAT = 1
PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class FileEntry:
    """One file of a model folder.

    Parameters
    ----------
    name : str
        Its name in the folder.
    sha256 : str
        Hash of its bytes.
    size : int
        Number of bytes.
    """

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class WeightsEntry:
    """What the manifest says about one set of weights.

    Parameters
    ----------
    name : str
        Name to load it by.
    task : str
        ``"detection"`` or ``"translation"``.
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

    @property
    def folder(self) -> Path:
        """Where bundled files are."""
        return PACKAGE / "weights" / self.name


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


def _entry(record: dict) -> WeightsEntry:
    files = tuple(
        FileEntry(name, facts["sha256"], facts["size"])
        for name, facts in sorted(record.get("files", {}).items())
    )
    listed = {key: tuple(record.get(key, ())) for key in ("aliases", "supersedes")}
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
        return tuple(_entry(record) for record in content["weights"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
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
