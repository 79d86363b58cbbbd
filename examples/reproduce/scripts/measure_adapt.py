"""Measure `stemzoo adapt --detector` on development conditions: what it decides and brings.

    python scripts/measure_adapt.py OUT.json [--conditions "low dose" blurry ...] [--minutes 5]
        [--images 4] [--edge 768] [--draws 1] [--from WEIGHTS] [--force] [--cpu-clock]
        [--note TEXT]

For each of the conditions of measure_calibration.py, or of those that are named: expected and true
F1 of single Se vacancies on three frames that nothing was adapted to, of the default detector and
of the one in the folder that adapting wrote, the seconds that it took, and what was decided. Runs
that OUT.json holds are not repeated. With --cpu-clock, minutes are those of two cores that do
nothing else, whatever else the machine does: half of the CPU time of the process.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from measure_calibration import CONDITIONS, LABEL

import stemzoo
from stemzoo import io
from stemzoo.adaptation.mastery import expected_errors
from stemzoo.inference.detection import undo_scan
from stemzoo.inference.seen_crystal import find_crystal
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import LabelledImage, simulate_frame
from stemzoo.training import budget
from stemzoo.workflows import adaptation
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

DEFAULT = "fcn-wse2"
# Seeds of the frames that are adapted to (a draw each), and of the test frames.
ADAPTED, TEST, TESTED = 7100, 9100, 3


class CPUClock:
    """A clock that goes on as two cores work for this process."""

    @staticmethod
    def monotonic() -> float:
        """Half of the seconds of CPU."""
        return time.process_time() / 2


def frames(condition: str, count: int, edge: int, seed: int) -> list[LabelledImage]:
    """Frames of a condition over its session."""
    return [
        simulate_frame(
            CONDITIONS[condition],
            (edge, edge),
            rng=np.random.default_rng([seed, i]),
            time=(i + 0.5) / count,
        )
        for i in range(count)
    ]


def score(model, test: list[LabelledImage]) -> dict:
    """Tell expected and true F1 of a detector on frames together, as `detect` reports them."""
    total = DetectionScore(0, 0, 0)
    seen = []
    for frame in test:
        image = io.Image(frame.image, frame.sampling)
        labelled = np.array([label == LABEL for label in frame.labels()], dtype=bool)
        total += score_detections(
            stemzoo.detect(image, model).select(LABEL).positions,
            frame.points[labelled],
            RADIUS / frame.sampling,
            shape=frame.image.shape,
            border=BORDER / frame.sampling,
        )
        seen.append(undo_scan(find_crystal(image, model.material), model.material)[0])
    expected = expected_errors(seen, model).get(LABEL)
    f1 = None if expected is None else expected.f1
    return {
        "labelled": total.hits + total.misses,
        "f1": round(total.f1, 4),
        "expected_f1": None if f1 is None else [f1.value, f1.low, f1.high],
    }


def measure(condition: str, draw: int, options: argparse.Namespace) -> dict:
    """Adapt to one draw of a condition's frames and measure the result."""
    test = frames(condition, TESTED, options.edge, TEST)
    default = stemzoo.load(DEFAULT)
    parent = None
    if options.start is not None:
        parent = stemzoo.load(options.start, training=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        given = frames(condition, options.images, options.edge, ADAPTED + 10 * draw)
        for i, frame in enumerate(given):
            paths.append(Path(folder, f"{i}.tif"))
            io.write_tiff(paths[-1], frame.image, sampling=frame.sampling)
        begun, out = adaptation.time.monotonic(), Path(folder, "out")
        adaptation.adapt_files(
            paths,
            parent,
            out,
            minutes=options.minutes,
            detector=default,
            force=options.force,
            seed=draw,
            report=print,
        )
        seconds = adaptation.time.monotonic() - begun
        decided = json.loads(
            (out / adaptation.DETECTOR / "adaptation.json").read_text(encoding="utf-8")
        )
        after = score(stemzoo.load(out / adaptation.DETECTOR), test)
    return {
        **{"condition": condition, "draw": draw, "images": options.images, "edge": options.edge},
        **{"minutes": options.minutes, "from": options.start, "forced": options.force},
        "cpu_clock": options.cpu_clock,
        **{key: decided[key] for key in ("chosen", "mastered", "steps", "mended", "undone")},
        "seconds": round(seconds, 1),
        "before": score(default, test),
        "after": after,
        "note": options.note,
    }


def main() -> None:
    """Measure what is asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--edge", type=int, default=768, help="of a frame (px)")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--from", dest="start", help="CycleGAN; none where not given")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--cpu-clock", action="store_true")
    parser.add_argument("--note", help="on what else the machine did, for whoever reads it")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    if options.cpu_clock:
        adaptation.time = budget.time = CPUClock
    runs = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else []
    keys = ("condition", "draw", "images", "edge", "minutes", "from", "forced", "cpu_clock")
    done = {tuple(run[key] for key in keys) for run in runs}
    for name in options.conditions:
        for draw in range(options.draws):
            mine = (options.images, options.edge, options.minutes, options.start, options.force)
            mine += (options.cpu_clock,)
            if (name, draw, *mine) not in done:
                runs.append(measure(name, draw, options))
                print(json.dumps(runs[-1]), flush=True)
                io.write_json(options.out, runs)


if __name__ == "__main__":
    main()
