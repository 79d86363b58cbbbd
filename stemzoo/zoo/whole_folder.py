"""Write a folder of files aside, and put it into its place when it is whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemzoo.io.temporaries import is_left_behind, sweep, temporary_path


@contextmanager
def whole_folder(folder: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of a new one, or gives its files to an old one.

    A process that is killed meanwhile leaves no half of a folder; what it wrote aside is deleted by
    the next one that writes there.

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
        is_new = not target.exists()
        aside = temporary_path(target.parent if is_new else target)
        aside.mkdir()
        yield aside
        if is_new and not target.exists():
            os.rename(aside, target)
            return
        for path in sorted(aside.iterdir()):
            os.replace(path, target / path.name)
    except OSError as error:
        if error.strerror is None:
            raise
        raise type(error)(
            f"{folder}: expected a folder that can be written. Received: {error.strerror}. Take "
            "another one, or make room."
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def is_vacant(folder: Path) -> bool:
    """Whether a folder does not exist, or holds nothing but what killed processes left."""
    if not os.path.lexists(folder):
        return True
    return folder.is_dir() and all(is_left_behind(path) for path in folder.iterdir())
