"""Write entries of the manifest."""

import json
from collections.abc import Mapping
from pathlib import Path

from stemzoo.io import write_json
from stemzoo.registry import WeightsEntry, entry_of, read_manifest
from stemzoo.zoo.checksums import sha256


def describe_files(paths: Mapping[str, Path]) -> dict:
    """Return hashes and sizes of files, as the manifest holds them.

    Parameters
    ----------
    paths : mapping of str to Path
        Files by their name in the model folder.

    Returns
    -------
    dict

    Examples
    --------
    >>> list(describe_files({"manifest.py": Path(__file__)})["manifest.py"])
    ['sha256', 'size']
    """
    return {
        name: {"sha256": sha256(path), "size": path.stat().st_size}
        for name, path in sorted(paths.items())
    }


def checked_entry(record: dict) -> WeightsEntry:
    """Return the entry that a new record describes.

    Parameters
    ----------
    record : dict
        As JSON is to hold it.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    ValueError
        If it describes none.
    """
    try:
        return entry_of(record)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{record['name']}: expected fields of a WeightsEntry. {error}") from error


def write_entry(path: Path, record: dict) -> None:
    """Put a record in the place of the one of its name, in one step.

    Parameters
    ----------
    path : Path
        The manifest.
    record : dict
        From which `checked_entry` makes an entry.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    others = [other for other in content["weights"] if other["name"] != record["name"]]
    content["weights"] = sorted([*others, record], key=lambda other: other["name"])
    write_json(path, content)
    read_manifest.cache_clear()
