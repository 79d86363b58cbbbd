"""Errors of the Hub's client as built-in exceptions of one line that say what to do next."""

import errno
import json
from pathlib import Path

from stemzoo.zoo.remote.limits import RefusedAnswer

DISK = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
LOG_IN = "log in with 'hf auth login' or set HF_TOKEN"
# Answers after which the same commit may be tried again.
FAULTS = (408, 500, 502, 503, 504)
# Statuses that `explain` knows, as they mean the same on reading.
KNOWN = (401, 404, 408, 429)
AGAIN = "The manifest was not changed; run the same command again, what is there is kept."


def explain_disk(error: OSError, folder: Path) -> OSError:
    """Return the error of a cache that cannot be written to.

    Parameters
    ----------
    error : OSError
        What happened.
    folder : Path
        The cache.

    Returns
    -------
    OSError
        Of the same kind, as one line.
    """
    return type(error)(
        f"{folder}: expected a cache to write to. Received: {error.strerror or error}. Set "
        "STEMZOO_HOME or HF_HOME to a folder with room that you can write to."
    )


def explain(error: BaseException, repo_id: str, revision: str, cache: Path) -> BaseException:
    """Return the built-in exception for an error of the Hub's client.

    Parameters
    ----------
    error : Exception
        Raised by huggingface_hub.
    repo_id, revision : str
        What was asked for.
    cache : Path
        Where it was to be kept.

    Returns
    -------
    Exception
        ConnectionError, PermissionError, FileNotFoundError, another OSError or ValueError; its
        message is one line. An error that is not known is returned as it is.
    """
    from huggingface_hub import constants, errors

    if isinstance(error, RefusedAnswer):
        return error
    uri, endpoint = f"hf://{repo_id}", constants.ENDPOINT
    revision = revision[:12] if len(revision) == 40 else revision
    cause: BaseException = error
    if isinstance(error, errors.LocalEntryNotFoundError):
        # The client looks for a cached copy first and reports that; why it had to is the cause.
        cause = error.__cause__ or error
    if isinstance(cause, errors.HfHubHTTPError):
        return _explain_answer(cause, uri, revision, endpoint)
    if isinstance(cause, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError):
        return FileNotFoundError(
            f"{uri}@{revision}: expected its files in the cache, being offline. Received: none in "
            f"{cache}. Load it once with a network; bundled weights ('stemzoo list') need none."
        )
    if isinstance(cause, errors.HFValidationError):
        return ValueError(f"expected hf://user/repository. Received: {uri}")
    strange = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
    if isinstance(cause, (errors.FileMetadataError, *strange)):
        return ConnectionError(
            f"{uri}: expected the answer of a Hub from {endpoint}. Received: something else. Check "
            "HF_ENDPOINT, and whether the network wants a log-in page or a proxy."
        )
    if isinstance(cause, OSError) and (cause.filename or cause.errno in DISK):
        return explain_disk(cause, cache)
    if isinstance(cause, OSError | errors.HTTPError):
        reason = " ".join(str(cause).split()).rstrip(".") or type(cause).__name__
        return ConnectionError(
            f"{uri}: expected an answer of {endpoint}. Received: {reason}. Check the network, "
            "HF_ENDPOINT and the proxy, or try again; bundled weights ('stemzoo list') need no "
            "network."
        )
    return error


def _explain_answer(error, uri: str, revision: str, endpoint: str) -> Exception:
    """Turn an answer of the Hub with a status of 4xx or 5xx into an exception."""
    from huggingface_hub import errors

    answer = error.response
    status = answer.status_code
    if isinstance(error, errors.GatedRepoError):
        return PermissionError(
            f"{uri}: expected access to a gated repository. Received: {status}. Accept its terms "
            f"at {endpoint}/{uri.removeprefix('hf://')}, then {LOG_IN}."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileNotFoundError(
            f"{uri}: expected a repository that you may read. Received: {status}, none of that "
            f"name at {endpoint}, or a private one. Check the name; for a private one {LOG_IN}."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileNotFoundError(
            f"{uri}: expected a branch, tag or commit. Received: {revision!r}, which it does not "
            f"have. See {endpoint}/{uri.removeprefix('hf://')}/commits/main."
        )
    if isinstance(error, errors.EntryNotFoundError):
        name = str(answer.url).rsplit("/", 1)[-1]
        return FileNotFoundError(
            f"{uri}@{revision}: expected a file {name}. Received: {status}, none. Ask the "
            "repository's owner; other weights are in 'stemzoo list'."
        )
    if status == 401:
        return PermissionError(
            f"{uri}: expected a valid token. Received: {status}, the one in use is refused by "
            f"{endpoint}. To renew it, {LOG_IN}."
        )
    if status == 403:
        return PermissionError(
            f"{uri}: expected a token that may do this. Received: {status}, forbidden by "
            f"{endpoint}. Give the token the right to this repository, or {LOG_IN}."
        )
    return _explain_fault(error, uri, status, endpoint)


def _explain_fault(error, uri: str, status: int, endpoint: str) -> ConnectionError:
    """Turn an answer that may be another one later into an exception."""
    if status != 429:
        return ConnectionError(
            f"{uri}: expected an answer of {endpoint}. Received: {status}. The Hub has a fault, "
            "not you; try again later (https://status.huggingface.co)."
        )
    wait = error.response.headers.get("Retry-After", "")
    wait = f"in {wait} s" if wait.isdigit() else "in some minutes"
    return ConnectionError(
        f"{uri}: expected an answer of {endpoint}. Received: {status}, too many requests. Try "
        f"again {wait}; with a token (HF_TOKEN) more are allowed."
    )


class HubFault(ConnectionError):
    """The Hub failed, and may not fail again."""


def explain_write(error: BaseException, repo_id: str, cache: Path) -> BaseException:
    """Return the built-in exception for an error of the Hub's client on writing.

    Parameters
    ----------
    error : Exception
        Raised by huggingface_hub.
    repo_id : str
        Where to.
    cache : Path
        As for `explain`.

    Returns
    -------
    Exception
        PermissionError, ValueError, FileNotFoundError, another OSError, or HubFault if another try
        may help; its message is one line.
    """
    from huggingface_hub import constants, errors

    if isinstance(error, RefusedAnswer):
        return RefusedAnswer(f"{error} {AGAIN}")
    uri, endpoint = f"hf://{repo_id}", constants.ENDPOINT
    status = getattr(getattr(error, "response", None), "status_code", None)
    says = " ".join(str(getattr(error, "server_message", None) or error).split())[:300].rstrip(".")
    if status == 403 and not isinstance(error, errors.GatedRepoError):
        return PermissionError(
            f"{uri}: expected a token that may write there. Received: 403, {says}. Take a --repo "
            f"of your own, a token with the write role from {endpoint}/settings/tokens, or "
            "--create-pr."
        )
    if status in (409, 412):
        return ValueError(
            f"{uri}: expected to be alone in changing it. Received: {status}, somebody committed "
            f"in between. Look at {endpoint}/{repo_id}/commits/main. {AGAIN}"
        )
    # The Hub, or its client before, found something wrong with what was sent.
    strange = (errors.HFValidationError, json.JSONDecodeError)
    refused = isinstance(error, ValueError) and not isinstance(error, strange)
    if status is not None:
        refused = 400 <= status < 500 and status != 403 and status not in KNOWN
    if refused:
        return ValueError(
            f"{uri}: expected the Hub to take the files. Received: {status or 'a refusal'}, "
            f"{says}. The manifest was not changed."
        )
    explained = explain(error, repo_id, "main", cache)
    if status in FAULTS:
        return HubFault(f"{explained} {AGAIN}")
    return ConnectionError(f"{explained} {AGAIN}") if status == 429 else explained
