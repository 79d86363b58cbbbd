"""What is known of weights without loading them."""

from dataclasses import asdict
from pathlib import Path

from stemzoo.registry import find_weights
from stemzoo.zoo.download import cached_snapshot
from stemzoo.zoo.model_folder import read_json
from stemzoo.zoo.sources import CONDITIONS, CONFIG, PROVENANCE, TRAINING_DATA, find_source


def describe_weights(source) -> dict:
    """Gather what manifest and model folder say; nothing is fetched.

    Parameters
    ----------
    source : str or path-like
        Name of the zoo, or model folder.

    Returns
    -------
    dict
        `name`, `origin` (``"bundled"``, ``"hub"`` or ``"folder"``), `folder` if the files are on
        this machine, the fields of `WeightsEntry` for a name, and `config`, `training_data`,
        `provenance` and `conditions` (session and number of frames) as far as their files are here.

    Raises
    ------
    KeyError, FileNotFoundError
        If there are no such weights.

    Examples
    --------
    >>> describe_weights("fcn-wse2")["config"]["material"]
    'wse2'
    """
    text = str(source)
    is_name = not isinstance(source, Path) and Path(text).name == text
    try:
        entry = find_weights(text) if is_name else None
    except KeyError:
        if not Path(text).is_dir():
            raise
        entry = None
    if entry is None:
        folder = find_source(Path(text)).folder
        return {"name": folder.resolve().name, "origin": "folder", **_contents(folder)}
    facts = asdict(entry)
    facts["files"] = [{k: f[k] for k in ("name", "size", "sha256")} for f in facts["files"]]
    folder = entry.folder if entry.bundled else None
    if not entry.bundled and entry.revision and entry.repo_id:
        folder = cached_snapshot(entry.repo_id, entry.revision)
    here = {} if folder is None else _contents(folder)
    return {**facts, "origin": "bundled" if entry.bundled else "hub", **here}


def _contents(folder: Path) -> dict:
    found = {"folder": str(folder)}
    if (folder / CONFIG).is_file():
        config = read_json(folder / CONFIG)
        found.update({"class": config.get("class"), "config": config.get("config")})
    for key, name in (("training_data", TRAINING_DATA), ("provenance", PROVENANCE)):
        if (folder / name).is_file():
            found[key] = read_json(folder / name)
    if (folder / CONDITIONS).is_file():
        content = read_json(folder / CONDITIONS)
        found["conditions"] = {key: content.get(key) for key in ("session", "frames")}
    return found
