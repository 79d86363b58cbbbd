"""Measure what 30 labelled frames of a condition bring, and what adapting without labels does.

    python scripts/measure_gap.py OUT.json [--conditions contaminated expanding ...] [--steps 600]
        [--minutes 5]

Of each condition: the F1 of single Se vacancies on three frames of the default detector, as
`detect` reports them; of a copy that was fine-tuned on 30 other frames with their labels, at the
threshold that is best for it on those three frames; and of what `adapt --detector` makes of six
frames without labels in so many minutes of two cores that do nothing else (0 to leave that out).
Conditions are those of the second simulator (independent_microscope.py), whose frames differ in
pixel size, so that they are not adapted to together, and of test_sessions.py.
"""

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from independent_microscope import CONDITIONS, draw_frame
from measure_adapt import CPUClock
from test_sessions import TEST_SESSIONS

import stemzoo
from stemzoo import io
from stemzoo.inference.detection import undo_scan
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.inference.seen_crystal import find_crystal
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.preprocessing import resample
from stemzoo.simulate.labels import LABEL_RADIUS, class_mask
from stemzoo.training import FCNRecipe, budget, train_fcn
from stemzoo.workflows import adaptation
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

DEFAULT, LABEL = "fcn-wse2", "se_vacancy"
TRAINED, TESTED, ADAPTED, EDGE = 30, 3, 6, 640
THRESHOLDS = np.linspace(0.1, 0.9, 17)


@dataclass(frozen=True, eq=False)
class Labelled:
    """A frame of any simulator, with the class of each defect that is known."""

    image: np.ndarray
    sampling: float
    points: np.ndarray
    labels: tuple[str, ...]


def draw(condition: str, count: int, seed: int) -> Iterator[Labelled]:
    """Yield frames of a condition, the same for the same seed."""
    if condition in CONDITIONS:
        for i in range(count):
            frame = draw_frame(condition, seed + i, edge=EDGE)
            labels = (LABEL,) * len(frame.vacancies)
            yield Labelled(frame.image, frame.sampling, frame.vacancies, labels)
        return
    for one in TEST_SESSIONS[condition].frames(count, EDGE, seed):
        yield Labelled(one.image, one.sampling, one.points, one.labels())


def fine_tuned(parent, frames: list[Labelled], steps: int):
    """Return a copy of a detector, trained on labelled frames after their scan errors are undone.

    Lines are not shifted back, as the labels would have to be, too: images with shifts are trained
    on as they are.
    """
    images, masks = [], []
    for frame in frames:
        seen = find_crystal(io.Image(frame.image, frame.sampling), parent.material)
        corrected, undone = undo_scan(seen, parent.material)
        moved = abs(undone.move(frame.points) - frame.points).max(initial=0) > 0.1
        image = resample(
            frame.image if moved else corrected.image.data, frame.sampling, parent.sampling
        )
        values = [parent.classes.index(label) + 1 for label in frame.labels]
        points = frame.points * frame.sampling / parent.sampling
        images.append(image)
        masks.append(class_mask(points, values, image.shape, LABEL_RADIUS / parent.sampling))
    recipe = FCNRecipe(
        epochs=max(steps // 50, 1),
        steps_per_epoch=50,
        batch_size=8,
        patch=96,
        learning_rate=1e-3,
        filters=parent.filters,
        depth=parent.depth,
        seed=5,
    )
    return train_fcn(
        images,
        masks,
        recipe,
        classes=parent.classes,
        sampling=parent.sampling,
        material=parent.material,
        model=parent,
    )


def adapted(parent, condition: str, minutes: float):
    """Return the detector that `adapt --detector` leaves, and what was decided."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{i}.tif") for i in range(ADAPTED)]
        for path, frame in zip(paths, draw(condition, ADAPTED, 70_001), strict=True):
            io.write_tiff(path, frame.image, sampling=frame.sampling)
        out = Path(folder, "out")
        adaptation.adapt_files(paths, None, out, minutes=minutes, detector=parent, report=print)
        new = out / adaptation.DETECTOR
        decided = json.loads((new / "adaptation.json").read_text(encoding="utf-8"))
        return stemzoo.load(new), decided


def found_in(model, frames: list[Labelled], threshold: float) -> DetectionScore:
    """Score the single vacancies that `detect` reports."""
    total = DetectionScore(0, 0, 0)
    for frame in frames:
        found = stemzoo.detect(
            io.Image(frame.image, frame.sampling), model, threshold=threshold, force=True
        )
        truth = frame.points[np.array(frame.labels, dtype=object) == LABEL]
        total += score_detections(
            found.select(LABEL).positions,
            truth,
            RADIUS / frame.sampling,
            shape=frame.image.shape,
            border=BORDER / frame.sampling,
        )
    return total


def measure(condition: str, options: argparse.Namespace) -> dict:
    """Score the default detector, its fine-tuned copy and the adapted one."""
    parent = stemzoo.load(DEFAULT)
    test = list(draw(condition, TESTED, 60_001))
    before = found_in(parent, test, DEFAULT_THRESHOLD)
    # By its scores: the parent's probabilities are those of other weights.
    tuned = fine_tuned(parent, list(draw(condition, TRAINED, 50_001)), options.steps)
    after = [found_in(tuned, test, threshold) for threshold in THRESHOLDS]
    best = int(np.argmax([score.f1 for score in after]))
    row = {
        "condition": condition,
        "labelled": before.hits + before.misses,
        "default": round(before.f1, 4),
        "labels": round(after[best].f1, 4),
        "threshold": round(float(THRESHOLDS[best]), 2),
        "steps": options.steps,
    }
    if options.minutes and condition in TEST_SESSIONS:
        renewed, decided = adapted(parent, condition, options.minutes)
        row["adapted"] = round(found_in(renewed, test, DEFAULT_THRESHOLD).f1, 4)
        row |= {key: decided[key] for key in ("chosen", "mastered")}
    return row


def main() -> None:
    """Measure what is asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    known = [*CONDITIONS, *TEST_SESSIONS]
    parser.add_argument("--conditions", nargs="+", choices=known, default=known)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    adaptation.time = budget.time = CPUClock
    rows = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else []
    for condition in options.conditions:
        if condition not in {row["condition"] for row in rows}:
            rows.append(measure(condition, options))
            print(json.dumps(rows[-1]), flush=True)
            io.write_json(options.out, rows)


if __name__ == "__main__":
    main()
