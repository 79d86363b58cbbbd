"""What a user sees when the Hub, the network or the cache is not as it should be."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

import stemzoo
from stemzoo.zoo import registry
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.sources import find_source

REPO = "alice/fcn-remote"
FILES = {
    "config.json": b'{"format": 1}',
    "model.weights.h5": b"\x89HDF" + bytes(range(256)) * 400,
    "README.md": b"# A card",
    "training.weights.h5": b"\x89HDF discriminators",
    "golden.npz": b"PK golden",
}
LOADED = {"config.json", "model.weights.h5", "README.md"}


def write_manifest(package, **changes):
    """Write a manifest of one entry that is not bundled."""
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in FILES.items()
    }
    record = {
        **{key: "x" for key in ("task", "material", "session", "summary", "licence")},
        **{"name": "fcn-remote", "bundled": False, "files": files},
        **changes,
    }
    package.mkdir(exist_ok=True)
    text = json.dumps({"format": 1, "weights": [record]})
    (package / "weights_manifest.json").write_text(text, encoding="utf-8")
    registry.read_manifest.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "package"
    monkeypatch.setattr(registry, "PACKAGE", folder)
    yield folder
    registry.read_manifest.cache_clear()


@pytest.fixture
def commit(hub_server, package):
    """Publish the files and pin them in the manifest."""
    commit = hub_server.put(REPO, FILES)
    write_manifest(package, repo_id=REPO, revision=commit)
    return commit


def refused(source, error, *words, **options):
    """Assert that the files cannot be had, in one line that holds the words; nothing is damaged."""
    before, manifest = tree(), registry.manifest_path().read_bytes()
    with pytest.raises(error) as caught:
        find_source(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert 40 < len(message) < 500, message
    for word in words:
        assert word in message, message
    assert registry.manifest_path().read_bytes() == manifest
    for path, content in tree().items():
        # What was there before, or whole.
        assert content in (before.get(path), FILES[path.name]), path
    return message


@pytest.fixture(autouse=True)
def nothing_is_written_to_the_hub(hub_server):
    yield
    assert hub_server.count("^(POST|PUT|DELETE)") == 0


def tree():
    """Every file of the Hub's cache that a later load could take for whole."""
    root = hub_cache()
    return {
        path.relative_to(root): path.read_bytes()
        for path in root.rglob("snapshots/*/*")
        if path.is_file()
    }


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.resolve().write_bytes(content)


# The way it should be.


def test_a_name_is_fetched_once_and_then_needs_no_request(hub_server, commit):
    found = find_source("fcn-remote")
    assert (found.origin, found.repo_id, found.revision) == ("hub", REPO, commit)
    assert {file.name for file in found.files} == LOADED
    assert {path.name for path in found.folder.iterdir()} == LOADED
    assert found.differences() == []
    before = len(hub_server.requests)
    assert find_source("fcn-remote").folder == found.folder
    assert len(hub_server.requests) == before


def test_more_files_are_fetched_only_when_they_are_asked_for(hub_server, commit):
    find_source("fcn-remote")
    names = (*LOADED, "training.weights.h5")
    found = find_source("fcn-remote", names=names)
    assert (found.folder / "training.weights.h5").read_bytes() == FILES["training.weights.h5"]
    assert hub_server.count("GET /lfs-download") == 2
    assert hub_server.count("golden") == 0


def test_the_pinned_commit_is_taken_though_the_repository_goes_on(hub_server, commit):
    hub_server.put(REPO, {"config.json": b'{"format": 2}'})
    found = find_source("fcn-remote")
    assert found.revision == commit
    assert (found.folder / "config.json").read_bytes() == FILES["config.json"]


def test_a_repository_without_entry_is_checked_by_the_hubs_hashes(hub_server, package, caplog):
    write_manifest(package)
    first = hub_server.put("bob/own", FILES, tag="v1")
    latest = hub_server.put("bob/own", {"README.md": b"# Newer"})
    found = find_source("hf://bob/own")
    assert (found.revision, found.entry) == (latest, None)
    assert found.differences() == []
    assert "hf://bob/own@" in caplog.text
    assert "not in the manifest of the zoo" in caplog.text
    for source in ("hf://bob/own@v1", f"hf://bob/own@{first}"):
        assert find_source(source).revision == first
    assert find_source("hf://bob/own", revision="v1").revision == first


def test_etags_save_a_second_download_of_a_branch(hub_server, package):
    write_manifest(package)
    hub_server.put("bob/own", FILES)
    for _ in range(3):
        find_source("hf://bob/own")
    assert hub_server.count("GET .*(/resolve/|/lfs-download/)") == len(LOADED)
    # A commit that is in the cache needs no question at all.
    source = f"hf://bob/own@{find_source('hf://bob/own').revision}"
    before = len(hub_server.requests)
    find_source(source)
    assert len(hub_server.requests) == before


def test_a_commit_of_the_manifest_is_checked_by_the_manifest(commit):
    for source in (f"hf://{REPO}", f"hf://{REPO}@{commit}", f"hf://{REPO}@main"):
        assert find_source(source).entry.name == "fcn-remote"
    assert find_source("fcn-remote", revision=commit).entry is not None


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a/../../b", "", "-x", "a b"])
def test_a_revision_is_no_path(hub_server, package, revision):
    write_manifest(package)
    hub_server.put("bob/own", FILES)
    if revision:
        words = ("expected a branch, a tag or a commit", repr(revision))
        refused("hf://bob/own", ValueError, *words, revision=revision)
    else:
        assert find_source("hf://bob/own", revision=revision).origin == "hub"
    assert not any(path.name == "refs" for path in hub_cache().rglob("x"))


# Who may read it.


def test_a_private_repository_needs_its_owners_token(hub_server, package, monkeypatch):
    write_manifest(package)
    hub_server.put("bob/own", FILES, private=True)
    words = ("hf://bob/own", "Received: 401", "private", "hf auth login", "HF_TOKEN")
    refused("hf://bob/own", FileNotFoundError, *words)
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    refused("hf://bob/own", FileNotFoundError, "Received: 404", "private", "HF_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_outdated")
    refused("hf://bob/own", PermissionError, "valid token", "Received: 401", "hf auth login")
    assert tree() == {}
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    assert find_source("hf://bob/own").origin == "hub"


def test_a_gated_repository_asks_to_accept_its_terms(hub_server, package, monkeypatch):
    write_manifest(package)
    hub_server.put("bob/own", FILES, gated=True)
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    refused("hf://bob/own", PermissionError, "403", f"terms at {hub_server.url}/bob/own")
    assert tree() == {}


def test_a_forbidden_repository_says_so(hub_server, commit):
    hub_server.fail("/api/models", status=403)
    refused("fcn-remote", PermissionError, "Received: 403", "token")
    assert tree() == {}


def test_what_is_not_there_is_named(hub_server, commit):
    words = ("hf://bob/nothing", "none of that name", "Check the name")
    refused("hf://bob/nothing", FileNotFoundError, *words)
    refused(f"hf://{REPO}@v9", FileNotFoundError, "branch, tag or commit", "'v9'", "commits/main")
    hub_server.put("bob/other", {"README.md": b"", "pytorch_model.bin": b""})
    words = ("no config.json", "repository of stemzoo weights?")
    refused("hf://bob/other", FileNotFoundError, *words)
    assert tree() == {}


def test_a_file_that_the_hub_lost_is_named(hub_server, commit):
    lost = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
    hub_server.fail("HEAD .*/model.weights.h5", status=404, headers=lost)
    refused("fcn-remote", FileNotFoundError, "a file model.weights.h5", "Received: 404")
    assert not any(path.name == "model.weights.h5" for path in tree())


# A Hub that is busy, slow or gone.


def test_a_busy_hub_is_asked_again_as_late_as_it_wishes(hub_server, commit, caplog):
    hub_server.fail("/api/models", times=1, status=429, headers={"Retry-After": "7"})
    assert find_source("fcn-remote").origin == "hub"
    assert 7 in hub_server.pauses
    assert "answers 429; trying again in 7 s" in caplog.text


def test_a_hub_that_wants_a_long_pause_is_not_waited_for(hub_server, commit):
    hub_server.fail("/api/models", status=429, headers={"Retry-After": "300"})
    refused("fcn-remote", ConnectionError, "Received: 429", "Try again in 300 s", "HF_TOKEN")
    assert hub_server.count("/api/models") == 1
    assert tree() == {}


def test_one_fault_of_the_hub_is_passed_over(hub_server, commit):
    hub_server.fail("/api/models", times=1, status=503)
    hub_server.fail("HEAD .*/config.json", times=1, status=500)
    hub_server.fail("GET .*/README.md", times=1, status=429, headers={"Retry-After": "0"})
    assert find_source("fcn-remote").differences() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_hub_with_a_lasting_fault_is_named(hub_server, commit, status, caplog):
    hub_server.fail("/api/models", status=status)
    words = (hub_server.url, f"Received: {status}", "not you", "try again later")
    refused("fcn-remote", ConnectionError, *words)
    # Asked three times, with pauses, and no warning of ours hides the one line.
    assert hub_server.count("/api/models") == 3
    assert hub_server.pauses == [1, 4]
    assert caplog.text == ""
    assert tree() == {}


def test_a_store_of_files_with_a_lasting_fault_is_named(hub_server, commit, caplog):
    hub_server.fail("GET /lfs-download", status=503)
    refused("fcn-remote", ConnectionError, "Received: 503", "try again later")
    # The client's own warnings would hide the one line.
    assert caplog.text == ""
    assert not any(path.name == "model.weights.h5" for path in tree())
    hub_server.faults.clear()
    assert find_source("fcn-remote").differences() == []


def test_a_download_that_is_cut_goes_on_where_it_was(hub_server, commit):
    hub_server.fail("GET /lfs-download", times=2, cut_after=70_000)
    assert find_source("fcn-remote").differences() == []
    assert hub_server.count("GET /lfs-download") == 3


@pytest.mark.parametrize("fault", [{"cut_after": 0}, {"cut_after": 1000}, {"hang_up": True}])
def test_a_download_that_is_cut_again_and_again_leaves_nothing(hub_server, commit, fault):
    hub_server.fail("GET /lfs-download", **fault)
    words = (hub_server.url, "Received: ", "Check the network")
    refused("fcn-remote", ConnectionError, *words)
    assert not any(path.name == "model.weights.h5" for path in tree())
    assert not list(hub_cache().rglob("*.incomplete"))


@pytest.mark.parametrize("pattern", ["/api/models", "GET /lfs-download"])
def test_a_hub_that_does_not_answer_is_given_up(hub_server, commit, monkeypatch, pattern):
    for name in ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"):
        monkeypatch.setattr(constants, name, 0.2)
    hub_server.fail(pattern, delay=0.5)
    refused("fcn-remote", ConnectionError, hub_server.url, "Received: ", "Check the network")


def test_a_slow_hub_is_no_fault(hub_server, commit):
    hub_server.fail("", times=6, delay=0.2)
    hub_server.chunk, hub_server.wait = 20_000, 0.05
    assert find_source("fcn-remote").differences() == []


def test_without_a_network_the_message_says_so(hub_server, commit, monkeypatch):
    hub_server.__exit__()
    words = (hub_server.url, "Connection refused", "HF_ENDPOINT", "bundled weights")
    refused("fcn-remote", ConnectionError, *words)
    refused("hf://bob/own", ConnectionError, "hf://bob/own", *words)


def test_a_cache_in_a_place_that_cannot_be_is_named(hub_server, commit, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "file"))
    refused("fcn-remote", OSError, str(tmp_path / "file"), "Not a directory", "Set STEMZOO_HOME")


def test_a_page_that_is_no_hub_is_recognised(hub_server, commit):
    # As the log-in page of a hotel's network answers.
    hub_server.fail("", status=200, headers={"Content-Type": "text/html"})
    refused("fcn-remote", ConnectionError, "the answer of a Hub", "HF_ENDPOINT", "log-in page")
    assert tree() == {}


@pytest.mark.parametrize("how", ["gone", "503", "cut"])
def test_a_hub_that_fails_is_not_missed_with_a_full_cache(hub_server, package, caplog, how):
    write_manifest(package)
    hub_server.put("bob/own", FILES)
    first = find_source("hf://bob/own")
    before = tree()
    if how == "gone":
        hub_server.__exit__()
    elif how == "cut":
        hub_server.fail("", hang_up=True)
    else:
        hub_server.fail("", status=503)
    caplog.clear()
    again = find_source("hf://bob/own")
    assert again.folder == first.folder
    assert again.differences() == []
    assert tree() == before
    (why, _) = caplog.messages
    assert f"Using the copy of {first.revision[:12]} in the cache" in why


# Offline.


@pytest.mark.parametrize("how", ["argument", "STEMZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_only_the_cache_is_used(hub_server, commit, monkeypatch, how):
    options = {"local_files_only": True} if how == "argument" else {}

    def go_offline():
        if how == "STEMZOO_OFFLINE":
            monkeypatch.setenv(how, "1")
        if how == "HF_HUB_OFFLINE":
            # The client reads the variable when it is imported.
            monkeypatch.setattr(constants, how, True)

    hub_server.put("bob/own", FILES)
    find_source("hf://bob/own")
    go_offline()
    before = len(hub_server.requests)
    words = ("expected its files in the cache, being offline", "Load it once with a network")
    refused("fcn-remote", FileNotFoundError, *words, **options)
    refused("hf://bob/other", FileNotFoundError, *words, **options)
    assert find_source("hf://bob/own", **options).differences() == []
    assert len(hub_server.requests) == before


def test_the_argument_is_stronger_than_the_environment(hub_server, commit, monkeypatch):
    monkeypatch.setenv("STEMZOO_OFFLINE", "yes")
    assert find_source("fcn-remote", local_files_only=False).origin == "hub"


# Bytes that are not the right ones.


def test_a_damaged_file_of_the_cache_is_moved_aside_and_fetched_again(hub_server, commit, caplog):
    path = find_source("fcn-remote").folder / "model.weights.h5"
    damage(path)
    found = find_source("fcn-remote")
    assert found.differences() == []
    assert "It was moved aside and fetched again" in caplog.text
    assert hub_server.count("GET /lfs-download") == 2
    (aside,) = hub_cache().rglob("*.damaged")
    assert len(aside.read_bytes()) == len(FILES["model.weights.h5"])


def test_a_damaged_file_of_the_cache_is_reported_offline(commit):
    path = find_source("fcn-remote").folder / "config.json"
    damage(path)
    expected = hashlib.sha256(FILES["config.json"]).hexdigest()
    received = hashlib.sha256(path.read_bytes()).hexdigest()
    words = (expected, f"with {received}", "Go online")
    refused("fcn-remote", ValueError, *words, local_files_only=True)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_wrong_bytes_under_a_right_etag_are_fetched_twice_and_refused(
    hub_server, commit, name, caplog
):
    pattern = "GET /lfs-download" if name.endswith("h5") else f"GET .*/{name}"
    hub_server.fail(pattern, wrong_bytes=True)
    content = FILES[name]
    received = hashlib.sha256(bytes([content[0] ^ 1]) + content[1:]).hexdigest()
    words = (name, hashlib.sha256(content).hexdigest(), received, "twice", "not loaded")
    refused("fcn-remote", ValueError, *words)
    assert hub_server.count(pattern) == 2
    assert caplog.text == ""
    # Neither is left where a later load would look.
    assert not any(path.name == name for path in tree())
    hub_server.faults.clear()
    assert find_source("fcn-remote").differences() == []


def test_wrong_bytes_once_are_passed_over(hub_server, commit):
    hub_server.fail("GET /lfs-download", times=1, wrong_bytes=True)
    assert find_source("fcn-remote").differences() == []


def test_wrong_bytes_are_seen_without_a_manifest(hub_server, package, caplog):
    write_manifest(package)
    hub_server.put("bob/own", FILES)
    hub_server.fail("GET .*/config.json", wrong_bytes=True)
    refused("hf://bob/own", ValueError, "config.json", "git hash", "twice")
    assert caplog.text == ""
    hub_server.faults.clear()
    path = find_source("hf://bob/own").folder / "config.json"
    damage(path)
    refused("hf://bob/own", ValueError, "git hash", "Go online", local_files_only=True)


def test_files_that_the_manifest_does_not_expect_are_refused(hub_server, package):
    # The pinned commit holds something else than the maintainer hashed.
    commit = hub_server.put(REPO, {**FILES, "config.json": b'{"format": 1 }'})
    write_manifest(package, repo_id=REPO, revision=commit)
    refused("fcn-remote", ValueError, "config.json", "size 13. Received: 14 in the Hub's listing")
    # Of the same size, it is seen by its hash; the large file, whose hash is listed, before.
    for name, content, words in (
        ("config.json", b'{"format": 3}', ("sha256", "twice")),
        ("model.weights.h5", FILES["model.weights.h5"][::-1], ("sha256", "was not fetched")),
    ):
        commit = hub_server.put(REPO, {**FILES, name: content})
        write_manifest(package, repo_id=REPO, revision=commit)
        refused("fcn-remote", ValueError, name, *words)


def test_a_huge_file_is_not_fetched(hub_server, package, monkeypatch):
    write_manifest(package)
    hub_server.put("bob/own", FILES)
    monkeypatch.setattr("stemzoo.zoo.remote.listing.LARGEST_FILE", 1000)
    refused("hf://bob/own", ValueError, "at most 1000 bytes", "model.weights.h5")
    assert hub_server.count("GET /lfs-download") == 0


def test_a_repository_cannot_name_files_elsewhere(hub_server, package):
    write_manifest(package)
    hub_server.put("bob/own", {**FILES, "a/README.md": b"", ".env": b""})
    find_source("hf://bob/own")
    assert {path.name for path in tree()} == LOADED
    for name in ("../config.json", "/etc/x", "a/../x", "C:x", "a\\x", "a//x", "x\n"):
        hub_server.put("bob/other", {**FILES, name: b""})
        refused("hf://bob/other", ConnectionError, "expected plain names of files", "honest")
        hub_server.repos.pop("bob/other")


# Several processes, and a cache that cannot be written to.

CHILD = """
import sys
from pathlib import Path
from huggingface_hub import constants
from stemzoo.zoo import registry
from stemzoo.zoo.sources import find_source
registry.PACKAGE = Path({package!r})
"""


def child(code, package, server, home, **options):
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "STEMZOO_"))},
        "PYTHONPATH": str(Path(stemzoo.__file__).parents[1]),
        "HF_ENDPOINT": server.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **options.pop("environment", {}),
    }
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(package=str(package)) + code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


SIXTEEN = """
import os
children = []
for _ in range(16):
    pid = os.fork()
    if pid == 0:
        found = find_source("fcn-remote")
        os._exit(len(found.differences()))
    children.append(pid)
print([os.waitpid(pid, 0)[1] for pid in children])
"""


def test_sixteen_processes_at_once_download_each_file_once(hub_server, commit, package, tmp_path):
    hub_server.chunk, hub_server.wait = 10_000, 0.02
    run = child(SIXTEEN, package, hub_server, tmp_path / "hf")
    out, err = run.communicate(timeout=60)
    assert out == f"{[0] * 16}\n", err
    assert hub_server.count("GET .*(/resolve/|/lfs-download/)") == len(LOADED)


def test_the_environment_of_the_hub_is_honoured(hub_server, package, tmp_path):
    commit = hub_server.put(REPO, FILES, private=True)
    write_manifest(package, repo_id=REPO, revision=commit)
    code = "print(find_source('fcn-remote').folder)"
    environment = {"HF_TOKEN": "hf_alice"}
    run = child(code, package, hub_server, tmp_path / "hf", environment=environment)
    out, err = run.communicate(timeout=60)
    assert out.startswith(str(tmp_path / "hf" / "hub")), err
    environment = {"HF_HUB_OFFLINE": "1"}
    run = child(code, package, hub_server, tmp_path / "hf", environment=environment)
    assert run.communicate(timeout=60)[0] == out


def test_a_download_that_is_killed_leaves_nothing_to_be_taken_for_whole(
    hub_server, commit, package, tmp_path, monkeypatch
):
    hub_server.chunk, hub_server.wait = 10_000, 0.5
    home = tmp_path / "hf"
    run = child("find_source('fcn-remote')", package, hub_server, home)
    while not any(p.stat().st_size for p in home.rglob("*.incomplete")):
        if run.poll() is not None or hub_server.count("GET /lfs-download"):
            break
        time.sleep(0.02)
    time.sleep(0.3)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    hub_server.wait = 0.0
    monkeypatch.delenv("STEMZOO_HOME")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    assert not any(path.name == "model.weights.h5" for path in tree())
    found = find_source("fcn-remote")
    assert found.folder.is_relative_to(home)
    assert found.differences() == []


READ_ONLY = """
import os
os.environ["STEMZOO_HOME"] = {elsewhere!r}
find_source("fcn-remote")  # imports all there is to import, while it may be read
del os.environ["STEMZOO_HOME"]
os.setuid(65534)
try:
    print(find_source("fcn-remote").differences())
except OSError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user who may not write")
def test_a_cache_that_cannot_be_written_to_serves_what_it_holds(hub_server, commit, package):
    # Not in the folders of pytest, which only their owner may enter.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        home, copy = Path(folder) / "hf", Path(folder) / "package"
        home.mkdir()
        shutil.copytree(package, copy)
        code = READ_ONLY.format(elsewhere=str(Path(folder) / "elsewhere"))

        def run(code):
            return child(code, copy, hub_server, home).communicate(timeout=60)[0]

        text = run(code)
        assert text.startswith("PermissionError"), text
        for word in (str(home), "Permission denied", "STEMZOO_HOME", "HF_HOME"):
            assert word in text
        assert text.count("\n") == 1
        run("find_source('fcn-remote')")
        assert run(code) == "[]\n"
