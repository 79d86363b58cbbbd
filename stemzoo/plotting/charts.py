"""Curves of trainings, and images side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stemzoo.plotting.scale_bar import draw_scale_bar


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
        draw_scale_bar(axes, part.shape, sampling * step)
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    figure.savefig(path, dpi=100, format="png")
