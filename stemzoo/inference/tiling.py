"""Apply a network to an image of any size, window by window."""

import numpy as np

from stemzoo.preprocessing import dihedral, dihedral_inverse

# Windows of this edge [px] keep the memory for 4096² pixels under 2.5 GB.
WINDOW = 1024


def predict_tiled(
    model, image: np.ndarray, *, tta: bool = False, window: int = WINDOW
) -> np.ndarray:
    """Apply a fully convolutional network to an image of any size.

    Windows overlap by twice the network's whole context and each pixel is taken from a window that
    sees all of its context: the result is that of one pass over the whole image wherever the
    windows fall, and there is nothing to blend.

    Parameters
    ----------
    model : object
        Has `predict_on_batch`, `stride` and `context`, as `DefectFCN` does.
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
        return _predict_cores(model, image, window)
    total = 0.0
    for index in range(8):
        turned = _predict_cores(model, np.ascontiguousarray(dihedral(image, index)), window)
        total = total + dihedral_inverse(turned, index)
    return total / 8


def _predict_cores(model, image: np.ndarray, window: int) -> np.ndarray:
    stride = model.stride
    margin = -(-model.context // stride) * stride
    # The network itself pads with zeros at the edges of what it sees, in training as here, so the
    # image is only filled up to a whole number of strides.
    fill = [(0, -n % stride) for n in image.shape]
    padded = np.pad(image, fill, mode="symmetric")
    largest = max(window // stride * stride, 3 * margin)
    size = [_window_size(n, largest, margin, stride) for n in padded.shape]
    rows, columns = (
        _windows(n, w, margin, stride) for n, w in zip(padded.shape, size, strict=True)
    )
    result = None
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


def _window_size(length: int, largest: int, margin: int, stride: int) -> int:
    """Return the smallest window that covers `length` in as few windows as the largest one does."""
    if length <= largest:
        return length
    count = -(-(length - 2 * margin) // (largest - 2 * margin))
    return -(-(length - 2 * margin) // (count * stride)) * stride + 2 * margin


def _windows(length: int, window: int, margin: int, stride: int) -> list[tuple[int, int, int]]:
    """Start of equal windows that cover `length`, with the first and last pixel each answers for.

    Windows overlap by at least twice the margin, so that every pixel is answered for by a window
    that reaches a margin beyond it, or to the edge of the image.
    """
    if length <= window:
        return [(0, 0, length)]
    count = -(-(length - 2 * margin) // (window - 2 * margin))
    starts = [(length - window) * i // (count - 1) // stride * stride for i in range(count)]
    seams = [(a + window + b) // 2 for a, b in zip(starts[:-1], starts[1:], strict=True)]
    return list(zip(starts, [0, *seams], [*seams, length], strict=True))
