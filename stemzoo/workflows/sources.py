"""Images that a call looks at: files, all images of a folder, frames of stacks."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stemzoo.io.images import READERS, count_frames
from stemzoo.workflows.frames import LABEL_ENDINGS
from stemzoo.workflows.paths import expand


@dataclass(frozen=True)
class Source:
    """An image of a call: a file, or one frame of it.

    Parameters
    ----------
    path : Path
        The file.
    frame : int or None
        Frame of a stack, from 0.
    folder : Path
        Folder below that of the results, as the file lies below the folder that was named.
    fault : str
        Why it cannot be looked at, if that is known before it is read.

    Examples
    --------
    >>> source = Source(Path("day/series.tif"), 7)
    >>> source.name, str(source)
    ('series_0007', 'day/series.tif frame 7')
    """

    path: Path
    frame: int | None = None
    folder: Path = Path()
    fault: str = ""

    @property
    def name(self) -> str:
        """Stem of the names of its results."""
        return self.path.stem if self.frame is None else f"{self.path.stem}_{self.frame:04d}"

    @property
    def key(self) -> str:
        """Name by which the results of a call are told apart."""
        return (self.folder / self.name).as_posix()

    def __str__(self) -> str:
        return f"{self.path}" if self.frame is None else f"{self.path} frame {self.frame}"


def find_sources(
    arguments: Iterable[str | Path],
    *,
    recursive: bool = False,
    frames: str | None = None,
    out: Path | None = None,
    written: Collection[Path] = (),
) -> list[Source]:
    """Find the images that arguments name.

    Parameters
    ----------
    arguments : iterable of path-like
        Files, folders, and patterns such as ``day/*.tif``.
    recursive : bool
        Whether to look into folders of folders, too.
    frames : str, optional
        Frames of stacks to take one by one, see `parse_frames`; without it, a file is one image.
    out : Path, optional
        Folder of the results; images of folders are not looked for in it, unless it is named.
    written : collection of Path
        Pictures that an earlier call wrote, which are no images to look at.

    Returns
    -------
    list of Source
        Each once. What cannot be looked at says so in its `fault`.

    Raises
    ------
    ValueError
        If `frames` names none.

    Examples
    --------
    >>> [str(source) for source in find_sources(["b.tif", "a.tif"])]
    ['b.tif', 'a.tif']
    """
    wanted = None if frames is None else parse_frames(frames)
    skipped = {Path(os.path.abspath(path)) for path in written}
    results = None if out is None else Path(os.path.abspath(out))
    found: list[Source] = []
    for path in expand(arguments):
        if not os.path.isdir(path):  # which says no of names that cannot be
            found.append(Source(path))
            continue
        images = [
            Source(image, folder=image.parent.relative_to(path))
            for image in folder_images(path, recursive=recursive, leave_out=results)
            if Path(os.path.abspath(image)) not in skipped
        ]
        found += images or [Source(path, fault=_empty(path, recursive))]
    found = list(dict.fromkeys(found))
    return found if wanted is None else [one for file in found for one in _split(file, wanted)]


def has_folders(arguments: Iterable[str | Path], sources: Iterable[Source]) -> bool:
    """Tell whether some images are those of a folder, which holds any.

    Parameters
    ----------
    arguments : iterable of path-like
        As in `find_sources`.
    sources : iterable of Source
        What it has found.

    Returns
    -------
    bool

    Examples
    --------
    >>> has_folders(["a.tif"], find_sources(["a.tif"]))
    False
    """
    empty = {source.path for source in sources if source.fault}
    return any(os.path.isdir(path) and Path(path) not in empty for path in arguments)


def folder_images(
    folder: Path, *, recursive: bool = False, leave_out: Path | None = None
) -> list[Path]:
    """Return the images of a folder, none hidden, no masks that stand beside simulated frames.

    Parameters
    ----------
    folder : Path
        The folder.
    recursive : bool
        Whether to look into folders of it, too; links to folders are not followed.
    leave_out : Path, optional
        Absolute path of a folder below it that is not looked into.

    Returns
    -------
    list of Path
        Sorted.

    Examples
    --------
    >>> folder_images(Path(__file__).parent)
    []
    """
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if recursive
            and not name.startswith(".")
            and Path(os.path.abspath(os.path.join(parent, name))) != leave_out
        )
        there = set(names)
        found += [
            Path(parent) / name
            for name in sorted(names)
            if Path(name).suffix.lower() in READERS
            and not name.startswith(".")
            and not _is_label(name, there)
        ]
    return found


def _is_label(name: str, there: Collection[str]) -> bool:
    """Whether a picture tells where the defects or the crystal of a simulated frame are."""
    stems = (name.removesuffix(end) for end in LABEL_ENDINGS if name.endswith(end))
    return any(f"{stem}.tif" in there and f"{stem}.csv" in there for stem in stems)


def _empty(folder: Path, recursive: bool) -> str:
    where = "or below it " if recursive else ""
    step = "Check the path" if recursive else "Check the path, or look below it (--recursive)"
    return (
        f"{folder}: expected images in this folder {where}({', '.join(READERS)}). Received: none. "
        f"{step}."
    )


def parse_frames(text: str) -> slice:
    """Read which frames of a stack are wanted.

    Parameters
    ----------
    text : str
        ``"all"``, a number, or ``"first:behind the last"``, perhaps with ``":step"``, as Python
        counts.

    Returns
    -------
    slice

    Raises
    ------
    ValueError
        If it is none of these.

    Examples
    --------
    >>> parse_frames("all"), parse_frames("0:100"), parse_frames("7")
    (slice(None, None, None), slice(0, 100, None), slice(7, 8, None))
    >>> parse_frames("some")
    Traceback (most recent call last):
    ValueError: --frames is all, a number, or a range such as 0:100 or 0:100:5. Received: 'some'
    """
    parts = text.strip().split(":")
    try:
        if parts == ["all"]:
            return slice(None)
        numbers = [int(part) if part.strip() else None for part in parts]
        if len(parts) == 1 and numbers[0] is not None and numbers[0] >= 0:
            return slice(numbers[0], numbers[0] + 1)
        if 2 <= len(parts) <= 3 and (len(parts) < 3 or numbers[2] is None or numbers[2] > 0):
            return slice(*numbers)
    except ValueError:
        pass
    raise ValueError(
        f"--frames is all, a number, or a range such as 0:100 or 0:100:5. Received: {text!r}"
    )


def _split(source: Source, wanted: slice) -> Iterator[Source]:
    """Yield the frames of a file; one that holds a single image is that image."""
    if source.fault:
        yield source
        return
    try:
        count = count_frames(source.path)
    except (ValueError, OSError):  # reading it says what is wrong
        yield source
        return
    numbers = range(count)[wanted]
    if count == 1 and len(numbers) == 1:
        yield source
    elif not numbers:
        fault = (
            f"{source.path}: expected frames among the {count} of this file. Received: --frames "
            f"that name none of them. Choose 0:{count}, or all."
        )
        yield Source(source.path, folder=source.folder, fault=fault)
    else:
        yield from (Source(source.path, number, source.folder) for number in numbers)
