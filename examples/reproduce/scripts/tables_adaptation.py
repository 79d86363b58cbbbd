"""Tables of what adapting to a few new images brings."""

import numpy as np
from table_blocks import block, results, several

from stemzoo.io.tables import table


def f1(part: dict) -> float:
    """F1, 0 where nothing was found."""
    return part["f1"] or 0.0


@block
def adaptation() -> str:
    """Six images and five minutes: all sessions."""
    report, scratch = results("adaptation"), results("from_scratch")
    runs = [run for run in report["runs"] if (run["images"], run["minutes"]) == (6, 5)]
    rows = []
    for name in dict.fromkeys(run["session"] for run in runs):
        chosen = [run for run in runs if run["session"] == name]
        before, after = f1(chosen[0]["default"]), [f1(run["adapted"]) for run in chosen]
        mean = np.mean(after)
        row = [f"`{name}`", chosen[0]["parent"].removeprefix("cyclegan-"), f"{before:.2f}"]
        row += [several(after), f"{mean:.2f}, {np.std(after):.2f}"]
        kept = sum(run["chosen"] != "renewed" for run in chosen)
        row.append(f"{kept} of {len(chosen)}" if kept else "")
        best = report["oracle"].get(name)
        if best is None:
            row += ["", "", ""]
        else:
            gap = (mean - before) / (best["f1"] - before)
            row += [f"{best['f1']:.2f}", f"{mean / best['f1']:.2f}", f"{gap:.2f}"]
        row.append(f"{scratch[name]['f1']:.2f}" if name in scratch else "")
        rows.append(row)
    head = (
        *("session", "CycleGAN of", "`fcn-wse2`", "adapted: three draws", "mean, std"),
        *("the old one kept", "oracle", "mean over the oracle (asked: 0.90)"),
        *("of the gap closed (asked: 0.60)", "from scratch on 40 frames"),
    )
    return table(head, rows)


@block
def adapt() -> str:
    """Today's detector on development conditions: what was decided, F1 before and after."""
    rows = []
    for run in results("adapt"):
        row = [run["condition"], f"{run['images']} of {run['edge']}²", f"{run['minutes']:g}"]
        row.append(f"{run['seconds']:.0f}{' (CPU)' if run['cpu_clock'] else ''}")
        decided = "mastered: nothing trained" if run["mastered"] else f"{run['chosen']} stays"
        if run["chosen"] == "renewed":
            decided = "renewed taken"
        row += [decided, run["steps"]]
        for part in (run["before"], run["after"]):
            expected = part["expected_f1"]
            words = "-" if expected is None else "{:.2f} ({:.2f} to {:.2f})".format(*expected)
            row += [f"{part['f1']:.2f}", words]
        rows.append(tuple(row))
    head = (
        *("condition", "images", "minutes", "seconds", "decided", "steps"),
        *("F1 before", "expected before", "F1 after", "expected after"),
    )
    return table(head, rows)


@block
def budgets() -> str:
    """F1, agreement and time by numbers of images and minutes."""
    runs = results("adaptation")["runs"]
    keys = dict.fromkeys((r["session"], r["parent"], r["images"], r["minutes"]) for r in runs)
    order = {name: i for i, name in enumerate(dict.fromkeys(key[0] for key in keys))}
    rows = []
    for key in sorted(keys, key=lambda key: (order[key[0]], key[3], key[2])):
        chosen = [r for r in runs if (r["session"], r["parent"], r["images"], r["minutes"]) == key]
        kept = sum(run["chosen"] != "renewed" for run in chosen)
        seconds = sorted(round(run["seconds"]) for run in chosen)
        span = " to ".join(map(str, dict.fromkeys((seconds[0], seconds[-1]))))
        changes = (
            f"{several(one['before'][what] for one in chosen[:1])} to "
            f"{several(one['after'][what] for one in chosen)}"
            for what in ("spectrum_rms", "intensity_kl")
        )
        known = (one["estimated_f1"] for one in chosen)
        pairs = (f"{several((e.get('fcn-wse2'), e.get('renewed')))}" for e in known)
        steps = several((run["detector_steps"] for run in chosen), 0)
        f1s = several(f1(run["adapted"]) for run in chosen)
        row = (f"`{key[0]}`", key[2], f"{key[3]:g}", f1s, kept or "", "; ".join(pairs))
        rows.append((*row, *changes, steps, span))
    head = (
        *("session", "images", "minutes", "F1 of each draw", "kept", "estimated: old, new"),
        *("spectrum, rms", "intensities, KL", "steps of the detector", "seconds"),
    )
    return table(head, rows)


@block
def recipes() -> str:
    """Ways to fine-tune the CycleGAN: spectrum rms, KL and Fréchet distance after."""
    runs = results("adapt_recipes")
    names = list(dict.fromkeys(run["session"] for run in runs))
    what = ("spectrum_rms", "intensity_kl", "frechet_of_spectra_and_intensities")

    def cell(session: str, recipe: str, when: str) -> str:
        chosen = [r for r in runs if r["session"] == session and recipe in ("", r["recipe"])]
        return several(map(chosen[0][when].get, what), 3) if chosen else ""

    rows = [("before", *(cell(name, "", "before") for name in names))]
    for recipe in dict.fromkeys(run["recipe"] for run in runs):
        rows.append((recipe, *(cell(name, recipe, "after") for name in names)))
    return table(("recipe", *(f"`{name}`" for name in names)), rows)


@block
def gap() -> str:
    """F1 with labels of a condition, and by adapting without them."""
    rows = [
        (
            f"`{one['condition']}`",
            one["labelled"],
            f"{one['default']:.2f}",
            f"{one['labels']:.2f}",
            f"{one['adapted']:.2f}, {one['chosen']}" if "adapted" in one else "not measured",
        )
        for one in results("gap")
    ]
    head = ("condition", "labelled", "`fcn-wse2`", "with 30 labelled frames", "adapted")
    return table(head, rows)
