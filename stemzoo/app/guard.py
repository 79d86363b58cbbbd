"""What of the server a browser may ask for; everything else is not there."""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Server = Callable[[Scope, Receive, Send], Awaitable[None]]

# All that the page needs. Routes of Gradio that hand out files of the server, fetch from elsewhere,
# or run code are not among them.
_ALLOWED = {
    "GET": re.compile(
        r"/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|svelte/.*|static/.*|assets/.*"
        r"|results/[\w.%-]+/[\w.%-]+/[\w-]+"
        r"|gradio_api/(queue/data|heartbeat/\w+|upload_progress|app_id|info|startup-events"
        r"|theme\.css))?/?",
        re.ASCII,
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|upload|cancel)/?", re.ASCII),
}
_ALLOWED["HEAD"] = _ALLOWED["GET"]
# The browser loads nothing from elsewhere, whatever a page says.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'"
)
# What a call of a function may say [bytes].
_LONGEST_CALL = 1_000_000
_HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def is_allowed(method: str, path: str) -> bool:
    """Whether the page needs this of its server.

    Parameters
    ----------
    method : str
        Of HTTP.
    path : str
        Decoded once, as servers do.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_allowed("GET", "/assets/index.js"), is_allowed("GET", "/gradio_api/file=/etc/passwd")
    (True, False)
    """
    known = _ALLOWED.get(method)
    return known is not None and ".." not in path and known.fullmatch(path) is not None


def names_files(content: Any) -> bool:
    """Whether JSON names files as Gradio's own components do.

    Gradio copies what is named so, from the disk or from elsewhere, before any function is called.
    The page has none of these components.

    Parameters
    ----------
    content : object
        As parsed.

    Returns
    -------
    bool

    Examples
    --------
    >>> names_files({"data": [[{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]]})
    True
    >>> names_files({"data": [0.35, None]})
    False
    """
    inner = [content]
    while inner:
        one = inner.pop()
        if isinstance(one, dict):
            if "path" in one and "meta" in one:
                return True
            inner.extend(one.values())
        elif isinstance(one, list):
            inner.extend(one)
    return False


@dataclass(frozen=True)
class Guard:
    """A server in front of another: passes on what the page needs, and nothing else.

    Parameters
    ----------
    server : callable
        The other, an ASGI application.
    largest : int
        Largest body of a request [bytes].
    has_room : callable
        Whether there is room for an upload.
    """

    server: Server
    largest: int
    has_room: Callable[[], bool] = lambda: True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.server(scope, receive, send)
            return
        if scope["type"] != "http" or not is_allowed(scope["method"], scope["path"]):
            await _refuse(scope, send, 404, "not found")
            return
        is_call = scope["method"] == "POST" and "upload" not in scope["path"]
        largest = _LONGEST_CALL if is_call else self.largest
        sizes = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not size.isdigit() or int(size) > largest for size in sizes):
            most = f"{largest / 1e6:.0f} MB"
            await _refuse(scope, send, 413, f"Expected at most {most}. Received: more.")
            return
        if not is_call and scope["method"] == "POST" and not self.has_room():
            await _refuse(scope, send, 507, "Expected room for a file. Received: none. Try later.")
            return
        if is_call:
            body = await _read(receive, largest)
            if body is None or names_files(_parsed(body)):
                await _refuse(scope, send, 400, "Expected a call of the page. Received: another.")
                return
            receive = _again(body, receive)

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        await self.server(scope, receive, answer)


async def _read(receive: Receive, largest: int) -> bytes | None:
    """Return the body of a request; None if it is too large or breaks off."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > largest:
            return None
    return body


def _parsed(body: bytes) -> Any:
    """Return the content of JSON; what is none, the server behind refuses."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read once more."""
    left = [body]

    async def give() -> MutableMapping[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return give


async def _refuse(scope: Scope, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
