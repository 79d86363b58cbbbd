"""One HTML file about a folder of results, which needs no other file and no network."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import __version__
from stemzoo.inference.comparison import SIGNIFICANCE
from stemzoo.plotting import COLOURS
from stemzoo.workflows.outputs import written_whole
from stemzoo.workflows.report_charts import density_chart, pair_chart
from stemzoo.workflows.report_images import ReportImages
from stemzoo.workflows.run_record import REPORT, RunRecord, expected_f1
from stemzoo.zoo.cards.citations import bibtex, bibtex_of
from stemzoo.zoo.registry import find_weights

# All pictures together take about this much, so that 300 images stay under 60 MB; a pixel of a
# noisy image takes a third of a byte as JPEG of this quality, and a third more as text.
_ROOM, _PIXEL = 40e6, 0.45
_EDGES = (256, 1024)
# Classes whose density is drawn image by image.
_CHARTS = 2


def check_report() -> None:
    """See that what writes reports is installed, before any work begins.

    Raises
    ------
    ModuleNotFoundError
        If it is not.
    """
    if find_spec("jinja2") is None:
        raise ModuleNotFoundError(
            "--report expects the package jinja2. Received: it is not installed. Run: pip install "
            "'stemzoo[results]'.",
            name="jinja2",
        )


def picture_edge(count: int) -> int:
    """Return the largest edge of the pictures of so many images [px], so that a report stays small.

    Examples
    --------
    >>> picture_edge(10), picture_edge(300)
    (1024, 544)
    """
    return int(np.clip(np.sqrt(_ROOM / max(count, 1) / _PIXEL), *_EDGES))


def write_report(record: RunRecord, *, edge: int | None = None) -> Path:
    """Write report.html about a folder of results.

    A gallery of all images; each with its detections, whose classes switch and whose lowest
    probability is set by a slider, a map of their density, and the outline of the crystal;
    densities with their intervals, distances of defects against chance, orientation and strain,
    information limit and dose, fit to the training frames, warnings, and the record.

    Parameters
    ----------
    record : RunRecord
        Of the folder.
    edge : int, optional
        Largest edge of the pictures [px]; else `picture_edge`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModuleNotFoundError
        If jinja2 is not installed.

    Examples
    --------
    >>> write_report(RunRecord.read(Path("detections")))  # doctest: +SKIP
    PosixPath('detections/report.html')
    """
    check_report()
    record = record.detected()
    from jinja2 import Environment, StrictUndefined

    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("stemzoo.workflows").joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    names = list(dict.fromkeys(name for one in record.images.values() for name in one["counts"]))
    colours = {name: COLOURS[k % len(COLOURS)] for k, name in enumerate(names)}
    facts = _overview(record, colours)
    # Images are read and drawn one by one while the page is written, and measured on the way.
    images = ReportImages(record, names, edge or picture_edge(len(record.images)))
    page = template.generate(
        **facts, images=images, trends=images.trends, record=_content(record), colours=colours
    )
    with written_whole(record.folder) as folder:
        with (folder / REPORT).open("w", encoding="utf-8", newline="\n") as file:
            # A byte of a file's name that is no UTF-8 is written out.
            file.writelines(part.encode("utf-8", "backslashreplace").decode() for part in page)
    return record.folder / REPORT


def _content(record: RunRecord) -> dict[str, Any]:
    return {"calls": record.calls, "images": record.images, "failures": record.failures}


def _overview(record: RunRecord, colours: Mapping[str, str]) -> dict[str, Any]:
    """Sum up all images."""
    images = list(record.images.values())
    weights = list(dict.fromkeys(one["weights"] for one in images))
    rows = [_class_row(images, name, colour) for name, colour in colours.items()]
    most = sorted(rows, key=lambda row: -row["count"])[:_CHARTS]
    return {
        "title": f"Defects in {record.folder.resolve().name}",
        "version": __version__,
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "count": len(images),
        "area": f"{sum(one['crystal_nm2'] for one in images):.1f}",
        "weights": ", ".join(weights) or "none",
        "failures": record.failures,
        "untrusted": sum(bool(one["doubts"]) for one in images),
        "unlike": sum(p is not None and p < SIGNIFICANCE for p in (i["p_value"] for i in images)),
        "significance": SIGNIFICANCE,
        "classes": rows,
        "charts": [
            {
                **density_chart(images, row["name"], row["colour"]),
                "pairs": pair_chart(record, row["name"]),
            }
            for row in most
            if row["count"]
        ],
        "citation": _citation(weights),
    }


def _class_row(images: Sequence[Mapping[str, Any]], name: str, colour: str) -> dict[str, Any]:
    """Sum up a class: detections, mean density by area, ranges over images."""
    own = [one for one in images if name in one["counts"]]
    density = [(one["density_per_nm2"][name]["value"], one["crystal_nm2"]) for one in own]
    known = [(value, area) for value, area in density if value is not None and area > 0]
    f1 = [value for one in own if (value := expected_f1(one, name)) is not None]
    values = [value for value, _ in known]
    area = sum(area for _, area in known)
    return {
        "name": name,
        "colour": colour,
        "count": sum(one["counts"][name] for one in own),
        "mean": f"{sum(v * a for v, a in known) / area:.4g}" if known else "-",
        "range": f"{min(values):.3g} to {max(values):.3g}" if values else "-",
        "f1": f"{min(f1):.2f} to {max(f1):.2f}" if f1 else "-",
    }


def _citation(weights: Sequence[str]) -> str:
    entries = []
    for name in weights:
        try:
            entries.append(bibtex_of(find_weights(name)))
        except KeyError:  # somebody's own
            entries.append(bibtex())
    return "\n\n".join(dict.fromkeys("\n\n".join(entries).split("\n\n"))) or bibtex()
