"""What the Hugging Face Hub says of a repository, checked before its client acts on it."""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any, cast

from stemzoo.zoo.registry import PLAIN_NAME, FileEntry
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.remote.errors import explain
from stemzoo.zoo.remote.limits import COMMIT, LARGEST_LISTING, LONGEST, AnswerLimits, limited

log = logging.getLogger(__name__)

# Pauses before another try when the Hub is busy [s], and the longest that it may ask for.
WAITS = (1.0, 4.0)
LONGEST_WAIT = 30.0
BUSY = (408, 429, 500, 502, 503, 504)
# Larger than any model of the zoo; a repository that is not in the manifest could hold anything.
LARGEST_FILE = 4 * 2**30


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
    for wait in (*WAITS, LONGEST_WAIT):
        try:
            with limited(AnswerLimits(f"hf://{repo_id}", LARGEST_LISTING, seconds=LONGEST)):
                info: Any = api.model_info(
                    repo_id,
                    revision=revision,
                    files_metadata=True,
                    timeout=constants.HF_HUB_ETAG_TIMEOUT,
                )
            return check_listing(repo_id, revision, info.sha, info.siblings)
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status not in BUSY or wait == LONGEST_WAIT:
                raise explain(error, repo_id, revision, hub_cache()) from error
            asked = cast(Any, error).response.headers.get("Retry-After", "")
            pause = max(wait, float(asked)) if re.fullmatch("[0-9]{1,9}", asked) else wait
            if pause > LONGEST_WAIT:
                raise explain(error, repo_id, revision, hub_cache()) from error
            # One line tells the end; a pause as long as the Hub asks for needs another.
            level = logging.WARNING if pause > wait else logging.INFO
            log.log(level, "%s answers %d; trying again in %g s", api.endpoint, status, pause)
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def check_listing(
    repo_id: str, revision: str, commit: Any, siblings: Any
) -> tuple[str, dict[str, FileEntry]]:
    """Check what a Hub says of a revision, before its client makes file names of it.

    Parameters
    ----------
    repo_id, revision : str
        What was asked for.
    commit : str
        The commit, as the Hub names it; anything, if it lies.
    siblings : list of huggingface_hub.hf_api.RepoSibling
        The files.

    Returns
    -------
    commit : str
        40 hex digits.
    files : dict of str to FileEntry
        Files at the top of the repository, each with a hash and a size.

    Raises
    ------
    RefusedAnswer
        If the commit is none or another one, a name leads out of the repository, or a file has no
        hash or size.
    """
    limits = AnswerLimits(f"hf://{repo_id}@{revision}", LARGEST_LISTING)
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise limits.refusal("a commit of 40 hex digits", repr(commit)[:80])
    if COMMIT.fullmatch(revision) and commit != revision:
        raise limits.refusal(f"commit {revision}", commit)
    files = {}
    for file in siblings:
        name = file.rfilename
        parts = name.split("/") if isinstance(name, str) else [""]
        # Files in folders are left alone, but a name that leads elsewhere is no honest one.
        if not {"", ".", ".."}.isdisjoint(parts) or re.search(r"\\|^[A-Za-z]:|[\0-\x1f]", name):
            raise limits.refusal("plain names of files", repr(name)[:80])
        if not PLAIN_NAME.fullmatch(name):
            continue
        large = file.lfs.sha256 if file.lfs else None
        git = None if file.lfs else file.blob_id
        try:
            files[name] = FileEntry(name, large, file.size, git)
        except (ValueError, TypeError):
            files[name] = FileEntry(name, None, None)
        if files[name].size is None or not (files[name].sha256 or files[name].git_sha1):
            received = f"{large or git!r} and {file.size!r}"[:120]
            raise limits.refusal(f"a hash and a size of {name}", received)
    return commit, files


def as_listed(
    repo_id: str, commit: str, file: FileEntry, listed: Mapping[str, FileEntry]
) -> FileEntry:
    """Join what is expected of a file with what the Hub says of it.

    Parameters
    ----------
    repo_id, commit : str
        Where it is.
    file : FileEntry
        What is expected.
    listed : mapping of str to FileEntry
        From `ask_hub`.

    Returns
    -------
    FileEntry
        With the hash that the Hub knows it by, and its size.

    Raises
    ------
    FileNotFoundError
        If the Hub does not list it.
    ValueError
        If the two are not of the same bytes, or the file is too large.
    """
    where = f"hf://{repo_id}@{commit[:12]}/{file.name}"
    found = listed.get(file.name)
    if found is None:
        raise FileNotFoundError(
            f"{where}: expected a file {file.name}. Received: none in the Hub's listing. Ask the "
            "repository's owner; other weights are in 'stemzoo list'."
        )
    for key in ("size", "sha256", "git_sha1"):
        mine, its = getattr(file, key), getattr(found, key)
        if None not in (mine, its) and mine != its:
            raise ValueError(
                f"{where}: expected {key} {mine}. Received: {its} in the Hub's listing. It was not "
                "fetched. Ask the repository's owner."
            )
    size = file.size if found.size is None else found.size
    if size is None or size > LARGEST_FILE:
        raise ValueError(
            f"hf://{repo_id}: expected a {file.name} of at most {LARGEST_FILE} bytes. Received: "
            f"{size}"
        )
    digests = (file.sha256 or found.sha256, file.git_sha1 or found.git_sha1)
    return FileEntry(file.name, digests[0], size, digests[1])
