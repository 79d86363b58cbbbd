"""Measure from which dose on the columns of graphene tell nitrogen from carbon.

    python scripts/measure_nitrogen.py OUT.json [--frames 2] [--size 512] [--seed 9100]

No network: F1 of nitrogen at 1 % of the sites by the one cut through the columns' intensities that
is best on these very frames. They hold 5 %, so that there are enough of them; the rates of hits and
of false alarms are those of the cut. Where this ends, no detector does better.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import stemzoo
from stemzoo import io
from stemzoo.simulate import AcquisitionSession, find_session, simulate_session
from stemzoo.simulate.acquisition import ELECTRONS_PER_PC
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

DOSES = (3e4, 1e5, 3e5, 1e6, 3e6, 1e7)  # electrons counted per Å²
PART, DOPED = 0.01, 0.05
DEFECTS = {"n_on_c": DOPED}


def conditions() -> dict[str, AcquisitionSession]:
    """Return the sessions by their names."""
    paper = replace(find_session("graphene"), defects=DEFECTS, scenes={})
    ideal = AcquisitionSession(
        name="shot noise only",
        material="graphene",
        defects=DEFECTS,
        inner=paper.inner,
        sampling=0.144,
        source_size=0.65,
    )
    return {
        "shot noise only": ideal,
        "shot noise only, 63 to 200 mrad": replace(ideal, inner=63.0),
        "as the paper's day, clean": replace(paper, contamination=0.0),
        "as the paper's day": paper,
    }


def with_dose(session: AcquisitionSession, dose: float) -> AcquisitionSession:
    """Return the session with so many electrons counted per Å²."""
    area = 0.144**2
    electrons = dose * area
    return replace(session, current=1.0, efficiency=1.0, dwell_time=electrons / ELECTRONS_PER_PC)


def columns_of(frame) -> tuple[np.ndarray, np.ndarray]:
    """Intensities of the columns of a frame, and which of them are nitrogen."""
    found = stemzoo.find_columns(frame.image, "graphene", sampling=frame.sampling)
    distance, nearest = cKDTree(found.positions).query(frame.points)
    nitrogen = np.zeros(len(found.positions), dtype=bool)
    nitrogen[nearest[distance < RADIUS / frame.sampling]] = True
    away = np.minimum(found.positions, np.array(frame.image.shape) - 1 - found.positions)
    used = (away > BORDER / frame.sampling).all(axis=1) & np.isfinite(found.intensity)
    return found.intensity[used], nitrogen[used]


def measure(session: AcquisitionSession, options: argparse.Namespace) -> dict:
    """Find the best cut through the columns of a session's frames."""
    shape = (options.size, options.size)
    frames = simulate_session(session, options.frames, shape, seed=options.seed)
    parts = [columns_of(frame) for frame in frames]
    intensity = np.concatenate([part[0] for part in parts])
    nitrogen = np.concatenate([part[1] for part in parts])
    cuts = np.sort(intensity)[1:] - 1e-9
    hits = (intensity[nitrogen] > cuts[:, None]).mean(axis=1)
    alarms = (intensity[~nitrogen] > cuts[:, None]).mean(axis=1)
    f1 = 2 * PART * hits / (PART * hits + (1 - PART) * alarms + PART)
    best = int(f1.argmax())
    return {
        "columns": len(intensity),
        "nitrogen": int(nitrogen.sum()),
        "ratio": round(float(np.median(intensity[nitrogen]) / np.median(intensity[~nitrogen])), 3),
        "spread": round(float(intensity[~nitrogen].std()), 3),
        "hits": round(float(hits[best]), 3),
        "f1": round(float(f1[best]), 3),
    }


def main() -> None:
    """Measure all conditions and doses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=9100)
    options = parser.parse_args()
    rows = []
    for name, session in conditions().items():
        for dose in DOSES:
            found = measure(with_dose(session, dose), options)
            rows.append({"conditions": name, "dose": dose, **found})
            print(rows[-1], flush=True)
    io.write_json(options.out, rows)


if __name__ == "__main__":
    main()
