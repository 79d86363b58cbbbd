"""The verb that finds defects: in files, folders and stacks."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemzoo.cli.options import Frame, JsonLines, PixelSize, Strict, SumFrames
from stemzoo.cli.terminal import (
    Failures,
    angstrom,
    complain,
    load_kind,
    say,
    start_keras,
)

if TYPE_CHECKING:
    from stemzoo.workflows.images import DetectedFile
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.session import DetectOptions, Outcome
    from stemzoo.workflows.sources import Source

app = typer.Typer()

# End of what the library says of a stack, of which the verb takes each frame, too.
_CHOOSE = ", or sum_frames=True."


@app.command()
def detect(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="Image files, folders, or quoted patterns."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Name of the zoo, or a model folder; else the detector for the material that the "
            "image shows."
        ),
    ] = None,
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("detections"),
    threshold: Annotated[
        float,
        typer.Option(help="Lowest probability to report, 0 to 1; score if it is not calibrated."),
    ] = 0.35,
    tta: Annotated[
        bool, typer.Option("--tta", help="Average over 8 rotations and flips (slower).")
    ] = False,
    edges: Annotated[
        bool, typer.Option("--edges", help='Report class "edge", too: marks where crystal ends.')
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on though the image shows another material.")
    ] = False,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Undo nothing: flicker of rows, hum, shifts, gamma.")
    ] = False,
    strict: Strict = False,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    frames: Annotated[
        str | None,
        typer.Option(help="Frames of stacks, each as an image: all, or a range such as 0:100."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Look into folders of folders, too.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what is done: same file, weights and options.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first image that fails.")
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Write this, too: parquet, geojson (QGIS), roi (ImageJ), xyz (ASE, OVITO). May be "
            "given several times.",
        ),
    ] = None,
    header: Annotated[
        bool,
        typer.Option("--header", help="Say above each table, in lines of comment, how it was made"),
    ] = False,
    again: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN.JSON", help="Do once more what a run.json tells of: the same bytes."
        ),
    ] = None,
    as_json: JsonLines = False,
) -> None:
    """Find single-atom defects in images: a table and an overlay for each, and summary.csv.

    run.json beside them says how they were made. Exit code 2 if an image failed; 1 if some of many
    did (folders, --frames, --resume, --again), and the others are done.
    """
    from stemzoo.workflows.result_files import check_formats
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.session import DetectOptions, plan_session
    from stemzoo.workflows.sources import find_sources

    if again is not None:
        _check_again(context)
        _detect_again(again, _Door(out, fail_fast, strict, as_json, resume))
        return
    if not images:
        raise typer.BadParameter("Missing argument 'IMAGE...': image files, folders or patterns.")
    if frames is not None and (frame is not None or sum_frames):
        raise ValueError(
            "expected --frames, --frame or --sum-frames. Received: two of them. Give only one."
        )
    options = DetectOptions(
        sampling=angstrom(pixel_size),
        threshold=threshold,
        tta=tta,
        edges=edges,
        force=force,
        as_is=as_is,
        frame=frame,
        sum_frames=sum_frames,
        formats=check_formats(formats or []),
        header=header,
    )
    record = RunRecord.read(out)
    sources = find_sources(
        images, recursive=recursive, frames=frames, out=out, written=record.written()
    )
    plan_session(sources, out, options.formats)
    empty = {source.path for source in sources if source.fault}
    folders = [path for path in images if os.path.isdir(path) and path not in empty]
    many = frames is not None or resume or bool(folders)
    door = _Door(out, fail_fast, strict, as_json, resume, many=many)
    with door.ended():
        door.work(sources, options, weights, record)


def _check_again(context: typer.Context) -> None:
    """Refuse what --again takes from the record."""
    free = {"again", "out", "fail_fast", "strict", "as_json", "resume"}
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [
        name
        for name, source in sources.items()
        if name not in free and source is not None and source.name == "COMMANDLINE"
    ]
    if given:
        raise ValueError(
            "--again takes images and options from the record. Received: "
            f"{', '.join(given)}, too. Leave them out, or give them without --again."
        )


def _detect_again(path: Path, door: "_Door") -> None:
    """Do once more what a record tells of."""
    from stemzoo.workflows.again import read_calls
    from stemzoo.workflows.run_record import RunRecord

    with door.ended():
        record = RunRecord.read(door.out)
        for call in read_calls(path):
            if (warning := call.warning()) is not None:
                complain(f"warning: {warning}")
            door.work(
                call.sources,
                call.options,
                call.weights,
                record,
                expected=call.expected,
                check=call.check_weights,
            )


@dataclass
class _Door:
    """How a call speaks of its images, and ends.

    Parameters
    ----------
    out : Path
        Folder for the results.
    fail_fast, strict, as_json, resume : bool
        Options of the verb.
    many : bool
        Whether one of many images may fail.
    """

    out: Path
    fail_fast: bool
    strict: bool
    as_json: bool
    resume: bool
    many: bool = True
    failures: Failures = field(default_factory=Failures)
    untrusted: int = 0
    done: int = 0
    skipped: int = 0
    total: int = 0
    warnings: list[str] = field(default_factory=list)

    def work(
        self,
        sources: "Sequence[Source]",
        options: "DetectOptions",
        weights: str | None,
        record: "RunRecord",
        *,
        expected: dict[str, str] | Any = None,
        check: Any = None,
    ) -> None:
        """Look at images, and say what was found in each."""
        from stemzoo.inference.advice import MisfitSummary
        from stemzoo.inference.bundled_detectors import BundledDetectors
        from stemzoo.workflows.session import DetectSession, used_weights

        self.total += len(sources)
        if weights is None:
            start_keras()
        model = load_kind(weights, "DefectFCN", "detect") if weights else BundledDetectors()
        if check is not None:
            check(used_weights(model))
        misfits = MisfitSummary("detection")
        session = DetectSession(self.out, model, options, weights, record)
        outcomes = closing(session.run(sources, resume=self.resume, expected=expected))
        with outcomes as each, _bar(len(sources)) as advance:
            for outcome in each:
                self._tell(outcome, misfits)
                advance()
                if outcome.error is not None and self.fail_fast:
                    break
        if (warning := misfits.warning()) is not None:
            complain(f"warning: {warning}")

    def _tell(self, outcome: "Outcome", misfits: Any) -> None:
        """Say in one line what became of an image."""
        if (error := outcome.error) is not None:
            if (text := str(error)).endswith(_CHOOSE):
                error = ValueError(
                    f"{text.removesuffix(_CHOOSE)}, sum_frames=True, or --frames all."
                )
            self.failures.add(str(outcome.source), error)
            return
        assert outcome.facts is not None  # of what has not failed
        self.done += 1
        self.untrusted += bool(outcome.facts["doubts"])
        if outcome.found is None:
            self.skipped += 1
            say(_skipped(outcome, self.out, self.as_json))
            return
        misfits.add(outcome.found.image, outcome.found.detections.match)
        report = outcome.found.report() | {"frame": outcome.facts["frame"]}
        say(json.dumps(report) if self.as_json else _line(outcome.source, outcome.found, report))

    @contextmanager
    def ended(self) -> "Iterator[None]":
        """Say at the end what failed or was left, and end with the code for it."""
        try:
            yield
        except KeyboardInterrupt:
            complain(
                f"stopped after {self.done} of {self.total} images, which are whole in {self.out}; "
                "the same command with --resume goes on"
            )
            raise
        failed = len(self.failures.items)
        left = self.total - self.done - failed
        if self.many and failed:
            names = ", ".join(map(str, self.failures.items[:20]))
            more = f" and {failed - 20} more" if failed > 20 else ""
            reasons = self.out / "summary.csv"
            complain(f"{failed} of {self.total} images failed: {names}{more}; why: {reasons}")
        if left > 0:
            complain(
                f"stopped at the first failure (--fail-fast): {left} of {self.total} images were "
                "not looked at; the same command with --resume goes on"
            )
        if failed:
            raise typer.Exit(1 if self.many and self.done else 2)
        if self.strict and self.untrusted:
            raise typer.Exit(2)


@contextmanager
def _bar(total: int) -> "Iterator[Any]":
    """Show a bar with rate and remaining time on a terminal, where there are several images."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            if not speed:
                return Text("")
            return Text(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")

    columns = (
        TextColumn("images"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # Lines that go elsewhere than to the terminal stay there.
    with Progress(
        *columns, console=console, redirect_stdout=sys.stdout.isatty(), transient=True
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _skipped(outcome: "Outcome", out: Path, as_json: bool) -> str:
    """Say in one line that an image was done before."""
    facts = dict(outcome.facts or {})
    if as_json:
        return json.dumps({**facts, "skipped": True})
    counts = ", ".join(f"{count} {name}" for name, count in facts["counts"].items())
    doubts = "".join(f" | NOT TO BE TRUSTED: {doubt}" for doubt in facts["doubts"])
    return f"{outcome.source}: {counts}{doubts} | done before, {out / facts['csv']}"


def _line(source: "Source", found: "DetectedFile", report: dict[str, Any]) -> str:
    """Say in one line what was found in an image."""
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    notes = found.detections.notes
    doubts = [f"NOT TO BE TRUSTED: {doubt}" for doubt in found.detections.doubts]
    reason = report["weights_source"]
    parts = (
        f"{source}: {counts}",
        *doubts,
        *([f"weights {report['weights']}: {reason}"] if reason != "given" else []),
        f"pixel {report['pixel_size_pm']:.2f} pm ({report['pixel_size_source']})",
        *found.detections.undone,
        *([f"note: {'; '.join(notes)}"] if notes else []),
        ", ".join(map(str, (found.table, found.overlay, *found.others))),
    )
    return " | ".join(parts)
