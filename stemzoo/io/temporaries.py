"""Names of files and folders that are being written, and what killed processes left of them."""

import hashlib
import os
import platform
import re
import shutil
import uuid
from functools import lru_cache
from pathlib import Path

_NAME = re.compile(r"\.stemzoo-(?P<host>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-[0-9a-f]{8}(\.[\w.]+)?")


def temporary_path(folder: Path, suffix: str = "") -> Path:
    """Return a new name in a folder for what is being written; it says which process does.

    Parameters
    ----------
    folder : Path
        Where.
    suffix : str
        End of the name, such as ``".tif"``.

    Returns
    -------
    Path
        Hidden, so that no pattern finds it.

    Examples
    --------
    >>> temporary_path(Path("results"), ".tif").suffix
    '.tif'
    """
    return folder / f".stemzoo-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{suffix}"


def is_left_behind(path: Path) -> bool:
    """Whether something bears a name of `temporary_path` whose process is gone.

    Parameters
    ----------
    path : Path
        File or folder.

    Returns
    -------
    bool
        False for what is not stemzoo's, or another machine's on a shared disk, or still written.
    """
    match = _NAME.fullmatch(path.name)
    # Only POSIX can ask for a process without harming it.
    if match is None or match["host"] != _host() or os.name != "posix":
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # another user's
    return False


def sweep(folder: Path) -> None:
    """Delete what killed processes left of what they were writing in a folder.

    Parameters
    ----------
    folder : Path
        Looked at itself, not below.
    """
    try:
        left = [path for path in folder.iterdir() if is_left_behind(path)]
    except OSError:
        return
    for path in left:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except OSError:
            pass  # another process sweeps, too


@lru_cache(maxsize=256)
def sweep_once(folder: Path) -> None:
    """Do as `sweep`, but once in a process: a folder may get thousands of files."""
    sweep(folder)


@lru_cache(maxsize=1)
def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
