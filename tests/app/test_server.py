"""The server as a stranger meets it, without a browser."""

import http.client
import json
import time

import pytest

from stemzoo import io

pytest.importorskip("gradio")
httpx = pytest.importorskip("httpx")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(serve, folder):
    options = ("--upload-mb", 1, "--visits", 3, "--return-seconds", 0)
    with serve(*options, folder=folder) as address:
        with httpx.Client(base_url=address, timeout=60) as client:
            yield client


@pytest.fixture(scope="module")
def get(server):
    """Ask for a path as it is written, which clients would tidy up; return status and text."""

    def ask(path):
        connection = http.client.HTTPConnection(server.base_url.host, server.base_url.port)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    return ask


@pytest.fixture(scope="module")
def functions(server):
    """Numbers of the page's functions by their names."""
    config = server.get("/config").json()
    return {one["api_name"]: one["id"] for one in config["dependencies"]}


def call(server, number, data, session, event=None):
    """Call a function of the page as its browser does; return how it ended, and all it said."""
    body = {"fn_index": number, "data": data, "session_hash": session}
    body |= {"event_data": event}
    answer = server.post("/gradio_api/queue/join", json=body)
    assert answer.status_code == 200, answer.text
    said = []
    with server.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                said.append(json.dumps(event.get("output")))
                if event["msg"] in ("process_completed", "unexpected_error"):
                    return bool(event["success"]), "\n".join(said)
    raise AssertionError("the call never ended")


def test_the_page_is_there_and_asks_for_nothing_from_elsewhere(server):
    page = server.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    config = server.get("/config").json()
    assert config["analytics_enabled"] is False
    assert not config.get("space_id")


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file=%2Fetc%2Fpasswd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/results/x/y/table",
        "/results/..%2f..%2fetc/passwd/table",
        "/docs",
        "/openapi.json",
        "/gradio_api/openapi.json",
    ],
)
def test_no_path_of_the_server_is_served(get, path):
    status, text = get(path)
    assert status in (400, 403, 404)
    assert "root:" not in text


def test_an_upload_cannot_be_asked_for(server):
    answer = server.post("/gradio_api/upload", files={"files": ("a.tif", b"1234")})
    assert answer.status_code == 200
    (path,) = answer.json()
    assert server.get(f"/gradio_api/file={path}").status_code == 404


def test_a_huge_file_is_refused(server):
    answer = server.post("/gradio_api/upload", files={"files": ("a.tif", b"1" * 1_500_000)})
    assert answer.status_code == 413
    answer = server.post("/gradio_api/upload", files={"files": ("a.tif", b"1" * 12_000_000)})
    assert answer.status_code == 413


def test_a_name_of_an_upload_cannot_lead_out_of_its_folder(server):
    names = {"files": ("../../../../tmp/stemzoo-evil.tif", b"1234")}
    (path,) = server.post("/gradio_api/upload", files=names).json()
    assert ".." not in path
    assert "/uploads/" in path


def test_a_file_of_the_server_cannot_be_passed_off_as_an_upload(server, functions, tmp_path):
    secret = tmp_path / "secret.tif"
    secret.write_bytes(b"secret")
    (upload,) = server.post("/gradio_api/upload", files={"files": ("a.tif", b"1234")}).json()
    around = f"{upload.rpartition('/')[0]}/../../../../../../..{secret}"
    for path in (str(secret), "/etc/passwd", around, "http://127.0.0.1:1/a.tif"):
        _, said = call(server, functions["on_drop"], [], "thief", {"paths": [path]})
        assert "Expected a" in said
        assert "measured" not in said
        assert "b&#x27;secret" not in said
    assert secret.read_bytes() == b"secret"


def test_gradio_itself_is_given_no_file_to_copy(server, functions, tmp_path):
    secret = tmp_path / "secret.tif"
    secret.write_bytes(b"secret")
    named = {"path": str(secret), "meta": {"_type": "gradio.FileData"}}
    body = {"fn_index": functions["on_choose"], "data": [named], "session_hash": "thief"}
    assert server.post("/gradio_api/queue/join", json=body).status_code == 400


@pytest.mark.parametrize("said", [None, {}, {"paths": "a.tif"}, {"paths": [1]}, {"paths": []}])
def test_what_is_no_list_of_uploads_is_nothing(server, functions, said):
    success, text = call(server, functions["on_drop"], [], "stranger", said)
    assert success
    assert "measured" not in text


def test_a_forged_type_is_told_in_words(server, functions):
    script = b"<html><script>alert(1)</script></html>"
    paths = server.post("/gradio_api/upload", files={"files": ("a.tif", script)}).json()
    success, said = call(server, functions["on_drop"], [], "forger", {"paths": paths})
    assert success
    assert "a.tif: expected" in said
    assert "<script" not in said


def dropped(server, functions, frame, tmp_path, session):
    io.write_tiff(tmp_path / "scan.tif", frame.image, sampling=frame.sampling)
    files = {"files": ("scan.tif", (tmp_path / "scan.tif").read_bytes())}
    paths = server.post("/gradio_api/upload", files=files).json()
    return call(server, functions["on_drop"], [], session, {"paths": paths})


def test_results_belong_to_who_holds_the_token(server, functions, frames, tmp_path, folder):
    success, said = dropped(server, functions, frames[0], tmp_path, "anna")
    assert success
    assert "/scan/measured" in said
    # Ben, who has dropped nothing, has nothing to remove, score or take the noise out of.
    for name, data in (("on_remove", []), ("on_judge", []), ("on_clean", [])):
        _, said = call(server, functions[name], data, "ben")
        assert "Drop one first" in said
    assert server.get("/results/wrong/scan/table").status_code == 404
    # Of what was uploaded, only the file in the visit is left.
    assert [path.name for path in folder.rglob("scan.tif")] == ["scan.tif"]


def test_files_are_gone_when_the_page_is_closed(server, functions, frames, tmp_path, folder):
    before = set(folder.glob("stemzoo-*/visits/*"))
    with server.stream("GET", "/gradio_api/heartbeat/clara"):
        dropped(server, functions, frames[0], tmp_path, "clara")
        (visit,) = set(folder.glob("stemzoo-*/visits/*")) - before
    for _ in range(300):
        if not visit.exists():
            break
        time.sleep(0.1)
    assert not visit.exists()


def test_the_server_asks_nobody_else(server, functions, folder):
    # All the other tests of this file were before this one.
    call(server, functions["on_judge"], [], "dora")
    asked = folder / "asked"
    assert not asked.exists(), asked.read_text()


def test_when_the_page_ends_its_folder_is_gone(serve, tmp_path):
    with serve(folder=tmp_path):
        assert list(tmp_path.glob("stemzoo-*"))
    assert not list(tmp_path.glob("stemzoo-*"))
