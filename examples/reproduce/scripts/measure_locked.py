"""Measure detectors on the locked conditions: frames of another simulator, nothing tuned on them.

    python scripts/measure_locked.py fcn-wse2 [WEIGHTS ...] [--frames 2] [--seed 1]
        [--condition plain ...] [--out FILE.json]

Frames show the material of the weights. Of each condition: the F1 of single vacancies where the
crystal is, detections farther than a match from it, and how many images carry a warning that their
result is not to be trusted.
"""

import argparse
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from independent_microscope import CONDITIONS, CRYSTALS, Frame, draw_frame
from scipy import ndimage

import stemzoo
from stemzoo import io
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.workflows.simulated_scores import BORDER, RADIUS


@dataclass(frozen=True)
class LockedScore:
    """What a detector found in the frames of a condition; the last three in frames."""

    condition: str
    labelled: int
    false_alarms: int
    misses: int
    f1: float
    outside: int
    frames: int
    not_trusted: int
    refused: int


def score_frame(frame: Frame, found: stemzoo.Detections, label: str) -> tuple[DetectionScore, int]:
    """Score vacancies inside of the crystal; count what lies outside."""
    radius = RADIUS / frame.sampling
    distance = ndimage.distance_transform_edt(~frame.crystal)
    places = np.rint(found.positions).astype(int)
    rows, columns = np.clip(places, 0, np.array(distance.shape) - 1).T
    outside = int(np.count_nonzero(distance[rows, columns] > radius))
    # A column at a border may lack its neighbours: it counts neither as found nor as false.
    depth = ndimage.distance_transform_edt(frame.crystal)
    size = np.array(frame.crystal.shape) - 1

    def shallow(points: np.ndarray) -> np.ndarray:
        places = np.clip(np.rint(points).astype(int), 0, size)
        return depth[tuple(places.T)] <= BORDER / frame.sampling

    marks, truth = found.select(label).positions, frame.vacancies
    score = score_detections(
        marks,
        truth[~shallow(truth)],
        radius,
        shape=frame.image.shape,
        border=BORDER / frame.sampling,
        ignore=np.concatenate([truth[shallow(truth)], marks[shallow(marks)]]),
    )
    return score, outside


def measure(model, condition: str, options) -> LockedScore:
    """Score a detector on the frames of a condition; a refused image misses all."""
    total, outside, not_trusted, refused = DetectionScore(0, 0, 0), 0, 0, 0
    for i in range(options.frames):
        frame = draw_frame(condition, options.seed + i, material=model.material)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = stemzoo.detect(frame.image, model, sampling=frame.sampling)
        except ValueError as error:
            print(f"{condition}: refused: {error}")
            refused += 1
            nothing = frame.vacancies[:0]
            border = BORDER / frame.sampling
            total += score_detections(
                nothing, frame.vacancies, 1.0, shape=frame.image.shape, border=border
            )
            continue
        score, beyond = score_frame(frame, found, CRYSTALS[model.material].label)
        total, outside = total + score, outside + beyond
        not_trusted += not found.trusted
    return LockedScore(
        condition=condition,
        labelled=total.hits + total.misses,
        false_alarms=total.false_alarms,
        misses=total.misses,
        f1=round(total.f1, 4),
        outside=outside,
        frames=options.frames,
        not_trusted=not_trusted,
        refused=refused,
    )


def main() -> None:
    """Measure detectors on every condition, or on those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="names of the zoo, or model folders")
    parser.add_argument("--condition", action="append", choices=CONDITIONS)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    report = {"seed": options.seed, "weights": {}}
    for name in options.weights:
        model = stemzoo.load(name)
        print(name)
        print("condition                    labelled  false  missed  F1     outside  not trusted")
        scores = []
        for condition in options.condition or CONDITIONS:
            s = measure(model, condition, options)
            scores.append(asdict(s))
            print(
                f"{condition:27}  {s.labelled:8}  {s.false_alarms:5}  {s.misses:6}  {s.f1:.3f}  "
                f"{s.outside:7}  {s.not_trusted:11}",
                flush=True,
            )
        report["weights"][model.name] = scores
    if options.out:
        io.write_json(options.out, report)


if __name__ == "__main__":
    main()
