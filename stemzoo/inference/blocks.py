"""A large image in blocks of pixels, as much of it at once as memory allows."""

from dataclasses import dataclass

import numpy as np

from stemzoo.io import Image
from stemzoo.preprocessing import average_blocks

# An image of at most this edge is looked at as a whole [px]: pixels of larger ones are averaged.
# Where they are too coarse for that, this much of them is, for what a part tells.
_FIELD = 4096
# Coarsest pixel in which a lattice is still told from another [Å].
_COARSEST = 0.45
# Rows and columns of a part of an image.
Part = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Blocks:
    """An image whose pixels are averaged in blocks, if it is large.

    Parameters
    ----------
    image : Image
        The image.
    edge : int
        Edge of a block [px]; 1 for an image that is not large.
    """

    image: Image
    edge: int

    @classmethod
    def of(cls, image: Image) -> "Blocks":
        """Choose blocks for an image.

        Examples
        --------
        >>> Blocks.of(Image(np.broadcast_to(0.0, (9000, 9000)), 0.2)).edge
        2
        """
        edge = -(-max(image.data.shape) // _FIELD)
        if image.sampling is not None and image.sampling > 0:
            edge = min(edge, int(_COARSEST / image.sampling))
        return cls(image, max(edge, 1))

    def averaged(self, part: Part | None = None) -> np.ndarray:
        """Return the means of all blocks, or of a part of them; the image itself if edge is 1."""
        pixels = self.image.data
        if part is not None:
            pixels = pixels[tuple(slice(self.edge * s.start, self.edge * s.stop) for s in part)]
        return pixels if self.edge == 1 else average_blocks(pixels, self.edge, np.float32)

    def only(self, mask: np.ndarray, part: Part | None = None) -> np.ndarray:
        """Return the same, with NaN where a mask of the blocks (P, Q) is false."""
        return np.where(mask if part is None else mask[part], self.averaged(part), np.nan)

    def spread(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (P, Q) of blocks as one of pixels; a rest at the ends is as what is next.

        Examples
        --------
        >>> Blocks(Image(np.zeros((3, 5))), 2).spread(np.array([[True, False]]))[0].tolist()
        [True, True, False, False, False]
        """
        shape = self.image.data.shape
        if self.edge == 1:
            return mask
        if mask.all():
            return np.broadcast_to(True, shape)  # without memory for each pixel
        spread = mask.repeat(self.edge, axis=0).repeat(self.edge, axis=1)
        missing = [(0, n - known) for n, known in zip(shape, spread.shape, strict=True)]
        return np.pad(spread, missing, mode="edge")


def fullest_part(mask: np.ndarray) -> Part:
    """Choose as much of a mask as is looked at at once.

    Parameters
    ----------
    mask : ndarray of bool, shape (P, Q)
        A mask.

    Returns
    -------
    tuple of slice
        Where most of it is true; all of it, if it is not large.

    Examples
    --------
    >>> fullest_part(np.ones((10, 20), bool))
    (slice(0, 10, None), slice(0, 20, None))
    """
    rows, columns = (min(n, _FIELD) for n in mask.shape)
    parts = [
        (slice(row, row + rows), slice(column, column + columns))
        for row in range(0, mask.shape[0] - rows + 1, max(rows // 4, 1))
        for column in range(0, mask.shape[1] - columns + 1, max(columns // 4, 1))
    ]
    return max(parts, key=lambda part: np.count_nonzero(mask[part]))
