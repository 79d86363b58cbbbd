"""One HTML file about a folder of results, which needs no other file and no network."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.inference.comparison import SIGNIFICANCE
from stemzoo.plotting import COLOURS
from stemzoo.workflows.again import located
from stemzoo.workflows.outputs import written_whole
from stemzoo.workflows.result_files import read_detections
from stemzoo.workflows.run_record import REPORT, RunRecord, expected_f1
from stemzoo.zoo.cards.citations import bibtex, bibtex_of
from stemzoo.zoo.registry import find_weights

# All pictures together take about this much, so that 300 images stay under 60 MB; a pixel of a
# noisy image takes a third of a byte as JPEG of this quality, and a third more as text.
_ROOM, _PIXEL, _QUALITY = 40e6, 0.45, 75
_EDGES = (256, 1024)
# Rings of 1.1 Å radius leave a column visible.
_RING = 1.1
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
    probability is set by a slider; densities with their intervals, warnings, and the record.

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
    # Images are drawn one by one while the page is written.
    images = _images(record, names, edge or picture_edge(len(record.images)))
    page = template.generate(**facts, images=images, record=_content(record), colours=colours)
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
        "charts": [_chart(images, row["name"], row["colour"]) for row in most if row["count"]],
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


def _chart(images: Sequence[Mapping[str, Any]], name: str, colour: str) -> dict[str, Any]:
    """Place the densities of a class in a drawing of 690 x 170."""
    known = [
        (k, one, one["density_per_nm2"][name])
        for k, one in enumerate(images)
        if one["density_per_nm2"].get(name, {}).get("value") is not None
    ]
    high = max((density["high"] for _, _, density in known), default=0.0) or 1.0
    step = 690 / max(len(images), 1)

    def height(value: float) -> float:
        return round(170 * (1 - value / high), 1)

    bars = [
        {
            "x": round((k + 0.5) * step, 1),
            "y": height(density["value"]),
            "low": height(density["low"]),
            "high": height(density["high"]),
            "title": f"{_label(one)}: {density['value']:.4g} ({density['low']:.4g} to "
            f"{density['high']:.4g})",
        }
        for k, one, density in known
    ]
    return {"name": name, "colour": colour, "high": f"{high:.3g}", "bars": bars}


def _citation(weights: Sequence[str]) -> str:
    entries = []
    for name in weights:
        try:
            entries.append(bibtex_of(find_weights(name)))
        except KeyError:  # somebody's own
            entries.append(bibtex())
    return "\n\n".join(dict.fromkeys("\n\n".join(entries).split("\n\n"))) or bibtex()


def _images(record: RunRecord, names: Sequence[str], edge: int) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each image."""
    for one in record.images.values():
        picture, gone, view = None, "", one["shape"]
        try:
            picture, view = _picture(one, record.calls[one["call"]], edge)
        except (ValueError, OSError, MemoryError) as error:
            gone = f"no picture: {error}"
        try:
            marks = _marks(record.folder / one["csv"], names, calibrated=one["calibrated"])
        except (ValueError, OSError) as error:
            marks, gone = [], f"{gone} no marks: {error}".strip()
        notes = [*one["notes"], *one["undone"], *([gone] if gone else [])]
        fit = "not compared" if one["p_value"] is None else f"p = {one['p_value']:.2g}"
        counts = [one["counts"].get(name, 0) for name in names]
        yield {
            "label": _label(one),
            "picture": picture,
            "gone": gone,
            "trusted": not one["doubts"],
            "summary": ", ".join(f"{n} {name}" for n, name in zip(counts, names, strict=True) if n)
            or "nothing found",
            "facts": {
                "label": _label(one),
                "view": view,
                "threshold": one["threshold"],
                "measure": "probability" if one["calibrated"] else "score",
                "classes": names,
                "counts": counts,
                "density": [one["density_per_nm2"].get(name) for name in names],
                "f1": [expected_f1(one, name) for name in names],
                "marks": marks,
                "ring": round(_RING * 100 / one["pixel_size_pm"], 3),
                "doubts": one["doubts"],
                "notes": notes,
                "told": f"{one['shape'][0]} x {one['shape'][1]} pixels of "
                f"{one['pixel_size_pm']:.2f} pm ({one['pixel_size_source']}); crystal on "
                f"{one['crystal_share']:.0%} of the image; {one['weights']} "
                f"({one['weights_source']}); fit to its training frames: {fit}",
            },
        }


def _label(image: Mapping[str, Any]) -> str:
    frame = "" if image["frame"] is None else f" frame {image['frame']}"
    return f"{image['image']}{frame}"


def _picture(image: Mapping[str, Any], call: Mapping[str, Any], edge: int) -> tuple[str, list[int]]:
    """Return an image as the data address of a grey JPEG, and the rows and columns it shows."""
    from imagecodecs import jpeg8_encode

    path = located(Path(image["image"]), Path(call["folder"]))
    data = io.read_image(path, frame=image["frame"], sum_frames=call["options"]["sum_frames"]).data
    step = max(1, -(-max(data.shape) // edge))
    rows, columns = (n // step * step for n in data.shape)
    small = np.ma.filled(np.ma.asarray(data[:rows, :columns]).astype(np.float32), np.nan)
    small = small.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))
    known = small[np.isfinite(small)]
    # From the 0.5 % to the 99.5 % quantile, as the overlay shows it.
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    scaled = np.nan_to_num((small - low) / ((high - low) or 1.0))
    encoded = jpeg8_encode((np.clip(scaled, 0, 1) * 255).astype(np.uint8), level=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode(), [rows, columns]


def _marks(table: Path, names: Sequence[str], *, calibrated: bool) -> list[list[Any]]:
    """Return column, row, number of the class and probability (or score) of each detection."""
    columns = read_detections(table)
    values = columns["probability" if calibrated else "score"]
    return [
        [round(float(x), 1), round(float(y), 1), names.index(str(kind)), _known(value)]
        for x, y, kind, value in zip(
            columns["column"], columns["row"], columns["class"], values, strict=True
        )
        if str(kind) in names
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
