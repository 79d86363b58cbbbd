"""Resident memory of a session of detections, then of its tracks and its report.

    python tests/benchmarks/session_memory.py [--frames 150] [--edge 256]

Frames of one simulated specimen. The first tenth of them loads libraries and fills caches; after
that memory should not grow with the number of frames. Linux only.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.report import write_report
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.session import Session
from stemzoo.workflows.sources import find_sources
from stemzoo.workflows.tracking import find_series, write_tracks

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--frames", type=int, default=150)
parser.add_argument("--edge", type=int, default=256)
options = parser.parse_args()


def resident() -> float:
    """Return the memory that this process holds now [MB]."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


rng = np.random.default_rng(0)
day = find_session("wse2-dayA").draw(rng)
drift = np.cumsum(rng.normal(0, 1, (8, 2)), axis=0)
places = np.stack(np.meshgrid(*[np.linspace(0.2, 0.8, 3)] * 2), -1).reshape(-1, 2)
places *= options.edge * day.sampling  # [Å]
defects = [[("se_vacancy", *place) for place in places]] * 8
images = simulate_series(day, (options.edge, options.edge), drift, defects, rng=rng)
few = np.stack([frame.image for frame in images])
with tempfile.TemporaryDirectory() as folder:
    # The few frames over and over: what is found in them does not matter here.
    stack, out = Path(folder, "series.npy"), Path(folder, "out")
    np.save(stack, few[np.arange(options.frames) % len(few)])
    task = DetectTask(DetectOptions(sampling=day.sampling), "fcn-wse2")
    record = RunRecord(out)
    session = Session(out, task, task.load("fcn-wse2"), record)
    sources = find_sources([stack], frames="all")
    for number, outcome in enumerate(session.run(sources), 1):
        if outcome.error is not None:
            raise outcome.error
        if number % max(options.frames // 10, 1) == 0:
            print(f"{number} frames: {resident():.0f} MB", flush=True)
    write_tracks(record, find_series(sources)[0])
    print(f"tracks: {resident():.0f} MB")
    path = write_report(record)
    print(f"report of {path.stat().st_size / 1e6:.1f} MB: {resident():.0f} MB")
