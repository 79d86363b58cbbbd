"""Load the model folders that are named, and say in one JSON object a line what came of each."""

import json
import sys
import warnings

import numpy as np

import stemzoo


def outcome(folder: str) -> dict:
    """Say what a user of `stemzoo.load` sees of a folder."""
    try:
        model = stemzoo.load(folder)
        image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        found = model.golden_outputs(image[None, ..., None])
    except (ValueError, OSError, KeyError) as error:
        return {"refused": str(error.args[0] if isinstance(error, KeyError) else error)}
    except Exception as error:
        return {"fault": f"{type(error).__name__}: {error}"}
    return {"finite": bool(all(np.isfinite(np.asarray(array)).all() for array in found.values()))}


warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    print(json.dumps({"folder": name, **outcome(name)}), flush=True)
