"""Measure detectors on simulated test sets that no weights were trained on.

    python scripts/measure_detectors.py fcn-wse2 fcn-wse2-manual [--session wse2-dayA ...]
        [--translated CYCLEGAN ...] [--frames 3] [--seed 9000] [--out FILE.json]

--translated adds test sets of simulations that a CycleGAN makes realistic. Single Se vacancies are
scored as in the paper, in physical units: matches within 7.5 px of its
0.2074 Å pixels (1.56 Å), a border of 32 px (6.6 Å) ignored, its 1024² frames.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.inference.detection import DEFAULT_THRESHOLD
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.workflows.simulated_scores import score_report, score_set


def test_frames(options) -> dict[str, list]:
    """Labelled frames by test set."""
    shape = (options.size, options.size)

    def simulated(session):
        return list(simulate_session(session, options.frames, shape, seed=options.seed))

    sets = {}
    for name in options.session or ["wse2-dayA", "wse2-dayB"]:
        sets[name] = simulated(find_session(name))
    for name in options.translated:
        model = stemzoo.load(name)
        rng = np.random.default_rng(options.seed)
        clean = simulated(domain_session(model.material, model.sampling, model.rotation))
        sets[Path(name).name] = [
            replace(frame, image=stemzoo.translate(frame.image, model, rng=rng)) for frame in clean
        ]
    return sets


def main() -> None:
    """Measure every detector named on every session."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="+", help="names of the zoo, or model folders")
    parser.add_argument("--session", action="append")
    parser.add_argument("--translated", action="append", default=[])
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    reports = []
    sets = test_frames(options)
    print("weights              session            class          labelled  precision  recall  F1")
    for weights in options.weights:
        model = stemzoo.load(weights)
        how = {"threshold": options.threshold, "tta": options.tta}
        measured = [
            score_set(name, options.seed, frames, model, **how) for name, frames in sets.items()
        ]
        for part in measured:
            for name, s in part["classes"].items():
                print(
                    f"{weights:20} {part['session']:18} {name:14} {s['labelled']:8}  "
                    f"{s['precision']:9.3f}  {s['recall']:6.3f}  {s['f1']:.3f}"
                )
        reports.append(score_report(model, measured, **how))
    if options.out:
        content = reports[0] if len(reports) == 1 else reports
        io.write_json(options.out, content)


if __name__ == "__main__":
    main()
