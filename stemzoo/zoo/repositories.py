"""Files of any repository of the Hub: hf://user/repository[@revision]."""

import logging
import re
from collections.abc import Collection, Mapping

from stemzoo.zoo.file_names import CONFIG, LOADED, REQUIRED, WEIGHTS
from stemzoo.zoo.manifest import Source
from stemzoo.zoo.published import check_published, check_version, fetch_published
from stemzoo.zoo.registry import FileEntry, find_weights, list_weights
from stemzoo.zoo.remote import download
from stemzoo.zoo.remote.limits import COMMIT
from stemzoo.zoo.remote.listing import ask_hub

log = logging.getLogger(__name__)

_REVISION = r"\w[\w./-]*"
_ADDRESS = re.compile(rf"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>{_REVISION}))?")


def fetch_repository(
    uri: str, revision: str | None, names: Collection[str], *, offline: bool
) -> Source:
    """Bring files of a repository here and check them; the manifest decides about those it names.

    Parameters
    ----------
    uri : str
        ``hf://user/repository``, or with ``@revision``.
    revision : str or None
        Commit, branch or tag, where the address does not say it; the main branch where neither.
    names : collection of str
        Files that are needed, as far as there are such.
    offline : bool
        Use what is in the cache only.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If this is no such address, the weights are not published or need another version of
        stemzoo, or a file differs.
    FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had.
    """
    match = _ADDRESS.fullmatch(uri)
    if not match or (match["revision"] and revision not in (None, match["revision"])):
        raise ValueError(
            "expected hf://user/repository or hf://user/repository@revision, with one revision. "
            f"Received: {uri}" + (f" and revision={revision!r}" if revision else "")
        )
    repo_id, revision = match["repo"], match["revision"] or revision
    if revision and (".." in revision or not re.fullmatch(_REVISION, revision)):
        raise ValueError(
            f"{uri}: expected a branch, a tag or a commit as the revision. Received: {revision!r}"
        )
    entry = next((entry for entry in list_weights() if entry.repo_id == repo_id), None)
    if entry is not None:
        check_version(entry)
        check_published(entry)
        if revision in (None, entry.revision):
            return fetch_published(entry, names, offline=offline)
    try:
        commit, listed = _listing(repo_id, revision or "main", offline, names)
    except FileNotFoundError as error:
        raise _with_hint(error, repo_id) from error
    if entry is not None and commit == entry.revision:
        return fetch_published(entry, names, offline=offline)
    files = tuple(listed[name] for name in names if name in listed)
    return _fetch_unlisted(repo_id, commit, revision or "main", files, listed, offline)


def _fetch_unlisted(
    repo_id: str,
    commit: str,
    revision: str,
    files: tuple[FileEntry, ...],
    listed: Mapping[str, FileEntry],
    offline: bool,
) -> Source:
    """Files of a repository that the manifest does not vouch for."""
    present = [file.name for file in files]
    if missing := [name for name in REQUIRED if name not in present]:
        raise FileNotFoundError(
            f"hf://{repo_id}@{revision}: expected a model folder with {CONFIG} and {WEIGHTS}. "
            f"Received: no {missing[0]}. Is it a repository of stemzoo weights?"
        )
    folder = download.fetch_from_hub(repo_id, commit, files, listed=listed, offline=offline)
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
    pinned = COMMIT.fullmatch(revision) is not None
    place = choose_listing(cached, names, pinned=pinned, offline=offline)
    if place == "nobody":
        raise FileNotFoundError(
            f"hf://{repo_id}@{revision}: expected its files in the cache, being offline. Received: "
            "none. Load it once with a network; bundled weights ('stemzoo list') need none."
        )
    if place != "cache" or snapshot is None:
        try:
            return ask_hub(repo_id, revision)
        except ConnectionError as error:
            if place == "hub" or snapshot is None:
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
