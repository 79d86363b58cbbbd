"""A Hub that lies, to be told how: in what it lists, in its headers, or in how much it sends."""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "a" * 40
FILES = {
    "config.json": b'{"format": 1}',
    "model.weights.h5": b"\x89HDF" + bytes(range(256)) * 40,
    "README.md": b"# A card",
}
REPO = "alice/fcn-lies"


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def honest_listing():
    """What a Hub lists of the files; small ones by git's hash, weights by SHA-256."""
    siblings = []
    for name, content in FILES.items():
        entry = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
        if name.endswith(".h5"):
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": digest, "size": len(content), "pointerSize": 130}
        siblings.append(entry)
    return {"id": REPO, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}


class LyingHub:
    """A Hub at `url`, to be used in a ``with`` statement; honest unless it is changed.

    `listing` is what it lists: bytes, or what JSON is made of. `headers` are put over those of a
    file, by ``"METHOD name"``. `bodies` maps such a key, or ``"listing"``, to a function that
    writes the whole answer by itself. `sent` counts the bytes of these.
    """

    def __init__(self):
        self.listing = honest_listing()
        self.headers: dict = {}
        self.statuses: dict = {}
        self.bodies: dict = {}
        self.sent = 0

    def __enter__(self):
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        name = Path(self.path.split("?")[0]).name
        key = "listing" if self.path.startswith("/api/") else f"{self.command} {name}"
        try:
            if key in self.hub.bodies:
                self.close_connection = True
                self.hub.bodies[key](self)
            elif key == "listing":
                listing = self.hub.listing
                body = listing if isinstance(listing, bytes) else json.dumps(listing).encode()
                self.answer(body, {"Content-Type": "application/json"})
            else:
                self.file(key, name)
        except OSError:
            pass  # the client has hung up

    do_HEAD = do_GET

    def file(self, key, name):
        content = FILES[name]
        digest = hashlib.sha256(content).hexdigest()
        etag = digest if name.endswith(".h5") else git_sha1(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
        headers.update(self.hub.headers.get(key, {}))
        self.answer(content, headers, self.hub.statuses.get(key, 200))

    def answer(self, body, headers, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def endless(headers, status=200, most=200 * 2**20):
    """Return a body that goes on for ever: 200 MB, which no test should receive."""

    def write(handler):
        handler.send_response(status)
        for header, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            handler.send_header(header, value)
        handler.end_headers()
        chunk = b" " * 2**20
        while handler.hub.sent < most:
            handler.wfile.write(b"%x\r\n" % len(chunk) + chunk + b"\r\n")
            handler.hub.sent += len(chunk)

    return write


def dripping(start=b"", wait=0.05):
    """Return an answer of which a byte comes now and then; `start` comes at once."""

    def write(handler):
        handler.wfile.write(start)
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            handler.hub.sent += 1
            time.sleep(wait)

    return write
