"""Tables of measured figures for model cards."""

# Table 1 of the paper, by session: FID of simulations and of CycleGAN images.
_PAPER_FID = {
    "wse2-dayA": (31.87, 0.35),
    "wse2-dayB": (31.87, 0.35),
    "graphene": (32.69, 1.66),
    "srtio3": (19.60, 0.47),
}


def table(head, rows) -> str:
    """Write a table in Markdown.

    Examples
    --------
    >>> print(table(("a", "b"), [(1, 2)]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


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
    if "test_sets" in facts.get("metrics", {}):
        parts.append(_detection_table(facts["metrics"]))
    if "metrics_real" in facts:
        parts.append(_real_table(facts["metrics_real"]))
    # The zoo's own figures, else what `stemzoo evaluate` wrote.
    for compared in (facts.get("metrics", {}), facts.get("evaluation", {})):
        if "metrics" in compared:
            parts.append(_translation_table(compared))
            break
    return "## Measured\n\n" + "\n\n".join(parts) if parts else ""


def _detection_table(metrics: dict) -> str:
    rows = [
        (
            f"`{part['session']}`",
            name,
            score["labelled"],
            f"{score['precision']:.3f}",
            f"{score['recall']:.3f}",
            f"{score['f1']:.3f}",
        )
        for part in metrics["test_sets"]
        for name, score in part["classes"].items()
    ]
    frames = metrics["test_sets"][0]["frames"]
    return (
        f"On {frames} frames of 1024² pixels a session that no weights were trained on, threshold "
        f"{metrics['threshold']}, matches within {metrics['matching_radius_angstrom']:.2f} Å:\n\n"
        + table(("session", "class", "labelled", "precision", "recall", "F1"), rows)
    )


def _real_table(metrics: dict) -> str:
    rows = [
        (
            part["image"],
            part["hits"] + part["misses"],
            f"{part['precision']:.3f}",
            f"{part['recall']:.3f}",
            f"{part['f1']:.3f}",
        )
        for part in metrics["images"]
    ]
    return (
        "Single Se vacancies in real images of monolayer WSe2 (SKKU-STEM/TEMworkshop29_DL; labels "
        "from fitted columns), measured with, not trained on:\n\n"
        + table(("image", "labelled", "precision", "recall", "F1"), rows)
    )


def _translation_table(metrics: dict) -> str:
    def cell(part):
        if part is None:
            return "-"
        interval = "" if part["low"] is None else f" ({part['low']:.3g} to {part['high']:.3g})"
        return f"{part['value']:.3g}{interval}"

    rows = [
        (m["name"], cell(m["generated"]), cell(m["floor"]), cell(m["ceiling"]))
        for m in metrics["metrics"]
    ]
    counts = ", ".join(f"{n} {name}" for name, n in metrics["images"].items())
    which = f" of {metrics['size']}² pixels that it was not trained on" if "size" in metrics else ""
    text = (
        f"{counts} images{which}. Floor: measured against measured. Ceiling: clean simulations. In "
        "brackets 95 % of a bootstrap over images.\n\n"
        + table(("figure", "generated", "floor", "ceiling"), rows)
    )
    paper = _PAPER_FID.get(metrics.get("session"))
    if paper:
        text += (
            f"\n\nThe paper, with the FID of its own protocol on its own images: {paper[1]} for "
            f"the CycleGAN's, {paper[0]} for simulations."
        )
    khan = metrics.get("frechet_khan2023")
    if khan:
        text += (
            f" With the channels of that protocol and EfficientNet-Lite0: {khan['generated']:.3g}, "
            f"simulations {khan['simulated']:.3g}, floor {khan['floor']:.3g}."
        )
    text += _preservation(metrics.get("preservation") or {})
    denoised = metrics.get("denoising")
    if denoised:
        rows = [(k, f"{v['psnr']:.1f} dB", f"{v['ssim']:.2f}") for k, v in denoised.items()]
        text += "\n\nThe other direction, against the expected image:\n\n"
        text += table(("image", "PSNR", "SSIM"), rows)
    return text


def _preservation(found: dict) -> str:
    """Table of label preservation; the floor is a session's frames, whose labels are all true."""
    columns = {name: part for name, part in found.items() if part}
    if "generated" not in columns:
        return ""

    def corrected(values):
        return f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"

    lines = {
        "removed of 1,000 labelled vacancies": lambda p: f"{p['removed_per_1000']:.0f}",
        "the same without misreadings by noise": lambda p: corrected(
            p["removed_corrected_per_1000"]
        ),
        "invented in 1,000 intact sites": lambda p: f"{p['invented_per_1000']:.0f}",
        "the same without misreadings by noise ": lambda p: corrected(
            p["invented_corrected_per_1000"]
        ),
        "moved by more than 0.5 Å": lambda p: p["moved"],
        "intensity of a vacancy (a full column: 1)": lambda p: f"{p['contrast_of_vacancies']:.2f}",
        "labelled vacancies": lambda p: p["labelled"],
    }
    rows = [(text, *(value(part) for part in columns.values())) for text, value in lines.items()]
    return (
        "\n\nLabel preservation from column intensities (floor: the session's own frames, whose "
        "labels are all true):\n\n" + table(("", *columns), rows)
    )
