"""What the viewer in the browser is told of an image."""

from importlib.resources import files
from typing import Any

from stemzoo.app.results import TIFFS
from stemzoo.app.visits import Visit, VisitImage
from stemzoo.plotting import COLOURS

# Rings of 1.1 Å radius leave a column visible, as in overlays.
_RING = 1.1


def viewer_file(name: str) -> str:
    """Return a part of the viewer: ``viewer.html``, ``viewer.css`` or ``viewer.js``.

    Examples
    --------
    >>> "watch" in viewer_file("viewer.js")
    True
    """
    return files("stemzoo.app").joinpath(name).read_text(encoding="utf-8")


def view(visit: Visit, *, show: str | None = None) -> dict[str, Any] | None:
    """Describe the chosen image of a visit for the viewer, as JSON holds it.

    Parameters
    ----------
    visit : Visit
        Whose image.
    show : str, optional
        Picture to show; else the one that is shown.

    Returns
    -------
    dict or None
        None without an image. Marks are number, x, y [px], number of the class, probability (or
        score, or None) and whether it was made or renamed by hand.
    """
    if not visit.images:
        return None
    image = visit.image
    address = f"results/{visit.token}/{image.path.stem}"
    rows, columns = image.shape
    told: dict[str, Any] = {
        "image": image.path.stem,
        "name": image.path.name,
        "rows": rows,
        "columns": columns,
        "results": address,
        "pictures": [
            [name, f"{address}/{name}?of={path.stat().st_mtime_ns}"]
            for name, path in image.pictures.items()
        ],
        "show": show,
        "looked": image.found is not None,
        "nm": None if image.sampling_pm is None else image.sampling_pm / 1000,
        "classes": [],
        "marks": [],
        "outline": [],
        "ring": 5.0,
        "threshold": 0.0,
        "measure": "probability",
        "edits": len(image.edits),
        "downloads": [],
    }
    if image.found is not None:
        told |= _found(visit, image)
    return told


def _found(visit: Visit, image: VisitImage) -> dict[str, Any]:
    """Describe detections, as they were corrected."""
    assert image.found is not None
    corrected = image.corrected()
    found = corrected.detections
    names = list(found.counts())
    likely = found.scores if found.probability is None else found.probability
    by_hand = {edit.mark for edit in image.edits}
    marks = [
        [
            mark,
            round(float(column), 2),
            round(float(row), 2),
            names.index(name),
            None if value != value else round(float(value), 3),
            int(mark in by_hand or mark >= len(image.found)),
        ]
        for mark, (row, column), name, value in zip(
            corrected.marks, found.positions, found.classes, likely, strict=True
        )
    ]
    made = [(kind, f"{name} (TIFF)") for name, kind in TIFFS.items() if name in image.pictures]
    return {
        "nm": found.sampling / 10,
        "classes": [[name, COLOURS[k % len(COLOURS)]] for k, name in enumerate(names)],
        "marks": marks,
        "outline": [[[x, y] for y, x in polygon] for polygon in image.outline],
        "ring": _RING / found.sampling,
        "threshold": found.threshold,
        "measure": "score" if found.probability is None else "probability",
        "downloads": [
            ("table", "table (CSV)"),
            ("report", "report (HTML)"),
            ("rois", "ImageJ ROIs"),
            *made,
            *([("weights", "your detector (zip)")] if visit.weights else []),
        ],
    }
