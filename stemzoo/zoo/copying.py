"""Copies of the zoo's weights as model folders: for machines without a network, and for mirrors."""

import shutil
from pathlib import Path

from stemzoo.cards import model_card
from stemzoo.io import atomic_path, write_text
from stemzoo.registry import find_weights
from stemzoo.zoo.checksums import difference
from stemzoo.zoo.sources import CARD, GOLDEN, LOADED, TRAINING_WEIGHTS, find_source


def copy_weights(source: str, to=None) -> Path:
    """Bring all files of weights to this machine, and check them.

    Parameters
    ----------
    source : str
        Name of the zoo, or ``hf://user/repository[@revision]``.
    to : path-like, optional
        Receives a model folder of the weights' name; where not given, the files stay in the cache
        or the package.

    Returns
    -------
    Path
        The model folder: `load` takes it, and as one of an entry's `mirrors` it serves others.

    Raises
    ------
    ValueError
        If a file differs from what is expected.
    KeyError, FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had.

    Examples
    --------
    >>> copy_weights("fcn-wse2", "weights")  # doctest: +SKIP
    PosixPath('weights/fcn-wse2')
    """
    if source.startswith("hf://"):
        names = (*LOADED, TRAINING_WEIGHTS, GOLDEN)
    else:
        names = [file.name for file in find_weights(source).files]
    found = find_source(source, names=names)
    if different := found.differences():
        raise ValueError(f"{' '.join(different)} Nothing was copied.")
    if to is None:
        return found.folder
    name = found.entry.name if found.entry else found.repo_id.split("/")[1]
    folder = Path(to) / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in found.files:
        path = folder / file.name
        if path.is_file() and difference(path, file) is None:
            continue
        with atomic_path(path) as temporary:
            shutil.copyfile(found.folder / file.name, temporary)
    if found.origin == "bundled":
        write_text(folder / CARD, model_card(found.entry, found.folder))
    return folder
