"""Files to write: known, unique and nobody else's before any work begins, then written whole."""

import errno
import os
import platform
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PREFIX = f".stemzoo-{platform.node()}-"


@dataclass(frozen=True)
class OutputPlan:
    """Files that the results of one source go to.

    Parameters
    ----------
    source : Path
        Image file, or name of a frame.
    files : tuple of Path
        The files.
    """

    source: Path
    files: tuple[Path, ...]


def plan_outputs(
    results: Iterable[tuple[Path, Sequence[str]]],
    out: Path,
    *,
    inputs: Iterable[Path] = (),
    mark: str | Sequence[str] = "stemzoo",
) -> list[OutputPlan]:
    """Name all files that a call writes, none of them twice, none an input or somebody else's.

    Parameters
    ----------
    results : iterable of (Path, sequence of str)
        Each source, and the names of its results in `out`, perhaps in a folder there. The first
        of these tells whether stemzoo has written them.
    out : Path
        Folder for the results; need not exist.
    inputs : iterable of Path
        Files that the call reads.
    mark : str or sequence of str
        What stands in the first 4 kB of a file that an earlier call has written, which is replaced;
        one of several.

    Returns
    -------
    list of OutputPlan
        One a source, in their order.

    Raises
    ------
    ValueError
        If a file would be written twice, or exists and is an input or not one of stemzoo's.

    Examples
    --------
    >>> (plan,) = plan_outputs([(Path("a/scan.tif"), ["scan.csv", "scan.png"])], Path("out"))
    >>> [path.name for path in plan.files]
    ['scan.csv', 'scan.png']
    >>> twins = [(Path("a/scan.tif"), ["scan.csv"]), (Path("b/Scan.tif"), ["Scan.csv"])]
    >>> plan_outputs(twins, Path("out"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: b/Scan.tif: its results would overwrite those of a/scan.tif, which has the same...
    """
    named = {found: path for path in inputs if (found := _identity(path)) is not None}
    marks = [text.encode() for text in ([mark] if isinstance(mark, str) else mark)]
    taken: dict[str, Path] = {}
    plans, refusals = [], []
    for source, names in results:
        plan = OutputPlan(source, tuple(out / name for name in names))
        refusal = _twin(source, names, taken) or _overwritten(plan, named, marks)
        plans.append(plan)
        if refusal is not None:
            refusals.append(refusal)
    if refusals:
        more = f" {len(refusals) - 1} more files are in the way." if len(refusals) > 1 else ""
        raise ValueError(f"{refusals[0]} Nothing was written.{more}")
    return plans


def _twin(source: Path, names: Sequence[str], taken: dict[str, Path]) -> str | None:
    """Say which other source has results of these names, if one has; remember the names."""
    # Names that differ in case, or in how their accents are composed, are one file on some disks.
    keys = [unicodedata.normalize("NFC", name).casefold() for name in names]
    other = next((taken[key] for key in keys if key in taken), None)
    if other is None:
        taken.update(dict.fromkeys(keys, source))
        return None
    return (
        f"{source}: its results would overwrite those of {other}, which has the same name. "
        "Give it another --out folder."
    )


def _overwritten(
    plan: OutputPlan, named: dict[tuple[int, int], Path], marks: Sequence[bytes]
) -> str | None:
    """Say which file the results would overwrite that is to stay, if there is one."""
    there = [path for path in plan.files if os.path.lexists(path)]
    for path in there:
        image = named.get(_identity(path) or (-1, -1))
        if image is not None:
            what = "itself" if image == plan.source else image
            return (
                f"{plan.source}: its results would overwrite the image {what}. Choose another "
                "--out folder."
            )
    own = bool(there) and _holds(plan.files[0], marks)
    foreign = next((path for path in there if not own and not _holds(path, marks)), None)
    if foreign is None:
        return None
    return (
        f"{plan.source}: its results would overwrite {foreign}, which is none of an earlier call. "
        "Move that file, or choose another --out folder."
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what is the same for all names of a file: links, other case, another folder."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _holds(path: Path, marks: Sequence[bytes]) -> bool:
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            return False
        with path.open("rb") as file:
            start = file.read(4096)
            return any(mark in start for mark in marks)
    except OSError:
        return False


def make_folder(path: Path) -> None:
    """Make a folder for results, and sweep out what killed calls have left in it.

    Parameters
    ----------
    path : Path
        The folder.

    Raises
    ------
    ValueError, OSError
        If it is a file, or cannot be written to.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"--out expects a folder. Received: {path}, a file")
    path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise PermissionError(
            f"--out expects a folder to write to. Received: {path}, which is read-only. Choose "
            "another."
        )
    for folder in path.glob(f"{_PREFIX}*"):
        if not _is_running(folder.name.removeprefix(_PREFIX).partition("-")[0]):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def swept(folders: Iterable[Path]) -> Iterator[None]:
    """Sweep folders for results at the end, where other processes of the call may have been killed.

    Parameters
    ----------
    folders : iterable of Path
        The folders; those that are not there in the end are left alone.
    """
    try:
        yield
    finally:
        for folder in dict.fromkeys(folders):
            if folder.is_dir():
                make_folder(folder)


def _is_running(process: str) -> bool:
    """Whether a process of this computer lives; where that cannot be asked, as if it did."""
    if os.name != "posix" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)  # which sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        pass
    return True


@contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Yield a hidden folder; its files are moved to `out` at the end, or deleted on failure.

    A full disk, an error or a stop in between leaves no table without its picture.

    Parameters
    ----------
    out : Path
        Existing folder.

    Yields
    ------
    Path
        An empty folder in `out`.

    Raises
    ------
    OSError
        If the files cannot be written, with the name of `out`.

    Examples
    --------
    >>> with written_whole(Path("out")) as folder:  # doctest: +SKIP
    ...     (folder / "scan.csv").write_text("row,column")
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=out) as name:
            yield Path(name)
            for path in sorted(Path(name).iterdir()):
                os.replace(path, out / path.name)
    except OSError as error:
        number = error.errno
        # NumPy tells of a full disk in words only.
        if number is None and re.search(r"\d requested and \d+ written", str(error)):
            number = errno.ENOSPC
        # What is read has a name of its own; that of a temporary would help nobody.
        elsewhere = error.filename is not None and _PREFIX not in os.fsdecode(error.filename)
        if number is None or elsewhere:
            raise
        raise OSError(number, os.strerror(number), str(out)) from error
