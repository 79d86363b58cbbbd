"""Parts of images, rotated and flipped."""

from collections.abc import Sequence

import numpy as np


def dihedral(image: np.ndarray, index: int) -> np.ndarray:
    """Rotate or flip an image: one of the 8 symmetries of the square.

    Parameters
    ----------
    image : ndarray of shape (M, N, ...)
        Image; a square one keeps its shape.
    index : int
        0 to 7; k turns by 90° (index % 4), flipped left to right first from 4 on.

    Returns
    -------
    ndarray
        A view.
    """
    flipped = image[:, ::-1] if index >= 4 else image
    return np.rot90(flipped, index % 4)


def dihedral_inverse(image: np.ndarray, index: int) -> np.ndarray:
    """Undo `dihedral` with the same index.

    Parameters
    ----------
    image : ndarray of shape (M, N, ...)
        What `dihedral` returned.
    index : int
        0 to 7.

    Returns
    -------
    ndarray
        A view.
    """
    turned = np.rot90(image, -(index % 4))
    return turned[:, ::-1] if index >= 4 else turned


def random_patch(
    arrays: Sequence[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Cut the same random square out of several arrays, and rotate or flip it at random.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (M, N)
        An image and, for instance, its mask.
    size : int
        Edge of the square [px].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of ndarray of shape (size, size)

    Raises
    ------
    ValueError
        If an array is smaller than the square.
    """
    rows, columns = arrays[0].shape[:2]
    if min(rows, columns) < size:
        raise ValueError(
            f"Patches of {size} px need larger images; choose a smaller patch. Received: an image "
            f"of {rows} x {columns} px"
        )
    top, left = rng.integers(rows - size + 1), rng.integers(columns - size + 1)
    index = int(rng.integers(8))
    return tuple(dihedral(a[top : top + size, left : left + size], index) for a in arrays)
