"""Measure what the intensities of the columns alone tell of vacancies, without a network.

    python scripts/measure_columns_alone.py OUT.json [--frames 2] [--size 768] [--seed 9000]

On the frames that measure_materials.py scores the detectors of dichalcogenides on: F1 of single
vacancies by the one cut through the columns' intensities that is best on these very frames. It is
what shows where an image ends, and not a detector.
"""

import argparse
from pathlib import Path

import numpy as np
from measure_materials import like_day_a
from scipy.spatial import cKDTree

import stemzoo
from stemzoo import io
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

VACANCIES = {"mos2": "s", "ws2": "s", "mose2": "se", "mote2": "te"}


def columns_of(frame, material: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of the columns that may lack an atom, intact and single vacancies; which lack."""
    found = stemzoo.find_columns(frame.image, material, sampling=frame.sampling)
    tree = cKDTree(found.positions)
    what = np.full(len(found.positions), "intact", dtype=object)
    for name, point in zip(frame.labels(), frame.points, strict=True):
        distance, nearest = tree.query(point)
        if distance < RADIUS / frame.sampling:
            what[nearest] = name
    border = BORDER / frame.sampling
    away = np.minimum(found.positions, np.array(frame.image.shape) - 1 - found.positions)
    pair = f"{VACANCIES[material].capitalize()}2"
    used = (away > border).all(axis=1) & (np.array(found.sublattices) == pair)
    used &= np.isin(what, ("intact", label))
    return found.intensity[used], what[used] == label


def measure(session: AcquisitionSession, options: argparse.Namespace) -> dict:
    """Find the best cut through the columns of a session's frames."""
    label = f"{VACANCIES[str(session.material)]}_vacancy"
    shape = (options.size, options.size)
    parts = [
        columns_of(frame, str(session.material), label)
        for frame in simulate_session(session, options.frames, shape, seed=options.seed)
    ]
    intensity = np.concatenate([part[0] for part in parts])
    lacking = np.concatenate([part[1] for part in parts])
    cuts = np.quantile(intensity, np.linspace(0.001, 0.4, 400))
    below = intensity < cuts[:, None]
    f1 = 2 * (below & lacking).sum(axis=1) / (below.sum(axis=1) + lacking.sum())
    return {
        "session": session.name,
        "labelled": int(lacking.sum()),
        "spread": round(float(intensity[~lacking].std()), 3),
        "vacancy": round(float(np.median(intensity[lacking])), 3),
        "f1": round(float(f1.max()), 3),
    }


def main() -> None:
    """Measure all dichalcogenides that have a detector of their own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--size", type=int, default=768)
    parser.add_argument("--seed", type=int, default=9000)
    options = parser.parse_args()
    rows = []
    for material in VACANCIES:
        for session in (find_session(f"{material}-randomised"), like_day_a(material)):
            rows.append({"material": material, **measure(session, options)})
            print(rows[-1], flush=True)
    io.write_json(options.out, rows)


if __name__ == "__main__":
    main()
