"""Drawings of a report: densities, distances of defects, and what changes from image to image."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemzoo.analysis.clustering import Clustering, DefectField, find_clustering
from stemzoo.workflows.result_files import read_detections
from stemzoo.workflows.run_record import RunRecord

WIDTH, HEIGHT = 690, 170
# The same of what changes from image to image.
_SMALL_WIDTH, _SMALL_HEIGHT = 330, 90
# Fewer pairs by chance in all rings together are too few for a drawing.
_FEWEST = 60
# Images with less crystal than this are left out of distances, as chance is drawn in all of one.
_WHOLE = 0.98


def image_label(image: Mapping[str, Any]) -> str:
    """Return how an image of the record is named on the page."""
    frame = "" if image["frame"] is None else f" frame {image['frame']}"
    return f"{image['image']}{frame}"


def density_chart(images: Sequence[Mapping[str, Any]], name: str, colour: str) -> dict[str, Any]:
    """Place the densities of a class in a drawing.

    Parameters
    ----------
    images : sequence of mapping
        As `RunRecord` holds them.
    name, colour : str
        The class, and its colour.

    Returns
    -------
    dict
        What the page draws.
    """
    known = [
        (k, one, one["density_per_nm2"][name])
        for k, one in enumerate(images)
        if one["density_per_nm2"].get(name, {}).get("value") is not None
    ]
    top = _round_up(max((density["high"] for _, _, density in known), default=0.0))
    step = WIDTH / max(len(images), 1)

    def height(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 1)

    bars = [
        {
            "x": round((k + 0.5) * step, 1),
            "y": height(density["value"]),
            "low": height(density["low"]),
            "high": height(density["high"]),
            "title": f"{image_label(one)}: {density['value']:.4g} ({density['low']:.4g} to "
            f"{density['high']:.4g})",
        }
        for k, one, density in known
    ]
    return {"name": name, "colour": colour, "high": f"{top:.3g}", "bars": bars}


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5 · 10^n, for the end of an axis.

    Examples
    --------
    >>> _round_up(0.645), _round_up(2.0), _round_up(0)
    (1.0, 2.0, 1.0)
    """
    if not value > 0:
        return 1.0
    decade = 10.0 ** np.floor(np.log10(value))
    return float(min(step * decade for step in (1, 2, 5, 10) if step * decade >= value * 0.999))


def pair_chart(record: RunRecord, name: str) -> dict[str, Any] | None:
    """Compare the distances between defects of a class with chance, and draw it.

    Parameters
    ----------
    record : RunRecord
        Of the folder; images with a lattice that are all crystal are taken.
    name : str
        The class.

    Returns
    -------
    dict or None
        What the page draws; None where there are no pairs to compare.
    """
    found = find_clustering(_fields(record, name))
    if found is None:
        return None
    if found.pairs < _FEWEST:
        return {"rings": [], "words": _words(found, name)}
    largest = float(np.nanmax([found.ratio, found.high]))
    top = _round_up(max(largest, 1.0))

    def height(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 1)

    scale = WIDTH / float(found.edges[-1])
    rings = []
    for near, far, ratio, low, high in zip(
        found.edges[:-1], found.edges[1:], found.ratio, found.low, found.high, strict=True
    ):
        if np.isnan(ratio):
            continue
        rings.append(
            {
                "x": round(float(near) * scale, 1),
                "width": round(float(far - near) * scale, 1),
                "y": height(float(ratio)),
                "low": height(float(low)),
                "high": height(float(high)),
                "title": f"{near:.2f} to {far:.2f} nm: {ratio:.2f} times as many pairs as by "
                f"chance ({low:.2f} to {high:.2f} by chance)",
            }
        )
    return {
        "rings": rings,
        "high": f"{top:.3g}",
        "one": height(1.0),
        "far": f"{found.edges[-1]:.1f}",
        "words": _words(found, name),
    }


def _words(found: Clustering, name: str) -> str:
    return (
        f"{name}: {found.summary()} ({found.count} defects in {found.frames} images that are all "
        "crystal; chance: as many on random sites of the lattice)."
    )


def _fields(record: RunRecord, name: str) -> list[DefectField]:
    """Places of the defects of a class in the images that can be compared with chance."""
    fields = []
    for one in record.images.values():
        lattice = one.get("lattice")
        if lattice is None or one["crystal_share"] < _WHOLE or one["counts"].get(name, 0) < 2:
            continue
        try:
            columns = read_detections(record.folder / one["csv"])
        except (ValueError, OSError):  # the page says so of the image
            continue
        own = columns["class"] == name
        points = np.column_stack([columns["row"][own], columns["column"][own]])
        shape, vectors = (one["shape"][0], one["shape"][1]), np.array(lattice["vectors"])
        fields.append(DefectField(points, shape, vectors, one["pixel_size_pm"] / 100))
    return fields


def trend_chart(
    title: str, labels: Sequence[str], values: Sequence[float | None]
) -> dict[str, Any] | None:
    """Place a figure of each image in a drawing.

    Parameters
    ----------
    title : str
        What it is, with its unit.
    labels : sequence of str
        Of the images.
    values : sequence of float or None
        None where it is not known.

    Returns
    -------
    dict or None
        What the page draws; None where no image has one.

    Examples
    --------
    >>> chart = trend_chart("strain [%]", ["a", "b", "c"], [1.0, None, 3.0])
    >>> [point["y"] for point in chart["points"]], chart["known"]
    ([82.5, 7.5], 2)
    """
    known = [(k, value) for k, value in enumerate(values) if value is not None]
    if not known:
        return None
    least, most = min(value for _, value in known), max(value for _, value in known)
    room = (most - least) / 10 or 1.0

    def height(value: float) -> float:
        return round(_SMALL_HEIGHT * (most + room - value) / (most - least + 2 * room), 1)

    points = [
        {
            "x": round((k + 0.5) * _SMALL_WIDTH / len(values), 1),
            "y": height(value),
            "title": f"{labels[k]}: {value:.4g}",
        }
        for k, value in known
    ]
    digits = 3 if f"{least:.3g}" != f"{most:.3g}" else 5
    ends = [{"y": height(v), "words": f"{v:.{digits}g}"} for v in sorted({least, most})]
    return {
        "title": title,
        "points": points,
        "ends": ends,
        "known": len(known),
        "count": len(values),
    }
