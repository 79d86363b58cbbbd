"""What a server may answer: how much, for how long, and under which names; checked on arrival."""

import re
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

# A listing of a repository of thousands of files takes a tenth of this [bytes].
LARGEST_LISTING = 16 * 2**20
# An answer that says why there is no file [bytes].
LARGEST_ERROR = 2**20
# For a question, and for the start of a file [s]; then the slowest line that is waited for [B/s].
LONGEST = 60.0
SLOWEST = 20e3

COMMIT = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class RefusedAnswer(ConnectionError):
    """An answer that no honest server gives: nothing of it is kept."""


class AnswerLimits:
    """Limits of the answers to one question; to be used by `limited`.

    Parameters
    ----------
    what : str
        What is asked for, to be named in messages.
    size : int
        The most that it may have [bytes]: more is neither kept in memory nor written.
    seconds : float, optional
        The longest that all of it may take [s]; one minute, and as long as the size takes on a slow
        line, where not given.
    commit : str, optional
        The commit that a Hub has to name.
    digests : collection of str
        The hashes that a Hub may name the file by: its client takes that name for a file's.
    """

    def __init__(
        self,
        what: str,
        size: int,
        *,
        seconds: float | None = None,
        commit: str | None = None,
        digests: Collection[str] = (),
    ):
        self.what, self.size, self.commit, self.digests = what, size, commit, digests
        self.seconds = LONGEST + size / SLOWEST if seconds is None else seconds
        self.until = time.monotonic() + self.seconds
        self.received = 0
        self.sockets: list[Any] = []

    def refusal(self, expected: str, received: str) -> RefusedAnswer:
        """Return the error of an answer that breaks a limit."""
        return RefusedAnswer(
            f"{self.what}: expected {expected}. Received: {received}. Nothing of it was kept: this "
            "is no answer of an honest server. Check HF_ENDPOINT and the network."
        )

    def too_slow(self) -> RefusedAnswer:
        """Return the error of answers that take too long."""
        return self.refusal(f"all of it within {self.seconds:.0f} s", "less")

    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until

    def hang_up(self) -> None:
        """End every connection: a server that sends a byte now and then would never be left."""
        for connection in self.sockets:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # closed by now

    def check_request(self, request: Any) -> None:
        """Ask for the bytes as they are, on a connection that can be ended."""
        if self.is_over():
            raise self.too_slow()
        request.headers["Accept-Encoding"] = "identity"
        # One that is kept open from an earlier question would not be known here.
        request.headers["Connection"] = "close"
        request.extensions["trace"] = self._note_connection

    def _note_connection(self, event: str, facts: dict) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self.sockets.append(facts["return_value"].get_extra_info("socket"))
            if self.is_over():
                raise self.too_slow()

    def check_response(self, response: Any) -> None:
        """Check what the head of an answer says; its body is cut off where it gets too long."""
        packed = response.headers.get("Content-Encoding", "identity")
        if packed != "identity":
            raise self.refusal("an answer as it is", f"one packed as {packed[:40]!r}")
        commit = response.headers.get("X-Repo-Commit")
        if self.commit and commit not in (None, self.commit):
            raise self.refusal(f"commit {self.commit}", f"{commit[:80]!r}")
        # The client writes a file of the name that is in these headers, whatever it is.
        is_about_file = response.request.method == "HEAD" and response.status_code < 400
        for header in ("X-Linked-Etag", "ETag") if self.digests and is_about_file else ():
            if header not in response.headers:
                continue
            name = response.headers[header].removeprefix("W/").strip('"')
            if name in self.digests:
                continue
            if header == "X-Linked-Etag" or not response.has_redirect_location:
                raise self.refusal(f"hash {' or '.join(self.digests)}", f"{name[:80]!r}")
            # Of the page that leads on; the client takes it if there is nothing better.
            del response.headers[header]
        # Large files by another protocol would come past these limits.
        for header in ("X-Xet-Hash", "X-Xet-Refresh-Route"):
            response.headers.pop(header, None)
        response.iter_raw = self._counted(response)

    def _counted(self, response: Any) -> Any:
        """Return the method that yields the body's chunks, until they are too many."""
        chunks, status = response.iter_raw, response.status_code
        most = self.size if status in (200, 206) else LARGEST_ERROR

        def iter_raw(chunk_size: int | None = None) -> Iterator[bytes]:
            # A part (206) is put behind what came before.
            count = self.received if status == 206 else 0
            for chunk in chunks(chunk_size):
                count += len(chunk)
                if count > most:
                    raise self.refusal(f"at most {most} bytes", "more")
                if status in (200, 206):
                    self.received = count
                yield chunk

        return iter_raw


_LIMITS: ContextVar[AnswerLimits | None] = ContextVar("limits", default=None)


@contextmanager
def limited(limits: AnswerLimits) -> Iterator[None]:
    """Hold the answers to what the Hub's client asks inside to limits.

    Parameters
    ----------
    limits : AnswerLimits
        For this thread only.

    Raises
    ------
    RefusedAnswer
        If an answer breaks them.
    """
    _guard_client()
    outer = _LIMITS.set(limits)
    watch = threading.Timer(limits.until - time.monotonic(), limits.hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    except Exception as error:
        if limits.is_over() and not isinstance(error, RefusedAnswer):
            raise limits.too_slow() from error
        raise
    finally:
        watch.cancel()
        _LIMITS.reset(outer)


def _guard_client() -> None:
    """See that the client's session checks answers; its own factory, or a user's, makes it."""
    from huggingface_hub import get_session, set_client_factory
    from huggingface_hub.utils import _http

    if _check_response in get_session().event_hooks["response"]:
        return
    make = _http._GLOBAL_CLIENT_FACTORY

    def make_guarded() -> Any:
        session = make()
        hooks = session.event_hooks
        session.event_hooks = {
            "request": [*hooks["request"], _check_request],
            "response": [_check_response, *hooks["response"]],
        }
        return session

    set_client_factory(make_guarded)


def _check_request(request: Any) -> None:
    if (limits := _LIMITS.get()) is not None:
        limits.check_request(request)


def _check_response(response: Any) -> None:
    if (limits := _LIMITS.get()) is not None:
        limits.check_response(response)
