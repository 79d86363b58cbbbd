"""Fetch files of models from the Hugging Face Hub into the Hub's own cache, each checked."""

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stemzoo.io import write_text
from stemzoo.zoo.file_names import CONFIG
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import PLAIN_NAME, FileEntry
from stemzoo.zoo.remote.cache import hub_cache, locked, move_aside
from stemzoo.zoo.remote.errors import explain
from stemzoo.zoo.remote.limits import COMMIT, AnswerLimits, limited
from stemzoo.zoo.remote.listing import as_listed, ask_hub

log = logging.getLogger(__name__)


def cached_snapshot(repo_id: str, revision: str) -> Path | None:
    """Folder of the Hub's cache that holds a revision of a repository.

    Parameters
    ----------
    repo_id : str
        ``user/repository``.
    revision : str
        Commit, branch or tag.

    Returns
    -------
    Path or None
        Its name is the commit; None if no ``config.json`` of it was ever fetched.

    Raises
    ------
    ValueError
        If no repository can have that name.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    cache = hub_cache()
    try:
        found = try_to_load_from_cache(repo_id, CONFIG, cache_dir=cache, revision=revision)
    except HFValidationError as error:
        raise explain(error, repo_id, revision, cache) from error
    return Path(found).parent if isinstance(found, str) else None


def cached_files(snapshot: Path) -> dict[str, FileEntry]:
    """Return what the Hub's cache itself knows of its files: it names each by the Hub's hash.

    Parameters
    ----------
    snapshot : Path
        From `cached_snapshot`.

    Returns
    -------
    dict of str to FileEntry
        Without a hash where the cache is one without symbolic links.
    """
    files = {}
    for path in snapshot.iterdir():
        if not path.is_file() or not PLAIN_NAME.fullmatch(path.name):
            continue
        digest = Path(os.readlink(path)).name if path.is_symlink() else ""
        git = digest if re.fullmatch("[0-9a-f]{40}", digest) else None
        large = digest if re.fullmatch("[0-9a-f]{64}", digest) else None
        files[path.name] = FileEntry(path.name, large, None, git)
    return files


def fetch_from_hub(
    repo_id: str,
    commit: str,
    files: Sequence[FileEntry],
    *,
    listed: Mapping[str, FileEntry] | None = None,
    offline: bool = False,
) -> Path:
    """Bring files of one commit into the Hub's cache, and check each.

    A file that is already there is only checked. One that differs is moved aside and fetched again
    once.

    Parameters
    ----------
    repo_id, commit : str
        Which repository, and which commit of it.
    files : sequence of FileEntry
        Names, hashes and sizes; at least one.
    listed : mapping of str to FileEntry, optional
        What `ask_hub` says of the commit; asked for where not given and needed.
    offline : bool
        Use what is in the cache only.

    Returns
    -------
    Path
        The folder that they lie in.

    Raises
    ------
    ValueError
        If the Hub lists another file than is expected, or a file differs twice.
    ConnectionError, PermissionError, FileNotFoundError
        If a file cannot be fetched.
    """
    path = None
    for file in files:
        path = cached_file(repo_id, commit, file.name)
        if offline:
            path = path or fetch_file(repo_id, commit, file, hub_cache(), offline=True)
            if reason := difference(path, file):
                raise ValueError(
                    f"{path}: {reason} The cached file was changed or damaged and was not loaded. "
                    "Go online to fetch it again."
                )
        elif path is None or difference(path, file):
            # The cache itself tells no sizes.
            if listed is None or any(one.size is None for one in listed.values()):
                _, listed = ask_hub(repo_id, commit)
            known = as_listed(repo_id, commit, file, listed)
            path = path or fetch_file(repo_id, commit, known, hub_cache())
            if reason := difference(path, known):
                path = _fetch_again(repo_id, commit, known, path)
    if path is None:
        raise ValueError(f"hf://{repo_id}: expected files to fetch. Received: none")
    return path.parent


def cached_file(repo_id: str, commit: str, name: str) -> Path | None:
    """Path of a file of a commit in the Hub's cache; None if it was not fetched."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo_id, name, cache_dir=hub_cache(), revision=commit)
    return Path(found) if isinstance(found, str) else None


def remember(snapshot: Path, revision: str) -> None:
    """Note in the Hub's cache which commit a branch or tag was, for when the Hub is out of reach.

    Parameters
    ----------
    snapshot : Path
        Folder of the commit.
    revision : str
        Branch or tag.
    """
    path = snapshot.parents[1] / "refs" / revision
    if COMMIT.fullmatch(revision) or ".." in path.parts:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != snapshot.name:
            write_text(path, snapshot.name)
    except OSError as error:
        log.info("%s could not be noted: %s", revision, error)


def fetch_file(
    repo_id: str, commit: str, file: FileEntry, cache: Path, *, offline: bool = False
) -> Path:
    """Let the Hub's client bring one file into a cache, within what is known of it.

    Parameters
    ----------
    repo_id, commit : str
        Where it is.
    file : FileEntry
        Name, size, and the hashes that the Hub may name it by.
    cache : Path
        Of the Hub's client.
    offline : bool
        Use what is in the cache only.

    Returns
    -------
    Path
        Its bytes are not compared yet.

    Raises
    ------
    ConnectionError, PermissionError, FileNotFoundError, OSError
        If it cannot be had; `RefusedAnswer` where the Hub does not tell the truth.
    """
    from huggingface_hub import constants, hf_hub_download

    limits = AnswerLimits(
        f"hf://{repo_id}@{commit[:12]}/{file.name}",
        file.size or 0,
        commit=commit,
        digests=[digest for digest in (file.sha256, file.git_sha1) if digest],
    )
    try:
        with one_voice(), limited(limits):
            path = hf_hub_download(
                repo_id,
                file.name,
                revision=commit,
                cache_dir=cache,
                local_files_only=offline,
                endpoint=constants.ENDPOINT,
                library_name="stemzoo",
            )
    except Exception as error:
        raise explain(error, repo_id, commit, cache) from error
    return Path(path)


@contextmanager
def one_voice() -> Iterator[None]:
    """Keep the client's two lines for each of its tries from the log; one line tells the end."""
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        yield
    finally:
        client.setLevel(level)


def _fetch_again(repo_id: str, commit: str, file: FileEntry, path: Path) -> Path:
    """Fetch a file once more that is not the expected one."""
    where = f"hf://{repo_id}@{commit[:12]}/{file.name}"
    with locked(hub_cache() / ".locks" / "stemzoo" / f"{file.sha256 or file.git_sha1}.lock"):
        reason = difference(path, file)
        if reason is None:
            # Another process has put it right.
            return path
        move_aside(path)
        path, first = fetch_file(repo_id, commit, file, hub_cache()), reason
        reason = difference(path, file)
        if reason is None:
            log.warning("%s: %s It was moved aside and fetched again.", where, first)
            return path
        move_aside(path)
    raise ValueError(
        f"{where}: {reason} It was fetched twice and not loaded. Try again later or from another "
        "network: something on the way may change files."
    )
