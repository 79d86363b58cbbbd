"""Errors of the Hub's client on writing, as built-in exceptions of one line."""

import json

from stemzoo.zoo.cache import hub_cache
from stemzoo.zoo.errors import explain

# Answers after which the same commit may be tried again.
FAULTS = (408, 500, 502, 503, 504)
# Statuses that `explain` knows, as they mean the same on reading.
KNOWN = (401, 404, 408, 429)
AGAIN = "The manifest was not changed; run the same command again, what is there is kept."


class HubFault(ConnectionError):
    """The Hub failed, and may not fail again."""


def explain_write(error: Exception, repo_id: str) -> Exception:
    """Return the built-in exception for an error of the Hub's client on writing.

    Parameters
    ----------
    error : Exception
        Raised by huggingface_hub.
    repo_id : str
        Where to.

    Returns
    -------
    Exception
        PermissionError, ValueError, FileNotFoundError, another OSError, or HubFault if another try
        may help; its message is one line.
    """
    from huggingface_hub import constants, errors

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
    if _is_refusal(error, status):
        return ValueError(
            f"{uri}: expected the Hub to take the files. Received: {status or 'a refusal'}, "
            f"{says}. The manifest was not changed."
        )
    explained = explain(error, repo_id, "main", hub_cache())
    if status in FAULTS:
        return HubFault(f"{explained} {AGAIN}")
    return ConnectionError(f"{explained} {AGAIN}") if status == 429 else explained


def _is_refusal(error: Exception, status: int | None) -> bool:
    """Whether the Hub, or its client before, found something wrong with what was sent."""
    from huggingface_hub import errors

    if status is not None:
        return 400 <= status < 500 and status != 403 and status not in KNOWN
    strange = (errors.HFValidationError, json.JSONDecodeError)
    return isinstance(error, ValueError) and not isinstance(error, strange)
