"""No answer of a Hub or mirror leads a file elsewhere, fills disk or memory, or never ends."""

import gzip
import hashlib
import json
import threading
import time
import tracemalloc

import pytest
from hub_server import HubServer, point_client_at
from lying_hub import COMMIT, FILES, REPO, LyingHub, dripping, endless, honest_listing

from stemzoo.zoo.registry import FileEntry, WeightsEntry
from stemzoo.zoo.remote import limits
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.remote.limits import AnswerLimits, RefusedAnswer, limited
from stemzoo.zoo.remote.login import ask_who_is_there
from stemzoo.zoo.remote.mirrors import fetch_from_mirror, mirrored_folder
from stemzoo.zoo.sources import find_source

# A client reads what has arrived: so much may be under way when it hangs up [bytes].
UNDER_WAY = 32 * 2**20


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with LyingHub() as hub:
        server = HubServer()
        server.url = hub.url
        point_client_at(server, tmp_path / "home", monkeypatch)
        yield hub


def refused(tmp_path, *words):
    """Assert that the weights are refused in one line, and nothing lies where it should not."""
    with pytest.raises(ConnectionError) as caught:
        find_source(f"hf://{REPO}")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    for word in words:
        assert word in message, message
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}
    for path in (p for p in hub_cache().rglob("*") if p.is_file()):
        if "snapshots" in path.parts:
            assert path.read_bytes() == FILES[path.name]
        assert path.stat().st_size <= len(FILES["model.weights.h5"])


def test_an_honest_hub_is_believed(hub):
    found = find_source(f"hf://{REPO}")
    assert {path.name: path.read_bytes() for path in found.folder.iterdir()} == FILES
    assert found.differences() == []


@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag"])
@pytest.mark.parametrize("name", ["{tmp}/evil", "../../../../evil", "0" * 40, "x" * 64, "W/../e"])
def test_a_hash_that_is_a_path_or_another_one_is_refused(hub, tmp_path, header, name):
    hub.headers["HEAD README.md"] = {header: f'"{name.format(tmp=tmp_path)}"'}
    refused(tmp_path, "README.md", "expected hash", "honest")


def test_a_page_that_leads_on_gives_no_name(hub, tmp_path):
    # The client would take the ETag of the last page on this server.
    hub.statuses["HEAD README.md"] = 302
    elsewhere = {"ETag": f'"{tmp_path}/evil"', "Location": "http://localhost:9/x"}
    hub.headers["HEAD README.md"] = elsewhere
    refused(tmp_path, "Received: ")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_another_commit_than_the_listed_one_is_refused(hub, tmp_path, method):
    for commit in ("b" * 40, "../../../evil", str(tmp_path / "evil")):
        hub.headers[f"{method} config.json"] = {"X-Repo-Commit": commit}
        refused(tmp_path, "config.json", f"expected commit {COMMIT}", commit[:40])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha": None}, "expected a commit of 40 hex digits. Received: None"),
        ({"sha": "../../evil"}, "commit of 40 hex digits"),
        ({"sha": COMMIT.upper()}, "commit of 40 hex digits"),
        ({"sha": 10**400}, "commit of 40 hex digits"),
        ({"siblings": None}, "Received"),
        ({"siblings": [7]}, "Received"),
        ({"siblings": [{"rfilename": "config.json"}]}, "a hash and a size of config.json"),
        ({"siblings": [{"rfilename": None, "size": 1}]}, "plain names of files"),
        ({"siblings": [{"rfilename": "config.json", "size": -1, "blobId": "0" * 40}]}, "a size"),
        ({"siblings": [{"rfilename": "config.json", "size": 1e9, "blobId": "0" * 40}]}, "a size"),
        ({"siblings": [{"rfilename": "config.json", "size": 1, "blobId": "../x"}]}, "a hash"),
        ({"siblings": [{"rfilename": "config.json", "size": 1, "lfs": {"sha256": "x"}}]}, "Receiv"),
    ],
)
def test_a_listing_that_cannot_be_is_refused(hub, tmp_path, changes, words):
    hub.listing = {**honest_listing(), **changes}
    refused(tmp_path, words)
    assert not hub_cache().exists()


@pytest.mark.parametrize(
    "listing", [b"[" * 200_000, b'{"a":' * 200_000, b"[]", b"7", b"null", b"", b"{", b"\xff" * 9]
)
def test_an_answer_that_is_no_listing_is_refused(hub, tmp_path, listing):
    hub.listing = listing
    refused(tmp_path, "Received")
    assert not hub_cache().exists()


def test_a_listing_without_end_takes_no_memory(hub, tmp_path):
    hub.bodies["listing"] = endless({"Content-Type": "application/json"})
    tracemalloc.start()
    try:
        refused(tmp_path, f"expected at most {limits.LARGEST_LISTING} bytes. Received: more")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The answer as parts, and joined.
    assert peak < 3 * limits.LARGEST_LISTING
    assert hub.sent < limits.LARGEST_LISTING + UNDER_WAY


@pytest.mark.parametrize("status", [200, 206])
def test_a_file_without_end_takes_no_disk(hub, tmp_path, status):
    sizes, over = [0], threading.Event()

    def look():
        while not over.is_set():
            found = (p.lstat().st_size for p in tmp_path.rglob("*.incomplete"))
            try:
                sizes.append(max([0, *found]))
            except FileNotFoundError:
                pass
            time.sleep(0.002)

    hub.bodies["GET config.json"] = endless({}, status)
    watch = threading.Thread(target=look)
    watch.start()
    try:
        size = len(FILES["config.json"])
        refused(tmp_path, f"config.json: expected at most {size} bytes. Received: more")
    finally:
        over.set()
        watch.join()
    assert max(sizes) <= size
    assert hub.sent < UNDER_WAY
    assert not list(tmp_path.rglob("*.incomplete"))


def test_an_error_without_end_is_cut(hub, tmp_path):
    hub.bodies["listing"] = endless({"Content-Type": "application/json"}, status=404)
    refused(tmp_path, f"expected at most {limits.LARGEST_ERROR} bytes")
    assert hub.sent < UNDER_WAY


def test_parts_of_a_file_that_come_again_and_again_are_counted_together(hub):
    from huggingface_hub import get_session

    url = f"{hub.url}/{REPO}/resolve/main/config.json"
    with limited(AnswerLimits("config.json", 30)):
        hub.statuses["GET config.json"] = 206
        assert get_session().get(url).content == FILES["config.json"]
        assert get_session().get(url).content == FILES["config.json"]
        # A whole file takes the place of the parts.
        hub.statuses.clear()
        get_session().get(url)
        hub.statuses["GET config.json"] = 206
        get_session().get(url)
        with pytest.raises(RefusedAnswer, match="at most 30 bytes"):
            get_session().get(url)


@pytest.mark.parametrize("key", ["listing", "GET config.json"])
def test_an_answer_that_unpacks_to_more_is_refused(hub, tmp_path, key):
    packed = gzip.compress(b" " * 2**24)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    hub.bodies[key] = lambda handler: handler.answer(packed, headers)
    refused(tmp_path, "expected an answer as it is. Received: one packed as 'gzip'")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nX-Repo-Commit: " + COMMIT.encode()


@pytest.mark.parametrize("key", ["listing", "HEAD config.json", "GET config.json"])
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", HEAD + b"\r\n\r\n"])
def test_a_server_that_sends_a_byte_now_and_then_is_left(hub, tmp_path, monkeypatch, key, start):
    monkeypatch.setattr("stemzoo.zoo.remote.listing.LONGEST", 0.4)
    monkeypatch.setattr(limits, "LONGEST", 0.4)
    hub.bodies[key] = dripping(start)
    begin = time.monotonic()
    refused(tmp_path, "Received: ")
    assert time.monotonic() - begin < 5


def test_limits_are_those_of_the_thread_and_end_with_the_question(hub):
    from huggingface_hub import get_session

    with limited(AnswerLimits("a listing", 10)), pytest.raises(RefusedAnswer, match="at most 10"):
        get_session().get(f"{hub.url}/api/models/{REPO}")
    assert get_session().get(f"{hub.url}/api/models/{REPO}").json()["sha"] == COMMIT


def test_a_session_of_the_users_own_is_guarded_too(hub):
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import _http

    made = []
    earlier = _http._GLOBAL_CLIENT_FACTORY

    def make():
        made.append(_http.default_client_factory())
        return made[-1]

    set_client_factory(make)
    try:
        with limited(AnswerLimits("a listing", 10)), pytest.raises(RefusedAnswer):
            get_session().get(f"{hub.url}/api/models/{REPO}")
    finally:
        set_client_factory(earlier)
    assert made


def test_who_is_there_is_not_asked_for_ever(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    hub.bodies["listing"] = endless({})
    ok, text = ask_who_is_there()
    assert not ok
    assert "expected at most" in text
    hub.bodies.clear()
    for body in ([], {}, "x", None):
        hub.listing = json.dumps(body).encode()
        assert ask_who_is_there() == (False, f"{hub.url}: no Hub; check HF_ENDPOINT")


def test_a_mirror_without_end_or_that_drips_is_left(hub, tmp_path, monkeypatch):
    content = FILES["config.json"]
    file = FileEntry("config.json", hashlib.sha256(content).hexdigest(), len(content))
    facts = dict.fromkeys(("task", "material", "session", "summary", "licence"), "x")
    entry = WeightsEntry("fcn-mirrored", **facts, files=(file,), bundled=False)
    monkeypatch.setattr(limits, "LONGEST", 0.4)
    answers = (
        (endless({}), "at most 13 bytes"),
        (dripping(b"HTTP/1.1 200 OK\r\nX-A: "), "within"),
        (lambda handler: handler.answer(b"x", {"Content-Encoding": "br"}), "packed as 'br'"),
    )
    for answer, words in answers:
        hub.bodies["GET config.json"] = answer
        with pytest.raises(ConnectionError, match=words):
            fetch_from_mirror(hub.url, entry, entry.files)
        assert {path.name for path in mirrored_folder(entry).iterdir()} == {".lock"}
    assert hub.sent < UNDER_WAY
