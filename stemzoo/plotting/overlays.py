"""Overlays: detections and columns drawn into the pixels of a PNG file, which is quick."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from stemzoo.plotting.colours import COLOURS, RING
from stemzoo.plotting.scale_bar import scale_bar_length

# Strip below an overlay, with the names of its marks, and letters there and in the image [px].
_LEGEND_HEIGHT, _LEGEND_SIZE, _SCALE_SIZE = 40, 13, 15
# Lines of marks, and radius of those in the legend [px].
_LINE, _LEGEND_RADIUS = 2.0, 4.4
# Overlays of small images are enlarged to this many pixels so that marks and scale can be read.
_LEAST_PIXELS = 900
# Of larger ones every second or third pixel is shown: the drawing takes 5 bytes a pixel of it.
_MOST_PIXELS = 8192
# Pixels of which the range of grey levels is taken, about.
_MOST_COUNTED = 4096**2
# Dots of this radius leave the shape of a column visible [Å].
_DOT = 0.28


def plot_detections(image: np.ndarray, detections: Any, path: str | Path) -> None:
    """Draw detections over their image, with a scale bar and a legend.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        The input image.
    detections : Detections
        What `stemzoo.detect` found in it.
    path : str or Path
        PNG file; one picture pixel an image pixel, more for small images, fewer above 8192 px.
    """
    names = tuple(detections.counts())
    labels = np.array(detections.classes, dtype=object)
    positions = np.reshape(detections.positions, (-1, 2))
    marks = [
        _Marks(name, positions[labels == name], COLOURS[k % len(COLOURS)])
        for k, name in enumerate(names)
    ]
    _write_overlay(image, marks, detections, path)


def plot_columns(image: np.ndarray, columns: Any, path: str | Path) -> None:
    """Draw atom columns over their image: dots by sublattice, rings where the intensity is odd.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        The input image.
    columns : Columns
        What `stemzoo.find_columns` found in it.
    path : str or Path
        PNG file; one picture pixel an image pixel, more for small images, fewer above 8192 px.
    """
    names = np.array(columns.sublattices, dtype=object)
    positions, intensity = columns.positions, columns.intensity
    marks = [
        _Marks(name, positions[names == name], COLOURS[2 + k % 4], is_dot=True)
        for k, name in enumerate(columns.counts())
    ]
    for words, odd, colour in (
        ("darker than full", intensity < 1, COLOURS[0]),
        ("brighter", intensity > 1, COLOURS[1]),
    ):
        marks.append(_Marks(words, positions[odd & columns.is_odd()], colour))
    _write_overlay(image, marks, columns, path)


@dataclass(frozen=True, eq=False)
class _Marks:
    """Marks of one kind: rings or dots at positions (K, 2)."""

    name: str
    positions: np.ndarray
    colour: str
    is_dot: bool = False

    def draw(self, picture: np.ndarray, centres: np.ndarray, radius: float) -> None:
        """Draw marks with soft edges into a picture (M, N, 3), around pixels (K, 2) of it."""
        coverage = np.zeros(picture.shape[:2], np.uint8)
        reach = int(np.ceil(radius + _LINE))
        offsets = np.arange(-reach, reach + 1)
        last: np.ndarray = np.array(coverage.shape)[:, None] - 1
        # Some at a time, as each takes the distances of all pixels around it.
        for some in np.array_split(centres, -(-len(centres) * offsets.size**2 // 2**21) or 1):
            at = np.rint(some).astype(int)[:, :, None] + offsets
            away = (at - some[:, :, None]) ** 2
            away = np.sqrt(away[:, 0, :, None] + away[:, 1, None, :])
            depth = radius - away if self.is_dot else _LINE / 2 - abs(away - radius)
            inside = (at >= 0) & (at <= last)
            depth[~(inside[:, 0, :, None] & inside[:, 1, None, :])] = -1
            shade = (255 * np.clip(depth + 0.5, 0, 1)).astype(np.uint8)
            rows, columns = np.clip(at, 0, last).transpose(1, 0, 2)
            np.maximum.at(coverage, (rows[:, :, None], columns[:, None, :]), shade)
        rows, columns = np.nonzero(coverage)
        opacity = coverage[rows, columns, None].astype(np.float32) / 255
        below = picture[rows, columns]
        picture[rows, columns] = np.rint(below + opacity * (_rgb(self.colour) - below))


def _rgb(colour: str) -> np.ndarray:
    """Levels (3,) of a colour such as "#D55E00"."""
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], np.float32)


def _write_overlay(
    image: np.ndarray, marks: Sequence[_Marks], found: Any, path: str | Path
) -> None:
    """Draw marks over an image; `found` has its pixel size and crystal."""
    from stemzoo.io.writers import write_png

    step = -(-max(image.shape) // _MOST_PIXELS)
    rows, columns = (n // step for n in image.shape)
    zoom = max(1, int(np.ceil(_LEAST_PIXELS / max(rows, columns))))
    picture = np.full((rows * zoom + _LEGEND_HEIGHT, columns * zoom, 3), 255, np.uint8)
    shown, legend = picture[: rows * zoom], picture[rows * zoom :]
    _paint(shown, image[: rows * step : step, : columns * step : step], zoom)
    if found.crystal is not None and not found.crystal.mask.is_whole:
        _draw_outline(shown, found.crystal, step / zoom)
    # Pixels of the picture for an Å, and for each place in it.
    scale = zoom / (found.sampling * step)
    for kind in marks:
        centres = (np.reshape(kind.positions, (-1, 2)) + 0.5) * zoom / step - 0.5
        kind.draw(shown, centres, (_DOT if kind.is_dot else RING) * scale)
    _paint_scale_bar(shown, scale)
    _draw_legend(legend, marks)
    write_png(path, picture)


def _paint(picture: np.ndarray, image: np.ndarray, zoom: int) -> None:
    """Paint an image in grey, from its 0.5 % to its 99.5 % quantile: hot pixels do not darken it.

    A part at a time, and quantiles of a part of the largest images, so that it takes no copy.
    """
    some = np.ma.masked_invalid(image[:: -(-image.size // _MOST_COUNTED)], copy=False)
    low, high = np.percentile(some.data[~np.ma.getmaskarray(some)], [0.5, 99.5])
    span = float(high) - float(low)
    for first in range(0, len(image), 256):
        part = np.ma.masked_invalid(image[first : first + 256], copy=False)
        scaled = (np.asarray(part.filled(low), np.float32) - low) / (span if span > 0 else 1)
        grey = (np.clip(scaled, 0, 1) * 255).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)
        picture[first * zoom : first * zoom + len(grey)] = grey[..., None]


def _draw_outline(picture: np.ndarray, crystal: Any, step: float) -> None:
    """Draw a thin line around the crystal, on which nothing but that was looked at.

    `step` is the number of pixels of the image for one of the picture.
    """
    mask = crystal.mask.crystal
    rows, columns = (
        np.minimum((np.arange(n) * (step / crystal.block)).astype(int), known - 1)
        for n, known in zip(picture.shape, mask.shape, strict=False)
    )
    inside = mask[np.ix_(rows, columns)]
    # Where the crystal reaches the edge of the image the line closes, too.
    picture[inside & ~ndimage.binary_erosion(inside)] = _rgb("#FFFF00")


def _paint_scale_bar(picture: np.ndarray, scale: float) -> None:
    """Draw a bar and its length into the lower left of a picture, of `scale` pixels an Å."""
    rows, columns = picture.shape[:2]
    bar = scale_bar_length(columns / scale / 10)
    length, height = bar * 10 * scale, 0.008 * rows
    x, y = 0.02 * columns, 0.985 * rows
    label = f"{bar:g} nm" if bar >= 1 else f"{bar * 10:g} Å"
    top = max(int(y - 1.5 * height) - 2 * _SCALE_SIZE, 0)
    with _drawing_on(picture[top:, : int(x + length) + 4 * _SCALE_SIZE]) as drawing:
        # Black outlines keep bar and label readable on bright images without hiding atoms.
        ends = (x - 1, y - height - top - 1, x + length, y - top)
        drawing.rectangle(ends, fill="white", outline="black")
        drawing.text(
            (x + length / 2, y - 1.5 * height - top),
            label,
            fill="white",
            font=_font(_SCALE_SIZE),
            anchor="md",
            stroke_width=2,
            stroke_fill="black",
        )


def _draw_legend(picture: np.ndarray, marks: Sequence[_Marks]) -> None:
    """Name the marks, and how many there are, in a strip of a picture."""
    names = [f"{kind.name} ({len(kind.positions)})" for kind in marks]
    size, gap = _LEGEND_SIZE, 3 * _LEGEND_RADIUS
    widths = [_font(size).getlength(name) for name in names]
    room = picture.shape[1] - 3 * gap * len(names)
    if sum(widths) > room:  # of a narrow image
        size = max(int(size * room / sum(widths)), 6)
        widths = [_font(size).getlength(name) for name in names]
    x, y = (picture.shape[1] - sum(widths) - 3 * gap * len(names)) / 2, _LEGEND_HEIGHT / 2
    places = []
    with _drawing_on(picture) as drawing:
        for name, width in zip(names, widths, strict=True):
            places.append((y, x + gap))
            drawing.text((x + 2 * gap, y), name, fill="black", font=_font(size), anchor="lm")
            x += width + 3 * gap
    for kind, place in zip(marks, places, strict=True):
        kind.draw(picture, np.array([place]), _LEGEND_RADIUS)


@contextmanager
def _drawing_on(picture: np.ndarray) -> Iterator[Any]:
    """Yield what draws letters on a part of a picture."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    yield ImageDraw.Draw(image)
    picture[...] = np.asarray(image)


@cache
def _font(size: int) -> Any:
    """Letters of a height [px]: those that matplotlib brings, else those of Pillow."""
    from PIL import ImageFont

    # Importing matplotlib takes longer than the drawing; some systems keep its data elsewhere.
    spec = find_spec("matplotlib")
    if spec is None:
        return ImageFont.load_default(size)
    folders = spec.submodule_search_locations or [""]
    data = Path(folders[0]) / "mpl-data"
    if not data.is_dir():
        import matplotlib

        data = Path(matplotlib.get_data_path())
    return ImageFont.truetype(data / "fonts" / "ttf" / "DejaVuSans.ttf", size)
