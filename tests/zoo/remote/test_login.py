"""Who the Hub thinks that a user is."""

import pytest

from stemzoo.zoo.remote.login import ask_who_is_there


@pytest.mark.parametrize(
    ("token", "ok", "words"),
    [
        (None, True, "401, no token, which private repositories and publishing need"),
        ("hf_alice", True, "logged in as alice"),
        ("hf_nobody", False, "401 for your token; renew it with 'hf auth login'"),
    ],
)
def test_the_hub_says_whose_token_it_is(hub_server, monkeypatch, token, ok, words):
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    assert ask_who_is_there() == (ok, f"{hub_server.url}: {words}")


def test_a_page_that_is_no_hub_is_recognised(hub_server, monkeypatch):
    hub_server.fail("", status=200, headers={"Content-Type": "text/html"})
    assert not ask_who_is_there()[0]
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    assert ask_who_is_there() == (False, f"{hub_server.url}: no Hub; check HF_ENDPOINT")


def test_a_hub_that_is_gone_is_no_failure_of_bundled_weights(hub_server):
    hub_server.__exit__()
    ok, text = ask_who_is_there()
    assert not ok
    assert "check network, HF_ENDPOINT, proxy. Bundled weights need no Hub." in text


def test_offline_nobody_is_asked(hub_server, monkeypatch):
    monkeypatch.setenv("STEMZOO_OFFLINE", "1")
    assert ask_who_is_there()[0]
    assert hub_server.requests == []
