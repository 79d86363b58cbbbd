"""One training in a folder at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

LOCK = ".training.lock"


@contextmanager
def folder_lock(folder: Any) -> Iterator[None]:
    """Keep other trainings out of a folder; nothing is locked for None.

    The operating system holds the lock, so that of a process that was killed is free. A process
    that holds it may take it again.

    Parameters
    ----------
    folder : path-like or None
        Made if it does not exist.

    Raises
    ------
    ValueError
        If another training holds it.

    Examples
    --------
    >>> with folder_lock("my-detector"):  # doctest: +SKIP
    ...     train()
    """
    if folder is None:
        yield
        return
    folder = Path(folder)
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / LOCK
    lock = FileLock(path, timeout=0, is_singleton=True)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"{folder}: expected a folder that no other training writes to; wait for its end, or "
            "choose another one. Received: a folder in use"
        ) from error
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            path.unlink(missing_ok=True)  # while it is held: nobody else has it
        lock.release()
        if made and not any(folder.iterdir()):
            folder.rmdir()  # nothing came of it
