"""Write a folder of files aside, and put it into its place when it is whole.

A new folder gets its name in one step. To an existing one, which may hold a training's other files
and be somebody's current folder, the new files are given in two: they get the name `WHOLE` in it
together, then each takes its place. If a kill comes between, `finish` does the rest.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stemzoo.io.temporaries import is_left_behind, sweep, temporary_path

# Below a folder: files that are all written, and are to take the place of those in the folder.
WHOLE = ".stemzoo-whole"


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of a new one, or gives its files to an old one.

    A process that is killed meanwhile leaves no half of a folder: what it wrote aside is deleted by
    the next one that writes there, and if it was whole, `finish` gives the folder the rest of it.

    Parameters
    ----------
    folder : path-like
        Made, with its parents, if it does not exist. Files of an existing one that are not written
        anew stay.

    Yields
    ------
    Path
        Empty folder on the same disk.

    Raises
    ------
    OSError
        If there is a file of that name, no right to write, or no room; the message names it.

    Examples
    --------
    >>> with whole_folder("my-model") as aside:  # doctest: +SKIP
    ...     write_model(model, aside)
    """
    # Where a link leads, as the link is to stay.
    target = Path(os.path.realpath(folder))
    aside = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        sweep(target)
        finish(target)
        is_new = not target.exists()
        aside = temporary_path(target.parent if is_new else target)
        aside.mkdir()
        yield aside
        if is_new and not target.exists():
            os.rename(aside, target)
            return
        for path in aside.iterdir():
            if (target / path.name).is_dir():
                reason = f"A folder is named {path.name}"
                raise IsADirectoryError(errno.EISDIR, reason, str(target / path.name))
        os.rename(aside, target / WHOLE)
        finish(target)
    except OSError as error:
        if error.strerror is None:
            raise
        named = type(error)(
            f"{folder}: expected a folder that can be written. Received: {error.strerror}. Take "
            "another one, or make room."
        )
        named.errno = error.errno
        raise named from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def finish(folder: str | Path) -> None:
    """Give a folder the rest of its new files, if the process that did so was killed.

    Parameters
    ----------
    folder : path-like
        Any folder. Nothing happens where no such files are left, or another process does the same.

    Raises
    ------
    OSError
        If the folder may not be written to.

    Examples
    --------
    >>> finish("my-model")  # doctest: +SKIP
    """
    whole = Path(folder) / WHOLE
    # A link would have the files of any folder moved.
    if whole.is_symlink() or not whole.is_dir():
        return
    try:
        for path in sorted(whole.iterdir()):
            with suppress(FileNotFoundError):
                os.replace(path, whole.parent / path.name)
        with suppress(FileNotFoundError):
            whole.rmdir()
    except OSError as error:
        raise type(error)(
            f"{folder}: expected to give it the rest of the files in {WHOLE}, of a save that was "
            f"stopped. Received: {error.strerror}. Allow to write there, or move them by hand."
        ) from error


def is_vacant(folder: Path) -> bool:
    """Whether a folder does not exist, or holds nothing but what killed processes left."""
    if not os.path.lexists(folder):
        return True
    return folder.is_dir() and all(is_left_behind(path) for path in folder.iterdir())
