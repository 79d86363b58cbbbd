"""What a repository of the Hugging Face Hub holds and lacks, before and after files go up."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from stemzoo.zoo.remote.download import fetch_file
from stemzoo.zoo.remote.errors import AGAIN, LOG_IN, explain
from stemzoo.zoo.remote.limits import LARGEST_LISTING, LONGEST, AnswerLimits, limited
from stemzoo.zoo.remote.listing import as_listed, ask_hub

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
            with limited(AnswerLimits(f"hf://{repo_id}", LARGEST_LISTING, seconds=LONGEST)):
                is_private = hub_api().model_info(repo_id).private
        except Exception as error:
            raise explain(error, repo_id, "main", hub_cache()) from error
        if is_private is not True:
            raise ValueError(
                f"hf://{repo_id}: expected a private repository. Received: a public one. Make it "
                "private in its settings, or leave --private out."
            )
    different = [n for n in files if n in listed and not is_same(files[n], listed[n])]
    left = [n for n in listed if n in MODEL_FILES and n not in files]
    if WEIGHTS in listed and (different or left) and not replace:
        raise FileExistsError(
            f"hf://{repo_id}: expected a repository without weights, or with these. Received: "
            f"other bytes of {', '.join([*different, *left])}. Take another --repo, or give "
            "--new-revision to put these weights on top."
        )
    new = [n for n in files if n not in listed]
    return Survey(head, tuple(new + different), tuple(left))


def is_same(path: Path, remote: FileEntry) -> bool:
    """Whether a file has the bytes that a Hub lists."""
    known = remote.sha256 or remote.git_sha1
    return bool(known) and difference(path, remote) is None


def tree_url(repo_id: str, revision: str) -> str:
    """Page of the Hub that shows a revision."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repo_id}/tree/{revision}"


def hub_api() -> Any:
    """Return the Hub's client, for the Hub of HF_ENDPOINT."""
    from huggingface_hub import HfApi, constants

    return HfApi(endpoint=constants.ENDPOINT, library_name="stemzoo")


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
    _, listed = ask_hub(repo_id, commit)
    # In a cache of its own: what is in the user's would prove nothing, and wrong bytes stay out.
    for name, path in files.items():
        expected = FileEntry(name, sha256(path), path.stat().st_size)
        known = as_listed(repo_id, commit, expected, listed)
        for last in (False, True):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
                reason = difference(fetch_file(repo_id, commit, known, Path(cache)), expected)
            if reason is None:
                break
            if last:
                raise ValueError(
                    f"hf://{repo_id}@{commit[:12]}/{name}: {reason} It was read back twice. {AGAIN}"
                )
