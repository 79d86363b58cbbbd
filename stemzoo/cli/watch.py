"""The verb that looks at images as they arrive from a microscope."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from stemzoo.cli.image_lines import ImageLines
from stemzoo.cli.options import (
    TTA,
    AsIs,
    Edges,
    Force,
    Formats,
    Frames,
    JsonLines,
    PixelSize,
    Recursive,
    Threshold,
    Weights,
    detect_options,
)
from stemzoo.cli.terminal import complain, printable, say

if TYPE_CHECKING:
    from stemzoo.workflows.session import Session
    from stemzoo.workflows.watching import Arrivals, Course

app = typer.Typer()
# Rows of the live table, and classes whose course is drawn below it.
_ROWS, _CURVES = 12, 2


@app.command()
def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder that the microscope writes to.")],
    weights: Weights = None,
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("detections"),
    threshold: Threshold = 0.35,
    tta: TTA = False,
    edges: Edges = False,
    force: Force = False,
    as_is: AsIs = False,
    frames: Frames = None,
    recursive: Recursive = False,
    formats: Formats = None,
    settle: Annotated[
        float,
        typer.Option(min=0.0, metavar="SECONDS", help="A file is whole if so long unchanged."),
    ] = 2.0,
    idle: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="SECONDS", help="End when nothing has come for so long."),
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """Find defects in images as they arrive: a live table of densities, and when to adapt.

    Files as of detect. Ctrl-C ends it; the same command goes on where it was.
    """
    from stemzoo.workflows.detect_task import DetectTask
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.session import Session
    from stemzoo.workflows.sources import parse_frames
    from stemzoo.workflows.watching import Arrivals

    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder to watch. Received: none. Check the path.")
    if frames is not None:
        parse_frames(frames)  # what names none ends the call, not each file
    record = RunRecord.read(out)
    task = DetectTask(detect_options(context), weights)
    session = Session(out, task, task.load(weights), record)
    arrivals = Arrivals(folder, recursive, out, settle)
    lines = ImageLines(out, as_json=as_json, resume=True)
    try:
        _follow(session, arrivals, lines, frames, idle)
    except KeyboardInterrupt:
        say(f"{lines.done} images, in {out}; the same command goes on")
    failed = len(lines.failures.items)
    if failed:
        complain(f"{failed} images failed; why: {out / 'summary.csv'}")
        raise typer.Exit(1 if lines.done else 2)


def _follow(
    session: "Session",
    arrivals: "Arrivals",
    lines: ImageLines,
    frames: str | None,
    idle: float | None,
) -> None:
    """Look at images as they arrive."""
    from stemzoo.workflows.watching import Course, arriving

    course, told = Course(), False
    batches = arriving(arrivals, frames=frames, written=session.record.written, idle=idle)
    with _screen(lines, course, arrivals) as screen:
        for sources in batches:
            screen.refresh(len(sources))
            if not sources:
                continue
            with closing(session.run(sources, resume=True)) as outcomes:
                for number, outcome in enumerate(outcomes, 1):
                    screen.tell(outcome)
                    if outcome.facts is not None:
                        course.add(outcome.facts)
                    screen.refresh(len(sources) - number)
            advice = course.advice()
            if advice is not None and not told:
                complain(f"warning: {advice}")
            told = advice is not None


class _Screen(Protocol):
    def tell(self, outcome: Any) -> None: ...
    def refresh(self, left: int) -> None: ...


class _Plain:
    """Lines, for what is no terminal."""

    def __init__(self, lines: ImageLines):
        self._lines = lines

    def tell(self, outcome: Any) -> None:
        self._lines.tell(outcome)

    def refresh(self, left: int) -> None:
        pass


class _Live:
    """A table that is drawn anew for each image."""

    def __init__(self, live: Any, lines: ImageLines, course: "Course", arrivals: "Arrivals"):
        self._live, self._lines, self._course, self._arrivals = live, lines, course, arrivals

    def tell(self, outcome: Any) -> None:
        # What went wrong stands above the table, for good.
        if outcome.error is not None:
            self._lines.tell(outcome)
        else:
            self._lines.count(outcome)

    def refresh(self, left: int) -> None:
        self._live.update(live_table(self._course, self._arrivals, left))


@contextmanager
def _screen(lines: ImageLines, course: "Course", arrivals: "Arrivals") -> Iterator[_Screen]:
    if lines.as_json or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield _Plain(lines)
        return
    from rich.live import Live

    with Live(live_table(course, arrivals), refresh_per_second=4) as live:
        yield _Live(live, lines, course, arrivals)


def live_table(course: "Course", arrivals: "Arrivals", left: int = 0) -> Any:
    """Draw the last images and the course of the session, for a terminal; `left` are whole."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from stemzoo.workflows.run_record import expected_f1
    from stemzoo.workflows.watching import sparkline

    classes = course.classes()
    table = Table(box=None, pad_edge=False)
    table.add_column("image", overflow="ellipsis", no_wrap=True, min_width=16)
    for name in classes:
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    if classes:
        table.add_column(f"{classes[0]} per nm²", justify="right", no_wrap=True, min_width=23)
        table.add_column("F1", justify="right", no_wrap=True, min_width=4)
    table.add_column("fit p", justify="right", no_wrap=True, min_width=6)
    table.add_column("warnings", overflow="ellipsis", no_wrap=True)
    for one in course.images[-_ROWS:]:
        frame = "" if one["frame"] is None else f" [{one['frame']}]"
        cells = [printable(Path(one["image"]).name + frame)]
        cells += [str(one["counts"].get(name, "-")) for name in classes]
        if classes:
            f1 = expected_f1(one, classes[0])
            cells += [_density(one, classes[0]), "-" if f1 is None else f"{f1:.2f}"]
        warnings = [*(f"NOT TO BE TRUSTED: {text}" for text in one["doubts"]), *one["notes"]]
        p = one["p_value"]
        cells += ["-" if p is None else f"{p:.2g}", "; ".join(warnings)]
        table.add_row(*map(Text, cells))
    parts: list[Any] = [table]
    for name in classes[:_CURVES]:
        values = course.densities(name)
        high = max((value for value in values if value is not None), default=0.0)
        parts.append(Text(f"{sparkline(values, 0, high)} {name}, 0 to {high:.3g} per nm²"))
        f1s = course.expected_f1(name)
        if any(value is not None for value in f1s):
            parts.append(Text(f"{sparkline(f1s, 0, 1)} its expected F1, 0 to 1"))
    if (advice := course.advice()) is not None:
        parts.append(Text(advice, style="bold"))
    waiting = f", {left} to look at" if left else ""
    waiting += f", {arrivals.waiting} not whole yet" if arrivals.waiting else ""
    count = f"{len(course.images)} images{waiting}"
    parts.append(Text(f"{count}; watching {printable(str(arrivals.folder))}: Ctrl-C ends"))
    return Group(*parts)


def _density(one: Any, name: str) -> str:
    density = one["density_per_nm2"].get(name)
    if density is None or density["value"] is None:
        return "-"
    return f"{density['value']:.3f} ({density['low']:.3f} to {density['high']:.3f})"
