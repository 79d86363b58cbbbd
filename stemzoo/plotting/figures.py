"""Detections as a Matplotlib figure, for notebooks and papers: sharp at any size."""

from typing import Any

import numpy as np

from stemzoo.plotting.colours import COLOURS, RING
from stemzoo.plotting.scale_bar import draw_scale_bar

# Of larger images every second or third pixel is drawn, which screens do not show anyway.
_MOST_PIXELS = 2048
_INCHES = 7.0


def detections_figure(image: np.ndarray, found: Any, axes: Any = None) -> Any:
    """Draw detections over their image: a ring of 1.1 Å radius around each, in pixels.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        The image.
    found : Detections
        What was found in it.
    axes : matplotlib.axes.Axes, optional
        Where to draw; in a figure of its own where not given.

    Returns
    -------
    matplotlib.figure.Figure
        That of the axes. One of its own shows itself in a notebook; ``savefig`` writes it.
    """
    rows, columns = image.shape
    if axes is None:
        size = (_INCHES, _INCHES * min(rows / columns, 2) + 0.5)
        axes = _own_figure(figsize=size, layout="constrained").add_subplot()
    step = -(-max(image.shape) // _MOST_PIXELS)
    part = np.ma.masked_invalid(np.asanyarray(image)[::step, ::step])
    known = part.compressed()
    # From the 0.5 % to the 99.5 % quantile, as the overlay shows it: hot pixels do not darken it.
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    axes.imshow(part, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest")
    _draw_rings(axes, found)
    crystal = found.crystal
    if crystal is not None and not crystal.mask.is_whole:
        mask, block = np.pad(crystal.mask.crystal, 1), crystal.block
        y, x = ((np.arange(n) - 1) * block + (block - 1) / 2 for n in mask.shape)
        axes.contour(x, y, mask, levels=[0.5], colors="#FFFF00", linewidths=1)
    draw_scale_bar(axes, image.shape, found.sampling)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.axis("off")
    return axes.figure


def _draw_rings(axes: Any, found: Any) -> None:
    """Draw the rings of each class, and name them below the image."""
    from matplotlib.collections import EllipseCollection
    from matplotlib.lines import Line2D

    labels = np.array(found.classes, dtype=object)
    points = np.reshape(found.positions, (-1, 2))[:, ::-1]
    handles, width = [], 2 * RING / found.sampling
    for k, (name, count) in enumerate(found.counts().items()):
        colour, own = COLOURS[k % len(COLOURS)], points[labels == name]
        rings = EllipseCollection(
            *(np.full(count, width), np.full(count, width), np.zeros(count)),
            units="xy",
            offsets=own,
            offset_transform=axes.transData,
            facecolors="none",
            edgecolors=colour,
            linewidths=1.5,
            label=name,
        )
        axes.add_collection(rings)
        label = f"{name} ({count})"
        ring = Line2D([], [], marker="o", ls="", mfc="none", mec=colour, mew=1.5, label=label)
        handles.append(ring)
    if handles:
        place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.01), "borderaxespad": 0}
        axes.legend(handles=handles, ncols=2, frameon=False, fontsize="small", **place)


def _own_figure(**options: Any) -> Any:
    """Return a figure that shows itself in a notebook, whether or not pyplot was imported."""
    from io import BytesIO

    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            target = BytesIO()
            self.savefig(target, format="png", dpi=100)
            return target.getvalue()

    return ShownFigure(**options)
