"""Find defects in a large image stripe by stripe, so that little memory is needed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.inference.points import best_points, find_maxima, margin_of_points
from stemzoo.inference.tiling import WINDOW, predict_tiled
from stemzoo.preprocessing import resample, resampled_shape, rescale, scale_of_parts

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Pixels of a stripe at most: resampling, the network, and what finds maxima take some
# 150 bytes each.
_STRIPE = 4 * 2**20


def find_points_in_stripes(
    pixels: np.ndarray,
    model: "DefectFCN",
    sampling: float,
    *,
    threshold: float,
    tta: bool = False,
    height: int | None = None,
    measured: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the points that `find_points` would find in the whole image.

    Only the image itself is held as a whole: it is resampled twice, once for its mean and standard
    deviation and once to be looked at. (Intensities by rank need the whole resampled image.) The
    points are the same as without stripes to the rounding of the network, about 1e-6 of a score;
    with `tta`, if the sides are multiples of the network's stride.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Image.
    model : DefectFCN
        A detector.
    sampling : float
        Pixel size of the image [Å/px].
    threshold : float
        Lowest score.
    tta : bool
        Average over the 8 rotations and flips.
    height : int, optional
        Height of a stripe with its margins, at the pixel size of the model [px].
    measured : ndarray of bool, optional
        At the pixel size of the model: pixels that the scale is taken of, where not all are.

    Returns
    -------
    positions, classes, scores : ndarray of shape (K, 2), (K,), (K,)
        As of `find_points`, in pixels of the model's size.

    Examples
    --------
    >>> positions, classes, scores = find_points_in_stripes(  # doctest: +SKIP
    ...     pixels, model, 0.2, threshold=0.35
    ... )
    """
    stride = model.stride
    # Stripes begin at multiples of the stride, as windows do.
    margin = -(-(model.context + margin_of_points(model.sampling)) // stride) * stride
    rows, columns = resampled_shape(pixels.shape, sampling, model.sampling)
    height = height or min(_STRIPE // columns, WINDOW)
    step = max(height // stride * stride - 2 * margin, stride)

    def maxima_of(first: int, last: int, part: np.ndarray) -> np.ndarray:
        top = max(first - margin, 0)
        probabilities = predict_tiled(model, part, tta=tta)
        found = find_maxima(probabilities, model.sampling, threshold, (first - top, last - top))
        return found + [top, 0, 0, 0]

    # A function of its own, so that the probabilities of one stripe are gone before the next.
    stripes = _prepared(pixels, model, sampling, rows, step, margin, measured)
    maxima = [maxima_of(*stripe) for stripe in stripes]
    return best_points(np.concatenate(maxima), model.sampling, threshold)


def _prepared(
    pixels: np.ndarray,
    model: "DefectFCN",
    sampling: float,
    rows: int,
    step: int,
    margin: int,
    measured: np.ndarray | None,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield each stripe's first row, the row after its last, and it with margins, as seen."""
    stripes = [(first, min(first + step, rows)) for first in range(0, rows, step)]
    if model.ranked:
        whole = model.prepare(resample(pixels, sampling, model.sampling), measured=measured)
    else:
        parts = (resample(pixels, sampling, model.sampling, rows=stripe) for stripe in stripes)
        if measured is not None:
            parts = (
                part[measured[slice(*stripe)]] for part, stripe in zip(parts, stripes, strict=True)
            )
        scale = scale_of_parts(part for part in parts if part.size)
    for first, last in stripes:
        around = max(first - margin, 0), min(last + margin, rows)
        if model.ranked:
            yield first, last, whole[slice(*around)]
        else:
            part = resample(pixels, sampling, model.sampling, rows=around)
            yield first, last, rescale(part, scale=scale)
