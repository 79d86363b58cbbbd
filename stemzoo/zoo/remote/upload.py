"""Put the files of a model into a repository of the Hugging Face Hub, in one commit."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.remote.download import one_voice
from stemzoo.zoo.remote.errors import AGAIN, HubFault, explain_write
from stemzoo.zoo.remote.limits import (
    COMMIT,
    LARGEST_LISTING,
    LONGEST,
    SLOWEST,
    AnswerLimits,
    RefusedAnswer,
    limited,
)
from stemzoo.zoo.remote.listing import WAITS, ask_hub
from stemzoo.zoo.remote.survey import hub_api, is_same, survey, tree_url

log = logging.getLogger(__name__)


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

    api = hub_api()
    limits = {"private": private, "replace": replace}
    found = survey(repo_id, files, **limits, must_exist=create_pr)
    if found.head is None:
        _ask(api.create_repo, repo_id, private=private, exist_ok=True)
        found = survey(repo_id, files, **limits, must_exist=True)
    if found.head is not None and not (found.add or found.delete):
        return Commit(found.head, tree_url(repo_id, found.head), is_new=False)
    if create_pr and (opened := _open_pull_request(api, repo_id, files, message)):
        return opened
    added = [CommitOperationAdd(name, str(files[name])) for name in found.add]
    # One by one: of several, the client would hand each to a thread that knows no limits.
    for operation in added:
        size = files[operation.path_in_repo].stat().st_size
        _ask(api.preupload_lfs_files, repo_id, [operation], create_pr=create_pr, sent=size)
    done = _ask(
        api.create_commit,
        repo_id,
        [*added, *(CommitOperationDelete(name) for name in found.delete)],
        commit_message=message,
        parent_commit=found.head,
        create_pr=create_pr,
        sent=sum(path.stat().st_size for path in files.values()),
    )
    if not COMMIT.fullmatch(str(done.oid)):
        raise RefusedAnswer(
            f"hf://{repo_id}: expected a commit of 40 hex digits. Received: {str(done.oid)[:80]!r}"
            ". No honest server answers so. Check HF_ENDPOINT and the network. " + AGAIN
        )
    return Commit(done.oid, done.pr_url or done.commit_url, is_new=True, pull_request=create_pr)


def _open_pull_request(api, repo_id: str, files, message: str) -> Commit | None:
    """Find an open pull request of an earlier run that holds these files."""
    options = {"discussion_type": "pull_request", "discussion_status": "open"}
    opened = _ask(lambda repo: list(api.get_repo_discussions(repo, **options)), repo_id)
    for request in opened:
        if request.title != message:
            continue
        commit, listed = ask_hub(repo_id, request.git_reference)
        if all(name in listed and is_same(path, listed[name]) for name, path in files.items()):
            return Commit(commit, request.url, is_new=False, pull_request=True)
    return None


def _ask(call, repo_id: str, *arguments, sent: int = 0, **options):
    """Call the Hub's client to write, with so many bytes to send; errors become one line.

    Its answers are held to limits.
    """
    seconds = LONGEST + sent / SLOWEST
    try:
        with limited(AnswerLimits(f"hf://{repo_id}", LARGEST_LISTING, seconds=seconds)):
            return call(repo_id, *arguments, **options)
    except Exception as error:
        # The client wraps what happens to a large file.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise explain_write(cause, repo_id, hub_cache()) from error
