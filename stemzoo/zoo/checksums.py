"""Hashes of files, and whether a file is the one that was expected."""

import hashlib
from pathlib import Path

from stemzoo.registry import FileEntry


def sha256(path) -> str:
    """Hash of a file's bytes.

    Examples
    --------
    >>> len(sha256(__file__))
    64
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_sha1(path) -> str:
    """Hash that git keeps of a file: SHA-1 of a header with its size, then its bytes."""
    path = Path(path)
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def difference(path, expected: FileEntry) -> str | None:
    """Compare a file with what is known of it.

    Parameters
    ----------
    path : path-like
        The file.
    expected : FileEntry
        Its size and hash, as far as they are known.

    Returns
    -------
    str or None
        What was expected and what was received; None if the file is the right one.

    Examples
    --------
    >>> difference(__file__, FileEntry("checksums.py", None, None)) is None
    True
    """
    path = Path(path)
    if not path.is_file():
        return "expected a file of the weights. Received: none."
    size = path.stat().st_size
    checks = (
        ("sha256", expected.sha256, sha256),
        ("git hash", expected.git_sha1, git_sha1),
    )
    for name, digest, compute in checks:
        if digest is None:
            continue
        found = compute(path)
        if found != digest or expected.size not in (None, size):
            known = "" if expected.size is None else f"{expected.size} bytes with "
            return f"expected {known}{name} {digest}. Received: {size} bytes with {found}."
    return None
