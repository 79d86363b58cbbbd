"""Fetch files of the zoo from mirrors: any folder or web server that holds the same bytes."""

import hashlib
import http.client
import os
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import FileEntry, WeightsEntry
from stemzoo.zoo.remote.cache import locked, mirror_cache, move_aside

TIMEOUT = 20.0  # [s]


def mirrored_folder(entry: WeightsEntry) -> Path:
    """Folder of the cache for an entry's files; other bytes have another folder.

    Parameters
    ----------
    entry : WeightsEntry
        Weights of the zoo.

    Returns
    -------
    Path
    """
    bytes_of_all = "".join(f"{file.name} {file.sha256}\n" for file in entry.files)
    digest = hashlib.sha256(bytes_of_all.encode()).hexdigest()
    return mirror_cache() / f"{entry.name}-{digest[:12]}"


def fetch_from_mirror(mirror: str, entry: WeightsEntry, files: Sequence[FileEntry]) -> Path:
    """Copy files from a mirror into the cache, and check each.

    A file that is already there is only checked. One that differs is moved aside and fetched again.

    Parameters
    ----------
    mirror : str
        URL (http, https, file) or folder that the files lie in.
    entry : WeightsEntry
        Whose files.
    files : sequence of FileEntry
        Which of them.

    Returns
    -------
    Path
        The folder that they now lie in.

    Raises
    ------
    ConnectionError
        If the mirror cannot be reached or lacks a file.
    ValueError
        If a file differs from the manifest, twice.
    """
    folder = mirrored_folder(entry)
    with locked(folder / ".lock"):
        for file in files:
            path = folder / file.name
            if difference(path, file) is None:
                continue
            if path.exists():
                move_aside(path)
            # Twice, as bytes may be changed on the way.
            reason = _copy(mirror, path, file) and _copy(mirror, path, file)
            if reason:
                raise ValueError(
                    f"{mirror}/{file.name}: {reason} It was fetched twice and not loaded."
                )
    return folder


def _copy(mirror: str, path: Path, file: FileEntry) -> str | None:
    """Put a file into place if it is the expected one; else say what differs."""
    url = mirror if "://" in mirror else Path(mirror).expanduser().resolve().as_uri()
    if urlsplit(url).scheme not in ("http", "https", "file"):
        raise ValueError(f"expected a mirror by http, https or file. Received: {mirror}")
    url = f"{url.rstrip('/')}/{quote(file.name)}"
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            _copy_at_most(answer, temporary, file.size + 1)
        reason = difference(temporary, file)
        if reason is None:
            os.replace(temporary, path)
        return reason
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(
            f"{url}: expected a file of the mirror. Received: {error}. Try again later."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy_at_most(source, path: Path, left: int) -> None:
    """Copy no more than is asked for: a mirror may send without end."""
    with open(path, "wb") as target:
        while left and (chunk := source.read(min(left, 1 << 20))):
            target.write(chunk)
            left -= len(chunk)
