"""Where downloaded files are kept, and how several processes share them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemzoo.zoo.remote.errors import explain_disk

TRUE = {"1", "ON", "YES", "TRUE"}


def is_offline(local_files_only: bool | None = None) -> bool:
    """Whether the network is not to be used.

    Parameters
    ----------
    local_files_only : bool, optional
        What the caller asks for; the environment variables STEMZOO_OFFLINE and HF_HUB_OFFLINE
        decide where it is not given.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_offline(True)
    True
    """
    if local_files_only is not None:
        return local_files_only
    if os.environ.get("STEMZOO_OFFLINE", "").upper() in TRUE:
        return True
    from huggingface_hub import constants

    return constants.is_offline_mode()


def hub_cache() -> Path:
    """Cache of files of the Hub: in STEMZOO_HOME if set, else the Hub's own (HF_HOME)."""
    if home := os.environ.get("STEMZOO_HOME"):
        return Path(home).expanduser() / "hub"
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def mirror_cache() -> Path:
    """Cache of files of mirrors: in STEMZOO_HOME if set, else beside the Hub's (HF_HOME)."""
    if home := os.environ.get("STEMZOO_HOME"):
        return Path(home).expanduser() / "mirrors"
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "stemzoo"


def move_aside(path: Path) -> None:
    """Rename a damaged file of a cache to ``*.damaged``, so that nothing takes it for whole.

    Parameters
    ----------
    path : Path
        The file, or the Hub's link to it.

    Raises
    ------
    OSError
        If the cache is read-only.
    """
    real = path.resolve()
    try:
        os.replace(real, real.with_name(real.name + ".damaged"))
        path.unlink(missing_ok=True)
    except OSError as error:
        raise explain_disk(error, real.parent) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time do what is inside.

    Parameters
    ----------
    path : Path
        A file of its own; its folder is made if it does not exist.

    Raises
    ------
    OSError
        If the cache is read-only.
    """
    from huggingface_hub.utils import WeakFileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise explain_disk(error, path.parent) from error
    with WeakFileLock(path):
        yield
