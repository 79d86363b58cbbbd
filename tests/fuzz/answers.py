"""Hubs that lie, each in one way, while `stemzoo download` asks them for a model."""

import gzip
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_routes import Handler
from hub_server import HubServer

from .verdicts import NOT_FOR_USERS, run, snapshot

MEGABYTE = 2**20
# What is sent where an answer has no end; more than any bound that could be meant.
ENDLESS = 600 * MEGABYTE
MOST_MEGABYTES = 700
MOST_DISK = 64 * MEGABYTE
SECONDS = 300
REPO = "u/r"
README = "README.md"
DEEP = "[" * 100_000
LONG = "n" * 5000


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Lie:
    """One way in which a Hub is not what it should be.

    Parameters
    ----------
    name : str
        What it does.
    listing : callable
        Takes the honest listing of a repository, returns what is sent.
    raw : bytes, optional
        Sent in place of any listing.
    headers : callable
        Takes the honest headers of the README's answer, returns those that are sent.
    body : callable
        Takes the honest content of the README.
    endless : {"", "listing", "file"}
        What has no end.
    packed : {"", "listing", "file"}
        What is sent as gzip that grows a thousandfold.
    wait : float
        Pause after each byte of the README [s].
    harmless : bool
        Whether a client may as well take the answer, as nothing comes of it.
    """

    name: str
    listing: Callable[[dict], Any] = _unchanged
    raw: bytes | None = None
    headers: Callable[[dict], dict] = _unchanged
    body: Callable[[bytes], bytes] = _unchanged
    endless: str = ""
    packed: str = ""
    wait: float = 0.0
    harmless: bool = False


def _sha(value: Any) -> Callable[[dict], dict]:
    return lambda listing: {**listing, "sha": value}


def _readme(**facts: Any) -> Callable[[dict], dict]:
    """Change what the listing says of the README."""

    def change(listing: dict) -> dict:
        files = [
            {**file, **facts} if file["rfilename"] == README else file
            for file in listing["siblings"]
        ]
        return {**listing, "siblings": files}

    return change


def _more(**facts: Any) -> Callable[[dict], dict]:
    """List another file."""
    file = {"rfilename": "more.txt", "size": 5, "blobId": "b" * 40, **facts}
    return lambda listing: {**listing, "siblings": [*listing["siblings"], file]}


def _header(**changed: str) -> Callable[[dict], dict]:
    new = {name.replace("_", "-"): value for name, value in changed.items()}
    return lambda headers: {**headers, **new}


LIES = (
    *(
        Lie(f"the commit is {value!r:.30}", listing=_sha(value))
        for value in (None, 5, "", "main", "a" * 39, "../../../escaped", "/tmp/escaped", ["a"], {})
    ),
    *(
        # A file that no model folder holds is not asked for.
        Lie(f"a file is named {name!r:.30}", listing=_more(rfilename=name), harmless=name == LONG)
        for name in (
            "../escaped.txt",
            "/tmp/stemzoo_escaped.txt",
            "C:\\escaped.txt",
            "a\\..\\..\\escaped.txt",
            "a/../../../escaped.txt",
            "\0",
            LONG,
            None,
        )
    ),
    *(
        Lie(f"the ETag is {value!r:.30}", headers=_header(ETag=f'"{value}"'))
        for value in ("/tmp/stemzoo_escaped", "../../escaped", "", "c" * 40, "c" * 5000)
    ),
    Lie("the linked ETag is a path", headers=_header(X_Linked_Etag='"../../../escaped"')),
    Lie("the commit of a file is a path", headers=_header(X_Repo_Commit="../../escaped")),
    Lie("a file's size is negative", listing=_readme(size=-1)),
    Lie("a file's size is text", listing=_readme(size="many")),
    Lie("a file's size is past all disks", listing=_readme(size=10**30)),
    Lie("a file's hash is a path", listing=_readme(blobId="../../escaped")),
    Lie("no files are listed", listing=lambda listing: {**listing, "siblings": None}),
    Lie("the listing is a list", listing=lambda listing: [listing]),
    Lie("the listing is a page", raw=b"<html>please log in</html>"),
    Lie("the listing is nested without end", raw=DEEP.encode()),
    Lie("the listing is not text", raw=b"\xff\xfe\x00{"),
    Lie("the listing is endless", endless="listing"),
    Lie("the listing is a packed bomb", packed="listing"),
    Lie("a file is endless", endless="file"),
    Lie("a file is a packed bomb", packed="file"),
    Lie("a file is shorter than listed", body=lambda content: content[:-5]),
    Lie("a file is another of the same size", body=lambda content: b"x" * len(content)),
    Lie("a file comes a byte a second", wait=1.0),
    Lie("a file leads elsewhere", headers=_header(Location="file:///etc/passwd")),
)


class LyingHandler(Handler):
    """Answers as an honest Hub but for `hub.lie`."""

    def _json(self, content, status: int = 200, headers=()) -> None:
        lie: Lie = self.hub.lie
        if "siblings" not in content:
            super()._json(content, status, headers)
        elif lie.endless == "listing":
            self._send_endless(dict(headers))
        else:
            body = json.dumps(lie.listing(content)).encode() if lie.raw is None else lie.raw
            headers = {"Content-Type": "application/json", **dict(headers)}
            if lie.packed == "listing":
                body, headers["Content-Encoding"] = _bomb(), "gzip"
            self._send(status, body, headers)

    def _send(self, status: int, body: bytes, headers) -> None:
        lie: Lie = self.hub.lie
        if f"/{README}" in self.path:
            headers, body = lie.headers(dict(headers)), lie.body(body)
            status = 302 if "Location" in headers else status
            if lie.packed == "file":
                body, headers["Content-Encoding"] = _bomb(), "gzip"
            if lie.endless == "file" and self.command == "GET":
                self._send_endless(headers)
                return
            if lie.wait and self.command == "GET":
                self._send_slowly(body, headers)
                return
        super()._send(status, body, headers)

    def _send_endless(self, headers: dict) -> None:
        self.send_response(200)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        chunk = b" " * MEGABYTE
        for _ in range(ENDLESS // MEGABYTE):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.hub.sent += len(chunk)
        self.close_connection = True

    def _send_slowly(self, body: bytes, headers: dict) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        for byte in body:
            if self.hub.gone:
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(self.hub.lie.wait)
        self.close_connection = True


def _bomb() -> bytes:
    return gzip.compress(bytes(ENDLESS), compresslevel=1)


class LyingHub(HubServer):
    """A Hub with one lie.

    Parameters
    ----------
    lie : Lie
        What it does.
    """

    def __init__(self, lie: Lie):
        super().__init__()
        self.lie, self.sent = lie, 0

    def __enter__(self):
        super().__enter__()
        self._http.RequestHandlerClass = type("Bound", (LyingHandler,), {"hub": self})
        return self


def attack(model: Path, work: Path, *, lies: Sequence[Lie]) -> Iterator[tuple[str, list[str]]]:
    """Download from lying Hubs.

    Parameters
    ----------
    model : Path
        Folder of a model, which they offer.
    work : Path
        Folder to work in; that of a fault stays.
    lies : sequence of Lie
        What they do.

    Yields
    ------
    tuple of (str, list of str)
        The lie and what was wrong with the answer to it.
    """
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    files[README] = b"# A model\n" * 20
    for number, lie in enumerate(lies):
        folder = work / f"answers_{number:04d}"
        (folder / "here").mkdir(parents=True)
        wrong = _try(lie, files, folder)
        if not wrong:
            shutil.rmtree(folder)
        yield lie.name, wrong


def _try(lie: Lie, files: dict[str, bytes], folder: Path) -> list[str]:
    with LyingHub(lie) as hub:
        hub.put(REPO, files)
        most, over = [0], threading.Event()
        watch = threading.Thread(target=_watch_disk, args=(folder / "home", most, over))
        watch.start()
        done = run(
            ["-m", "stemzoo.cli", "download", f"hf://{REPO}"],
            folder / "here",
            seconds=SECONDS,
            environment={
                "HF_ENDPOINT": hub.url,
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_OFFLINE": "0",
                "STEMZOO_HOME": str(folder / "home"),
                "HOME": str(folder / "here"),
                "HF_HOME": str(folder / "hf"),
                "NO_PROXY": "127.0.0.1,localhost",
            },
        )
        over.set()
        watch.join()
    wrong = done.faults(MOST_MEGABYTES)
    if most[0] > MOST_DISK:
        wrong.append(f"wrote {most[0] // MEGABYTE} MB to disk")
    if done.code == 0 and not lie.harmless:
        wrong.append(f"was believed: {done.out[:200]}")
    escaped = [
        name
        for name in (*snapshot(folder), *map(str, Path("/tmp").glob("*escaped*")))
        if "escaped" in Path(name).name
    ]
    if escaped:
        wrong.append(f"wrote {escaped}")
    if done.code and not [line for line in done.err.splitlines() if REPO in line]:
        wrong.append(f"does not name the repository: {done.err[:300]}")
    if NOT_FOR_USERS.search(done.out):
        wrong.append(f"told the user: {done.out[:300]}")
    return wrong


def _watch_disk(folder: Path, most: list[int], over: threading.Event) -> None:
    while not over.wait(0.2):
        sizes = 0
        for path in folder.rglob("*"):
            try:
                sizes += path.lstat().st_size
            except OSError:
                continue
        most[0] = max(most[0], sizes)
