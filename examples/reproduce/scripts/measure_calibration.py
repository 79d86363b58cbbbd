"""Measure how sure detections are: probabilities, densities and expected errors against the truth.

    python scripts/measure_calibration.py FOLDER [--frames 6] [--drawn 60] [--seed 8300]
        [--out FILE.json] [--picture FILE.png] [--card]

On simulated sessions and conditions that nothing was fitted on (`CONDITIONS`, and single frames of
conditions that are drawn from `draw_conditions`): F1 of the network alone, of the columns alone, of
both, and of both where they report as many as the network alone does in each frame; expected
calibration error of each class, with a reliability diagram; how often the interval of a density
holds the true one; and the expected F1 of single vacancies against the true one. Matches as in
measure_detectors.py.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from calibrate_probabilities import register_bundled
from scipy.stats import spearmanr

import stemzoo
from stemzoo import io
from stemzoo.inference.candidates import Candidates
from stemzoo.inference.detection import (
    DEFAULT_THRESHOLD,
    LOWEST_SCORE,
    find_classes,
    undo_scan,
)
from stemzoo.inference.detections import Detections
from stemzoo.inference.reporting import (
    find_calibration,
    find_candidates,
    report_by_probability,
    report_by_score,
)
from stemzoo.inference.seen_crystal import find_crystal
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import AcquisitionSession, LabelledImage, find_session, simulate_frame
from stemzoo.simulate.distributions import LogUniform, Normal, Uniform
from stemzoo.workflows.calibration import judge
from stemzoo.workflows.simulated_scores import BORDER, RADIUS
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import METRICS, RELIABILITY

DAY_A, DAY_B = find_session("wse2-dayA"), find_session("wse2-dayB")
RANDOMISED = find_session("wse2-randomised")
CONDITIONS = {
    "wse2-dayA": DAY_A,
    "wse2-dayB": DAY_B,
    "wse2-manual": find_session("wse2-manual"),
    "easy": replace(DAY_A, contamination=0.05, line_jitter=0.05, afterglow=0.0, efficiency=0.8),
    "low dose": replace(DAY_A, efficiency=Uniform(0.02, 0.05)),
    "zoomed": replace(DAY_A, sampling=0.105),
    "astigmatic": replace(DAY_A, C12=Normal(60, 8, 0)),
    "dirty": replace(DAY_A, contamination=Uniform(1.0, 2.5), patchiness=0.8, granularity=0.3),
    "noisy": replace(DAY_B, efficiency=Uniform(0.02, 0.04), current=20.0),
    "blurry": replace(DAY_A, source_size=Uniform(1.4, 2.0)),
    "few defects": replace(DAY_A, defects={k: 0.15 * v for k, v in DAY_A.defects.items()}),
    "many defects": replace(DAY_B, defects={k: 1.5 * v for k, v in RANDOMISED.defects.items()}),
    "storm": replace(DAY_B, line_jitter=Uniform(0.6, 1.2), source_size=1.3, efficiency=0.06),
    "wse2-randomised": RANDOMISED,
    "wse2-randomised-fine": find_session("wse2-randomised-fine"),
}
# Log of the odds from which on columns alone are a class: as rare as it is.
EVIDENCE = 4.0
# Places of a lower probability are not counted in a calibration error: nearly all are no defects.
LEAST_PROBABILITY, BINS = 0.05, 10
LABEL = "se_vacancy"


def draw_conditions(rng: np.random.Generator) -> AcquisitionSession:
    """Draw conditions between easy and hopeless, beside those that anything was fitted on."""
    base = (DAY_A, DAY_B)[int(rng.integers(2))]
    more = float(rng.uniform(0.5, 2.0))
    return replace(
        base,
        name="drawn",
        defects={name: more * part for name, part in base.defects.items()},
        efficiency=LogUniform(0.015, 0.6),
        source_size=Uniform(0.6, 2.0),
        C12=Uniform(0, 60),
        contamination=Uniform(0, 2, power=2),
        line_jitter=Uniform(0, 0.9),
        afterglow=Uniform(0, 0.6),
    )


@dataclass(frozen=True, eq=False)
class Measured:
    """One frame: what is found in it by each way, and the truth at each of its places."""

    condition: str
    frame: LabelledImage
    found: dict[str, Detections]
    probabilities: np.ndarray
    truth: np.ndarray

    def score(self, way: str, names: tuple[str, ...]) -> DetectionScore:
        """Score classes together."""
        labels = np.array(self.frame.labels(), dtype=str)
        return sum(
            (
                score_detections(
                    self.found[way].select(name).positions,
                    self.frame.points[labels == name],
                    RADIUS / self.frame.sampling,
                    shape=self.frame.image.shape,
                    border=BORDER / self.frame.sampling,
                )
                for name in names
            ),
            DetectionScore(0, 0, 0),
        )


def by_columns(candidates: Candidates, model, calibration, like: Detections) -> Detections:
    """Report what the levels of the columns alone say."""
    evidence = np.stack(
        [one.column_evidence(candidates.seen) for one in calibration.classes.values()], axis=1
    )
    told = np.flatnonzero(candidates.seen.has_column & (evidence.max(axis=1) > EVIDENCE))
    best = evidence[told].argmax(axis=1)
    return replace(
        like,
        positions=candidates.positions[told],
        classes=tuple(model.classes[k] for k in best),
        scores=np.ones(len(told)),
        readings=None,
        probability=None,
        counted={},
    )


def measure_frame(condition: str, frame: LabelledImage, model, calibration) -> Measured:
    """Find defects in a frame in all three ways; the network is asked once."""
    seen = find_crystal(io.Image(frame.image, frame.sampling), model.material)
    seen, corrections = undo_scan(seen, model.material)
    marks = find_classes(
        seen.image.data, model, seen.pixel_size.value, threshold=LOWEST_SCORE, seen=seen
    )
    likely = marks[2] >= DEFAULT_THRESHOLD
    network = report_by_score(tuple(part[likely] for part in marks), model, seen, edges=False)
    ranked = report_by_probability(marks, model, seen, calibration, 0.0, edges=False)
    joint = ranked.select(threshold=DEFAULT_THRESHOLD)
    # What the threshold does is left out where both report the same number.
    as_many = ranked.probability[len(network) - 1] if 0 < len(network) <= len(ranked) else 1.1
    facts = {"model_classes": tuple(model.classes), "crystal": seen, "material": model.material}
    joint, network, ranked = (replace(one, **facts) for one in (joint, network, ranked))
    candidates = find_candidates(marks, model.material, seen)
    found = {
        "network": network,
        "columns": by_columns(candidates, model, calibration, network),
        "joint": joint,
        "joint_as_many": ranked.select(threshold=as_many),
    }
    found = {
        key: replace(one, positions=corrections.move(one.positions)) for key, one in found.items()
    }
    candidates = replace(candidates, positions=corrections.move(candidates.positions))
    truth = judge(frame, candidates, model.classes).truth
    return Measured(condition, frame, found, calibration.probabilities(candidates.seen), truth)


def measured_frames(model, calibration, options) -> Iterator[Measured]:
    """Frames of all conditions, then those of drawn ones."""
    for k, (name, session) in enumerate(CONDITIONS.items()):
        side = 640 if name in ("zoomed", "wse2-randomised-fine") else 512
        for i in range(options.frames):
            rng = np.random.default_rng([options.seed, k, i])
            frame = simulate_frame(session, (side, side), rng=rng, time=(i + 0.5) / options.frames)
            yield measure_frame(name, frame, model, calibration)
        print(name, flush=True)
    for i in range(options.drawn):
        rng = np.random.default_rng([options.seed, 1000, i])
        frame = simulate_frame(draw_conditions(rng), (512, 512), rng=rng)
        yield measure_frame("drawn", frame, model, calibration)


def f1_table(frames: list[Measured], classes: tuple[str, ...]) -> list[dict]:
    """F1 of all classes together, by condition and way."""
    rows = []
    for name in dict.fromkeys(one.condition for one in frames):
        own = [one for one in frames if one.condition == name]
        row: dict = {"condition": name, "frames": len(own)}
        for way in ("network", "columns", "joint", "joint_as_many"):
            total = sum((one.score(way, classes) for one in own), DetectionScore(0, 0, 0))
            row[way] = round(total.f1, 4)
        row["labelled"] = total.hits + total.misses
        rows.append(row)
    return rows


def reliability(frames: list[Measured], classes: tuple[str, ...]) -> dict[str, dict]:
    """Of each class: probability and share of true ones by bin, and the calibration error."""
    result = {}
    for k, name in enumerate(classes):
        p = np.concatenate([one.probabilities[:, k] for one in frames])
        true = np.concatenate([one.truth == k for one in frames])
        chosen = p >= LEAST_PROBABILITY
        p, true = p[chosen], true[chosen]
        of_bin = np.minimum((p * BINS).astype(int), BINS - 1)
        bins = [
            {
                "places": int((of_bin == b).sum()),
                "probability": round(float(p[of_bin == b].mean()), 4),
                "true": round(float(true[of_bin == b].mean()), 4),
            }
            for b in range(BINS)
            if (of_bin == b).any()
        ]
        gaps = sum(one["places"] * abs(one["probability"] - one["true"]) for one in bins)
        result[name] = {"places": len(p), "error": round(gaps / max(len(p), 1), 4), "bins": bins}
    return result


def coverage(frames: list[Measured], classes: tuple[str, ...]) -> dict[str, dict]:
    """How often the interval of a density holds that which the defects were drawn with."""
    result = {}
    hosts = {"se_vacancy": ("se_vacancy",), "se_divacancy": ("se_divacancy",)}
    for name in (one for one in classes if one in hosts):
        inside = []
        for one in frames:
            drawn = sum(one.frame.conditions.defects.get(defect, 0.0) for defect in hosts[name])
            density = one.found["joint"].density(name, per="site")
            inside.append(density.low <= drawn <= density.high)
        result[name] = {"frames": len(inside), "inside": round(float(np.mean(inside)), 4)}
    return result


def expected_f1(frames: list[Measured]) -> dict:
    """Compare the expected F1 of single vacancies with the true one, frame by frame."""
    pairs = []
    for one in frames:
        found = one.found["joint"].expectation(LABEL)
        true = one.score("joint", (LABEL,))
        if found is not None and true.hits + true.misses >= 5 and np.isfinite(found.f1.value):
            pairs.append((found.f1.value, true.f1, found.f1.low, found.f1.high))
    expected, true, low, high = np.array(pairs).T
    warned = expected < 0.85
    return {
        "frames": len(pairs),
        "rank_correlation": round(float(spearmanr(expected, true).statistic), 4),
        "mean_absolute_error": round(float(abs(expected - true).mean()), 4),
        "within_interval": round(float(((low <= true) & (true <= high)).mean()), 4),
        "warned_of_below_0.8": [int((warned & (true < 0.8)).sum()), int((true < 0.8).sum())],
        "warned_of_above_0.9": [int((warned & (true > 0.9)).sum()), int((true > 0.9).sum())],
        "pairs": [[round(float(value), 3) for value in pair[:2]] for pair in pairs],
    }


def plot(report: dict, path: Path) -> None:
    """Draw a reliability diagram of each class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots(1, len(report["reliability"]), sharey=True)
    for one, (name, facts) in zip(np.ravel(axes), report["reliability"].items(), strict=True):
        p, true, n = (
            np.array([each[key] for each in facts["bins"]])
            for key in ("probability", "true", "places")
        )
        one.plot([0, 1], [0, 1], color="0.7", zorder=0)
        one.errorbar(p, true, yerr=1.96 * np.sqrt(p * (1 - p) / n), fmt="o", markersize=4)
        one.set(
            title=f"{name}\n{facts['places']} places, error {facts['error']:.3f}",
            xlabel="probability",
            xlim=(0, 1),
            ylim=(-0.02, 1.02),
        )
        one.title.set_fontsize(9)
    np.ravel(axes)[0].set_ylabel("share of true ones")
    figure.savefig(path, dpi=120, format="png")


def main() -> None:
    """Measure a calibrated detector."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="name of the zoo, or a model folder")
    parser.add_argument("--frames", type=int, default=6, help="of each condition")
    parser.add_argument("--drawn", type=int, default=60, help="frames of drawn conditions")
    parser.add_argument("--seed", type=int, default=8300)
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--picture", type=Path, help="PNG file of the reliability diagram")
    parser.add_argument("--card", action="store_true", help="into the model folder, for its card")
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    calibration = find_calibration(model)
    if calibration is None:
        parser.error(f"{options.weights} is not calibrated; run calibrate_probabilities.py first")
    frames = list(measured_frames(model, calibration, options))
    named = [one for one in frames if one.condition != "drawn"]
    classes = tuple(model.classes)
    report = {
        "weights": model.name,
        "weights_sha256": calibration.weights_sha256,
        "threshold": DEFAULT_THRESHOLD,
        "seed": options.seed,
        "f1": f1_table(frames, classes),
        "reliability": reliability(frames, classes),
        "density_coverage": coverage(frames, classes),
        "density_coverage_named": coverage(named, classes),
        "expected_f1": expected_f1(frames),
    }
    for row in report["f1"]:
        print(
            f"{row['condition']:22} {row['labelled']:5}  network {row['network']:.3f}  columns "
            f"{row['columns']:.3f}  joint {row['joint']:.3f}  as many as the network "
            f"{row['joint_as_many']:.3f}"
        )
    for name, facts in report["reliability"].items():
        print(f"{name:14} calibration error {facts['error']:.3f} of {facts['places']} places")
    print("density", report["density_coverage"], report["density_coverage_named"])
    print("expected F1", {k: v for k, v in report["expected_f1"].items() if k != "pairs"})
    if options.out:
        io.write_json(options.out, report)
    if options.picture:
        plot(report, options.picture)
    if options.card:
        folder = model.provenance.folder
        brief = {key: report[key] for key in ("f1", "reliability", "density_coverage")}
        expected = {k: v for k, v in report["expected_f1"].items() if k != "pairs"}
        brief |= {"expected_f1": expected, "seed": options.seed}
        metrics = {**read_facts(folder, METRICS), "calibration": brief}
        io.write_json(folder / METRICS, metrics)
        plot(report, folder / RELIABILITY)
        register_bundled(folder)


if __name__ == "__main__":
    main()
