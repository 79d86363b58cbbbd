import numpy as np
import pytest

from stemzoo.inference.blocks import Blocks, fullest_part
from stemzoo.io import Image


@pytest.mark.parametrize(
    ("side", "sampling", "edge"),
    # Averaged to 4096 px, unless the pixels are coarser than 0.45 Å then.
    [(4096, 0.2, 1), (4097, 0.2, 2), (16384, 0.2, 2), (16384, 0.1, 4), (16384, None, 4)],
)
def test_large_images_are_averaged_unless_their_pixels_are_coarse(side, sampling, edge):
    assert Blocks.of(Image(np.broadcast_to(0.0, (side, 100)), sampling)).edge == edge


def test_a_part_is_that_of_the_whole():
    pixels = np.random.default_rng(0).normal(size=(64, 90))
    part = slice(3, 9), slice(2, 20)
    for edge in (1, 3):
        blocks = Blocks(Image(pixels), edge)
        np.testing.assert_array_equal(blocks.averaged(part), blocks.averaged()[part])
        mask = blocks.averaged() > 0
        np.testing.assert_array_equal(blocks.only(mask, part), blocks.only(mask)[part])


def test_the_fullest_part_of_a_large_mask_is_chosen():
    mask = np.zeros((6000, 5000), bool)
    mask[2500:, 1500:] = True
    mask[:100] = True
    rows, columns = fullest_part(mask)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (4096, 4096)
    # To a quarter of its edge.
    assert rows.start == 1024
    assert columns.start == 0
