"""What model cards say of CycleGANs: how real translations look, and what became of labels."""

from collections.abc import Mapping

from stemzoo.io.tables import figure_rows, table

# Table 1 of the paper, by session: FID of simulations and of CycleGAN images.
_PAPER_FID = {
    "wse2-dayA": (31.87, 0.35),
    "wse2-dayB": (31.87, 0.35),
    "graphene": (32.69, 1.66),
    "srtio3": (19.60, 0.47),
}

_HEAD = ("figure", "generated", "floor", "ceiling")
_BOUNDS = (
    "Floor: measured against measured. Ceiling: clean simulations. In brackets 95 % of a bootstrap "
    "over images."
)


def translation_tables(metrics: Mapping, evaluation: Mapping) -> str:
    """Write what was measured of a CycleGAN; first what the commands of users find.

    Parameters
    ----------
    metrics : mapping
        Content of ``metrics.json``: what ``measure_cyclegans.py`` writes, or nothing.
    evaluation : mapping
        Content of ``evaluation.json``: what ``stemzoo evaluate`` writes, or nothing; with
        ``"commands"`` and ``"khan2023"`` where ``measure_by_commands.py`` ran it.

    Returns
    -------
    str
        Markdown; empty if nothing was measured.
    """
    parts = []
    if "commands" in evaluation:
        parts += _by_commands(evaluation)
        if "metrics" in metrics:
            parts += _by_script(metrics, evaluation)
    elif "metrics" in metrics or "metrics" in evaluation:
        # The zoo's own figures, else what `stemzoo evaluate` wrote.
        parts += _compared(metrics if "metrics" in metrics else evaluation)
    parts.append(_preservation(metrics.get("preservation") or {}))
    parts.append(_way_back(metrics.get("denoising") or {}))
    return "\n\n".join(part for part in parts if part)


def _compared(found: Mapping) -> list[str]:
    """Table of figures without commands."""
    which = f" of {found['size']}² pixels that it was not trained on" if "size" in found else ""
    head = f"{_counts(found)} images{which}. {_BOUNDS}"
    return [head, table(_HEAD, figure_rows(found["metrics"]))]


def _by_commands(found: Mapping) -> list[str]:
    """Commands, and the figures that they print."""
    text = ""
    paper = _PAPER_FID.get(found["session"])
    if paper:
        text += (
            f"The paper, with the FID of its own protocol on its own images: {paper[1]} for "
            f"the CycleGAN's, {paper[0]} for simulations. "
        )
    for one in found.get("khan2023", []):
        values = {key: f"{one[key]['value']:.3g}" for key in ("generated", "floor", "ceiling")}
        text += (
            "With the channels of the paper's protocol and EfficientNet-Lite0, by the last "
            "command: "
            f"{values['generated']}, simulations {values['ceiling']}, floor {values['floor']}."
        )
    return [
        f"{_counts(found)} images of {found['size']}² pixels that it was not trained on, by these "
        "commands:",
        "```sh\n" + "\n".join(found["commands"]) + "\n```",
        "Measured are the frames in `day`, generated those in `realistic`, simulated those in "
        f"`clean`. {_BOUNDS}",
        table(_HEAD, figure_rows(found["metrics"])),
        text.rstrip(),
    ]


def _by_script(metrics: Mapping, evaluation: Mapping) -> list[str]:
    """Say what the script found that all other figures of the card come from."""
    script = f"`python examples/reproduce/scripts/measure_cyclegans.py {metrics['weights']}`"
    own, by_commands = (figure_rows(found["metrics"]) for found in (metrics, evaluation))
    text = (
        f"All that follows is measured by {script}, in frames that are drawn alike and do not pass "
        "through files"
    )
    parts = [f"{text}; its figures of the table are the same."]
    if own != by_commands:
        parts = [f"{text}. Its figures of the table:", table(_HEAD, own)]
    khan = metrics.get("frechet_khan2023")
    if khan:
        parts.append(
            "With the channels of the paper's protocol, by that script: "
            f"{khan['generated']:.3g}, simulations {khan['simulated']:.3g}, floor "
            f"{khan['floor']:.3g}."
        )
    return parts


def _counts(found: Mapping) -> str:
    return ", ".join(f"{n} {name}" for name, n in found["images"].items())


def _preservation(found: dict) -> str:
    """Table of label preservation; the floor is a session's frames, whose labels are all true."""
    columns = {name: part for name, part in found.items() if part}
    if "generated" not in columns:
        return ""

    def corrected(values):
        if values[0] is None:
            return "noise hides it"
        return f"{values[0]:.1f} ({values[1]:.1f} to {values[2]:.1f})"

    lines = [
        ("removed of 1,000 labelled vacancies", lambda p: f"{p['removed_per_1000']:.0f}"),
        (
            "the same without misreadings by noise",
            lambda p: corrected(p["removed_corrected_per_1000"]),
        ),
        ("invented in 1,000 intact sites", lambda p: f"{p['invented_per_1000']:.0f}"),
        (
            # Published cards have the blank at its end, and stay as they are to the byte.
            "the same without misreadings by noise ",
            lambda p: corrected(p["invented_corrected_per_1000"]),
        ),
        ("moved by more than 0.5 Å", lambda p: p["moved"]),
        (
            "intensity of a vacancy (a full column: 1)",
            lambda p: f"{p['contrast_of_vacancies']:.2f}",
        ),
        ("labelled vacancies", lambda p: p["labelled"]),
    ]
    rows = [(text, *(value(part) for part in columns.values())) for text, value in lines]
    return (
        "Label preservation from column intensities (floor: the session's own frames, whose "
        "labels are all true):\n\n" + table(("", *columns), rows)
    )


def _way_back(denoised: Mapping) -> str:
    """Table of the direction that takes noise away."""
    if not denoised:
        return ""
    keys = ("column_f1", "removed_per_1000", "invented_per_1000")
    judged = any("column_f1" in one for one in denoised.values())
    rows = []
    for way, one in denoised.items():
        cells = [f"{one[key]:.{2 if key == 'column_f1' else 0}f}" for key in keys if key in one]
        row = (way, f"{one['psnr']:.1f} dB", f"{one['ssim']:.2f}")
        rows.append((*row, *(cells or ["-"] * 3)) if judged else row)
    head = ("F1 by columns", "healed of 1,000 vacancies", "invented in 1,000 columns")
    return (
        "The other direction, against the expected image; PSNR and SSIM do not tell whether atoms "
        "are where the image shows them:\n\n"
        + table(("image", "PSNR", "SSIM", *(head if judged else ())), rows)
    )
