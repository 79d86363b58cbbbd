"""Put the files of a model into a repository of the Hugging Face Hub: one commit, read back."""

import logging
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stemzoo.zoo.file_names import (
    CONFIG,
    GOLDEN,
    PROVENANCE,
    TRAINING_DATA,
    TRAINING_WEIGHTS,
    WEIGHTS,
)
from stemzoo.zoo.manifest import difference, sha256
from stemzoo.zoo.registry import FileEntry
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.remote.download import WAITS, ask_hub, one_voice
from stemzoo.zoo.remote.errors import AGAIN, LOG_IN, HubFault, explain, explain_write

log = logging.getLogger(__name__)

# Files that would be taken for those of other weights if they were left behind.
MODEL_FILES = (CONFIG, WEIGHTS, TRAINING_WEIGHTS, GOLDEN, PROVENANCE, TRAINING_DATA)


@dataclass(frozen=True)
class Survey:
    """What a repository lacks.

    Parameters
    ----------
    head : str or None
        Its latest commit; None if there is no such repository.
    add, delete : tuple of str
        Files to upload, and those of other weights to take away.
    """

    head: str | None
    add: tuple[str, ...]
    delete: tuple[str, ...] = ()


@dataclass(frozen=True)
class Commit:
    """Where files are.

    Parameters
    ----------
    revision : str
        The commit.
    url : str
        A page that shows it.
    is_new : bool
        Whether it was made now.
    pull_request : bool
        Whether it still waits for the repository's owner.
    """

    revision: str
    url: str
    is_new: bool
    pull_request: bool = False


def check_token() -> None:
    """See that there is a token at all.

    Raises
    ------
    PermissionError
        If there is none.
    """
    from huggingface_hub import constants, get_token

    if not get_token():
        raise PermissionError(
            f"expected a token to write to {constants.ENDPOINT} with. Received: none. Make one "
            f"with the write role at {constants.ENDPOINT}/settings/tokens, then {LOG_IN}."
        )


def survey(
    repo_id: str,
    files: Mapping[str, Path],
    *,
    private: bool = False,
    replace: bool = False,
    must_exist: bool = False,
) -> Survey:
    """Compare files with a repository; nothing is written.

    Parameters
    ----------
    repo_id : str
        ``user/repository``.
    files : mapping of str to Path
        What it is to hold, by name.
    private : bool
        Whether it has to be private.
    replace : bool
        Whether other weights in it may be replaced.
    must_exist : bool
        Whether it is an error if there is no such repository.

    Returns
    -------
    Survey

    Raises
    ------
    FileNotFoundError
        If it has to exist and does not.
    FileExistsError
        If it holds other weights.
    ValueError
        If it is public but has to be private.
    ConnectionError, PermissionError
        If the Hub does not answer, or refuses.
    """
    try:
        head, listed = ask_hub(repo_id, "main")
    except FileNotFoundError:
        if must_exist:
            raise
        return Survey(None, tuple(files))
    if private:
        try:
            is_private = _api().model_info(repo_id).private
        except Exception as error:
            raise explain(error, repo_id, "main", hub_cache()) from error
        if not is_private:
            raise ValueError(
                f"hf://{repo_id}: expected a private repository. Received: a public one. Make it "
                "private in its settings, or leave --private out."
            )
    different = [n for n in files if n in listed and not _is_same(files[n], listed[n])]
    left = [n for n in listed if n in MODEL_FILES and n not in files]
    if WEIGHTS in listed and (different or left) and not replace:
        raise FileExistsError(
            f"hf://{repo_id}: expected a repository without weights, or with these. Received: "
            f"other bytes of {', '.join([*different, *left])}. Take another --repo, or give "
            "--new-revision to put these weights on top."
        )
    new = [n for n in files if n not in listed]
    return Survey(head, tuple(new + different), tuple(left))


def _is_same(path: Path, remote: FileEntry) -> bool:
    known = remote.sha256 or remote.git_sha1
    return bool(known) and difference(path, remote) is None


def tree_url(repo_id: str, revision: str) -> str:
    """Page of the Hub that shows a revision."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo_id}/tree/{revision}"


def _api():
    from huggingface_hub import HfApi, constants

    return HfApi(endpoint=constants.ENDPOINT, library_name="stemzoo")


def upload(
    repo_id: str,
    files: Mapping[str, Path],
    message: str,
    *,
    private: bool = False,
    create_pr: bool = False,
    replace: bool = False,
) -> Commit:
    """Bring files into a repository in one commit; files that it holds are not sent again.

    Parameters
    ----------
    repo_id : str
        ``user/repository``; made if it does not exist.
    files : mapping of str to Path
        By the name that they get.
    message : str
        Of the commit, or title of the pull request.
    private, replace : bool
        As for `survey`.
    create_pr : bool
        Open a pull request, in a repository that exists; one that is open with these files is
        taken.

    Returns
    -------
    Commit

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError, ConnectionError, PermissionError
        As `survey`, and if the Hub does not take the files.
    """
    for wait in (*WAITS, None):
        try:
            with one_voice():
                return _try_upload(repo_id, files, message, private, create_pr, replace)
        except HubFault as fault:
            if wait is None:
                raise
            log.info("%s Trying again in %g s.", fault, wait)
            time.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _try_upload(repo_id, files, message, private, create_pr, replace) -> Commit:
    """Look first, as a commit that was answered with a fault may have been made."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    api = _api()
    limits = {"private": private, "replace": replace}
    found = survey(repo_id, files, **limits, must_exist=create_pr)
    if found.head is None:
        _explained(api.create_repo, repo_id, private=private, exist_ok=True)
        found = survey(repo_id, files, **limits, must_exist=True)
    if found.head is not None and not (found.add or found.delete):
        return Commit(found.head, tree_url(repo_id, found.head), is_new=False)
    if create_pr and (opened := _open_pull_request(api, repo_id, files, message)):
        return opened
    operations = [
        *(CommitOperationAdd(name, str(files[name])) for name in found.add),
        *(CommitOperationDelete(name) for name in found.delete),
    ]
    done = _explained(
        api.create_commit,
        repo_id,
        operations,
        commit_message=message,
        parent_commit=found.head,
        create_pr=create_pr,
    )
    return Commit(done.oid, done.pr_url or done.commit_url, is_new=True, pull_request=create_pr)


def _open_pull_request(api, repo_id: str, files, message: str) -> Commit | None:
    """Find an open pull request of an earlier run that holds these files."""
    options = {"discussion_type": "pull_request", "discussion_status": "open"}
    opened = _explained(lambda repo_id: list(api.get_repo_discussions(repo_id, **options)), repo_id)
    for request in opened:
        if request.title != message:
            continue
        commit, listed = ask_hub(repo_id, request.git_reference)
        if all(name in listed and _is_same(path, listed[name]) for name, path in files.items()):
            return Commit(commit, request.url, is_new=False, pull_request=True)
    return None


def _explained(call, repo_id: str, *arguments, **options):
    """Call the Hub's client to write; its errors become built-in ones of one line."""
    try:
        return call(repo_id, *arguments, **options)
    except Exception as error:
        # The client wraps what happens to a large file.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise explain_write(cause, repo_id, hub_cache()) from error


def read_back(repo_id: str, commit: str, files: Mapping[str, Path]) -> None:
    """Download files of a commit and compare them with those that were uploaded.

    Parameters
    ----------
    repo_id, commit : str
        Where they are.
    files : mapping of str to Path
        What they have to be, by name.

    Raises
    ------
    ValueError
        If a file differs, twice.
    ConnectionError, PermissionError, FileNotFoundError
        If a file cannot be fetched.
    """
    ask_hub(repo_id, commit)  # whose errors say more than those of a download
    # In a cache of its own: what is in the user's would prove nothing, and wrong bytes stay out.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        for name, path in files.items():
            expected = FileEntry(name, sha256(path), path.stat().st_size)
            reason = _fetch(repo_id, commit, expected, cache)
            reason = reason and _fetch(repo_id, commit, expected, cache)
            if reason:
                raise ValueError(
                    f"hf://{repo_id}@{commit[:12]}/{name}: {reason} It was read back twice. {AGAIN}"
                )


def _fetch(repo_id: str, commit: str, expected: FileEntry, cache: str) -> str | None:
    """Download a file; say what differs."""
    from huggingface_hub import constants, hf_hub_download

    try:
        with one_voice():
            path = hf_hub_download(
                repo_id,
                expected.name,
                revision=commit,
                cache_dir=cache,
                force_download=True,
                endpoint=constants.ENDPOINT,
                library_name="stemzoo",
            )
    except Exception as error:
        raise explain(error, repo_id, commit, Path(cache)) from error
    return difference(path, expected)
