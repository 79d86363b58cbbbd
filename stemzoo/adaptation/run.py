"""How a folder tells whose run it holds: a seed, and the images and weights that it is about."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import io
from stemzoo.io.json_files import Field, read_json
from stemzoo.training.fingerprint import digest

RUN = "adaptation.json"
_FIELDS = {"seed": Field(int, low=0, high=2**31, required=True)}


def run_seed(
    out: Any, rng: np.random.Generator | None, images: Sequence[np.ndarray], parent: str
) -> int:
    """Draw the seed of a run; one that goes on keeps the seed that it had.

    Parameters
    ----------
    out : path-like or None
        Folder of the run, which is made if it does not exist; None for a run that leaves nothing.
    rng : numpy.random.Generator or None
        Source of the seed; unpredictable where not given.
    images : sequence of ndarray
        Measured images, at the pixel size of the model.
    parent : str
        Name of the weights that it starts from.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the folder holds a run on other images or from other weights, or a damaged record of it.
    """
    identity = {"images": digest(images), "parent": parent}
    path = None if out is None else Path(out) / RUN
    if path is not None and path.is_file():
        known = read_json(path, _FIELDS)
        if {key: known.get(key) for key in identity} != identity:
            raise ValueError(
                f"{path.parent}: expected a new folder, or one of the same images and weights, to "
                f"go on in. Received: a run of {known.get('parent')} on other images or weights"
            )
        return known["seed"]
    seed = int((rng or np.random.default_rng()).integers(2**31))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        io.write_text(path, json.dumps({"seed": seed, **identity}) + "\n")
    return seed
