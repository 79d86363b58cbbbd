"""The verb that finds defects: in files, folders and stacks."""

from pathlib import Path
from typing import Annotated

import typer

from stemzoo.cli.image_lines import ImageLines
from stemzoo.cli.options import (
    TTA,
    AsIs,
    Cluster,
    Edges,
    FailFast,
    Force,
    Formats,
    Frame,
    Frames,
    JsonLines,
    PixelSize,
    Recursive,
    Resume,
    Runtime,
    Strict,
    SumFrames,
    Threshold,
    Weights,
    detect_options,
    one_of_frames,
    only_with,
)
from stemzoo.cli.terminal import warn

app = typer.Typer()


@app.command()
def detect(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE...", help="Image files, folders, or quoted patterns."),
    ] = None,
    weights: Weights = None,
    pixel_size: PixelSize = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("detections"),
    threshold: Threshold = 0.35,
    tta: TTA = False,
    edges: Edges = False,
    force: Force = False,
    as_is: AsIs = False,
    strict: Strict = False,
    frame: Frame = None,
    sum_frames: SumFrames = False,
    frames: Frames = None,
    recursive: Recursive = False,
    resume: Resume = False,
    fail_fast: FailFast = False,
    formats: Formats = None,
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
    cluster: Cluster = None,
    runtime: Runtime = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write report.html about all results, to look at.")
    ] = False,
    track: Annotated[
        bool,
        typer.Option(
            "--track", help="Follow defects through the frames: tracks.csv, drift.csv. See README."
        ),
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Find single-atom defects in images: a table and an overlay for each, and summary.csv.

    run.json beside them says how they were made. Exit code 2 if an image failed; 1 if some of many
    did (folders, --frames, --resume, --again), and the others are done.
    """
    from stemzoo.inference.advice import MisfitSummary
    from stemzoo.models.start import use_runtime
    from stemzoo.workflows.cluster import check_cluster
    from stemzoo.workflows.detect_task import DetectTask
    from stemzoo.workflows.image_task import plan_session
    from stemzoo.workflows.report import check_report
    from stemzoo.workflows.run_record import RunRecord
    from stemzoo.workflows.sources import find_sources, has_folders
    from stemzoo.workflows.tracking import TRACK_MARKS, find_series

    if runtime is not None:
        use_runtime(runtime)
    if report:
        check_report()
    check_cluster(cluster)
    if again is not None:
        with_it = ("fail_fast", "strict", "as_json", "resume", "report", "cluster", "runtime")
        only_with(context, "--again", *with_it)
        door = ImageLines(out, fail_fast, strict, as_json, resume, report=report)
        _detect_again(again, door, cluster)
        return
    if not images:
        raise typer.BadParameter(
            "expected IMAGE...: image files, folders or patterns. Received: none"
        )
    one_of_frames(frames, frame, sum_frames)
    options = detect_options(context)
    record = RunRecord.read(out)
    sources = find_sources(
        images, recursive=recursive, frames=frames, out=out, written=record.written()
    )
    task = DetectTask(options, weights)
    series = find_series(sources) if track else []
    tables = [name for one in series for name in one.files]
    plan_session(task, sources, out, tables=tables, table_marks=TRACK_MARKS)
    many = frames is not None or resume or has_folders(images, sources)
    door = ImageLines(out, fail_fast, strict, as_json, resume, report=report, many=many)
    with door.ended(record):
        misfits = MisfitSummary("detection")
        door.work(sources, task, record, misfits, cluster=cluster)
        warn(misfits.warning())
        door.follow(series, record)


def _detect_again(path: Path, door: ImageLines, cluster: str | None) -> None:
    """Do once more what a record tells of."""
    from stemzoo.inference.advice import MisfitSummary
    from stemzoo.workflows.again import read_calls
    from stemzoo.workflows.detect_task import DetectTask
    from stemzoo.workflows.run_record import RunRecord

    record = RunRecord.read(door.out)
    with door.ended(record):
        for call in read_calls(path):
            if door.fail_fast and door.failures.items:
                door.total += len(call.sources)  # which are left
                continue
            warn(call.warning())
            misfits = MisfitSummary("detection")
            door.work(
                call.sources,
                DetectTask(call.options, call.weights),
                record,
                misfits,
                cluster=cluster,
                expected=call.expected,
                check=call.check_weights,
            )
            warn(misfits.warning())
