"""What of the server a browser may ask for; everything else is not there."""

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


@dataclass(frozen=True)
class Guard:
    """A server in front of another: passes on what the page needs, and nothing else.

    Parameters
    ----------
    server : callable
        The other, an ASGI application.
    largest : int
        Largest body of a request [bytes].
    """

    server: Server
    largest: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.server(scope, receive, send)
            return
        if scope["type"] != "http" or not is_allowed(scope["method"], scope["path"]):
            await _refuse(scope, send, 404, "not found")
            return
        sizes = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not size.isdigit() or int(size) > self.largest for size in sizes):
            most = f"{self.largest / 1e6:.0f} MB"
            await _refuse(scope, send, 413, f"Expected at most {most}. Received: more.")
            return

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        await self.server(scope, receive, answer)


async def _refuse(scope: Scope, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
