"""Measure a detector on frames that show more than one perfect crystal.

    python scripts/measure_scenes.py fcn-wse2 [--session wse2-dayA] [--scene hole ...]
        [--frames 3] [--size 512] [--seed 9000] [--out FILE.json]

Of each kind of scenes: how many detections lie outside of the crystal, and how single Se vacancies
are found inside. "outside" are detections that are farther than a match from where the crystal is
visible and alone; columns at its border count neither as found nor as false.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

import stemzoo
from stemzoo import io
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import SCENES, LabelledImage, find_session, simulate_session
from stemzoo.simulate.defects import EDGE
from stemzoo.workflows.simulated_scores import BORDER, RADIUS


@dataclass(frozen=True)
class SceneScore:
    """What was found in the frames of a kind of scenes; all classes, then the one scored."""

    scene: str
    frames: int
    crystal: float
    detections: int
    outside: int
    labelled: int
    false_alarms: int
    misses: int
    f1: float


def score_frame(frame: LabelledImage, model, name: str) -> tuple[int, int, DetectionScore]:
    """Return all detections, those outside of the crystal, and the score of a class inside."""
    found = stemzoo.detect(frame.image, model, sampling=frame.sampling)
    radius = RADIUS / frame.sampling
    distance = ndimage.distance_transform_edt(~frame.crystal)
    rows, columns = np.rint(found.positions).astype(int).T
    labels = np.array(frame.labels(), dtype=str)
    inside = found.select(name).positions
    inside = inside[frame.crystal[tuple(np.rint(inside).astype(int).T)]]
    score = score_detections(
        inside,
        frame.points[labels == name],
        radius,
        shape=frame.image.shape,
        border=BORDER / frame.sampling,
        ignore=frame.points[labels == EDGE],
    )
    return len(found), int(np.count_nonzero(distance[rows, columns] > radius)), score


def measure(model, session: str, scene: str | None, options) -> SceneScore:
    """Score a detector on the frames of a kind of scenes; None is one perfect crystal."""
    shape = (options.size, options.size)
    frames = list(
        simulate_session(
            find_session(session), options.frames, shape, seed=options.seed, scene=scene
        )
    )
    detections, outside, scores = zip(
        *(score_frame(frame, model, options.label) for frame in frames), strict=True
    )
    total = sum(scores, DetectionScore(0, 0, 0))
    return SceneScore(
        scene=scene or "crystal",
        frames=len(frames),
        crystal=round(float(np.mean([frame.crystal.mean() for frame in frames])), 3),
        detections=sum(detections),
        outside=sum(outside),
        labelled=total.hits + total.misses,
        false_alarms=total.false_alarms,
        misses=total.misses,
        f1=round(total.f1, 4),
    )


def main() -> None:
    """Measure a detector on every kind of scenes that is named, or on all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="name of the zoo, or a model folder")
    parser.add_argument("--session", default="wse2-dayA")
    parser.add_argument("--scene", action="append")
    parser.add_argument("--label", default="se_vacancy", help="class that is scored")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    report = {"weights": model.name, "session": options.session, "seed": options.seed}
    report |= {"label": options.label, "scenes": [], "refused": []}
    print("scene       crystal  detections  outside  labelled  false  missed  F1")
    for scene in options.scene or [None, *SCENES]:
        try:
            s = measure(model, options.session, scene, options)
        except ValueError as error:
            report["refused"].append(scene)
            print(f"{scene or 'crystal':10}  refused: {error}")
            continue
        report["scenes"].append(asdict(s))
        print(
            f"{s.scene:10}  {s.crystal:7.2f}  {s.detections:10}  {s.outside:7}  {s.labelled:8}  "
            f"{s.false_alarms:5}  {s.misses:6}  {s.f1:.3f}"
        )
    if options.out:
        io.write_json(options.out, report)


if __name__ == "__main__":
    main()
