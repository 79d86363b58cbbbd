"""What software does to a frame before it is a file: margins, bars, text, contrast, sparks."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Blank:
    """A margin without data, as correcting drift or rotating a frame leaves.

    Parameters
    ----------
    top, bottom, left, right : int
        Width of the margin [px].
    angle : float
        Rotation of the frame about its middle, whose corners are then empty [degrees].
    fill : float
        Value there; with NaN the frame becomes a floating-point one.
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0
    angle: float = 0.0
    fill: float = 0.0

    def apply(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw it, see `Export`."""
        rows, columns = image.shape
        turn = np.deg2rad(self.angle)
        y = np.arange(rows)[:, None] - (rows - 1) / 2
        x = np.arange(columns)[None, :] - (columns - 1) / 2
        visible = abs(x * np.cos(turn) + y * np.sin(turn)) <= columns / 2
        visible &= abs(y * np.cos(turn) - x * np.sin(turn)) <= rows / 2
        inside = np.zeros(image.shape, dtype=bool)
        inside[self.top : rows - self.bottom, self.left : columns - self.right] = True
        visible &= inside
        if not np.isfinite(self.fill):
            image = image.astype(np.float32)
        return np.where(visible, image, image.dtype.type(self.fill)), visible


@dataclass(frozen=True)
class DataBar:
    """A black bar with white text over the lowest rows, as microscopes' software exports it.

    Parameters
    ----------
    height : int
        Rows [px].
    text : str
        From the left.
    bar : float
        Length of the scale at its right end [nm].
    """

    height: int
    text: str
    bar: float = 2.0

    def apply(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw it, see `Export`."""
        ink = np.zeros((self.height, image.shape[1]))
        ink[0] = 1.0
        middle, gap = self.height // 2, max(self.height // 3, 2)
        length = round(10 * self.bar / sampling)
        label = _text(f"{self.bar:g} nm", self.height)
        right = max(image.shape[1] - gap, 0)
        _stamp(ink, np.ones((max(self.height // 12, 2), length)), middle, right - length)
        _stamp(ink, label, middle, right - length - gap - label.shape[1])
        room = max(right - length - 3 * gap - label.shape[1], 0)
        words = _text(self.text, self.height)
        if words.shape[1] > room:
            words = _text(self.text, self.height * room / words.shape[1])
        _stamp(ink, words[:, :room], middle, gap)
        visible = np.ones(image.shape, dtype=bool)
        visible[-self.height :] = False
        drawn = image.copy()
        low, high = _range(image)
        drawn[-self.height :] = (low + (high - low) * ink).astype(image.dtype)
        return drawn, visible


@dataclass(frozen=True)
class ScaleBar:
    """A bar with its length above it, drawn into the picture.

    Parameters
    ----------
    bar : float
        Length [nm].
    height : int
        Height of the text [px].
    right : bool
        Whether it is in the lower right corner, not the lower left one.
    box : bool
        Whether it has a black background.
    """

    bar: float
    height: int
    right: bool = False
    box: bool = False

    def apply(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw it, see `Export`."""
        label = _text(f"{self.bar:g} nm", 2 * self.height)
        length, thick = round(10 * self.bar / sampling), max(self.height // 4, 2)
        width, gap = max(length, label.shape[1]), self.height // 2
        ink = np.zeros((label.shape[0] + gap + thick, width))
        _stamp(ink, label, label.shape[0] // 2, (width - label.shape[1]) // 2)
        ink[-thick:, (width - length) // 2 : (width + length) // 2] = 1.0
        ink = np.pad(ink, gap)[: image.shape[0], : image.shape[1]]
        top = max(image.shape[0] - len(ink) - gap, 0)
        left = max(image.shape[1] - ink.shape[1] - gap, 0) if self.right else gap
        place = np.s_[top : top + len(ink), left : left + ink.shape[1]]
        drawn, (low, high) = image.astype(np.float64), _range(image)
        under = np.full_like(drawn, low)[place] if self.box else drawn[place]
        drawn[place] = under + (high - under) * ink[: under.shape[0], : under.shape[1]]
        visible = np.ones(image.shape, dtype=bool)
        visible[place] = False
        return drawn.astype(image.dtype), visible


@dataclass(frozen=True)
class Inverted:
    """Bright and dark exchanged, as in a bright-field image."""

    def apply(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw it, see `Export`."""
        low, high = _range(image)
        return (low + high - image).astype(image.dtype), np.ones(image.shape, dtype=bool)


@dataclass(frozen=True)
class Spark:
    """A part of one line, far brighter than all else; a file of integers is scaled to it.

    Parameters
    ----------
    row, first, last : int
        Its row, and its columns from `first` to before `last` [px].
    strength : float
        How many times the range of the frame it reaches.
    """

    row: int
    first: int
    last: int
    strength: float = 20.0

    def apply(self, image: np.ndarray, sampling: float) -> tuple[np.ndarray, np.ndarray]:
        """Draw it, see `Export`."""
        visible = np.ones(image.shape, dtype=bool)
        visible[self.row, self.first : self.last] = False
        low, high = _range(image)
        drawn = image.copy()
        if np.issubdtype(image.dtype, np.integer):
            drawn = (image / self.strength).astype(image.dtype)
            drawn[~visible] = high
        else:
            drawn[~visible] = low + self.strength * (high - low)
        return drawn, visible


# Each takes a frame (M, N) and its pixel size [Å/px], and returns the new frame and where it still
# shows the specimen, bool (M, N).
Export = Blank | DataBar | ScaleBar | Inverted | Spark


def _range(image: np.ndarray) -> tuple[float, float]:
    """Darkest and brightest value that a frame can hold, or holds."""
    if np.issubdtype(image.dtype, np.integer):
        return 0.0, float(np.iinfo(image.dtype).max)
    return float(np.nanmin(image)), float(np.nanmax(image))


@cache
def _text(text: str, height: float) -> np.ndarray:
    """Draw a line of text, from 0 to 1, for a bar of some height [px]."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"))
    font.set_size(max(0.5 * height, 4), 72)
    font.set_text(text)
    font.draw_glyphs_to_bitmap(antialiased=True)
    return np.asarray(font.get_image()) / 255


def _stamp(ink: np.ndarray, stamp: np.ndarray, middle: int, left: int) -> None:
    """Put a stamp into a bar, its rows about `middle`; what does not fit is cut."""
    stamp = stamp[: ink.shape[0], max(-left, 0) :]
    top, left = max(middle - stamp.shape[0] // 2, 0), max(left, 0)
    place = ink[top : top + stamp.shape[0], left : left + stamp.shape[1]]
    np.maximum(place, stamp[: place.shape[0], : place.shape[1]], out=place)
