import hashlib
import http.server
import threading

import pytest

from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import FileEntry, WeightsEntry
from stemzoo.zoo.remote.mirrors import fetch_from_mirror, mirrored_folder

FILES = {"config.json": b"{}", "model.weights.h5": bytes(range(256)) * 100}


def entry_of(contents, **changes):
    files = tuple(
        FileEntry(name, hashlib.sha256(content).hexdigest(), len(content))
        for name, content in contents.items()
    )
    facts = dict.fromkeys(("task", "material", "session", "summary", "licence"), "x")
    return WeightsEntry("fcn-mirrored", **facts, files=files, bundled=False, **changes)


@pytest.fixture
def entry(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "home"))
    return entry_of(FILES)


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def server(mirror):
    """Serve the folder as any web server would."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(mirror))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()


def test_a_mirror_is_a_folder_a_web_server_or_a_file_address(entry, mirror, server):
    for place in (str(mirror), server, mirror.as_uri()):
        folder = fetch_from_mirror(place, entry, entry.files)
        assert [difference(folder / file.name, file) for file in entry.files] == [None, None]
        for file in entry.files:
            (folder / file.name).unlink()


def test_what_is_in_the_cache_is_not_copied_again(entry, mirror, tmp_path):
    folder = fetch_from_mirror(str(mirror), entry, entry.files)
    assert fetch_from_mirror(str(tmp_path / "gone"), entry, entry.files) == folder


def test_other_bytes_have_another_folder(entry):
    assert mirrored_folder(entry) != mirrored_folder(entry_of({**FILES, "config.json": b"[]"}))


def test_a_damaged_file_of_the_cache_is_moved_aside_and_copied_again(entry, mirror):
    path = fetch_from_mirror(str(mirror), entry, entry.files) / "config.json"
    path.write_bytes(b"[]")
    fetch_from_mirror(str(mirror), entry, entry.files)
    assert path.read_bytes() == b"{}"
    assert path.with_name("config.json.damaged").read_bytes() == b"[]"


@pytest.mark.parametrize("content", [b"[]", b"{", b"{}" * 100_000, b""])
def test_wrong_bytes_are_refused_and_leave_nothing(entry, mirror, content):
    (mirror / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"mirror/config.json: expected 2 bytes .* twice"):
        fetch_from_mirror(str(mirror), entry, entry.files)
    assert {path.name for path in mirrored_folder(entry).iterdir()} <= {".lock"}


def test_a_mirror_without_the_file_is_named(entry, mirror, server):
    (mirror / "model.weights.h5").unlink()
    for place, reason in ((server, "404"), (str(mirror), "No such file")):
        with pytest.raises(ConnectionError, match=f"model.weights.h5: expected .* {reason}"):
            fetch_from_mirror(place, entry, entry.files)


def test_a_mirror_that_is_not_there_is_named(entry):
    with pytest.raises(ConnectionError, match=r"127.0.0.1:9/config.json.*Connection refused"):
        fetch_from_mirror("http://127.0.0.1:9", entry, entry.files)


@pytest.mark.parametrize("mirror", ["ftp://example.org/weights", "data://x", "javascript://x"])
def test_only_files_and_the_web_are_mirrors(entry, mirror):
    with pytest.raises(ValueError, match="expected a mirror by http, https or file"):
        fetch_from_mirror(mirror, entry, entry.files)
