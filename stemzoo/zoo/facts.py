"""The JSON files of a model folder: what each may hold, in one place."""

from pathlib import Path
from typing import Any

from stemzoo.io.json_files import Field, read_json
from stemzoo.simulate.material_files import STRUCTURE_FIELDS
from stemzoo.zoo.file_names import (
    CONDITIONS,
    CONFIG,
    EVALUATION,
    METRICS,
    METRICS_REAL,
    PROVENANCE,
    RECIPE,
    STRUCTURE,
    TRAINING_DATA,
)

_NONE = type(None)
_TEXT = Field(str, _NONE, high=1000)
_TEXTS = Field(str, list, _NONE, high=1000, items=Field(str, high=1000))
_OBJECT = Field(dict, _NONE)

# Entries that the zoo itself reads; others, of a user or of a later version, are let through.
FIELDS: dict[str, dict[str, Field]] = {
    # What the arguments may be, the class says.
    CONFIG: {
        "format": Field(int, required=True),
        "class": Field(str, high=100, required=True),
        "config": Field(dict, high=100, required=True),
    },
    PROVENANCE: {
        "packages": Field(dict, items=_TEXT),
        "parent": Field(dict, _NONE, items=_TEXT),
        "licence": _TEXT,
        "training_data": _OBJECT,
        "recipe": _OBJECT,
    },
    TRAINING_DATA: {
        "from": _TEXT,
        "session": _TEXTS,
        "translate": _TEXTS,
        "sampling": Field(float, _NONE, low=1e-3, high=1e3),
        "frames": Field(int, _NONE, low=0, high=1e9),
        "simulated": Field(int, _NONE, low=0, high=1e9),
        "experimental": Field(dict, list),
        "data": Field(dict, list),
    },
    CONDITIONS: {
        "format": Field(int),
        "session": Field(str, high=1000),
        "material": Field(str, high=100),
        "frames": Field(int, low=0, high=1e9),
    },
    STRUCTURE: STRUCTURE_FIELDS,
    RECIPE: {},
    METRICS: {},
    METRICS_REAL: {
        "images": Field(list, items=Field(dict)),
        "scores": Field(list, items=Field(dict)),
    },
    EVALUATION: {},
}


def read_facts(folder: Path, name: str) -> dict[str, Any]:
    """Read one of a model folder's JSON files.

    Parameters
    ----------
    folder : Path
        Model folder.
    name : str
        Name of the file, a key of `FIELDS`.

    Returns
    -------
    dict
        Empty if there is no such file.

    Raises
    ------
    ValueError
        If the file holds something else; the message names it.

    Examples
    --------
    >>> read_facts(Path("nowhere"), RECIPE)
    {}
    """
    path = folder / name
    if not (path.exists() or path.is_symlink()):
        return {}
    return read_json(path, FIELDS[name])
