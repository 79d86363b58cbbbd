"""Files that visitors drop: seen to be images of a known kind, renamed, and put away."""

import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from stemzoo.io.images import READERS

# What a CIF may take [bytes]; one of 8,000 atoms has less than 1 MB.
_LARGEST_STRUCTURE = 5_000_000
STRUCTURES = (".cif", ".vasp", ".poscar", ".xyz", ".json")
_LONGEST = 60


def safe_name(name: str, suffixes: Collection[str], taken: Collection[str] = ()) -> str:
    """Return a name for a file, whatever it was called: letters, digits, dots, dashes.

    Parameters
    ----------
    name : str
        As its owner calls it.
    suffixes : collection of str
        Ends that it may have, in lower case.
    taken : collection of str
        Stems that other files have.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it has another end.

    Examples
    --------
    >>> safe_name("../../WSe2 <b>(3)</b>.DM3", [".dm3"]), safe_name("-.tif", [".tif"])
    ('b.dm3', 'image.tif')
    >>> safe_name("scan.tif", [".tif"], ["scan"])
    'scan-2.tif'
    """
    path = Path(name.replace("\\", "/").replace("\0", ""))
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        raise ValueError(
            f"Expected a file ending in {', '.join(suffixes)}. Received: {suffix or 'no suffix'}. "
            "Save the image as TIFF."
        )
    stem = re.sub(r"[^\w.-]+", "_", path.stem, flags=re.ASCII).strip("._-")[:_LONGEST] or "image"
    number, free = 1, stem
    while free.casefold() in {other.casefold() for other in taken}:
        number += 1
        free = f"{stem}-{number}"
    return f"{free}{suffix}"


def take_upload(source: Path, name: str, folder: Path, *, root: Path, largest: int) -> Path:
    """Move a file that was uploaded to the folder of its visit.

    Parameters
    ----------
    source : Path
        The file.
    name : str
        As `safe_name` returns it.
    folder : Path
        Folder of the visit.
    root : Path
        Folder of all uploads; nothing outside of it is taken.
    largest : int
        Largest size [bytes].

    Returns
    -------
    Path
        The file in its new place.

    Raises
    ------
    ValueError
        If it is no file of the uploads, a link, empty or too large.
    """
    inside = source.resolve().is_relative_to(root.resolve())
    if not inside or source.is_symlink() or not source.is_file():
        raise ValueError("Expected an uploaded file. Received: another. Drop the file once more.")
    size = source.stat().st_size
    if not 0 < size <= largest:
        received = "an empty file" if not size else f"{size / 1e6:.0f} MB"
        raise ValueError(
            f"Expected a file of at most {largest / 1e6:.0f} MB. Received: {received}. Crop the "
            "image, or save it as a smaller type."
        )
    target = folder / name
    shutil.move(source, target)
    return target


def take_image(source: Path, folder: Path, *, root: Path, largest: int) -> Path:
    """Move an uploaded image to the folder of its visit; see `take_upload`."""
    taken = [path.stem for path in folder.iterdir()]
    name = safe_name(source.name, tuple(READERS), taken)
    return take_upload(source, name, folder, root=root, largest=largest)


def take_structure(source: Path, folder: Path, *, root: Path) -> Path:
    """Move an uploaded file of a crystal to the folder of its visit; see `take_upload`."""
    taken = [path.stem for path in folder.iterdir()]
    name = safe_name(source.name, STRUCTURES, taken)
    return take_upload(source, name, folder, root=root, largest=_LARGEST_STRUCTURE)


def sweep_uploads(root: Path, *, older: float, most: int) -> int:
    """Delete uploads that nobody has taken; return how many bytes are left.

    Parameters
    ----------
    root : Path
        Folder of all uploads.
    older : float
        Age from which they are deleted [s].
    most : int
        Room that they may take [bytes]; where they take more, all are deleted that are a minute
        old.

    Returns
    -------
    int
    """
    files = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            try:
                state = path.lstat()
            except OSError:
                continue
            files.append((path, time.time() - state.st_mtime, state.st_size))
    total = sum(size for _, _, size in files)
    limit = older if total <= most else min(older, 60.0)
    for path, age, size in files:
        if age > limit:
            path.unlink(missing_ok=True)
            total -= size
    return total
