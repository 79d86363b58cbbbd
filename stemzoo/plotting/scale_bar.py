"""The bar that says how large an image is."""

from typing import Any

import numpy as np


def scale_bar_length(width_nm: float) -> float:
    """Choose the length of a scale bar: 1, 2 or 5 · 10^n nm, at most a quarter of the width.

    Parameters
    ----------
    width_nm : float
        Width of the image [nm].

    Returns
    -------
    float
        Length [nm].

    Examples
    --------
    >>> scale_bar_length(21.2)
    5.0
    """
    decade = float(10.0 ** np.floor(np.log10(width_nm / 4)))
    # Just below a power of ten the logarithm may round up.
    return max(step * decade for step in (0.5, 1, 2, 5) if step * decade <= width_nm / 4)


def draw_scale_bar(axes: Any, shape: tuple[int, int], sampling: float) -> None:
    """Draw a bar and its length into the lower left of Matplotlib axes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Of an image, in its pixels.
    shape : tuple of int
        Rows and columns of the image.
    sampling : float
        Pixel size [Å/px].
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    bar = scale_bar_length(shape[1] * sampling / 10)
    length = bar * 10 / sampling
    height = 0.008 * shape[0]
    x, y = 0.02 * shape[1], 0.985 * shape[0]
    label = f"{bar:g} nm" if bar >= 1 else f"{bar * 10:g} Å"
    # Black outlines keep bar and label readable on bright images without hiding atoms.
    axes.add_patch(Rectangle((x, y - height), length, height, facecolor="w", edgecolor="k"))
    text = axes.text(
        x + length / 2, y - 1.5 * height, label, color="w", ha="center", va="bottom", size=11
    )
    text.set_path_effects([withStroke(linewidth=2.5, foreground="k")])
