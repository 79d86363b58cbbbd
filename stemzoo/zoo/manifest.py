"""Entries of the manifest, and whether a file is the one that an entry means."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stemzoo.io import write_json
from stemzoo.zoo.registry import FileEntry, WeightsEntry, entry_of, read_manifest


def sha256(path: str | Path) -> str:
    """Hash of a file's bytes.

    Examples
    --------
    >>> len(sha256(__file__))
    64
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_sha1(path: str | Path) -> str:
    """Hash that git keeps of a file: SHA-1 of a header with its size, then its bytes."""
    path = Path(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def difference(path: str | Path, expected: FileEntry) -> str | None:
    """Compare a file with what is known of it.

    Parameters
    ----------
    path : path-like
        The file.
    expected : FileEntry
        Its size and hash, as far as they are known.

    Returns
    -------
    str or None
        What was expected and what was received; None if the file is the right one.

    Examples
    --------
    >>> difference(__file__, FileEntry("manifest.py", None, None)) is None
    True
    """
    path = Path(path)
    if not path.is_file():
        return "expected a file of the weights. Received: none."
    size = path.stat().st_size
    checks = (
        ("sha256", expected.sha256, sha256),
        ("git hash", expected.git_sha1, git_sha1),
    )
    for name, digest, compute in checks:
        if digest is None:
            continue
        found = compute(path)
        if found != digest or expected.size not in (None, size):
            known = "" if expected.size is None else f"{expected.size} bytes with "
            return f"expected {known}{name} {digest}. Received: {size} bytes with {found}."
    return None


@dataclass(frozen=True)
class Source:
    """A local model folder and where it came from.

    Parameters
    ----------
    folder : Path
        Where the files are.
    files : tuple of FileEntry
        What is known of them; for a user's own folder no hashes.
    origin : str
        ``"bundled"``, ``"hub"``, ``"mirror"`` or ``"folder"``.
    entry : WeightsEntry, optional
        What the manifest says about them.
    repo_id, revision : str, optional
        Repository on the Hub, and its commit.
    """

    folder: Path
    files: tuple[FileEntry, ...]
    origin: str
    entry: WeightsEntry | None = None
    repo_id: str | None = None
    revision: str | None = None

    def sha256_of(self, name: str) -> str:
        """Hash of a file: what is known of it, else what the file itself tells."""
        known = {file.name: file.sha256 for file in self.files}
        return known.get(name) or sha256(self.folder / name)

    def differences(self) -> list[str]:
        """Compare every file with what is known of it; one line for each that differs."""
        found = (
            (self.folder / file.name, difference(self.folder / file.name, file))
            for file in self.files
        )
        return [f"{path}: {reason}" for path, reason in found if reason]


def describe_files(paths: Mapping[str, Path]) -> dict:
    """Return hashes and sizes of files, as the manifest holds them.

    Parameters
    ----------
    paths : mapping of str to Path
        Files by their name in the model folder.

    Returns
    -------
    dict

    Examples
    --------
    >>> list(describe_files({"manifest.py": Path(__file__)})["manifest.py"])
    ['sha256', 'size']
    """
    return {
        name: {"sha256": sha256(path), "size": path.stat().st_size}
        for name, path in sorted(paths.items())
    }


def checked_entry(record: dict) -> WeightsEntry:
    """Return the entry that a new record describes.

    Parameters
    ----------
    record : dict
        As JSON is to hold it.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    ValueError
        If it describes none.
    """
    try:
        return entry_of(record)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{record['name']}: expected fields of a WeightsEntry. {error}") from error


def write_entry(path: Path, record: dict) -> None:
    """Put a record in the place of the one of its name, in one step.

    Parameters
    ----------
    path : Path
        The manifest.
    record : dict
        From which `checked_entry` makes an entry.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    others = [other for other in content["weights"] if other["name"] != record["name"]]
    content["weights"] = sorted([*others, record], key=lambda other: other["name"])
    write_json(path, content)
    read_manifest.cache_clear()
