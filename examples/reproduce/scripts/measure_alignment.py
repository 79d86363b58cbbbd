"""F1 in one frame, in the plain sum and in the aligned mean of simulated stacks that drift.

    python scripts/measure_alignment.py --out results/alignment.json      # 3 minutes

Ten frames of 384² of one specimen with 22 Se vacancies, for doses and drifts; `fcn-wse2` finds
them.
"""

import argparse
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.metrics.detection import score_detections
from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

EDGE, FRAMES, VACANCIES = 384, 10, 22
# Part of the electrons of the paper's day A in each frame, and mean drift a frame [px].
EFFICIENCIES = (0.06, 0.03, 0.015, 0.01, 0.006)
DRIFTS = ((0.7, -1.1), (2.3, 1.7), (5.0, 4.0))


@dataclass(frozen=True)
class AlignmentScore:
    """One stack: electrons a pixel under full efficiency, F1 three times, and errors of the drift.

    `aligned` and `error_px` are None where the frames were refused.
    """

    efficiency: float
    drift_px: float
    one: float
    summed: float
    aligned: float | None
    used: int
    error_px: float | None


def measure(efficiency: float, step: tuple[float, float], seed: int) -> AlignmentScore:
    """Simulate a stack, and score what is found in it in three ways."""
    session = replace(
        find_session("wse2-dayA"), frames=1.0, efficiency=efficiency, contamination=0.3, bits=0
    )
    rng = np.random.default_rng(seed)
    steps = np.vstack([[0, 0], rng.normal(step, 0.6, (FRAMES - 1, 2))])
    drift = np.cumsum(steps, axis=0)
    length = EDGE * session.sampling.mean
    grid = np.arange(10, length - 10, 9.0)
    places = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    places = rng.permutation(places + rng.uniform(-1, 1, places.shape))[:VACANCIES]
    defects = [("se_vacancy", *place) for place in places]
    frames = list(simulate_series(session, (EDGE, EDGE), drift, [defects] * FRAMES, rng=rng))
    images, sampling = [frame.image for frame in frames], frames[0].sampling

    def f1(image: np.ndarray, corner: tuple[int, int] = (0, 0)) -> float:
        found = stemzoo.detect(image.astype(np.float32), "fcn-wse2", sampling=sampling, force=True)
        return score_detections(
            found.select("se_vacancy").positions,
            frames[0].points - np.array(corner),
            RADIUS / sampling,
            shape=image.shape,
            border=BORDER / sampling,
        ).f1

    aligned, error, used = None, None, 0
    try:
        mean = stemzoo.align_frames(images)
    except ValueError as refusal:
        print("refused:", refusal)
    else:
        aligned, used = f1(mean.image, mean.corner), int(mean.used.sum())
        error = float(np.abs(mean.shifts - drift)[mean.used].max())
    summed = f1(np.mean(images, axis=0))
    size = float(np.hypot(*step))
    return AlignmentScore(efficiency, size, f1(images[0]), summed, aligned, used, error)


def main() -> None:
    """Measure all stacks, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for efficiency in EFFICIENCIES:
            for step in DRIFTS:
                scores.append(measure(efficiency, step, options.seed))
                print(scores[-1], flush=True)
    io.write_json(options.out, {"stacks": [asdict(score) for score in scores]})


if __name__ == "__main__":
    main()
