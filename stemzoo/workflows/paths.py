"""From what a command line names to the files that are read: paths, folders and patterns."""

import os
from collections.abc import Callable, Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import TypeVar

from stemzoo.io.images import READERS

K = TypeVar("K")
T = TypeVar("T")

# Takes a file that cannot be used, and why.
Failed = Callable[[Path, Exception], None]


def expand(arguments: Iterable[str | Path]) -> list[Path]:
    """Turn arguments into files: one that exists is a path, else it is a pattern.

    Parameters
    ----------
    arguments : iterable of path-like
        Files, or patterns such as ``day/*.tif``. What matches nothing stays as it is, so that
        reading it says what is wrong.

    Returns
    -------
    list of Path
        In the order of the arguments, the matches of a pattern sorted; each once, none hidden.

    Examples
    --------
    >>> expand(["b.tif", "a.tif", "b.tif"])
    [PosixPath('b.tif'), PosixPath('a.tif')]
    """
    return list(
        dict.fromkeys(path for name in arguments for path in _matches(name) or [Path(name)])
    )


def find_files(arguments: Iterable[str | Path]) -> list[Path]:
    """Find the files that arguments name, each of which must name at least one.

    Parameters
    ----------
    arguments : iterable of path-like
        As in `expand`.

    Returns
    -------
    list of Path
        Sorted, each once.

    Raises
    ------
    ValueError
        If there is none, or an argument matches nothing.
    """
    names = [Path(name) for name in arguments]
    missing = [str(name) for name in names if not _matches(name)]
    if missing or not names:
        raise ValueError(
            "Expected image files, or patterns such as 'day/*.tif'. Received: no file matches "
            f"{', '.join(missing) or 'nothing'}. Check the path; nothing was begun."
        )
    return sorted(expand(names))


def _matches(name: str | Path) -> list[Path]:
    """Return the path that exists, else what a pattern matches; `glob` leaves out hidden files."""
    # A link that leads nowhere exists, too: reading it says so.
    if os.path.lexists(name):
        return [Path(name)]
    return sorted(map(Path, glob(str(name))))


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that may be images: files that end as one. Reading others is refused.

    Examples
    --------
    >>> image_files([Path("nowhere.tif"), Path(__file__)])
    []
    """
    return [path for path in paths if path.suffix.lower() in READERS and os.path.isfile(path)]


def visible(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that match a pattern, without hidden ones such as temporaries.

    Parameters
    ----------
    folder : Path
        Folder; one that does not exist holds nothing.
    pattern : str
        As for `Path.glob`: ``*.csv``.

    Returns
    -------
    list of Path
        Sorted.

    Examples
    --------
    >>> visible(Path("nowhere"), "*.csv")
    []
    """
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def read_each(
    paths: Sequence[K],
    read: Callable[[K], T],
    failed: Callable[[K, Exception], None] | None = None,
) -> list[tuple[K, T]]:
    """Read files, all of them even if one cannot be used.

    Parameters
    ----------
    paths : sequence of Path or Source
        Files, or frames of stacks.
    read : callable
        Reads one.
    failed : callable, optional
        Takes a file that cannot be used, and why: the others are returned.

    Returns
    -------
    list of (Path or Source, object)
        The files, and what `read` returned.

    Raises
    ------
    ValueError, OSError
        Without `failed`, if a file cannot be used; further ones are named, too.
    """
    done, errors = [], {}
    for path in paths:
        try:
            done.append((path, read(path)))
        except (ValueError, OSError, MemoryError) as error:
            errors[path] = error
            if failed is not None:
                failed(path, error)
    if failed is not None or not errors:
        return done
    first, *others = errors
    if not others:
        raise errors[first]
    named = ", ".join(str(path) for path in others)
    raise ValueError(f"{errors[first]} Nor can these be used: {named}.")
