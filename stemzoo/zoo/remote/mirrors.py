"""Fetch files of the zoo from mirrors: any folder or web server that holds the same bytes."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from stemzoo.io.temporaries import sweep_once, temporary_path
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import FileEntry, WeightsEntry
from stemzoo.zoo.remote.cache import locked, mirror_cache, move_aside
from stemzoo.zoo.remote.limits import AnswerLimits, RefusedAnswer, limited
from stemzoo.zoo.remote.listing import LARGEST_FILE

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
    from huggingface_hub.errors import HTTPError

    url = mirror if "://" in mirror else Path(mirror).expanduser().resolve().as_uri()
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file"):
        raise ValueError(f"expected a mirror by http, https or file. Received: {mirror}")
    url = f"{url.rstrip('/')}/{quote(file.name)}"
    sweep_once(path.parent)
    temporary = temporary_path(path.parent)
    most = LARGEST_FILE if file.size is None else file.size
    try:
        if parts.scheme == "file":
            # One byte more than is expected shows that there is more.
            with open(Path(url2pathname(parts.path)) / file.name, "rb") as source:
                temporary.write_bytes(source.read(most + 1))
        else:
            _copy_from_web(url, temporary, most)
        reason = difference(temporary, file)
        if reason is None:
            os.replace(temporary, path)
        return reason
    except RefusedAnswer:
        raise
    except (OSError, HTTPError) as error:
        reason = " ".join(str(error).split())
        raise ConnectionError(
            f"{url}: expected a file of the mirror. Received: {reason}. Try again later."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _copy_from_web(url: str, path: Path, most: int) -> None:
    """Write what a web server sends, within the limits that hold for the Hub."""
    from huggingface_hub import get_session

    with (
        limited(AnswerLimits(url, most)),
        get_session().stream("GET", url, timeout=TIMEOUT) as answer,
        open(path, "wb") as target,
    ):
        if answer.status_code != 200:
            raise ConnectionError(f"{answer.status_code} {answer.reason_phrase}")
        for chunk in answer.iter_raw():
            target.write(chunk)
