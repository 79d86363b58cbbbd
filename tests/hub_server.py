"""A Hugging Face Hub of one process: the routes that its client uses, held in memory.

Checked against huggingface_hub 2.4.0. Faults are put in by rules, see `HubServer.fail`. Start the
client with HF_HUB_DISABLE_XET=1 (or `constants.HF_HUB_DISABLE_XET = True`): this server has no Xet.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

from hub_repos import LFS_SIZE, Blob, Repo
from hub_routes import Handler


@dataclass
class Fault:
    """What goes wrong with requests whose ``METHOD /path`` matches a pattern, a number of times."""

    pattern: str
    times: float
    status: int | None = None
    headers: dict = field(default_factory=dict)
    cut_after: int | None = None
    wrong_bytes: bool = False
    hang_up: bool = False
    delay: float = 0.0
    # Writes the whole answer by itself, such as one of `lying_hub.endless`.
    answer: Callable | None = None


class HubServer:
    """A Hub at `url`, to be used in a ``with`` statement.

    `users` maps tokens to names, `readers` are tokens that may not write, `requests` lists every
    ``METHOD /path`` in the order of arrival.
    """

    def __init__(self):
        self.users = {"hf_alice": "alice", "hf_bob": "bob", "hf_reader": "alice"}
        self.readers = {"hf_reader"}
        self.repos: dict[str, Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.pauses: list[float] = []
        # Bytes of the answers that a fault wrote by itself.
        self.sent = 0
        self.gone = False
        self.lock = threading.Lock()
        # Chunks of a body are this many bytes, with this wait after each [s].
        self.chunk, self.wait = 1 << 16, 0.0

    def __enter__(self):
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.port = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gone = True
        self._http.shutdown()
        self._http.server_close()

    def put(self, repo_id: str, files: dict[str, bytes], *, tag=None, **options) -> str:
        """Commit files to a repository, made if it does not exist; return the commit."""
        repo = self.repos.setdefault(repo_id, Repo(**options))
        kept = dict(repo.commits.get(repo.branches.get("main"), {}))
        oid = repo.commit({**kept, **{path: self.blob(path, c) for path, c in files.items()}})
        if tag:
            repo.tags[tag] = oid
        return oid

    def blob(self, path: str, content: bytes) -> Blob:
        # A new repository's .gitattributes names *.h5, so that weights are LFS at any size.
        blob = Blob(content, path.endswith(".h5") or len(content) > LFS_SIZE)
        if blob.lfs:
            self.lfs[blob.sha256] = content
        return blob

    def fail(self, pattern: str, *, times: float = float("inf"), **what) -> None:
        """Make requests whose ``METHOD /path`` holds the pattern go wrong, see `Fault`."""
        self.faults.append(Fault(pattern, times, **what))

    def fault(self, request: str) -> Fault | None:
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return None

    def count(self, pattern: str) -> int:
        """Number of requests so far whose ``METHOD /path`` holds the pattern."""
        with self.lock:
            return sum(bool(re.search(pattern, request)) for request in self.requests)


def point_client_at(server: HubServer, home, monkeypatch) -> None:
    """Make the client of this process use a server, a cache of its own and no token.

    Its pauses before another try take no time; they are appended to `server.pauses`.
    """
    from huggingface_hub import constants, file_download, utils

    from stemzoo.zoo.remote import listing

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "STEMZOO_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STEMZOO_HOME", str(home))
    changes = {
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(home / "hf"),
        "HF_HUB_CACHE": str(home / "hf" / "hub"),
        "HF_TOKEN_PATH": str(home / "hf" / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "hf" / "stored_tokens"),
        "AGENT_HARNESSES_PATH": str(home / "hf" / "harnesses.json"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
    }
    for name, value in changes.items():
        monkeypatch.setattr(constants, name, value)
    pauses = server.pauses
    for module in (file_download, utils._http, listing):
        clock = SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=pauses.append)
        monkeypatch.setattr(module, "time", clock)
    utils.disable_progress_bars()
