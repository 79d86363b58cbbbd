"""The verb that tells how good a detector is in labelled images."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemzoo.cli.options import Images, PixelSize
from stemzoo.cli.terminal import Failures, angstrom, complain, load_kind, print_table, say

if TYPE_CHECKING:
    from stemzoo.metrics.detection_report import DetectionReport

app = typer.Typer()


@app.command()
def score(
    images: Images,
    labels: Annotated[
        list[Path],
        typer.Option(help="Labels: a folder, or a file of each image's name; may be repeated."),
    ],
    weights: Annotated[str, typer.Option(help="Name of the zoo, or a model folder.")],
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="MAP",
            help="What labels are called: own=class,other=ignore, one class for marks without a "
            "name, or a file of two columns.",
        ),
    ] = None,
    pixel_size: PixelSize = None,
    threshold: Annotated[
        float, typer.Option(help="Lowest probability to report, 0 to 1, as of detect.")
    ] = 0.35,
    tolerance: Annotated[
        float, typer.Option(help="Largest distance of a detection from its label (Å).")
    ] = 1.0,
    border: Annotated[float, typer.Option(help="Border that is left out (Å).")] = 2.0,
    card: Annotated[
        bool, typer.Option("--card", help="Put the figures on the card of the model folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Tell how good a detector is in labelled images: precision, recall and F1, with intervals."""
    from stemzoo.workflows.label_classes import ClassMap
    from stemzoo.workflows.paths import expand
    from stemzoo.workflows.scoring import (
        check_card_folder,
        find_label_pairs,
        score_files,
        write_scores,
    )

    chosen = ClassMap.read(classes)
    pairing = find_label_pairs(expand(images), labels)
    model = load_kind(weights, "DefectFCN", "score")
    if card:
        check_card_folder(model)  # before the work
    failures = Failures()
    report = score_files(
        pairing,
        model,
        classes=chosen,
        sampling=angstrom(pixel_size),
        threshold=threshold,
        tolerance=tolerance,
        border=border,
        failed=failures.add,
    )
    if pairing.lone():
        complain(pairing.lone())
    for image in report.images:
        for doubt in image.doubts:
            complain(f"{image.image}: NOT TO BE TRUSTED: {doubt}")
    if as_json:
        say(*json.dumps(report.to_dict(), indent=1).split("\n"))
    elif report.images:
        _print(report)
    failures.end()
    if card:
        say(f"{write_scores(report, model)}: on the card that 'stemzoo publish' writes")


def _print(report: "DetectionReport") -> None:
    """Print two tables, of the classes and of the images, and what they rest on."""
    from stemzoo.metrics.detection_report import ALL, FIGURES

    several = [ALL] if len(report.classes) > 1 else []
    head = ("CLASS", "LABELLED", "HITS", "FALSE", "MISSED", *(name.upper() for name in FIGURES))
    rows = []
    for name in (*report.classes, *several):
        estimates = (report.estimate(figure, name) for figure in FIGURES)
        figures = (
            f"{e.value:.3f} ({e.low:.3f} to {e.high:.3f})" if e.low is not None else "-"
            for e in estimates
        )
        rows.append((name, *_counts(report, name), *figures))
    if not rows:
        say("no label of a class of the detector: nothing to judge")
    else:
        print_table(head, rows)
        say("")
        print_table(
            ("IMAGE", "CLASS", "LABELLED", "HITS", "FALSE", "MISSED", "F1"),
            [
                (
                    image.image,
                    name,
                    *map(str, (s.hits + s.misses, s.hits, s.false_alarms, s.misses)),
                    f"{s.f1:.3f}",
                )
                for image in report.images
                for name, s in ((name, one.score) for name, one in image.classes.items())
            ],
        )
        say("")
    if off := _position_errors(report):
        say(f"Hits lie off their labels by (median, 95 %): {off}.")
    say(". ".join(_method(report)) + ".")


def _position_errors(report: "DetectionReport") -> str:
    """Say how far the hits of each class are from their labels."""
    parts = []
    for name in report.classes:
        error = report.position_error(name)
        if error.low is not None:
            parts.append(f"{name} {error.value:.1f} pm ({error.low:.1f} to {error.high:.1f})")
    return ", ".join(parts)


def _counts(report: "DetectionReport", name: str) -> tuple[str, ...]:
    total = report.total(name).score
    counts = (total.hits + total.misses, total.hits, total.false_alarms, total.misses)
    return tuple(map(str, counts))


def _method(report: "DetectionReport") -> list[str]:
    """Say how detections and labels were paired, and what does not count."""
    n = len(report.images)
    border = sum(image.in_border for image in report.images)
    ignored = sum(image.ignored for image in report.images)
    elsewhere = sum(report.total(name).on_other_class for name in report.classes)
    bootstrap = f", or of a bootstrap over the {n} images where that is wider" if n > 1 else ""
    text = [
        f"{report.model} at threshold {report.threshold:g}; a detection and a label of one class "
        f"are paired one to one within {report.tolerance:g} Å",
        f"A border of {report.border:g} Å does not count ({border} labels)",
        f"In brackets 95 %: Wilson's interval{bootstrap}",
    ]
    if elsewhere:
        text.append(f"Of the false ones, {elsewhere} lie on a label of another class")
    if ignored:
        text.append(f"Near {ignored} marks to ignore a false one does not count")
    for what, found in (
        ("Not labelled, so not judged", report.unlabelled),
        ("Labelled, but unknown to the detector, so not judged", report.unknown),
    ):
        if any(found.values()):
            text.append(f"{what}: {_listed(found)}")
    return text


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
