"""Small image files for the tests of readers, and the line that refuses one."""

import numpy as np
import pytest

from stemzoo.io import read_image


def levels(dtype=np.uint16, shape=(70, 80), seed=0):
    return np.random.default_rng(seed).uniform(0, 200, shape).astype(dtype)


def refusal(path, **options):
    """Return the line with which a file is refused, which names it and what was received."""
    with pytest.raises(ValueError, match="Received: ") as caught:
        read_image(path, **options)
    line = str(caught.value)
    assert line.startswith(f"{path}: expected ")
    assert "\n" not in line
    assert line.endswith(".")
    return line
