import numpy as np
import pytest

from stemzoo.io import Image
from stemzoo.io.any_image import image_list


def test_one_image_or_several_become_a_list():
    one = np.random.default_rng(0).uniform(0, 200, (70, 80))
    other = Image(one, 0.2)
    for images, count in ((one, 1), (other, 1), ([one, other], 2), (np.array([one, one, one]), 3)):
        found = image_list(images)
        assert isinstance(found, list)
        assert len(found) == count
    assert image_list(other) == [other]
    with pytest.raises(ValueError, match=r"Expected one image or more. Received: none"):
        image_list([])
