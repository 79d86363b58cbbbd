"""Fetch files of models from the Hugging Face Hub into the Hub's own cache, each checked."""

import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stemzoo.io import write_text
from stemzoo.zoo.file_names import CONFIG
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import PLAIN_NAME, FileEntry
from stemzoo.zoo.remote.cache import hub_cache, locked, move_aside
from stemzoo.zoo.remote.errors import explain

log = logging.getLogger(__name__)

COMMIT = re.compile(r"[0-9a-f]{40}")
# Pauses before another try when the Hub is busy [s], and the longest that it may ask for.
WAITS = (1.0, 4.0)
LONGEST_WAIT = 30.0
BUSY = (408, 429, 500, 502, 503, 504)
# Larger than any model of the zoo; a repository that is not in the manifest could hold anything.
LARGEST_FILE = 4 * 2**30


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


def ask_hub(repo_id: str, revision: str) -> tuple[str, dict[str, FileEntry]]:
    """Ask the Hub for a revision's commit and files.

    Parameters
    ----------
    repo_id : str
        ``user/repository``.
    revision : str
        Commit, branch or tag.

    Returns
    -------
    commit : str
        The revision's commit.
    files : dict of str to FileEntry
        Files at the top of the repository, with the hash and size that the Hub knows.

    Raises
    ------
    ConnectionError
        If the Hub cannot be reached, or is busy for long.
    PermissionError
        If a token is refused or may not read this.
    FileNotFoundError
        If there is no such repository or revision.
    """
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=constants.ENDPOINT, library_name="stemzoo")
    for wait in (*WAITS, None):
        try:
            info = api.model_info(
                repo_id,
                revision=revision,
                files_metadata=True,
                timeout=constants.HF_HUB_ETAG_TIMEOUT,
            )
            return info.sha, _listed(info)
        except Exception as error:
            pause = _pause(error, wait)
            if pause is None:
                raise explain(error, repo_id, revision, hub_cache()) from error
            # One line tells the end; a pause as long as the Hub asks for needs another.
            level = logging.WARNING if pause > wait else logging.INFO
            status = error.response.status_code
            log.log(level, "%s answers %d; trying again in %g s", api.endpoint, status, pause)
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _listed(info) -> dict[str, FileEntry]:
    files = {}
    for file in info.siblings:
        if PLAIN_NAME.fullmatch(file.rfilename):
            large = file.lfs.sha256 if file.lfs else None
            git = None if large else file.blob_id
            files[file.rfilename] = FileEntry(file.rfilename, large, file.size, git)
    return files


def _pause(error: Exception, wait: float | None) -> float | None:
    """How long to wait before another try [s]; None if another would not help."""
    response = getattr(error, "response", None)
    if wait is None or response is None or response.status_code not in BUSY:
        return None
    asked = response.headers.get("Retry-After", "")
    pause = max(wait, float(asked)) if asked.isdigit() else wait
    return pause if pause <= LONGEST_WAIT else None


def fetch_from_hub(
    repo_id: str, commit: str, files: Sequence[FileEntry], *, offline: bool = False
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
    offline : bool
        Use what is in the cache only.

    Returns
    -------
    Path
        The folder that they lie in.

    Raises
    ------
    ValueError
        If a file differs from what is expected, twice.
    ConnectionError, PermissionError, FileNotFoundError
        If a file cannot be fetched.
    """
    for file in files:
        if (file.size or 0) > LARGEST_FILE:
            raise ValueError(
                f"hf://{repo_id}: expected a {file.name} of at most {LARGEST_FILE} bytes. "
                f"Received: {file.size}"
            )
        path = _download(repo_id, commit, file.name, offline)
        reason = difference(path, file)
        if reason is not None and offline:
            raise ValueError(
                f"{path}: {reason} The cached file was changed or damaged and was not loaded. Go "
                "online to fetch it again."
            )
        if reason is not None:
            path = _download_again(repo_id, commit, file, path)
    return path.parent


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


def _download(repo_id: str, commit: str, name: str, offline: bool) -> Path:
    from huggingface_hub import constants, hf_hub_download

    try:
        with one_voice():
            path = hf_hub_download(
                repo_id,
                name,
                revision=commit,
                cache_dir=hub_cache(),
                local_files_only=offline,
                endpoint=constants.ENDPOINT,
                library_name="stemzoo",
            )
    except Exception as error:
        raise explain(error, repo_id, commit, hub_cache()) from error
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


def _download_again(repo_id: str, commit: str, file: FileEntry, path: Path) -> Path:
    where = f"hf://{repo_id}@{commit[:12]}/{file.name}"
    with locked(hub_cache() / ".locks" / "stemzoo" / f"{file.sha256 or file.git_sha1}.lock"):
        reason = difference(path, file)
        if reason is None:
            # Another process has put it right.
            return path
        move_aside(path)
        path, first = _download(repo_id, commit, file.name, offline=False), reason
        reason = difference(path, file)
        if reason is None:
            log.warning("%s: %s It was moved aside and fetched again.", where, first)
            return path
        move_aside(path)
    raise ValueError(
        f"{where}: {reason} It was fetched twice and not loaded. Try again later or from another "
        "network: something on the way may change files."
    )
