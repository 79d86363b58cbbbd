"""How a call on many images speaks: a line an image, a bar of progress, and what failed."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from stemzoo.cli.terminal import Failures, complain, say

if TYPE_CHECKING:
    from stemzoo.inference.advice import MisfitSummary
    from stemzoo.workflows.image_task import ImageResult, ImageTask
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.session import Outcome
    from stemzoo.workflows.sources import Source
    from stemzoo.workflows.tracking import ImageSeries
    from stemzoo.workflows.translation import MeasuredImages

# End of what the library says of a stack, of which the verb takes each frame, too.
_CHOOSE = ", or sum_frames=True."


@dataclass
class ImageLines:
    """How a call speaks of its images, and ends.

    Parameters
    ----------
    out : Path
        Folder for the results.
    fail_fast, strict, as_json, resume, report : bool
        Options of the verb.
    many : bool
        Whether one of many images may fail.
    """

    out: Path
    fail_fast: bool = False
    strict: bool = False
    as_json: bool = False
    resume: bool = False
    report: bool = False
    many: bool = True
    failures: Failures = field(default_factory=Failures)
    untrusted: int = 0
    done: int = 0
    skipped: int = 0
    total: int = 0

    def work(
        self,
        sources: "Sequence[Source]",
        task: "ImageTask",
        record: "RunRecord",
        summary: "MisfitSummary | MeasuredImages",
        *,
        cluster: str | None = None,
        expected: Mapping[str, str] | None = None,
        check: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        """Look at images, say what was made of each, and count those that do not fit."""
        from stemzoo.workflows.cluster import open_engine
        from stemzoo.workflows.fingerprints import used_weights
        from stemzoo.workflows.outputs import swept
        from stemzoo.workflows.session import Session

        self.total += len(sources)
        model = task.load(task.weights)
        if check is not None:
            check(used_weights(model))
        with swept(self.out / one.folder for one in sources), open_engine(cluster) as engine:
            session = Session(self.out, task, model, record, engine)
            outcomes = closing(session.run(sources, resume=self.resume, expected=expected))
            with outcomes as each, progress_bar(len(sources)) as advance:
                for outcome in each:
                    self.tell(outcome)
                    if (result := outcome.result) is not None:
                        summary.add(result.image, result.match)
                    advance()
                    if outcome.error is not None and self.fail_fast:
                        break

    def tell(self, outcome: "Outcome") -> None:
        """Say in one line what became of an image."""
        if (error := outcome.error) is not None:
            if (text := str(error)).endswith(_CHOOSE):
                error = ValueError(
                    f"{text.removesuffix(_CHOOSE)}, sum_frames=True, or --frames all."
                )
            self.failures.add(str(outcome.source), error)
            return
        self.count(outcome)
        if (result := outcome.result) is None:
            say(_skipped(outcome, self.out, self.as_json))
        else:
            say(json.dumps(result.report) if self.as_json else _line(outcome.source, result))

    def count(self, outcome: "Outcome") -> None:
        """Count an image that has not failed."""
        assert outcome.facts is not None
        self.done += 1
        self.skipped += outcome.skipped
        self.untrusted += bool(outcome.facts.get("doubts"))

    def follow(self, series: "Sequence[ImageSeries]", record: "RunRecord") -> None:
        """Follow the defects of series of images, and say what happened in each."""
        from stemzoo.workflows.tracking import write_tracks

        for one in series:
            try:
                tracks = write_tracks(record, one)
            except (ValueError, OSError) as error:
                self.failures.add(one.name or "tracks", error)
                self.total += 1
                continue
            doubts = "".join(f" | NOT TO BE TRUSTED: {doubt}" for doubt in tracks.doubts)
            files = ", ".join(str(self.out / name) for name in one.files)
            # Of --json, all lines are objects.
            say(f"{one.name or 'tracks'}: {tracks.summary()}{doubts} | {files}", error=self.as_json)

    @contextmanager
    def ended(self, record: "RunRecord") -> "Iterator[None]":
        """Say at the end what failed or was left, and end with the code for it."""
        try:
            yield
        except KeyboardInterrupt:
            complain(
                f"stopped after {self.done} of {self.total} images, which are whole in {self.out}; "
                "the same command with --resume goes on"
            )
            raise
        if self.report and record.images:
            from stemzoo.workflows.report import write_report

            # Of --json, all lines are objects.
            say(str(write_report(record)), error=self.as_json)
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
def progress_bar(total: int) -> "Iterator[Any]":
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
    if "counts" not in facts:  # it was translated
        return f"{outcome.source}: done before, {out / facts['files'][0]}"
    if as_json:
        from stemzoo.workflows.result_files import read_defects

        files = {name: str(out / facts[name]) for name in ("csv", "overlay")}
        defects = read_defects(files["csv"])
        return json.dumps({**facts, **files, "detections": defects, "skipped": True})
    counts = ", ".join(f"{count} {name}" for name, count in facts["counts"].items())
    doubts = "".join(f" | NOT TO BE TRUSTED: {doubt}" for doubt in facts["doubts"])
    return f"{outcome.source}: {counts}{doubts} | done before, {out / facts['csv']}"


def _line(source: "Source", result: "ImageResult") -> str:
    """Say in one line what was made of an image."""
    report = result.report
    if "counts" not in report:  # it was translated
        return f"{source}: {result.files[0]}"
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
    reason, notes = report["weights_source"], report["notes"]
    parts = (
        f"{source}: {counts}",
        *(f"NOT TO BE TRUSTED: {doubt}" for doubt in report["doubts"]),
        *([f"weights {report['weights']}: {reason}"] if reason != "given" else []),
        f"pixel {report['pixel_size_pm']:.2f} pm ({report['pixel_size_source']})",
        *report["undone"],
        *([f"note: {'; '.join(notes)}"] if notes else []),
        ", ".join(map(str, result.files)),
    )
    return " | ".join(parts)
