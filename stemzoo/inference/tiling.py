"""Apply a network to an image of any size, window by window."""

from typing import Any, Protocol

import numpy as np

from stemzoo.preprocessing import dihedral, dihedral_inverse

# Windows of this edge [px] keep the memory for 4096² pixels under 2.5 GB.
WINDOW = 1024


class Network(Protocol):
    """What a fully convolutional network has, such as `DefectFCN`."""

    @property
    def stride(self) -> int:
        """Return the number [px] of which the edges of an input are multiples."""

    @property
    def context(self) -> int:
        """Return how far around a pixel the network sees [px]."""

    def predict_on_batch(self, x: np.ndarray) -> Any:
        """Return probabilities of shape (B, M, N, C) for images of shape (B, M, N, 1)."""


def predict_tiled(
    model: Network, image: np.ndarray, *, tta: bool = False, window: int = WINDOW
) -> np.ndarray:
    """Apply a fully convolutional network to an image of any size.

    Windows overlap by twice the network's whole context and each pixel is taken from a window that
    sees all of its context: the result is that of one pass over the whole image wherever the
    windows fall, and there is nothing to blend.

    Parameters
    ----------
    model : Network
        For instance a `DefectFCN`.
    image : ndarray of shape (M, N)
        Image in [-1, 1] at the model's pixel size.
    tta : bool
        Average over the 8 rotations and flips of the image.
    window : int
        Largest edge of what the network sees at once [px]; bounds the memory.

    Returns
    -------
    ndarray of shape (M, N, C)
        Probabilities.

    Examples
    --------
    >>> probabilities = predict_tiled(model, model.prepare(image))  # doctest: +SKIP
    """
    if not tta:
        return _predict_windows(model, image, window)
    total: Any = 0.0
    for index in range(8):
        turned = _predict_windows(model, np.ascontiguousarray(dihedral(image, index)), window)
        total = total + dihedral_inverse(turned, index)
    return total / 8


def _predict_windows(model: Network, image: np.ndarray, window: int) -> np.ndarray:
    """Take each pixel from a window that sees the pixel's whole context.

    Where a side is no multiple of the stride, a strip along it comes from a window that ends on the
    edge of the image: pixels that are filled in beyond it would look like defects.
    """
    rows, columns = (_whole_strides(n, model) for n in image.shape)
    if len(rows) == len(columns) == 1:
        return _predict_aligned(model, image, window)
    result: Any = None
    for first_row, last_row, above, below in rows:
        for first, last, left, right in columns:
            part = _predict_aligned(model, image[first_row:last_row, first:last], window)
            if result is None:
                result = np.empty((*image.shape, part.shape[-1]), np.float32)
            inside = part[above - first_row : below - first_row, left - first : right - first]
            result[above:below, left:right] = inside
    return result


def _whole_strides(length: int, model: Network) -> list[tuple[int, int, int, int]]:
    """Parts of an axis: each from and to where it is seen, and from and to where it is used."""
    stride = model.stride
    rest = length % stride
    if rest == 0 or length < 2 * stride:
        return [(0, length, 0, length)]
    margin = -(-model.context // stride) * stride
    strip = min(2 * margin + stride, length - rest)
    seam = max(length - rest - margin, length // 2)
    return [(0, length - rest, 0, seam), (length - strip, length, seam, length)]


def _predict_aligned(model: Network, image: np.ndarray, window: int) -> np.ndarray:
    """Do the same for an image whose sides are whole strides; shorter ones are filled up."""
    stride = model.stride
    margin = -(-model.context // stride) * stride
    # The network itself pads with zeros at the edges of what it sees, in training as here.
    fill = [(0, -n % stride) for n in image.shape]
    padded = np.pad(image, fill, mode="symmetric")
    largest = max(window // stride * stride, 3 * margin)
    size = list(padded.shape)
    for axis, length in enumerate(padded.shape):
        if length > largest:
            # The smallest windows that cover the axis in as few as the largest ones do.
            count = -(-(length - 2 * margin) // (largest - 2 * margin))
            size[axis] = -(-(length - 2 * margin) // (count * stride)) * stride + 2 * margin
    rows, columns = (
        place_windows(n, w, margin, stride) for n, w in zip(padded.shape, size, strict=True)
    )
    result: Any = None  # its number of channels is that of the first output
    for top, first_row, last_row in rows:
        for left, first, last in columns:
            batch = padded[None, top : top + size[0], left : left + size[1], None]
            output = model.predict_on_batch(batch)[0]
            if result is None:
                result = np.empty((*padded.shape, output.shape[-1]), np.float32)
            result[first_row:last_row, first:last] = output[
                first_row - top : last_row - top, first - left : last - left
            ]
    return result[: image.shape[0], : image.shape[1]]


def place_windows(length: int, window: int, margin: int, stride: int) -> list[tuple[int, int, int]]:
    """Place equal windows along one axis of an image, and part the axis among them.

    Windows overlap by at least twice the margin, so that each pixel belongs to a window that
    reaches a margin beyond it, or to the edge of the image.

    Parameters
    ----------
    length : int
        Length of the axis [px], a multiple of the stride.
    window : int
        Length of a window [px], at least three margins and a multiple of the stride.
    margin : int
        Context that a pixel needs on each side [px].
    stride : int
        Windows start at multiples of this [px].

    Returns
    -------
    list of tuple of int
        Of each window: where it starts, the first pixel that is taken from it, and the first one
        that is taken from the next.

    Examples
    --------
    >>> place_windows(100, 64, 8, 4)
    [(0, 0, 50), (36, 50, 100)]
    """
    if length <= window:
        return [(0, 0, length)]
    count = -(-(length - 2 * margin) // (window - 2 * margin))
    starts = [(length - window) * i // (count - 1) // stride * stride for i in range(count)]
    seams = [(a + window + b) // 2 for a, b in zip(starts[:-1], starts[1:], strict=True)]
    return list(zip(starts, [0, *seams], [*seams, length], strict=True))
