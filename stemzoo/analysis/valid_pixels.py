"""Which pixels of an image were measured: no margins, NaN, masks, bars or sparks."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull

from stemzoo.analysis.robust_spread import row_medians

_CELL = 1.3  # lattice constants: a crystal has no larger square of one value
# Corners of a turned image: so thick at least, in lattice constants, and so convex.
_FLAT, _CONVEX = 0.6, 0.9
_UNKNOWN_CELL = 48.0  # [px]: larger than a lattice constant, where that is not known
_SPAN = 0.95  # of a side of the image, which a bar spans
_BAR_FILL, _SCALE_BAR_FILL = 0.5, 0.8  # part of its bounding box that is of one value
_SPARK_LINE, _HOT_PIXEL = 2.0, 20.0  # distances from the rest, in ranges of the intensity
_SHARP = 5.0  # times its neighbours: a column of atoms is wider than a pixel


@dataclass(frozen=True, eq=False)
class ValidPixels:
    """Pixels of an image that were measured.

    Parameters
    ----------
    mask : ndarray of bool, shape (M, N)
        True for a measured pixel.
    reasons : tuple of str
        What the others are, in words.
    """

    mask: np.ndarray
    reasons: tuple[str, ...]


def find_valid_pixels(image: np.ndarray, cell: float = _UNKNOWN_CELL) -> ValidPixels:
    """Find the pixels that were measured.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N)
        NaN and infinities, and masked pixels, count as not measured.
    cell : float
        Lattice constant, if it is known [px]; areas of one value that are smaller may be what a
        camera or an 8-bit file makes of the space between columns.

    Returns
    -------
    ValidPixels

    Raises
    ------
    ValueError
        If the image is not two-dimensional.

    Examples
    --------
    >>> image = np.random.default_rng(3).normal(size=(64, 64))
    >>> image[:5] = 0
    >>> find_valid_pixels(image).reasons
    ('margin of 5 rows of zeros (top)',)
    """
    values = np.ma.getdata(image)
    if values.ndim != 2:
        raise ValueError(f"Expected one image of shape (M, N). Received: shape {values.shape}")
    mask, reasons = np.ones(values.shape, bool), []
    if np.ma.getmask(image) is not np.ma.nomask:
        mask = ~np.ma.getmaskarray(image)
        if missing := mask.size - np.count_nonzero(mask):
            reasons.append(f"{missing} masked pixels")
    if values.dtype.kind == "f" and not np.isfinite(values.sum()):
        known = np.count_nonzero(mask)
        mask &= np.isfinite(values)
        if missing := known - np.count_nonzero(mask):
            reasons.append(f"{missing} pixels that are NaN or infinite")
    values = filled(values, mask)
    for find in (_margins, _one_value, _sparks):
        if not mask.any():
            break
        bad, words = find(values, mask, cell)
        mask &= ~bad
        reasons += words
    return ValidPixels(mask, tuple(reasons))


def filled(image: np.ndarray, mask: np.ndarray, *, overwrite: bool = False) -> np.ndarray:
    """Put the median of the others in place of some pixels, for what needs all of them.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N)
        An image.
    mask : ndarray of bool, shape (M, N)
        False for the pixels to replace.
    overwrite : bool
        Replace them in the image itself.

    Returns
    -------
    ndarray of shape (M, N)
        The image itself where there is nothing to replace.

    Examples
    --------
    >>> filled(np.array([[1.0, np.nan, 3.0]]), np.array([[True, False, True]])).tolist()
    [[1.0, 2.0, 3.0]]
    """
    values = np.ma.getdata(image)
    if mask.all() or not mask.any():
        return values
    middle = np.median(values[mask], overwrite_input=True).astype(values.dtype)
    if not overwrite:
        return np.where(mask, values, middle)
    values[~mask] = middle
    return values


def count_pixels(labels: np.ndarray, count: int) -> np.ndarray:
    """Count the pixels of each area.

    Parameters
    ----------
    labels : ndarray of int, shape (M, N)
        Number of the area that each pixel is in, as `scipy.ndimage.label` gives it.
    count : int
        Number of areas.

    Returns
    -------
    ndarray of int, shape (count + 1,)
        The first is that of what is in no area.

    Examples
    --------
    >>> count_pixels(np.array([[0, 1, 1], [2, 0, 1]]), 2).tolist()
    [2, 3, 1]
    """
    sizes = np.zeros(count + 1, int)
    # Some lines at a time, as bincount makes a copy of 8 bytes a pixel.
    for lines in np.array_split(labels, -(-labels.size // 2**20)):
        sizes += np.bincount(lines.ravel(), minlength=count + 1)
    return sizes


def _margins(values: np.ndarray, mask: np.ndarray, _: float) -> tuple[np.ndarray, list[str]]:
    """Lines of one value, or without any, along the four sides."""
    bad, words = np.zeros(mask.shape, bool), []
    for axis, name in ((0, "rows"), (1, "columns")):
        lines, known, out = (np.moveaxis(a, axis, 0) for a in (values, mask & ~bad, bad))
        for step, side in ((1, ("top", "left")[axis]), (-1, ("bottom", "right")[axis])):
            count, margin = 0, []
            for line, use in zip(lines[::step], known[::step], strict=True):
                if use.any() and np.ptp(line[use]) > 0:
                    break
                count += 1
                margin += line[use][:1].tolist()
            if count == len(lines):
                return np.ones(mask.shape, bool), ["all pixels have one value"]
            if margin:
                words.append(f"margin of {count} {name} of {_named(margin[0])} ({side})")
            out[::step][:count] = True
    return bad, words


def _named(value: float) -> str:
    """Return a value in words."""
    return "zeros" if value == 0 else f"value {value:g}"


def _one_value(values: np.ndarray, mask: np.ndarray, cell: float) -> tuple[np.ndarray, list[str]]:
    """Areas of one value: corners of a turned image, bars with their text, scale bars."""
    words: list[str] = []
    bad = np.zeros(mask.shape, bool)
    flat = np.zeros(mask.shape, bool)
    right, down = values[:, 1:] == values[:, :-1], values[1:] == values[:-1]
    flat[:-1, :-1] = right[:-1] & right[1:] & down[:, :-1] & mask[:-1, :-1]
    # As below, for the largest images: no more memory than is needed.
    del right, down
    if np.count_nonzero(flat) < cell:  # none of the areas can be as large as that
        return bad, words
    labels, count = ndimage.label(flat)
    sizes = count_pixels(labels, count)
    known = values if mask.all() else values[mask]
    low, high = known.min(), known.max()
    del known
    areas: dict[str, int] = {}
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if sizes[index] < cell:
            continue
        part = labels[box] == index
        value, longest = values[box][part][0], max(part.shape)
        spans = any(n > _SPAN * side for n, side in zip(part.shape, mask.shape, strict=True))
        fill = sizes[index] / part.size
        if spans and fill > _BAR_FILL and 2 * part.size < mask.size:
            words.append(f"bar of {part.shape[0] + 1} x {part.shape[1] + 1} px")
            bad[box] = True
        elif fill > _SCALE_BAR_FILL and longest > 2 * cell and value in (low, high):
            words.append(f"scale bar of {longest + 1} px")
            # With its text, of the same value and no further away than half its length.
            rows, columns = (
                slice(max(s.start - r, 0), s.stop + r)
                for s, r in zip(box, _reaches(part.shape), strict=True)
            )
            same = np.argwhere(values[rows, columns] == value) + (rows.start, columns.start)
            top, left = np.maximum(same.min(axis=0) - 1, 0)
            bottom, right = same.max(axis=0) + 2
            bad[top:bottom, left:right] = True
        elif _is_large(part, cell):
            areas[_named(value)] = areas.get(_named(value), 0) + int(sizes[index])
            # With the tips of triangles, which are too thin to be flat.
            around = tuple(slice(max(s.start - round(cell), 0), s.stop + round(cell)) for s in box)
            bad[around] |= values[around] == value
    words += [f"{size} px in areas of {name}" for name, size in areas.items()]
    # The edges of such areas are interpolated, or compressed.
    return (ndimage.binary_dilation(bad, iterations=2) if bad.any() else bad), words


def _reaches(shape: tuple[int, ...]) -> tuple[int, int]:
    """How far from a bar its text may be along rows and columns [px]: across it, not along."""
    half = max(shape) // 2
    return (half, 2) if shape[1] >= shape[0] else (2, half)


def _is_large(part: np.ndarray, cell: float) -> bool:
    """Tell whether an area is no space between columns: it holds a square, or is a triangle."""
    side = int(np.ceil(_CELL * cell))
    if min(part.shape) >= side and ndimage.minimum_filter(part, side, mode="constant").any():
        return True
    if min(part.shape) < _FLAT * cell or max(part.shape) < 2 * cell:
        return False
    hull = ConvexHull(np.argwhere(part)).volume
    return bool(np.count_nonzero(part) > _CONVEX * hull)


def _sparks(values: np.ndarray, mask: np.ndarray, _: float) -> tuple[np.ndarray, list[str]]:
    """Lines and single pixels that are far brighter or darker than their neighbours."""
    sample = values[::3, ::3][mask[::3, ::3]]
    bad = np.zeros(mask.shape, bool)
    if not sample.size:
        return bad, []
    low, high = np.percentile(sample, (1, 99)).astype(float)
    # Some lines at a time, as they are copied.
    parts = np.array_split(values, -(-values.size // 2**20))
    lines = np.concatenate([row_medians(part[:, ::3].astype(float)) for part in parts])
    away = abs(lines - ndimage.median_filter(lines, 7))
    spark = away > _SPARK_LINE * (high - low)
    bad[spark] = True
    bright = (values > high + _HOT_PIXEL * (high - low)) & ~bad & mask
    for row, column in np.argwhere(bright):
        near = max(values[max(row - 1, 0), column], values[min(row + 1, len(values) - 1), column])
        bad[row, column] = values[row, column] - high > _SHARP * max(near - high, high - low)
    hot = np.count_nonzero(bad[~spark])
    words = [f"{np.count_nonzero(spark)} spark line(s)"] if spark.any() else []
    return bad & mask, words + ([f"{hot} hot pixel(s)"] if hot else [])
