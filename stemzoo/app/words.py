"""What the page says, as HTML in which nothing that comes from a file can be more than text."""

from collections.abc import Iterable, Sequence
from html import escape

from stemzoo.app.trainings import Progress
from stemzoo.app.visits import VisitImage
from stemzoo.inference.advice import describe_match
from stemzoo.inference.detections import Detections
from stemzoo.metrics.detection_report import ALL, FIGURES, DetectionReport
from stemzoo.metrics.estimate import Estimate

# What the library calls an option is a field here.
_FIELDS = (
    ("--threshold (threshold=)", "the lowest probability"),
    ("--pixel-size PM, sampling=", "see its field"),
    ("--pixel-size (sampling=)", "pixel size"),
    ("--weights (model=)", "weights"),
    ("--force, force=True", "tick its field"),
)


def for_page(text: str) -> str:
    """Return a message of the library in the words of the page.

    Examples
    --------
    >>> for_page("raise --threshold (threshold=) for fewer false ones")
    'raise the lowest probability for fewer false ones'
    """
    for option, field in _FIELDS:
        text = text.replace(option, field)
    return text


def message(text: str, *, bad: bool = False) -> str:
    """Return one message; empty where there is none.

    Examples
    --------
    >>> message("<b>", bad=True)
    '<p class="bad" role="alert">&lt;b&gt;</p>'
    """
    if not text:
        return ""
    return f'<p class="{"bad" if bad else "good"}" role="alert">{escape(for_page(text))}</p>'


def facts(image: VisitImage) -> str:
    """Say what an image is, what was found, and what is to be known of both.

    Parameters
    ----------
    image : VisitImage
        An image that was dropped; perhaps not yet looked at.

    Returns
    -------
    str
        HTML.
    """
    found = image.found
    rows, columns = image.shape
    size = f"{rows} × {columns} px"
    if image.frames > 1:
        size += (
            f", sum of {image.frames} frames"
            if image.frame is None
            else f", frame {image.frame} of {image.frames}"
        )
    table = [("file", image.path.name), ("image", size)]
    if found is None:
        pm = image.sampling_pm
        stated = "not in the file: it will be measured" if pm is None else f"{pm:.2f} pm (file)"
        return _table([*table, ("pixel", stated), ("", "looking …")])
    corrected = image.corrected()
    share = 1.0 if found.crystal is None else found.crystal.mask.share
    fit = "" if found.match is None or found.match.fits else " — unlike its training frames"
    table += [
        ("shows", f"{found.material or 'any crystal'}: {share:.0%} of the image"),
        ("pixel", f"{100 * found.sampling:.2f} pm ({found.sampling_source})"),
        ("weights", f"{image.detector} ({found.model_source}){fit}"),
        ("fit", describe_match(found.match)),
    ]
    said = [
        *(("bad", f"Not to be trusted: {doubt}") for doubt in found.doubts),
        *(("bad", text) for text in image.warnings),
        *(("note", text) for text in (*found.notes, *found.undone)),
        *(("good", text) for text in [corrected.words()] if text),
    ]
    lines = "".join(f'<li class="{kind}">{escape(for_page(text))}</li>' for kind, text in said)
    return f"{_table(table)}{_classes(found, corrected.detections)}<ul>{lines}</ul>"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f'<table class="facts">{cells}</table>'


def _classes(found: Detections, corrected: Detections) -> str:
    """Table of the classes: how many, how dense, and how far that is to be believed."""
    counts = corrected.counts()
    rows = []
    for name in counts:
        density, expected = corrected.density(name), found.expectation(name)
        f1 = "unknown"
        if expected is not None:
            f1 = _range(expected.f1) if expected.is_enough else "too few to tell"
        rows.append((name, str(counts[name]), _range(density), f1))
    head = ("defect", "found", "per nm²", "expected F1")
    return _grid(head, rows)


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table class="classes"><tr>{top}</tr>{body}</table></div>'


def _range(value: Estimate, digits: int = 2) -> str:
    if value.value != value.value or value.low is None or value.high is None:
        return "–"
    return f"{value.value:.{digits}g} ({value.low:.{digits}g}–{value.high:.{digits}g})"


def scores(report: DetectionReport) -> str:
    """Say how good the detector is, if the corrections are right.

    Parameters
    ----------
    report : DetectionReport
        Of one image.

    Returns
    -------
    str
        HTML.
    """
    if not report.classes:
        return message("No marks to judge by.", bad=True)
    names = [*report.classes, *([ALL] if len(report.classes) > 1 else [])]
    rows = []
    for name in names:
        total = report.total(name).score
        counts = f"{total.hits} / {total.false_alarms} / {total.misses}"
        figures = (_range(report.estimate(figure, name)) for figure in FIGURES)
        rows.append((name, counts, *figures))
    doubts = [doubt for image in report.images for doubt in image.doubts]
    return (
        "<p>If your corrections are right:</p>"
        + _grid(("defect", "hits / false / missed", *FIGURES), rows)
        + f'<p class="note">In brackets 95 %. A border of {report.border:g} Å does not count. '
        "Where you did not look, the detector is taken for right.</p>"
        + "".join(message(f"Not to be trusted: {doubt}", bad=True) for doubt in doubts)
    )


def notes(lines: Iterable[str]) -> str:
    """Return lines as a list."""
    items = "".join(
        f'<li class="{"bad" if line.startswith("NOT TO BE") else "note"}">{escape(line)}</li>'
        for line in lines
    )
    return f"<ul>{items}</ul>" if items else ""


def progress(now: Progress) -> str:
    """Draw how far a training is, with what it said last.

    Examples
    --------
    >>> "42 %" in progress(Progress(0.42, 61.0, ("epoch 3",), "running"))
    True
    """
    words = {
        "running": f"{now.part:.0%}".replace("%", " %"),
        "done": "done",
        "stopped": "stopped; Start goes on where it was",
        "failed": "failed",
    }[now.state]
    minutes, seconds = divmod(round(now.seconds), 60)
    # The command line says some things twice, and what to type next.
    spoken = [line.removeprefix("stemzoo: warning: ") for line in now.lines]
    last = [line for line in dict.fromkeys(spoken) if "try 'stemzoo" not in line][-12:]
    said = "\n".join(escape(line) for line in last)
    return (
        f'<div class="job {now.state}"><progress max="1" value="{now.part:.3f}"></progress>'
        f"<p>{words} · {minutes}:{seconds:02d} min</p><pre>{said}</pre></div>"
    )
