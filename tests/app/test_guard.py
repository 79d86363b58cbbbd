import asyncio

import pytest

from stemzoo.app.guard import Guard, is_allowed

TOKEN = "Zk3_-abc"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/assets/index-Bx1.js"),
        ("GET", "/gradio_api/queue/data"),
        ("GET", f"/results/{TOKEN}/scan-2/table"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/upload"),
    ],
)
def test_what_the_page_needs_is_there(method, path):
    assert is_allowed(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("GET", "/file=/etc/passwd"),
        ("GET", "/gradio_api/file=http://example.org/"),
        ("GET", "/gradio_api/proxy=http://example.org/"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/custom_component/x/client/component/y"),
        ("GET", "/assets/../../../etc/passwd"),
        ("GET", f"/results/{TOKEN}/../table"),
        ("GET", f"/results/{TOKEN}/scan/../../x"),
        ("DELETE", "/"),
        ("PUT", "/gradio_api/upload"),
    ],
)
def test_nothing_else_is(method, path):
    assert not is_allowed(method, path)


def ask(guard, method, path, headers=(), content=b""):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": content}

    scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
    asyncio.run(guard(scope, receive, send))
    return sent


async def inner(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


def test_a_body_that_is_too_large_is_refused_before_it_is_read():
    guard = Guard(inner, 1_000_000)
    start, body = ask(guard, "POST", "/gradio_api/upload", [(b"content-length", b"2000000")])
    assert start["status"] == 413
    assert body["body"] == b"Expected at most 1 MB. Received: more."
    start, _ = ask(guard, "POST", "/gradio_api/upload", [(b"content-length", b"-1")])
    assert start["status"] == 413


def test_every_answer_forbids_to_load_from_elsewhere():
    guard = Guard(inner, 1_000_000)
    for path, status in (("/", 200), ("/gradio_api/file=/etc/passwd", 404)):
        start, _ = ask(guard, "GET", path)
        assert start["status"] == status
        policy = dict(start["headers"])[b"content-security-policy"]
        assert policy.startswith(b"default-src 'self'")


def test_a_call_that_names_files_as_gradio_does_is_refused():
    guard = Guard(inner, 1_000_000)
    named = b'{"data": [{"p\\u0061th": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}'
    start, _ = ask(guard, "POST", "/gradio_api/queue/join", content=named)
    assert start["status"] == 400
    start, _ = ask(guard, "POST", "/gradio_api/queue/join", content=b'{"data": [1, null]}')
    assert start["status"] == 200


def test_the_server_behind_reads_the_whole_body():
    received = []

    async def reading(scope, receive, send):
        received.append((await receive())["body"])
        await inner(scope, receive, send)

    ask(Guard(reading, 1_000_000), "POST", "/gradio_api/queue/join", content=b'{"data": []}')
    assert received == [b'{"data": []}']


def test_where_there_is_no_room_an_upload_is_refused():
    guard = Guard(inner, 1_000_000, lambda: False)
    assert ask(guard, "POST", "/gradio_api/upload")[0]["status"] == 507
    assert ask(guard, "GET", "/")[0]["status"] == 200
    assert ask(guard, "POST", "/gradio_api/queue/join", content=b"{}")[0]["status"] == 200
