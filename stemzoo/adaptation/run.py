"""What makes a run of adapting the same run when it goes on."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stemzoo import io

RUN = "adaptation.json"


def run_seed(
    out, rng: np.random.Generator | None, images: Sequence[np.ndarray], parent: str
) -> int:
    """Name a run; one that goes on keeps the name that it had.

    Parameters
    ----------
    out : path-like or None
        Folder of the run, which is made if it does not exist; None for a run that leaves nothing.
    rng : numpy.random.Generator or None
        Source of the name; unpredictable where not given.
    images : sequence of ndarray
        What the run is about.
    parent : str
        Name of the weights that it starts from.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the folder holds a run on other images or from other weights.
    """
    facts = {"images": digest(images), "parent": parent}
    path = None if out is None else Path(out) / RUN
    if path is not None and path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if {key: known.get(key) for key in facts} != facts:
            raise ValueError(
                f"{path.parent}: expected a new folder, or one of the same images and weights, to "
                f"go on in. Received: a run of {known.get('parent')} on other images or weights"
            )
        return int(known["seed"])
    seed = int((rng or np.random.default_rng()).integers(2**31))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        io.write_text(path, json.dumps({"seed": seed, **facts}) + "\n")
    return seed


def digest(images: Sequence[np.ndarray]) -> str:
    """Name images by what is in them.

    Parameters
    ----------
    images : sequence of ndarray
        Any.

    Returns
    -------
    str
        SHA-256 of shapes and pixels, in hexadecimal digits.
    """
    found = hashlib.sha256()
    for image in images:
        found.update(str(image.shape).encode())
        found.update(np.ascontiguousarray(image))
    return found.hexdigest()
