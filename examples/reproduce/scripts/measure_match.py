"""Measure how well `stemzoo.match` tells sessions apart, and what its distance says about F1.

    python scripts/measure_match.py OUT [--part sessions] [--part detector] [--part images]
        [--frames 36] [--images 'DATA/*.tif' ...]

`sessions`: frames of each session, of seeds that no conditions were made from, against the
conditions of all sessions, at 1024² and 512² pixels, with the pixel size stated and without. The
conditions are those of the CycleGANs; of sessions that have none, of 44 simulated frames.
`detector`: F1 of fcn-wse2 on conditions from its own to much worse ones, against the distance from
its training frames. `images`: distance of files from its training frames. OUT gets match.json and
match.png; parts that are not measured again stay in match.json.
"""

import argparse
import json
import re
from dataclasses import replace
from glob import glob
from pathlib import Path

import numpy as np
from scipy import stats

import stemzoo
from stemzoo import io
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.inference.comparison import SIGNIFICANCE, Match, check_conditions, read_conditions
from stemzoo.inference.matching import match
from stemzoo.io.writers import atomic_path
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import find_session, simulate_frame, simulate_session
from stemzoo.workflows.datasets import training_set
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

SESSIONS = ("wse2-dayA", "wse2-dayB", "graphene", "srtio3")
RANDOMISED = ("wse2-randomised", "wse2-randomised-fine")
PARTS = ("sessions", "detector", "images")


def session_conditions(name: str, options) -> TrainingConditions:
    """Conditions of a session: those of its CycleGAN, else of simulated frames."""
    known = read_conditions().get(f"cyclegan-{name}")
    if known is not None:
        return known
    session = find_session(name)
    simulated = simulate_session(session, 44, (1024, 1024), seed=options.seed - 1)
    return TrainingConditions.from_frames(
        [io.Image(frame.image, frame.sampling) for frame in simulated],
        session=name,
        material=session.material,
        sampling=session.draw(np.random.default_rng(0)).sampling,
    )


def detector_frames(seed: int, count: int) -> dict[str, tuple]:
    """Frames as fcn-wse2 is trained on, by session."""
    return {
        name: training_set([name], [], frames=count, size=512, seed=seed + j).images
        for j, name in enumerate(RANDOMISED)
    }


def auc(own: list[float], other: list[float]) -> float:
    """Chance that a frame of another session has the larger distance."""
    own, other = np.array(own)[:, None], np.array(other)[None]
    return float(np.mean((other > own) + 0.5 * (other == own)))


def alarms(found: list[Match]) -> dict:
    """Count the frames that do not fit."""
    return {
        "frames": len(found),
        "false_alarms": sum(not one.fits for one in found),
        "p_below_0.1": sum(one.p_value < 0.1 for one in found),
        "lowest_p": round(min(one.p_value for one in found), 5),
    }


def measure_sessions(options) -> dict:
    """Own against other sessions, for two sizes, with and without a stated pixel size."""
    known = {name: session_conditions(name, options) for name in SESSIONS}
    found = {}
    for name in SESSIONS:
        frames = simulate_session(
            find_session(name), options.frames, (1024, 1024), seed=options.seed
        )
        for frame in frames:
            for edge in (1024, 512):
                for sampling in (frame.sampling, None):
                    ranked = matches(frame.image[:edge, :edge], sampling, known)
                    key = edge, "stated" if sampling else "measured", name
                    found.setdefault(key, []).append(ranked)
    return {
        f"{edge} px, pixel size {source}": {
            name: compare_sessions(name, edge, source, found) for name in SESSIONS
        }
        for edge in (1024, 512)
        for source in ("stated", "measured")
    }


def matches(image, sampling, known) -> dict[str, Match]:
    """Return matches by name, best first."""
    return {one.weights: one for one in match(image, sampling=sampling, conditions=known)}


def compare_sessions(name: str, edge: int, source: str, found: dict) -> dict:
    """AUC of one session's frames against each other session's, by the distance to the session."""
    own = found[edge, source, name]
    distances = [ranked[name].distance for ranked in own]
    others = {
        other: [ranked[name].distance for ranked in found[edge, source, other]]
        for other in SESSIONS
        if other != name
    }
    return {
        **alarms([ranked[name] for ranked in own]),
        "ranked_first": sum(next(iter(ranked)) == name for ranked in own),
        "largest_distance": round(max(distances), 3),
        "auc": {other: round(auc(distances, values), 5) for other, values in others.items()},
        "smallest_distance_of_others": {k: round(min(v), 3) for k, v in others.items()},
    }


def worse(drawn, severity: float, rng):
    """Conditions of a frame, worse by random amounts up to a severity of 0 to 1."""
    dose, source, defocus, jitter, haze, noise = severity * rng.random(6)
    return replace(
        drawn,
        dwell_time=drawn.dwell_time * 10 ** (-1.3 * dose),
        source_size=drawn.source_size + 0.8 * source,
        defocus=drawn.defocus + 60 * defocus,
        line_jitter=drawn.line_jitter + 1.2 * jitter,
        contamination=drawn.contamination + 2 * haze,
        read_noise=drawn.read_noise + 8 * noise,
    )


def score_condition(drawn, seed, model, conditions: TrainingConditions) -> dict:
    """F1 of single Se vacancies, and distance, of two frames of 512²."""
    total, images = DetectionScore(0, 0, 0), []
    for index in range(2):
        rng = np.random.default_rng([*seed, index])
        frame = simulate_frame(drawn, (512, 512), rng=rng)
        vacancies = stemzoo.detect(frame.image, model, sampling=frame.sampling)
        labelled = np.array([label == "se_vacancy" for label in frame.labels()], dtype=bool)
        total += score_detections(
            vacancies.select("se_vacancy").positions,
            frame.points[labelled],
            RADIUS / frame.sampling,
            shape=frame.image.shape,
            border=BORDER / frame.sampling,
        )
        images.append(io.Image(frame.image, frame.sampling))
    (found,) = match(images, conditions={model.name: conditions})
    return {
        "session": drawn.name,
        "f1": round(total.f1, 4),
        "distance": round(found.distance, 3),
        "p_value": float(f"{found.p_value:.3g}"),
        "reason": found.reason,
    }


def by_remark(rows: list[dict]) -> dict:
    """F1 of images that fit without and with a remark on noise, and of those that do not fit."""
    groups = {"fits": [], "fits, but more noise": [], "does not fit": []}
    for row in rows:
        noisy = re.search("(noise of|blotches).* stronger", row["reason"])
        fits = "fits, but more noise" if noisy else "fits"
        groups[fits if row["p_value"] >= SIGNIFICANCE else "does not fit"].append(row["f1"])
    return {
        name: {
            "conditions": len(f1),
            "f1_quartiles": np.quantile(f1, (0.25, 0.5, 0.75)).round(3).tolist(),
        }
        for name, f1 in groups.items()
    }


def measure_detector(conditions: TrainingConditions, options) -> dict:
    """Count false alarms on unseen frames like the training ones; set F1 against distance."""
    unseen = {
        name: alarms([check_conditions(image, conditions, sampling=0.2074) for image in images])
        for name, images in detector_frames(options.seed, options.unseen).items()
    }
    model = stemzoo.load("fcn-wse2")
    model.conditions = None  # both images of a condition are compared together
    bases = [find_session(name) for name in ("wse2-dayA", "wse2-dayB", "wse2-randomised")]
    rows = []
    for i in range(options.draws):
        rng = np.random.default_rng([options.seed, i])
        drawn = worse(bases[i % 3].draw(rng), i / max(options.draws - 1, 1), rng)
        rows.append(score_condition(drawn, [options.seed, i], model, conditions))
    rank = stats.spearmanr([row["distance"] for row in rows], [row["f1"] for row in rows])
    return {
        "unseen_training_conditions": unseen,
        "spearman": round(float(rank.statistic), 3),
        "spearman_p": float(f"{rank.pvalue:.2g}"),
        "by_remark": by_remark(rows),
        "conditions": rows,
    }


def plot(rows: list[dict], path: Path, spearman: float) -> None:
    """Draw F1 over distance."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name in sorted({row["session"] for row in rows}):
        chosen = [row for row in rows if row["session"] == name and np.isfinite(row["distance"])]
        inside = np.array([row["p_value"] >= SIGNIFICANCE for row in chosen], dtype=bool)
        points = np.array([[row["distance"], row["f1"]] for row in chosen]).reshape(-1, 2)
        drawn = axes.scatter(*points[inside].T, label=f"from {name}, made worse")
        axes.scatter(*points[~inside].T, marker="x", color=drawn.get_facecolor())
    nowhere = sum(not np.isfinite(row["distance"]) for row in rows)
    label = f"p < {SIGNIFICANCE} (and {nowhere} without a lattice)"
    axes.scatter([], [], marker="x", color="grey", label=label)
    axes.set(
        xlabel="distance from the training frames (1: typical)",
        ylabel="F1 of single Se vacancies",
        title=f"fcn-wse2, Spearman {spearman:.2f}",
    )
    axes.legend(fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def measure_images(conditions: TrainingConditions, options) -> list[dict]:
    """Distance of images from files; pixel sizes as the files state, else from the lattice."""
    rows = []
    for path in sorted({name for pattern in options.images for name in glob(pattern)}):
        found = check_conditions(io.read_image(path), conditions)
        rows.append(
            {
                "image": Path(path).name,
                "distance": round(found.distance, 3),
                "p_value": float(f"{found.p_value:.3g}"),
                "reason": found.reason,
            }
        )
    return rows


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--frames", type=int, default=36, help="test frames a session")
    parser.add_argument("--unseen", type=int, default=50, help="test frames of each of fcn-wse2's")
    parser.add_argument("--draws", type=int, default=60, help="conditions that F1 is measured on")
    parser.add_argument("--images", action="append", default=[], help="pattern of files")
    parser.add_argument("--seed", type=int, default=7001)
    options = parser.parse_args()
    parts = options.part or PARTS
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "match.json"
    report = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "sessions" in parts:
        report["sessions"] = measure_sessions(options)
    if {"detector", "images"} & set(parts):
        conditions = read_conditions()["fcn-wse2"]
        if "detector" in parts:
            report["detector"] = measure_detector(conditions, options)
            plot(
                report["detector"]["conditions"],
                options.out / "match.png",
                report["detector"]["spearman"],
            )
        if "images" in parts:
            report["images"] = measure_images(conditions, options)
    io.write_json(path, report)


if __name__ == "__main__":
    main()
