"""Measure a detector on frames of a bad scan, as they are and with what can be undone undone.

    python scripts/measure_corrections.py results/corrections.json [--weights fcn-wse2]
        [--frames 10] [--seed 500] [--fault "row gain 24 %" ...]

The conditions are those of scan_faults.py, on which the corrections were chosen.
"""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from scan_faults import FAULTS, stored

import stemzoo
from stemzoo import io
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import LabelledImage, find_session, simulate_session
from stemzoo.simulate.defects import EDGE

# Session, rotation [degrees], pixel size [Å], scene.
FRAMES = (
    ("wse2-dayA", 0.0, 0.2074, None),
    ("wse2-dayB", 30.0, 0.2074, None),
    ("wse2-dayA", 30.0, 0.25, "edge"),
    ("wse2-dayA", 11.0, 0.15, None),
    ("wse2-dayB", 2.0, 0.18, None),
    ("wse2-dayA", 17.0, 0.2074, "hole"),
    ("wse2-dayA", 0.0, 0.28, None),
    ("wse2-dayA", 5.0, 0.12, None),
    ("wse2-dayA", 0.0, 0.2074, "edge"),
    ("wse2-dayA", 30.0, 0.2074, None),
)
RADIUS, BORDER = 1.0, 3.0  # of a match, and what is left out [Å]


def frames(count: int, seed: int) -> list[LabelledImage]:
    """Simulate the first frames, in electrons, of 106 Å a side or more."""
    found = []
    for i, (name, rotation, sampling, scene) in enumerate(FRAMES[:count]):
        session = replace(find_session(name), rotation=rotation, sampling=sampling, bits=0)
        size = max(512, round(106 / sampling) // 16 * 16)
        found += simulate_session(session, 1, (size, size), seed=seed + i, scene=scene)
    return found


def score(frame: LabelledImage, shifts: np.ndarray, found: stemzoo.Detections) -> DetectionScore:
    """Compare single vacancies in the crystal with the labels, where these have moved to."""
    labels = np.array(frame.labels(), dtype=str)
    points = frame.points.copy()
    points[:, 1] += np.interp(points[:, 0], np.arange(len(shifts)), shifts)
    vacancies = found.select("se_vacancy").positions
    last = np.array(frame.image.shape) - 1
    rows, columns = np.clip(np.rint(vacancies).astype(int), 0, last).T
    return score_detections(
        vacancies[frame.crystal[rows, columns]],
        points[labels == "se_vacancy"],
        RADIUS / frame.sampling,
        shape=frame.image.shape,
        border=BORDER / frame.sampling,
        ignore=points[labels == EDGE],
    )


def measure(model, fault: str, tested: list[LabelledImage]) -> dict:
    """Score a detector on frames with a fault, as they are and corrected."""
    row = {"fault": fault, "frames": len(tested)}
    for name, as_is in (("as_is", True), ("corrected", False)):
        total, each, undone = DetectionScore(0, 0, 0), [], 0
        for i, frame in enumerate(tested):
            bad, shifts = FAULTS[fault](frame.image.astype(float), np.random.default_rng([7, i]))
            found = stemzoo.detect(
                stored(bad), model, sampling=frame.sampling, force=True, as_is=as_is
            )
            each.append(round(score(frame, shifts, found).f1, 3))
            total += score(frame, shifts, found)
            undone += bool(found.undone)
        row[name] = {"f1": round(total.f1, 4), "each": each, "undone": undone}
    return row


def main() -> None:
    """Measure a detector on frames with every fault that is named, or with all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="JSON file")
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--frames", type=int, default=len(FRAMES))
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model, tested = stemzoo.load(options.weights), frames(options.frames, options.seed)
    rows = []
    for fault in options.fault or FAULTS:
        rows.append(measure(model, fault, tested))
        scores = (rows[-1][name]["f1"] for name in ("as_is", "corrected"))
        print(f"{fault:32} {' -> '.join(f'{value:.3f}' for value in scores)}", flush=True)
        report = {"weights": model.name, "seed": options.seed, "faults": rows}
        io.write_json(options.out, report)


if __name__ == "__main__":
    main()
