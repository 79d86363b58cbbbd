"""A training as a process of its own, that tells how far it is and can be stopped."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Nothing of the folder that it runs in is imported, whatever that holds.
COMMAND_LINE = (sys.executable, "-P", "-m", "stemzoo.cli")
_EPOCH = re.compile(r"epoch (\d+)/(\d+) ")
# Seconds that a process has to end by itself.
_PATIENCE = 5.0
_LINE = 400


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Parameters
    ----------
    part : float
        Of its time or its epochs, 0 to 1.
    seconds : float
        Since it began.
    lines : tuple of str
        What it said.
    state : str
        ``"running"``, ``"done"``, ``"stopped"`` or ``"failed"``.
    """

    part: float
    seconds: float
    lines: tuple[str, ...]
    state: str


@dataclass(eq=False)
class Training:
    """A verb of the command line that trains, in a process of its own.

    It takes its memory with it when it ends, and cannot block or harm the page.

    Parameters
    ----------
    arguments : sequence of str
        As after ``stemzoo`` on the command line.
    minutes : float or None
        How long it may take; None where it has so many epochs.
    folder : Path
        Where it works, and says what it does.
    program : sequence of str
        What takes the arguments.

    Examples
    --------
    >>> training = Training(["--version"], 1.0, Path())
    >>> training.start(); training.wait().lines  # doctest: +SKIP
    ('stemzoo 0.1.0',)
    """

    arguments: Sequence[str]
    minutes: float | None
    folder: Path
    program: Sequence[str] = COMMAND_LINE
    _process: subprocess.Popen | None = None
    _stopped: bool = False
    _started: float = field(default_factory=time.monotonic)
    _ended: float | None = None

    @property
    def log(self) -> Path:
        """File of what it says."""
        return self.folder / "training.log"

    def start(self) -> None:
        """Start the process."""
        self._started = time.monotonic()
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [*self.program, *self.arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
                env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "1000"},
            )

    def progress(self) -> Progress:
        """Return how far it is."""
        code = None if self._process is None else self._process.poll()
        if code is not None and self._ended is None:
            self._ended = time.monotonic()
        seconds = (self._ended or time.monotonic()) - self._started
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        lines = tuple(line[:_LINE] for line in text.splitlines() if line.strip())
        if self._stopped:
            state = "stopped"
        else:
            state = "running" if code is None else "failed" if code else "done"
        part = 1.0 if state == "done" else min(self._part(seconds, lines), 0.99)
        return Progress(part, seconds, lines, state)

    def _part(self, seconds: float, lines: Sequence[str]) -> float:
        if self.minutes is not None:
            return seconds / (60 * self.minutes)
        for line in reversed(lines):
            if match := _EPOCH.search(line):
                return int(match[1]) / int(match[2])
        return 0.0

    def wait(self, seconds: float = 600.0) -> Progress:
        """Wait until it ends; return how it ended."""
        assert self._process is not None  # started
        self._process.wait(seconds)
        return self.progress()

    def stop(self) -> None:
        """End the process, and all that it has started; one that has ended stays as it is."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._stopped = True
        self._signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
            process.wait(_PATIENCE)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        try:
            if os.name == "posix":
                os.killpg(self._process.pid, number)
            else:
                self._process.terminate()
        except ProcessLookupError:
            pass  # it has ended just now
