"""A crystal as seen along the beam."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.plotting.colours import COLOURS
from stemzoo.simulate.elements import scattering_strength


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
    strengths = {place: scattering_strength(atoms) for place, atoms in columns.items()}
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
        colour = COLOURS[kinds.index(name) % len(COLOURS)]
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
