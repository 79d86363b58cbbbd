"""Tables of measured figures for model cards."""

from collections.abc import Mapping

from stemzoo.io.tables import share, table
from stemzoo.zoo.cards.translation import translation_tables

# Table 2 of the paper, and the text for the network without noise.
_PAPER_F1 = (
    "The paper's networks, F1 of single vacancies in its own images, which a person labelled: "
    "CycleGAN-A 0.89 on day A, CycleGAN-B 0.82 on day B, CycleGAN-AB 0.74 on both; manual noise "
    "0.90 on A, 0.78 on B; without noise 0.74 and 0.25."
)


def _scores(part: Mapping) -> tuple:
    """Write number of labels, precision, recall and F1 from the counts of a comparison."""
    hits, wrong, missed = part["hits"], part["false_alarms"], part["misses"]
    # F1 = 2 j / (1 + j), where j is the share of hits in all that was found or labelled.
    f1 = share(hits, hits + wrong + missed, lambda j: 2 * j / (1 + j))
    return hits + missed, share(hits, hits + wrong), share(hits, hits + missed), f1


def measured(facts: dict) -> str:
    """Write the card's section of measured figures.

    Parameters
    ----------
    facts : dict
        Contents of the model folder's JSON files, by their stems.

    Returns
    -------
    str
        Markdown; empty if nothing was measured.
    """
    parts = []
    metrics = facts.get("metrics", {})
    if "test_sets" in metrics:
        rows = [
            (f"`{part['session']}`", name, *_scores(score))
            for part in metrics["test_sets"]
            for name, score in part["classes"].items()
        ]
        parts.append(
            f"On {metrics['test_sets'][0]['frames']} frames of 1024² pixels a session that no "
            f"weights were trained on, threshold {metrics['threshold']}, matches within "
            f"{metrics['matching_radius_angstrom']:.2f} Å. In brackets 95 % for as many "
            "independent sites.\n\n"
            + table(("session", "class", "labelled", "precision", "recall", "F1"), rows)
        )
        if {"wse2-dayA", "wse2-dayB"} & {part["session"] for part in metrics["test_sets"]}:
            parts.append(_PAPER_F1)
    if "columns" in metrics:
        parts.append(_denoising_tables(metrics))
    if "scores" in facts.get("metrics_real", {}):
        parts.append(_label_scores(facts["metrics_real"]))
    elif "metrics_real" in facts:
        rows = [(part["image"], *_scores(part)) for part in facts["metrics_real"]["images"]]
        parts.append(
            "Single Se vacancies in real images of monolayer WSe2 (SKKU-STEM/TEMworkshop29_DL; "
            "labels from fitted columns), measured with, not trained on:\n\n"
            + table(("image", "labelled", "precision", "recall", "F1"), rows)
        )
    parts.append(translation_tables(metrics, facts.get("evaluation", {})))
    parts = [part for part in parts if part]
    return "## Measured\n\n" + "\n\n".join(parts) if parts else ""


def _label_scores(report: Mapping) -> str:
    """Write what `stemzoo score` measured in labelled images."""

    def figure(part: Mapping | None) -> str:
        return f"{part['value']:.3f} ({part['low']:.3f} to {part['high']:.3f})" if part else "-"

    def distance(part: Mapping | None) -> str:
        if not part:
            return "-"
        known = part.get("low") is not None
        interval = f" ({part['low']:.1f} to {part['high']:.1f})" if known else ""
        return f"{part['value']:.1f}{interval}"

    names = ("precision", "recall", "f1")
    # Older versions did not measure it.
    off = "position_error_pm"
    told = any(off in row for row in report["scores"])
    rows = [
        (
            f"`{row['class']}`",
            row["labelled"],
            *(figure(row[name]) for name in names),
            *([distance(row.get(off))] if told else []),
        )
        for row in report["scores"]
    ]
    images = report["images"]
    doubts = list(dict.fromkeys(doubt for image in images for doubt in image["doubts"]))
    shown = ", ".join(image["image"] for image in images[:10]) + (", ..." if images[10:] else "")
    text = (
        f"`stemzoo score` on {len(images)} labelled images ({shown}), threshold "
        f"{report['threshold']:g}, matches within {report['tolerance_angstrom']:.2f} Å, a border "
        f"of {report['border_angstrom']:.2f} Å left out. In brackets 95 %: as many independent "
        "sites, or a bootstrap over the images where that is wider.\n\n"
        + table(
            ("class", "labelled", "precision", "recall", "F1", *(["off by (pm)"] if told else [])),
            rows,
        )
        + ("\n\nOff by: median distance of the hits from their labels." if told else "")
    )
    return text + "".join(f"\n\n**Not to be trusted**: {doubt}." for doubt in doubts)


def certainty_tables(report: dict) -> str:
    """Write what was measured of calibrated probabilities.

    Parameters
    ----------
    report : dict
        What ``measure_calibration.py`` writes.

    Returns
    -------
    str
        Markdown.
    """
    ways = ("network", "columns", "joint")
    rows = [
        (row["condition"], row["labelled"], *(f"{row[way]:.3f}" for way in ways))
        for row in report["f1"]
    ]
    errors = ", ".join(
        f"{name} {facts['error']:.3f} ({facts['places']} places)"
        for name, facts in report["reliability"].items()
    )
    expected = report["expected_f1"]
    return (
        "F1 of all classes together, in simulated frames of sessions and conditions that the "
        "probabilities were not fitted on (but for the randomised ones: other frames of these):"
        "\n\n"
        + table(("condition", "labelled", "network alone", "columns alone", "both"), rows)
        + f"\n\nCalibration error, places of a probability of 0.05 and more: {errors}. The F1 of "
        f"single vacancies that `detect` expects of an image differs by "
        f"{expected['mean_absolute_error']:.3f} from the true one on average (rank correlation "
        f"{expected['rank_correlation']:.2f}, {expected['frames']} frames)."
    )


def _denoising_tables(metrics: Mapping) -> str:
    """Tables of what a denoiser leaves of columns, and of the error of pixels."""
    found = metrics["columns"]
    kept, errors = [], []
    for row in found:
        frame, ours = row["ways"]["frame"], row["ways"]["denoised"]
        pairs = [
            (f"{frame[key]:.{digits}f}", f"{ours[key]:.{digits}f}")
            for key, digits in (("f1", 3), ("removed_per_1000", 0), ("invented_per_1000", 0))
        ]
        contrast = f"{ours['contrast_of_sure']:.2f}", f"{row['ways']['clean']['contrast']:.2f}"
        cells = (", ".join(pair) for pair in (*pairs, contrast))
        kept.append((row["condition"], row["labelled"], *cells))
        psnr = [row["ways"][way]["psnr"] for way in ("frame", "gaussian", "denoised")]
        errors.append((row["condition"], *(f"{p:.1f} dB" for p in psnr)))
        errors[-1] += (f"{row['error_by_deviation']:.2f}",)
    text = (
        f"By the columns of {metrics['frames']} frames of {metrics['size']}² pixels a condition "
        "that it was not trained on. Of each pair, the first is what the frame itself tells; of "
        "contrasts, the first is the median of vacancies that the frame shows beyond doubt, and "
        "the second the one without noise (a full column: 1).\n\n"
    )
    text += table(
        (
            *("condition", "labelled", "F1 by columns", "healed of 1,000 vacancies"),
            *("invented in 1,000 columns", "contrast of sure vacancies"),
        ),
        kept,
    )
    short = [f"{row['condition']}: {'; '.join(row['faults'])}" for row in found if row["faults"]]
    if short:
        text += "\n\nWhere it falls short of the frame:\n\n"
        text += "\n".join(f"- {line}." for line in short)
    text += (
        "\n\nPixels, against the expected image, whatever the scale and offset. Errors as large as "
        "the uncertainty says are 1 in the last column.\n\n"
    )
    text += table(
        (
            "condition",
            "as recorded",
            "best of 15 Gaussian filters",
            "denoised",
            "error/uncertainty",
        ),
        errors,
    )
    for row in found:
        if back := row["ways"].get("cyclegan"):
            text += (
                f"\n\nFor comparison, the way back of the CycleGAN of `{row['condition']}` in the "
                f"same frames: F1 by columns {back['f1']:.3f}, {back['removed_per_1000']:.0f} of "
                f"1,000 vacancies healed, {back['invented_per_1000']:.0f} in 1,000 columns "
                f"invented, contrast {back['contrast']:.2f}, {back['psnr']:.1f} dB."
            )
    return text + (
        "\n\nMeasured with `python examples/reproduce/scripts/measure_denoisers.py "
        f"{metrics['weights']} --frames {metrics['frames']} --size {metrics['size']} --seed "
        f"{metrics['seed']}`, which denoises as `stemzoo denoise` does."
    )
