"""Run a command under watch, and say what it did that no input may make it do."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import stemzoo

# Words of Python, of the system or of a library's inside, which no user can act on.
NOT_FOR_USERS = re.compile(
    r"unexpected [A-Z]\w+|Traceback|\[Errno|Segmentation|core dumped|Aborted|"
    r"\b(Index|Type|Attribute|Recursion|Memory|Assertion|ZeroDivision|Unicode\w*)Error\b"
)
CODES = {0, 1, 2}
# Runs the command from a small process: the peak of memory that the system keeps of a process holds
# that of the one it was forked from.
_WATCHED = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
with open("usage", "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), usage.ru_maxrss], file)
"""


@dataclass(frozen=True)
class Done:
    """What a command did.

    Parameters
    ----------
    code : int
        Its exit code; negative where a signal ended it.
    out, err : str
        What it printed.
    megabytes : float
        Its largest resident memory.
    late : bool
        Whether it was stopped, as its time was over.
    """

    code: int
    out: str
    err: str
    megabytes: float
    late: bool

    def faults(self, most_megabytes: float) -> list[str]:
        """Say what is wrong with the run itself, whatever it was given."""
        found = []
        if self.late:
            found.append("did not end")
        elif self.code not in CODES:
            found.append(f"exit code {self.code}")
        if self.megabytes > most_megabytes:
            found.append(f"took {self.megabytes:.0f} MB")
        for line in self.err.splitlines():
            # What is being downloaded, and from where.
            if not line.startswith(("stemzoo: ", "hf://")):
                found.append(f"said on the error output: {line[:200]}")
            elif NOT_FOR_USERS.search(line):
                found.append(f"told the user: {line[:300]}")
        return found


def run(
    arguments: Sequence[str], folder: Path, *, seconds: float, environment: dict | None = None
) -> Done:
    """Run Python with the package under test in a folder, and measure what it takes.

    Parameters
    ----------
    arguments : sequence of str
        Of Python.
    folder : Path
        To work in.
    seconds : float
        After these it is stopped.
    environment : dict, optional
        Variables beside those of this process.

    Returns
    -------
    Done
    """
    variables = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    for name in ("TF_CPP_MIN_LOG_LEVEL", "STEMZOO_DEBUG"):
        variables.pop(name, None)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-c", _WATCHED, sys.executable, *map(os.fspath, arguments)],
            cwd=folder,
            env={**variables, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        late = threading.Event()
        clock = threading.Timer(
            seconds, lambda: (late.set(), os.killpg(process.pid, signal.SIGKILL))
        )
        clock.start()
        process.wait()
        clock.cancel()
    texts = [(folder / name).read_bytes().decode(errors="replace") for name in ("stdout", "stderr")]
    if late.is_set():
        return Done(-signal.SIGKILL, *texts, 0.0, True)
    code, peak = json.loads((folder / "usage").read_text())
    # Linux counts kilobytes, macOS bytes.
    return Done(code, *texts, peak / (2**20 if sys.platform == "darwin" else 2**10), False)


def snapshot(folder: Path, without: Iterable[str] = ()) -> dict[str, bytes]:
    """Return all files below a folder with their content, so that changes can be told.

    Parameters
    ----------
    folder : Path
        Where to look.
    without : iterable of str
        Names in it, which are left out.

    Returns
    -------
    dict of str to bytes
        By relative path; links are told by where they lead.
    """
    left_out = {"stdout", "stderr", "usage", *without}
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if name.parts[0] in left_out:
            continue
        if path.is_symlink():
            found[str(name)] = os.fsencode(os.readlink(path))
        elif path.is_file():
            found[str(name)] = path.read_bytes()
    return found
