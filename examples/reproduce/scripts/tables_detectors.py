"""Tables of sessions, of detectors and of how images match weights."""

from table_blocks import DAYS, block, metrics, results, several

from stemzoo.io.tables import table


@block
def sessions() -> str:
    """Sessions against what the paper states and shows."""
    rows = []
    for name, found in results("sessions").items():
        limit = f"{found['information_limit_median_pm']:.0f} pm"
        stated = f" ({found['stated_pm']})" if found["stated_pm"] else ""
        patch = found.get("against_patch")
        if patch is None:
            rows.append((f"`{name}`", limit + stated, "", "", "", ""))
            continue
        cutoff = f"{patch['session_cutoff_pm']:.0f} pm ({patch['patch_cutoff_pm']:.0f})"
        figures = (patch["log_spectrum_rms"], patch["log_spectrum_rms_between_halves"])
        texts = (f"{figures[0]:.2f}", f"{figures[1]:.2f}", f"{patch['intensity_kl']:.3f}")
        rows.append((f"`{name}`", limit + stated, *texts, cutoff))
    head = (
        *("session", "information limit, median of 6 frames (paper)", "log10 spectrum, rms"),
        *("the same, half of the patches against the others", "intensities, KL"),
        "spectral cutoff of session (of patch)",
    )
    return table(head, rows)


def f1_of(scores: list[dict]) -> str:
    """F1 of single Se vacancies of all test sets together, from their counts."""
    hits, false, missed = (
        sum(part["classes"]["se_vacancy"][key] for part in scores)
        for key in ("hits", "false_alarms", "misses")
    )
    return f"{2 * hits / (2 * hits + false + missed):.2f}"


@block
def detectors() -> str:
    """F1 of the bundled detectors on both days."""
    what = {
        "fcn-wse2-manual": "manual noise (paper: 0.90, 0.78)",
        "fcn-wse2-dayA": "CycleGAN-A (paper, A: 0.89)",
        "fcn-wse2-dayB": "CycleGAN-B (paper, B: 0.82)",
        "fcn-wse2-dayAB": "CycleGAN-AB (paper, AB: 0.74)",
        "fcn-wse2": "wide noise, and what real files have",
    }
    rows = []
    for name, noise in what.items():
        sets = {part["session"]: part for part in metrics(name)["test_sets"]}
        days = [sets[day] for day in DAYS]
        rows.append((f"`{name}`", noise, *(f1_of([day]) for day in days), f1_of(days)))
    return table(("weights", "trained on", *(f"`{day}`" for day in DAYS), "both"), rows)


@block
def simulated_test_sets() -> str:
    """F1 of detectors on frames with manual noise and on translations."""
    rows = [
        (f"`{one['weights']}`", *(f1_of([part]) for part in one["test_sets"]))
        for one in results("simulated_test_sets")
    ]
    head = ("weights", "manual noise", "CycleGAN-A", "CycleGAN-B", "CycleGAN-AB")
    return table(head, rows)


@block
def scenes() -> str:
    """Count what `fcn-wse2` finds in frames that show more than one perfect crystal."""
    found = results("scenes")
    rows = [
        (
            *(one["scene"], f"{100 * one['crystal']:.0f} %", one["detections"], one["outside"]),
            *(one["labelled"], one["false_alarms"], one["misses"], f"{one['f1']:.3f}"),
        )
        for one in found["scenes"]
    ]
    rows += [(name, "refused", *[""] * 6) for name in found["refused"]]
    head = (
        *("scene", "crystal", "detections", "outside of it"),
        *("vacancies inside", "false", "missed", "F1"),
    )
    return table(head, rows)


@block
def real_images() -> str:
    """`fcn-wse2` on images with labelled vacancies."""
    rows = []
    for one in metrics("fcn-wse2", "metrics_real")["images"]:
        scores = (f"{one[key]:.3f}" for key in ("precision", "recall", "f1"))
        labelled = one["hits"] + one["misses"]
        out = one["left_out"]
        border = f"{out['border_px']} px ({100 * out['border_area']:.0f} % of the area)"
        marked = f"{out['in_border']} of {out['marked']}"
        rows.append(
            (
                *(one["image"], labelled, one["false_alarms"], one["misses"], *scores),
                *(border, marked, out["uncertain"]),
            )
        )
    head = (
        *("image", "labelled", "false", "missed", "precision", "recall", "F1", "border left out"),
        *("marks in it", "uncertain columns left out"),
    )
    return table(head, rows)


@block
def match() -> str:
    """How well conditions tell sessions apart, by size and source of the pixel size."""
    rows = []
    for condition, found in results("match")["sessions"].items():
        frames, alarms, first = (
            sum(one[key] for one in found.values())
            for key in ("frames", "false_alarms", "ranked_first")
        )
        days = min(found[DAYS[i]]["auc"][DAYS[1 - i]] for i in (0, 1))
        others = min(
            value
            for name, one in found.items()
            for other, value in one["auc"].items()
            if {name, other} != set(DAYS)
        )
        alarm = f"{alarms} of {frames} ({100 * alarms / frames:.1f} %)"
        rows.append((condition, f"{days:.3f}", f"{others:.3f}", alarm, f"{first} of {frames}"))
    head = (
        *("frames", "own against the other day's (AUC, asked: 0.97)"),
        *("own against other materials' (asked: 0.999)", "false alarms (asked: 3 %)"),
        "own session ranked first",
    )
    return table(head, rows)


@block
def match_detector() -> str:
    """F1 of `fcn-wse2` by what `match` says of an image."""
    found = results("match")["detector"]
    rows = [
        (name, one["conditions"], several(one["f1_quartiles"]))
        for name, one in found["by_remark"].items()
    ]
    unseen = found["unseen_training_conditions"]
    for name, one in unseen.items():
        count = f"{one['false_alarms']} of {one['frames']} do not fit"
        rows.append((f"unseen frames of `{name}`", one["frames"], count))
    rank = f"{found['spearman']:.2f} (p {found['spearman_p']:.0e})"
    rows.append(("rank correlation of distance and F1", len(found["conditions"]), rank))
    return table(("what `match` says", "conditions", "quartiles of F1"), rows)


@block
def match_images() -> str:
    """Distance of the real images from the training frames of `fcn-wse2`."""
    rows = [
        (one["image"], f"{one['distance']:.2f}", f"{one['p_value']:.3f}", one["reason"])
        for one in results("match")["images"]
    ]
    return table(("image", "distance", "p", "what differs most"), rows)


@block
def corrections() -> str:
    """F1 on frames of bad scans, as they are and with what can be undone undone."""
    rows = []
    for one in results("corrections")["faults"]:
        before, after = one["as_is"], one["corrected"]
        undone = f"{after['undone']} of {one['frames']}"
        rows.append((one["fault"], f"{before['f1']:.3f}", f"{after['f1']:.3f}", undone))
    return table(("fault", "F1 as it is (`--as-is`)", "F1", "frames with something undone"), rows)


@block
def locked() -> str:
    """Score detectors on the conditions that nothing is tuned on."""
    found = results("locked")["weights"]
    names = list(found)
    rows = []
    for scores in zip(*found.values(), strict=True):
        first = scores[0]
        figures = [f"{score['f1']:.2f}" for score in scores]
        others = (first[key] for key in ("outside", "not_trusted", "refused"))
        frames = f"of {first['frames']}"
        outside, doubted, refused = others
        rows.append(
            (
                first["condition"],
                str(first["labelled"]),
                *figures,
                str(outside),
                f"{doubted} {frames}",
                f"{refused} {frames}",
            )
        )
    head = ("condition", "labelled", *(f"F1, `{name}`" for name in names))
    return table((*head, "outside", "not trusted", "refused"), rows)
