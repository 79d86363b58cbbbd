"""From what a user asks for (a name, hf://user/repository, a folder) to a folder of files."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stemzoo.zoo.file_names import (
    CONFIG,
    GOLDEN,
    LOADED,
    REQUIRED,
    TRAINING_WEIGHTS,
    WEIGHTS,
    is_record,
)
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import FileEntry, WeightsEntry, find_weights, list_weights
from stemzoo.zoo.remote import download
from stemzoo.zoo.remote.cache import is_offline
from stemzoo.zoo.remote.mirrors import fetch_from_mirror, mirrored_folder

log = logging.getLogger(__name__)

_HUB = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>\w[\w./-]*))?")


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

    def differences(self) -> list[str]:
        """Compare every file with what is known of it; one line for each that differs."""
        found = (
            (self.folder / file.name, difference(self.folder / file.name, file))
            for file in self.files
        )
        return [f"{path}: {reason}" for path, reason in found if reason]


def find_source(
    source, *, revision: str | None = None, local_files_only: bool | None = None, names=LOADED
) -> Source:
    """Find a model's files; what is not on this machine is fetched and checked.

    Parameters
    ----------
    source : str or path-like
        A name of the manifest, ``hf://user/repository[@revision]``, or a folder: a path with a
        separator, or an existing folder that is no name.
    revision : str, optional
        Commit, branch or tag on the Hub; given with a name, the Hub is asked even where the files
        come with the package.
    local_files_only : bool, optional
        Never use the network, see `is_offline`.
    names : sequence of str
        Files that are needed, as far as there are such.

    Returns
    -------
    Source
        Bundled files and those of a user's folder are not checked yet, see `Source.differences`.

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    ValueError
        If the weights are not published, need another version of stemzoo, or differ.
    FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had; the message says why and what to do.
    """
    text = str(source)
    if text.startswith("hf://"):
        return _from_uri(text, revision, is_offline(local_files_only), names)
    entry = None
    if not isinstance(source, Path) and Path(text).name == text:
        try:
            entry = find_weights(text)
        except KeyError:
            if not Path(text).is_dir():
                raise
    if entry is None:
        return _from_folder(Path(source), revision)
    if text in entry.supersedes:
        log.warning("%s is superseded by %s", text, entry.name)
    elif text != entry.name:
        log.warning("%s is another name of %s", text, entry.name)
    check_version(entry)
    if revision is None and entry.bundled:
        _wanted(entry, names)
        files = tuple(
            file
            for file in entry.files
            if not is_record(file.name) or (entry.folder / file.name).is_file()
        )
        return Source(entry.folder, files, "bundled", entry, entry.repo_id, entry.revision)
    if revision not in (None, entry.revision):
        _check_published(entry)
        uri = f"hf://{entry.repo_id}"
        return _from_uri(uri, revision, is_offline(local_files_only), names)
    return _from_entry(entry, is_offline(local_files_only), names)


def check_version(entry: WeightsEntry) -> None:
    """See that this version of stemzoo can use the weights.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not entry.requires:
        return
    from packaging.specifiers import SpecifierSet

    from stemzoo import __version__

    if not SpecifierSet(entry.requires).contains(__version__, prereleases=True):
        raise ValueError(
            f"{entry.name}: expected stemzoo {entry.requires}. Received: {__version__}. Install "
            f"one that fits: pip install 'stemzoo{entry.requires}'."
        )


def _check_published(entry: WeightsEntry) -> None:
    if entry.revision is None or entry.repo_id is None:
        here = f"load {entry.name!r} without a revision: its files come with the package"
        raise ValueError(
            f"{entry.name} has not been published on the Hub yet (its revision in "
            f"weights_manifest.json is null). Until a maintainer runs 'stemzoo publish "
            f"{entry.name}', {here if entry.bundled else 'it cannot be downloaded from there'}."
        )


def _from_folder(folder: Path, revision: str | None) -> Source:
    if revision is not None:
        raise ValueError(
            f"expected a revision with a name of the zoo or hf://user/repository. Received: "
            f"revision={revision!r} with the folder {folder}"
        )
    missing = "folder"
    if folder.is_dir():
        missing = next((name for name in REQUIRED if not (folder / name).is_file()), None)
    if missing:
        raise FileNotFoundError(
            f"{folder}: expected a model folder with {CONFIG} and {WEIGHTS}. Received: no {missing}"
        )
    names = (*LOADED, TRAINING_WEIGHTS, GOLDEN)
    present = tuple(FileEntry(name, None, None) for name in names if (folder / name).is_file())
    return Source(folder, present, "folder")


def _from_entry(entry: WeightsEntry, offline: bool, names) -> Source:
    """Files of the zoo: from the cache, else the Hub, else a mirror."""
    files = _wanted(entry, names)
    published = entry.revision is not None and entry.repo_id is not None
    if not published and not entry.mirrors:
        _check_published(entry)
    failures = []
    mirrored = Source(mirrored_folder(entry), files, "mirror", entry)
    if entry.mirrors and not mirrored.differences():
        return mirrored
    if published:
        try:
            if not offline and not _all_cached(entry, files):
                download.ask_hub(entry.repo_id, entry.revision)
            folder = download.fetch_from_hub(entry.repo_id, entry.revision, files, offline=offline)
            return Source(folder, files, "hub", entry, entry.repo_id, entry.revision)
        except (OSError, ValueError) as error:
            failures.append(error)
    for mirror in () if offline else entry.mirrors:
        try:
            return Source(fetch_from_mirror(mirror, entry, files), files, "mirror", entry)
        except (OSError, ValueError) as error:
            failures.append(error)
    raise _all_failed(entry, failures)


def _wanted(entry: WeightsEntry, names) -> tuple[FileEntry, ...]:
    listed = [file.name for file in entry.files]
    if not set(REQUIRED) <= set(listed):
        raise ValueError(
            f"{entry.name}: expected {CONFIG} and {WEIGHTS} among the files of the manifest. "
            f"Received: {listed}. Install stemzoo again."
        )
    return tuple(file for file in entry.files if file.name in names)


def _all_cached(entry: WeightsEntry, files) -> bool:
    snapshot = download.cached_snapshot(entry.repo_id, entry.revision)
    return snapshot is not None and all((snapshot / file.name).is_file() for file in files)


def _all_failed(entry: WeightsEntry, failures: list[Exception]) -> Exception:
    if not failures:
        return FileNotFoundError(
            f"{entry.name}: expected its files in the cache, being offline. Received: none. Load "
            "it once with a network; bundled weights ('stemzoo list') need none."
        )
    if len(failures) == 1:
        return failures[0]
    text = f"{entry.name}: no place has it. " + " ".join(str(error) for error in failures)
    return type(failures[0])(text)


def _from_uri(uri: str, revision: str | None, offline: bool, names) -> Source:
    """Files of any repository; the manifest decides about those that it names."""
    match = _HUB.fullmatch(uri)
    if not match or (match["revision"] and revision not in (None, match["revision"])):
        raise ValueError(
            "expected hf://user/repository or hf://user/repository@revision, with one revision. "
            f"Received: {uri}" + (f" and revision={revision!r}" if revision else "")
        )
    repo_id, revision = match["repo"], match["revision"] or revision
    entry = next((entry for entry in list_weights() if entry.repo_id == repo_id), None)
    if entry is not None:
        check_version(entry)
        _check_published(entry)
        if revision in (None, entry.revision):
            return _from_entry(entry, offline, names)
    try:
        commit, listed = _listing(repo_id, revision or "main", offline, names)
    except FileNotFoundError as error:
        raise _with_hint(error, repo_id) from error
    if entry is not None and commit == entry.revision:
        return _from_entry(entry, offline, names)
    files = tuple(listed[name] for name in names if name in listed)
    return _from_repository(repo_id, commit, revision or "main", files, offline)


def _from_repository(
    repo_id: str, commit: str, revision: str, files: tuple[FileEntry, ...], offline: bool
) -> Source:
    """Files of a repository that the manifest does not vouch for."""
    present = [file.name for file in files]
    if missing := [name for name in REQUIRED if name not in present]:
        raise FileNotFoundError(
            f"hf://{repo_id}@{revision}: expected a model folder with {CONFIG} and {WEIGHTS}. "
            f"Received: no {missing[0]}. Is it a repository of stemzoo weights?"
        )
    folder = download.fetch_from_hub(repo_id, commit, files, offline=offline)
    download.remember(folder, revision)
    log.warning(
        "hf://%s@%s is not in the manifest of the zoo: its files are checked against the Hub's own "
        "hashes, and that they are model files",
        repo_id,
        commit[:12],
    )
    return Source(folder, files, "hub", None, repo_id, commit)


def choose_listing(
    cached: Collection[str], names: Collection[str], *, pinned: bool, offline: bool
) -> str:
    """Decide who says which files a revision of a repository has.

    Parameters
    ----------
    cached : collection of str
        Files of the revision that the cache holds.
    names : collection of str
        Files that are asked for, as far as there are such.
    pinned : bool
        Whether the revision is a commit, which always has the same files.
    offline : bool
        Whether the network is not to be used.

    Returns
    -------
    str
        ``"cache"``; ``"hub"``; ``"hub, else cache"`` where an older copy may serve if the Hub does
        not answer; ``"nobody"`` where there is no copy to use offline.

    Examples
    --------
    >>> choose_listing(REQUIRED, REQUIRED, pinned=True, offline=False)
    'cache'
    >>> choose_listing((), REQUIRED, pinned=True, offline=True)
    'nobody'
    """
    complete = set(REQUIRED) <= set(cached)
    # What is asked for beyond the usual must be there too, as the repository may hold it.
    enough = complete and set(names) - set(LOADED) <= set(cached)
    if (complete and offline) or (enough and pinned):
        return "cache"
    if offline:
        return "nobody"
    return "hub, else cache" if complete else "hub"


def _listing(repo_id: str, revision: str, offline: bool, names) -> tuple[str, dict[str, FileEntry]]:
    """Commit and files of a revision, from where `choose_listing` says."""
    snapshot = download.cached_snapshot(repo_id, revision)
    cached = {} if snapshot is None else download.cached_files(snapshot)
    pinned = download.COMMIT.fullmatch(revision) is not None
    place = choose_listing(cached, names, pinned=pinned, offline=offline)
    if place == "nobody":
        raise FileNotFoundError(
            f"hf://{repo_id}@{revision}: expected its files in the cache, being offline. Received: "
            "none. Load it once with a network; bundled weights ('stemzoo list') need none."
        )
    if place != "cache":
        try:
            return download.ask_hub(repo_id, revision)
        except ConnectionError as error:
            if place == "hub":
                raise
            log.warning("%s Using the copy of %s in the cache.", error, snapshot.name[:12])
    return snapshot.name, cached


def _with_hint(error: FileNotFoundError, repo_id: str) -> FileNotFoundError:
    """Add what the zoo knows of a repository that is not there."""
    name = repo_id.rsplit("/", 1)[-1]
    try:
        entry = find_weights(name)
    except KeyError:
        return error
    if entry.revision is not None:
        return FileNotFoundError(f"{error} The zoo's {entry.name} is at hf://{entry.repo_id}.")
    return FileNotFoundError(
        f"{error} {entry.name} of the zoo has not been published on the Hub yet; load "
        f"{entry.name!r}."
    )
