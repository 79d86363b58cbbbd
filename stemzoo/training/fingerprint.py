"""What a training is about, so that a folder is not gone on in with another one."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from stemzoo.training.recipes import CycleGANRecipe, FCNRecipe

# Measured on the images, which are part of the fingerprint; a model's name decides nothing.
_DERIVED = ("rotation", "name")


def find_fingerprint(
    recipe: CycleGANRecipe | FCNRecipe,
    model: Any,
    images: Iterable[np.ndarray],
    start: keras.Model | None,
) -> dict[str, Any]:
    """Describe a training by its recipe, its network, and hashes of its data and first weights.

    Parameters
    ----------
    recipe : CycleGANRecipe or FCNRecipe
        How to train.
    model : DefectFCN or CycleGANSTEM
        What is trained.
    images : iterable of ndarray
        All that it is trained on.
    start : keras.Model or None
        With the weights that it starts from; None for new ones.

    Returns
    -------
    dict
        As JSON holds it.
    """
    config = {key: v for key, v in model.get_config().items() if key not in _DERIVED}
    facts = {
        "recipe": asdict(recipe),
        "model": config,
        "images": digest(images),
        "start": None if start is None else digest(start.get_weights()),
    }
    return json.loads(json.dumps(facts))


def find_differences(known: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say how two trainings differ.

    Parameters
    ----------
    known, now : dict
        From `find_fingerprint`. What only one of them knows, of another version, does not count.

    Returns
    -------
    list of str
        Empty if they are the same.

    Examples
    --------
    >>> find_differences({"recipe": {"seed": 0}, "images": "a"}, {"recipe": {"seed": 5}})
    ['seed 0, now 5']
    """
    found = []
    for part in ("recipe", "model"):
        before, after = known.get(part), now.get(part)
        if isinstance(before, dict) and isinstance(after, dict):
            shared = [key for key in after if key in before and before[key] != after[key]]
            found += [f"{key} {before[key]}, now {after[key]}" for key in shared]
    for part, words in (("images", "other images"), ("start", "other weights to start from")):
        if part in known and part in now and known[part] != now[part]:
            found.append(words)
    return list(dict.fromkeys(found))


def digest(images: Iterable[np.ndarray] | Sequence[np.ndarray]) -> str:
    """Hash images.

    Parameters
    ----------
    images : iterable of ndarray
        Of any shape.

    Returns
    -------
    str
        SHA-256 of shapes and pixels, in hexadecimal digits.

    Examples
    --------
    >>> digest([np.zeros((2, 2), np.uint8)])[:8]
    '660c5b93'
    """
    sha = hashlib.sha256()
    for image in images:
        sha.update(str(image.shape).encode())
        sha.update(np.ascontiguousarray(image).data)
    return sha.hexdigest()
