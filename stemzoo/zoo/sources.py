"""From what a user asks for (a name, hf://user/repository, a folder) to a folder of files."""

import logging
import os
from collections.abc import Collection
from pathlib import Path

from stemzoo.zoo.file_names import COMPLETE, GOLDEN, LOADED, ONNX, TRAINING_WEIGHTS, is_record
from stemzoo.zoo.manifest import Source
from stemzoo.zoo.published import check_published, check_version, fetch_published, wanted_files
from stemzoo.zoo.registry import FileEntry, find_weights
from stemzoo.zoo.remote.cache import is_offline
from stemzoo.zoo.repositories import fetch_repository
from stemzoo.zoo.whole_folder import finish

log = logging.getLogger(__name__)


def find_source(
    source: str | Path,
    *,
    revision: str | None = None,
    local_files_only: bool | None = None,
    names: Collection[str] = LOADED,
) -> Source:
    """Find a model's files; what is not on this machine is fetched and checked.

    Parameters
    ----------
    source : str or path-like
        A name of the manifest, ``hf://user/repository[@revision]``, or a folder: a path with a
        separator, or an existing folder that is no name.
    revision : str, optional
        Commit, branch or tag on the Hub; given with a name, the Hub is asked even where the files
        come with the package.
    local_files_only : bool, optional
        Never use the network, see `is_offline`.
    names : collection of str
        Files that are needed, as far as there are such.

    Returns
    -------
    Source
        Bundled files and those of a user's folder are not checked yet, see `Source.differences`.

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    ValueError
        If the weights are not published, need another version of stemzoo, or differ.
    FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had; the message says why and what to do.
    """
    text = str(source)
    if text.startswith("hf://"):
        return fetch_repository(text, revision, names, offline=is_offline(local_files_only))
    entry = None
    if not isinstance(source, Path) and Path(text).name == text:
        try:
            entry = find_weights(text)
        except KeyError:
            if not Path(text).is_dir():
                raise
    if entry is None:
        return _from_folder(Path(source), revision)
    if text in entry.supersedes:
        log.warning("%s is superseded by %s", text, entry.name)
    elif text != entry.name:
        log.warning("%s is another name of %s", text, entry.name)
    check_version(entry)
    if revision is None and entry.bundled:
        wanted_files(entry, names)
        files = tuple(
            file
            for file in entry.files
            if not is_record(file.name) or (entry.folder / file.name).is_file()
        )
        return Source(entry.folder, files, "bundled", entry, entry.repo_id, entry.revision)
    if revision not in (None, entry.revision):
        check_published(entry)
        uri = f"hf://{entry.repo_id}"
        return fetch_repository(uri, revision, names, offline=is_offline(local_files_only))
    return fetch_published(entry, names, offline=is_offline(local_files_only))


def _from_folder(folder: Path, revision: str | None) -> Source:
    if revision is not None:
        raise ValueError(
            f"expected a revision with a name of the zoo or hf://user/repository. Received: "
            f"revision={revision!r} with the folder {folder}"
        )
    finish(folder)
    missing: str | None = "folder"
    if folder.is_dir():
        missing = next((n for n in COMPLETE if not os.path.lexists(folder / n)), None)
    if missing:
        raise FileNotFoundError(
            f"{folder}: expected a model folder with {', '.join(COMPLETE)}. Received: no "
            f"{missing}. Save the model again, or copy all files of its folder."
        )
    names = (*LOADED, *ONNX, TRAINING_WEIGHTS, GOLDEN)
    for path in (folder / name for name in names):
        # A link that leads nowhere or to itself, a folder, a pipe.
        if os.path.lexists(path) and not path.is_file():
            raise ValueError(f"{path}: expected a file of the model. Received: none to read.")
    present = tuple(FileEntry(name, None, None) for name in names if (folder / name).is_file())
    return Source(folder, present, "folder")
