"""Draw what `measure_adaptation.py` measured.

    python examples/plot_adaptation.py adaptation.json SESSIONS.png BUDGETS.png

The first picture has F1 of the default detector, the renewed one and the oracle, by session, with
six images and five minutes; the second has F1 against the number of images and of minutes, of the
sessions where more than one was measured.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stemzoo import io

IMAGES, MINUTES = 6, 5


def f1(runs: list[dict]) -> list[float]:
    """F1 of the renewed detectors; 0 where nothing was found."""
    return [run["adapted"]["f1"] or 0.0 for run in runs]


def draw_sessions(report: dict) -> Figure:
    """Draw all sessions for one number of images and minutes."""
    runs = [run for run in report["runs"] if (run["images"], run["minutes"]) == (IMAGES, MINUTES)]
    names = list(dict.fromkeys(run["session"] for run in runs))
    figure = Figure(figsize=(6.4, 0.5 * len(names) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        chosen = [run for run in runs if run["session"] == name]
        before, after = chosen[0]["default"]["f1"] or 0.0, f1(chosen)
        axes.plot([before, np.mean(after)], [row, row], color="0.7", zorder=0)
        # A ring, in which what is kept can be seen.
        ring = {"s": 110, "facecolors": "none", "edgecolors": "tab:red", "linewidths": 1.5}
        axes.scatter([before], [row], label="" if row else "default", **ring)
        axes.scatter(after, [row] * len(after), color="tab:blue", label="" if row else "adapted")
        if name in report["oracle"]:
            best = report["oracle"][name]["f1"]
            axes.scatter([best], [row], marker="|", s=120, color="k", label="" if row else "oracle")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="F1 of single Se vacancies", xlim=(-0.02, 1.02))
    axes.invert_yaxis()
    axes.legend(loc="lower left", fontsize=8)
    return figure


def draw_budgets(report: dict) -> Figure:
    """Draw how F1 changes with images, and with minutes."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    kinds = (("images", "minutes", MINUTES), ("minutes", "images", IMAGES))
    for axes, (along, other, fixed) in zip(panels, kinds, strict=True):
        runs = [run for run in report["runs"] if run[other] == fixed]
        values = sorted({run[along] for run in runs})
        place = {value: i for i, value in enumerate(values)}
        for name in dict.fromkeys(run["session"] for run in runs):
            draw_curve(axes, [run for run in runs if run["session"] == name], along, place)
        axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        axes.set(xlabel=f"{along}, with {fixed} {other}", ylim=(-0.02, 1.02))
    panels[0].set_ylabel("F1 of single Se vacancies")
    panels[0].legend(loc="lower right", fontsize=8, title="dotted: default")
    return figure


def draw_curve(axes, runs: list[dict], along: str, place: dict) -> None:
    """Draw one session, its default detector dotted, if there is more than one number."""
    groups = {value: f1([run for run in runs if run[along] == value]) for value in place}
    known = {value: found for value, found in groups.items() if found}
    if len(known) < 2:
        return
    places = [place[value] for value in known]
    name = runs[0]["session"]
    (line,) = axes.plot(places, [np.mean(found) for found in known.values()], label=name)
    for at, found in zip(places, known.values(), strict=True):
        axes.scatter([at] * len(found), found, color=line.get_color(), s=16)
    axes.axhline(runs[0]["default"]["f1"] or 0.0, color=line.get_color(), linestyle=":")


def main() -> None:
    """Draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("sessions", type=Path)
    parser.add_argument("budgets", type=Path)
    options = parser.parse_args()
    report = json.loads(options.report.read_text(encoding="utf-8"))
    pictures = ((options.sessions, draw_sessions), (options.budgets, draw_budgets))
    for path, draw in pictures:
        with io.atomic_path(path) as temporary:
            draw(report).savefig(temporary, format="png", dpi=130)


if __name__ == "__main__":
    main()
