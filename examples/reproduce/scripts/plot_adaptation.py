"""Draw what `measure_adaptation.py` measured.

    python scripts/plot_adaptation.py adaptation.json SESSIONS.png BUDGETS.png

The first picture has F1 of the default detector, the renewed one and the oracle, by session, with
six images and five minutes; the second has F1, and how translations agree with frames that were not
adapted to, against the number of images and of minutes, of the sessions where more than one was
measured.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stemzoo import io

IMAGES, MINUTES = 6, 5
# What the second picture has, by rows: the part of a run before and after, and its figure.
MEASURES = {
    "F1 of single Se vacancies": ("default", "adapted", "f1"),
    "spectrum, log10 rms": ("before", "after", "spectrum_rms"),
    "KL of intensities (nats)": ("before", "after", "intensity_kl"),
    "Fréchet distance": ("before", "after", "frechet_of_spectra_and_intensities"),
}


def figure_of(run: dict, part: str, figure: str) -> float:
    """One figure of a run; F1 is 0 where nothing was found, another NaN if it is not known."""
    value = run[part][figure]
    if value is None:
        return 0.0 if figure == "f1" else np.nan
    return value


def draw_sessions(report: dict) -> Figure:
    """Draw all sessions for one number of images and minutes."""
    runs = [run for run in report["runs"] if (run["images"], run["minutes"]) == (IMAGES, MINUTES)]
    names = list(dict.fromkeys(run["session"] for run in runs))
    figure = Figure(figsize=(6.4, 0.5 * len(names) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        chosen = [run for run in runs if run["session"] == name]
        before = figure_of(chosen[0], "default", "f1")
        after = [figure_of(run, "adapted", "f1") for run in chosen]
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
    """Draw how results change with images, and with minutes."""
    names = list(dict.fromkeys(run["session"] for run in report["runs"]))
    colors = {name: f"C{i}" for i, name in enumerate(names)}
    figure = Figure(figsize=(7.2, 9.0), layout="constrained")
    panels = figure.subplots(len(MEASURES), 2, sharex="col", sharey="row")
    kinds = (("images", "minutes", MINUTES), ("minutes", "images", IMAGES))
    for column, (along, other, fixed) in zip(panels.T, kinds, strict=True):
        runs = [run for run in report["runs"] if run[other] == fixed]
        values = sorted({run[along] for run in runs})
        for name in names:
            chosen = [run for run in runs if run["session"] == name]
            groups = [[run for run in chosen if run[along] == value] for value in values]
            if sum(map(bool, groups)) > 1:
                draw_session(column, groups, colors[name])
        column[-1].set_xticks(range(len(values)), [f"{value:g}" for value in values])
        column[-1].set(xlabel=f"{along}, with {fixed} {other}")
    for axes, label in zip(panels[:, 0], MEASURES, strict=True):
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    drawn = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in panels[0]]
    lines = {label: line for pairs in drawn for line, label in pairs}
    figure.legend(
        lines.values(), lines, loc="outside upper center", ncols=5, title="dotted: before"
    )
    return figure


def draw_session(panels, groups: list[list[dict]], color: str) -> None:
    """Draw all figures of a session, dotted as they were before."""
    runs = [run for group in groups for run in group]
    known = [i for i, group in enumerate(groups) if group]
    for axes, (before, after, figure) in zip(panels, MEASURES.values(), strict=True):
        found = [[figure_of(run, after, figure) for run in groups[i]] for i in known]
        means = [np.mean(values) for values in found]
        axes.plot(known, means, color=color, label=runs[0]["session"])
        for place, values in zip(known, found, strict=True):
            axes.scatter([place] * len(values), values, color=color, s=16)
        start = np.mean([figure_of(run, before, figure) for run in runs])
        axes.axhline(start, color=color, linestyle=":")


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
