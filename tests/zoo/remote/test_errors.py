"""One line for each error of the Hub's client: built-in, and with what to do next."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import errors

from stemzoo.zoo.remote.errors import HubFault, explain, explain_disk, explain_write

CACHE = Path("cache")


def answered(status, kind=errors.HfHubHTTPError, **headers):
    """Error of the client for an answer with a status."""
    url = "https://hub.example/alice/fcn/resolve/main/config.json"
    response = SimpleNamespace(status_code=status, headers=headers, url=url, request=None)
    return kind("refused", response=response)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answered(401), PermissionError, "expected a valid token"),
        (answered(403), PermissionError, "expected a token that may do this"),
        (answered(403, errors.GatedRepoError), PermissionError, "Accept its terms"),
        (answered(404, errors.RepositoryNotFoundError), FileNotFoundError, "Check the name"),
        (answered(404, errors.RevisionNotFoundError), FileNotFoundError, "'aaaaaaaaaaaa'"),
        (answered(404, errors.RemoteEntryNotFoundError), FileNotFoundError, "file config.json"),
        (answered(429, **{"Retry-After": "7"}), ConnectionError, "Try again in 7 s"),
        (answered(429), ConnectionError, "in some minutes"),
        (answered(503), ConnectionError, "not you; try again later"),
        (errors.OfflineModeIsEnabled("off"), FileNotFoundError, "none in cache. Load it once"),
        (errors.HFValidationError("name"), ValueError, "expected hf://user/repository"),
        (KeyError("sha"), ConnectionError, "whether the network wants a log-in page"),
        (OSError(errno.ENOSPC, "No space left"), OSError, "Set STEMZOO_HOME or HF_HOME"),
        (errors.HTTPError("refused."), ConnectionError, "Received: refused. Check the network"),
    ],
)
def test_an_error_on_reading_says_what_and_the_next_step(error, kind, words):
    found = explain(error, "alice/fcn", "a" * 40, CACHE)
    assert isinstance(found, kind)
    text = str(found)
    assert words in text
    assert "\n" not in text
    assert "expected" in text


def test_an_error_that_nobody_knows_stays_as_it_is():
    error = ZeroDivisionError("a fault of the program")
    assert explain(error, "alice/fcn", "main", CACHE) is error


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, ValueError, "expected the Hub to take the files"),
        (403, PermissionError, "a token with the write role"),
        (409, ValueError, "somebody committed in between"),
        (412, ValueError, "somebody committed in between"),
        (429, ConnectionError, "run the same command again"),
        (500, HubFault, "run the same command again"),
        (503, HubFault, "not you; try again later"),
    ],
)
def test_an_error_on_writing_says_that_the_manifest_is_as_it_was(status, kind, words):
    found = explain_write(answered(status), "alice/fcn", CACHE)
    assert type(found) is kind
    assert words in str(found)
    assert ("manifest was not changed" in str(found)) == (status != 403)


def test_only_a_fault_of_the_hub_is_worth_another_try():
    assert not isinstance(explain_write(answered(404), "alice/fcn", CACHE), HubFault)
    assert isinstance(explain_write(answered(504), "alice/fcn", CACHE), HubFault)


def test_an_error_of_the_disk_keeps_its_kind():
    error = PermissionError(errno.EACCES, "Permission denied")
    found = explain_disk(error, CACHE)
    assert type(found) is PermissionError
    assert str(found).startswith("cache: expected a cache to write to. Received: Permission denied")
