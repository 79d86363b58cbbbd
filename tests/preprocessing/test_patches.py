import numpy as np
import pytest

from stemzoo.preprocessing import (
    dihedral,
    dihedral_inverse,
    random_patch,
)


def test_there_are_eight_orientations_and_each_is_undone():
    image = np.arange(12).reshape(3, 4)
    results = {dihedral(np.arange(9).reshape(3, 3), k).tobytes() for k in range(8)}
    assert len(results) == 8
    for k in range(8):
        assert (dihedral_inverse(dihedral(image, k), k) == image).all()
        channels = np.stack([image, -image], axis=-1)
        assert (dihedral(channels, k)[..., 1] == -dihedral(image, k)).all()


def test_patches_of_image_and_mask_are_cut_at_the_same_place():
    image = np.arange(60 * 40).reshape(60, 40)
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(200):
        patch, mask = random_patch((image, image + 7), 32, rng)
        assert patch.shape == (32, 32)
        assert (mask == patch + 7).all()
        corners.add(int(patch.min()))
    # 29 x 9 places.
    assert len(corners) > 120
    # The first and the last row can be reached.
    assert min(corners) // 40 == 0
    assert max(corners) // 40 == 28


def test_the_same_seed_cuts_the_same_patches():
    image = np.random.default_rng(0).random((50, 50))
    first, second = (random_patch((image,), 20, np.random.default_rng(3))[0] for _ in range(2))
    assert (first == second).all()


def test_a_patch_as_large_as_the_image_is_the_image():
    image = np.arange(25).reshape(5, 5)
    (patch,) = random_patch((image,), 5, np.random.default_rng(0))
    assert sorted(patch.ravel()) == list(range(25))


def test_patches_larger_than_the_image_are_refused():
    with pytest.raises(ValueError, match=r"Patches of 41 px .* Received: an image of 60 x 40 px"):
        random_patch((np.zeros((60, 40)),), 41, np.random.default_rng(0))
