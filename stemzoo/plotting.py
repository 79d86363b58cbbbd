"""Pictures: overlays of detections and plots of trainings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Colour-blind safe (Okabe, Ito, "Color Universal Design", 2008), in the order of the classes.
_COLOURS = ("#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#009E73", "#E69F00")
_DPI = 100
# Strip below an overlay [inch].
_LEGEND_HEIGHT = 0.4
# Overlays of small images are enlarged to this many pixels so that marks and scale can be read.
_LEAST_PIXELS = 900
# Of larger ones every second or third pixel is shown: the drawing takes 7 bytes a pixel of it.
_MOST_PIXELS = 8192
# Rings of 1.1 Å radius leave a column visible, dots of this one its shape.
_RING, _DOT = 1.1, 0.28


def plot_training_log(rows: Sequence[Mapping[str, float]], path: str | Path) -> None:
    """Plot the losses of a training against the epoch.

    Parameters
    ----------
    rows : sequence of dict
        One an epoch, with the keys ``epoch`` and ``learning_rate``; all others are losses.
    path : str or Path
        PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    epochs = [row["epoch"] for row in rows]
    for key in rows[0]:
        if key not in ("epoch", "learning_rate"):
            axes.plot(epochs, [row[key] for row in rows], marker=".", label=key)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    # The many losses of a CycleGAN would hide each other behind a legend.
    figure.legend(loc="outside right upper", fontsize=8)
    figure.savefig(path, dpi=120, format="png")


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


def _draw_scale_bar(axes: Any, shape: tuple[int, int], sampling: float) -> None:
    """Draw a bar and its length into the lower left of Matplotlib axes."""
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
        _Marks(name, positions[labels == name], _COLOURS[k % len(_COLOURS)])
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
        _Marks(name, positions[names == name], _COLOURS[2 + k % 4], is_dot=True)
        for k, name in enumerate(columns.counts())
    ]
    for words, odd, colour in (
        ("darker than full", intensity < 1, _COLOURS[0]),
        ("brighter", intensity > 1, _COLOURS[1]),
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


def _write_overlay(
    image: np.ndarray, marks: Sequence[_Marks], found: Any, path: str | Path
) -> None:
    """Draw marks over an image; `found` has its pixel size and crystal."""
    from stemzoo.io.writers import write_png

    step = -(-max(image.shape) // _MOST_PIXELS)
    rows, columns = (n // step for n in image.shape)
    image = image[: rows * step : step, : columns * step : step]
    zoom = max(1, int(np.ceil(_LEAST_PIXELS / max(rows, columns))))
    layer = _annotations((rows, columns), marks, found, zoom, step)
    # The image goes below the drawing pixel for pixel: matplotlib would resample it, which takes
    # gigabytes for 4096² pixels.
    picture = np.full((*layer.shape[:2], 3), 255, np.uint8)
    # From the 0.5 % to the 99.5 % quantile, so that a hot pixel does not darken the rest.
    known = np.ma.masked_invalid(image, copy=False)
    low, high = np.percentile(known.compressed(), [0.5, 99.5])
    span = float(high) - float(low)
    for first in range(0, rows, 256):
        part = slice(first, first + 256)
        scaled = (np.asarray(known[part].filled(low), np.float32) - low) / (span if span > 0 else 1)
        grey = (np.clip(scaled, 0, 1) * 255).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)
        picture[first * zoom : first * zoom + len(grey), : columns * zoom] = grey[..., None]
    for first in range(0, len(picture), 256):
        part = slice(first, first + 256)
        opacity = layer[part, :, 3:].astype(np.float32) / 255
        mixed = picture[part] + opacity * (layer[part, :, :3].astype(np.float32) - picture[part])
        picture[part] = np.rint(mixed)
    write_png(path, picture)


def _annotations(
    shape: tuple[int, int], marks: Sequence[_Marks], found: Any, zoom: int, step: int
) -> np.ndarray:
    """Draw marks, scale bar and a legend below on a transparent ground, as RGBA.

    `shape` is that of every so many pixels of the image (`step`), before they are enlarged.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    rows, columns = shape
    width, height = columns * zoom / _DPI, rows * zoom / _DPI
    figure = Figure(figsize=(width, height + _LEGEND_HEIGHT), dpi=_DPI, facecolor="none")
    canvas = FigureCanvasAgg(figure)
    bottom = _LEGEND_HEIGHT / (height + _LEGEND_HEIGHT)
    axes = figure.add_axes((0, bottom, 1, 1 - bottom))
    # Points of the drawing for an Å.
    scale = zoom / (found.sampling * step) * 72 / _DPI
    rows, columns = rows * step, columns * step
    for kind in marks:
        axes.scatter(
            kind.positions[:, 1],
            kind.positions[:, 0],
            s=(2 * (_DOT if kind.is_dot else _RING) * scale) ** 2,
            facecolors=kind.colour if kind.is_dot else "none",
            edgecolors="none" if kind.is_dot else kind.colour,
            linewidths=1.5,
            label=f"{kind.name} ({len(kind.positions)})",
        )
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    if found.crystal is not None and not found.crystal.mask.is_whole:
        _draw_outline(axes, found.crystal)
    axes.axis("off")
    _draw_scale_bar(axes, (rows, columns), found.sampling)
    handles, texts = axes.get_legend_handles_labels()
    legend = figure.legend(
        handles, texts, loc="lower center", ncols=len(marks), frameon=False, fontsize=9
    )
    for handle in legend.legend_handles:
        # What scatter() draws.
        assert isinstance(handle, PathCollection)
        handle.set_sizes([40])
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _draw_outline(axes: Any, crystal: Any) -> None:
    """Draw a thin line around the crystal, on which nothing but that was looked at."""
    mask, block = crystal.mask.crystal, crystal.block
    step = max(1, max(mask.shape) // 1024)
    # With a frame, so that the line closes where the crystal reaches the edge of the image.
    padded = np.pad(mask[::step, ::step], 1).astype(np.float32)
    rows, columns = (
        (np.arange(n) - 1) * step * block + (step * block - 1) / 2 for n in padded.shape
    )
    axes.contour(columns, rows, padded, levels=[0.5], colors="yellow", linewidths=0.8)


def plot_pictures(pictures: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Draw images side by side, each above its log power spectrum.

    Parameters
    ----------
    pictures : mapping of str to ndarray of shape (M, N)
        Images by title.
    path : str or Path
        PNG file.
    """
    from matplotlib.figure import Figure

    from stemzoo.analysis.spectrum import log_power_spectrum

    figure = Figure(figsize=(3 * len(pictures), 6.2), layout="constrained")
    axes = figure.subplots(2, len(pictures), squeeze=False)
    for (above, below), (title, image) in zip(axes.T, pictures.items(), strict=True):
        low, high = np.percentile(image, [0.3, 99.7])
        above.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-9))
        above.set_title(title)
        if np.ptp(image) > 0:
            below.imshow(log_power_spectrum(image), vmin=-3, vmax=3)
        above.axis("off")
        below.axis("off")
    figure.savefig(path, dpi=100, format="png")


def plot_structure(material: Any, path: str | Path) -> None:
    """Draw the columns of a crystal as seen along the beam, with their atoms and the cell.

    Parameters
    ----------
    material : Material
        The crystal.
    path : str or Path
        PNG file. Areas of the discs go with how strongly columns scatter.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    edges, columns = material.edges, material.columns
    names = {
        place: "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in Counter(atoms).items())
        for place, atoms in columns.items()
    }
    kinds = list(dict.fromkeys(names.values()))
    lengths = np.linalg.norm(edges, axis=1)
    reach = max(float(lengths.max()) * 1.1, 6.0)
    count = int(np.ceil(2 * reach / lengths.min())) + 1
    steps = np.arange(-count, count + 1)
    cells = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    strengths = {
        place: sum(_atomic_number(symbol) ** 1.7 for symbol in atoms)
        for place, atoms in columns.items()
    }
    most = max(strengths.values())
    figure = Figure(figsize=(7, 7.4), layout="constrained")
    axes = figure.add_subplot()
    middle = edges.sum(axis=0) / 2
    marks = {}
    for place, name in names.items():
        x, y = (cells + place) @ edges[:, 0], (cells + place) @ edges[:, 1]
        inside = (abs(x - middle[0]) < reach) & (abs(y - middle[1]) < reach)
        relative = strengths[place] / most
        area = max(900 * relative * (6 / reach) ** 2, 16.0)
        colour = _COLOURS[kinds.index(name) % len(_COLOURS)]
        axes.scatter(x[inside], y[inside], area, color=colour, edgecolor="k", lw=0.5, zorder=2)
        marks[name] = Line2D(
            [], [], marker="o", ls="", mfc=colour, mec="k", label=f"{name} ({relative:.2f})"
        )
        # On the disc where it has room, else beside it.
        own, room = np.array(place) @ edges, area > 250
        axes.annotate(
            name,
            (float(own[0]), float(own[1])),
            (0 if room else area**0.5 / 2 + 2, 0),
            textcoords="offset points",
            ha="center" if room else "left",
            va="center",
            size=9,
            zorder=3,
        )
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]) @ edges
    axes.plot(*corners.T, color="0.3", linestyle="--", zorder=1)
    axes.set(
        xlim=middle[0] + np.array([-reach, reach]),
        ylim=middle[1] + np.array([reach, -reach]),  # rows of an image run downwards
        aspect="equal",
        xlabel="x [Å]",
        ylabel="y [Å]",
        title=f"{material.formula}, seen along the beam (relative intensity)",
    )
    figure.legend(
        handles=[*marks.values()], loc="outside lower center", ncols=min(len(kinds), 5), fontsize=9
    )
    figure.savefig(path, dpi=120, format="png")


def _atomic_number(symbol: str) -> int:
    from periodictable import elements

    return elements.symbol(symbol).number


def plot_denoised(
    image: np.ndarray,
    picture: np.ndarray,
    deviation: np.ndarray,
    path: str | Path,
    sampling: float,
) -> None:
    """Draw an image, what it is without noise, and how sure that is, side by side.

    Parameters
    ----------
    image, picture, deviation : ndarray of shape (M, N)
        The image, its picture without noise, and the standard deviation of that.
    path : str or Path
        PNG file.
    sampling : float
        Pixel size [Å/px].
    """
    from matplotlib.figure import Figure

    step = max(1, max(image.shape) // 2048)
    figure = Figure(figsize=(18, 6.4 * image.shape[0] / image.shape[1]), layout="constrained")
    low, high = np.percentile(picture[::step, ::step], [0.3, 99.7])
    contrast = max(high - low, np.finfo(np.float32).tiny)
    shown = (
        ("as recorded", np.ma.masked_invalid(image), "gray", None),
        ("without noise", picture, "gray", (low, high)),
        ("uncertainty, % of the contrast", 100 * deviation / contrast, "magma", (0, 30)),
    )
    for axes, (title, values, colours, limits) in zip(figure.subplots(1, 3), shown, strict=True):
        part = values[::step, ::step]
        # The image itself by its own quantiles, as it may have hot pixels.
        ends = limits or tuple(np.nanpercentile(np.ma.filled(part.astype(float), np.nan), [1, 99]))
        drawn = axes.imshow(part, cmap=colours, vmin=ends[0], vmax=max(ends[1], ends[0] + 1e-9))
        axes.set_title(title)
        axes.axis("off")
        _draw_scale_bar(axes, part.shape, sampling * step)
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    figure.savefig(path, dpi=100, format="png")
