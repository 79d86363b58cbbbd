"""Find out what limits detectors under heavy contamination: the haze, its noise, or ourselves.

    python scripts/measure_contamination.py [--material wse2 ...] [--frames 2] [--size 384]
        [--seed 6100] [--out results/contamination.json]

Frames of plain conditions with a haze of 1.5 and 3 times the mean of the crystal. Single vacancies
are looked for by the network, by the intensities of columns, and by both, in the frame as it is; in
the frame less its noise-free haze, which nobody knows (its noise stays); and in the frame as it
would be without noise. Of network and columns alone the F1 at the best threshold for the condition
is told: what they know. Of both, that of `detect`, with what it says of itself.
"""

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.analysis.columns import column_contrast, fit_columns
from stemzoo.analysis.sites import lattice_sites
from stemzoo.inference.detection import find_classes
from stemzoo.inference.seen_crystal import find_crystal
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import LabelledImage, find_session, recording, simulate_frame
from stemzoo.simulate.field import BORDER as MARGIN
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

VACANCY = {"ws2": "s_vacancy", "mos2": "s_vacancy", "wse2": "se_vacancy", "srtio3": "sr_vacancy"}
HAZE = (0.0, 1.5, 3.0)
# Of the haze: structure as fine as atoms, relative to it. None is hills of 6 Å and wider.
GRAIN = (0.0, 0.2)
# Conditions that are no limit by themselves.
PLAIN = {
    "sampling": 0.2074,
    "defocus": 0.0,
    "Cs": 0.0,
    "C12": 10.0,
    "C21": 100.0,
    "C23": 100.0,
    "source_size": 0.8,
    "dwell_time": 5e-4,
    "line_jitter": 0.1,
    "afterglow": 0.1,
    "flyback": 0.0,
    "misregistration": 0.1,
    "read_noise": 1.0,
    "smoothing": 0.3,
    "patchiness": 0.6,
    "bits": 0,
}


@dataclass(frozen=True, eq=False)
class Hazy:
    """A frame, its haze without noise, and the frame without noise."""

    frame: LabelledImage
    haze: np.ndarray
    noiseless: np.ndarray


def frames(
    material: str, haze: float, grain: float, count: int, size: int, seed: int
) -> Iterator[Hazy]:
    """Simulate frames of plain conditions with some haze; the same crystals for each haze."""
    session = find_session(f"{material}-randomised")
    session = replace(session, **PLAIN, contamination=haze, granularity=grain)
    for number in range(count):
        fields: list[np.ndarray] = []
        original = recording.contamination_field

        def keep(*args, fields=fields, original=original, **options) -> np.ndarray:
            fields.append(original(*args, **options))
            return fields[-1]

        with mock.patch.object(recording, "contamination_field", keep):
            rng = np.random.default_rng([seed, number])
            frame = simulate_frame(session, (size, size), rng=rng)
        inner = (slice(MARGIN, MARGIN + size),) * 2
        field = fields[0][inner] if fields else np.zeros((size, size))
        # What the frame has of crystal and of haze: the detector is linear here.
        image = frame.image.astype(float)
        terms = np.stack([frame.clean.ravel(), field.ravel(), np.ones(image.size)], axis=1)
        weights = np.linalg.lstsq(terms[:, : 3 if fields else 1], image.ravel(), rcond=None)[0]
        share = weights[1] if fields else 0.0
        yield Hazy(frame, share * field, weights[0] * frame.clean + share * field)


def best_f1(
    hazy: LabelledImage, name: str, positions: np.ndarray, values: np.ndarray
) -> list[DetectionScore]:
    """Scores of the places of the highest values, more and more of them (up to 3 times as many)."""
    truth = hazy.points[np.array(hazy.labels()) == name]
    other = hazy.points[np.array(hazy.labels()) != name]
    order = np.argsort(-values, kind="stable")
    steps = np.linspace(0.05, 3, 60)
    return [
        score_detections(
            positions[order[: round(step * len(truth))]],
            truth,
            RADIUS / hazy.sampling,
            shape=hazy.image.shape,
            border=BORDER / hazy.sampling,
            ignore=other,
        )
        for step in steps
    ]


def by_columns(hazy: Hazy, image: np.ndarray, name: str, knots: float) -> list[DetectionScore]:
    """Scores of the darkest columns of the sublattice; knots of the background that far apart."""
    frame = hazy.frame
    material = stemzoo.simulate.find_material(frame.conditions.material)
    # Sites are those of the best image, so that only intensities are compared.
    sites = lattice_sites(frame.clean, material, sampling=frame.sampling)
    sites = replace(
        sites,
        positions=sites.positions
        + frame.row_shift[
            np.clip(np.rint(sites.positions[:, 0]).astype(int), 0, len(frame.row_shift) - 1)
        ],
    )
    inside = ((sites.positions > 0) & (sites.positions < len(image) - 1)).all(axis=1)
    positions, kinds = sites.positions[inside], sites.kinds[inside]
    fit = fit_columns(image, positions, knots=knots)
    contrast = column_contrast(fit.intensities, positions, kinds)
    own = (kinds == name.split("_")[0].capitalize()) & np.isfinite(contrast)
    return best_f1(frame, name, positions[own], -contrast[own])


def by_network(hazy: Hazy, image: np.ndarray, name: str, model) -> list[DetectionScore]:
    """Scores of the marks of the network of the highest scores."""
    frame = hazy.frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = find_crystal(io.Image(image, frame.sampling), frame.conditions.material)
        positions, classes, scores = find_classes(
            seen.image.data, model, frame.sampling, threshold=0.02, seen=seen
        )
    own = classes == model.classes.index(name)
    return best_f1(frame, name, positions[own], scores[own])


def by_detect(hazy: Hazy, name: str, model) -> tuple[DetectionScore, dict[str, object]]:
    """Score of `detect`, and what it says of itself."""
    frame = hazy.frame
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = stemzoo.detect(frame.image, model, sampling=frame.sampling, force=True)
    labels = np.array(frame.labels())
    score = score_detections(
        found.select(name).positions,
        frame.points[labels == name],
        RADIUS / frame.sampling,
        shape=frame.image.shape,
        border=BORDER / frame.sampling,
    )
    expected = found.expectation(name)
    warned = not found.trusted or found.warning_of_errors() is not None
    return score, {
        "f1": round(score.f1, 3),
        "trusted": found.trusted,
        "expected_f1": None if expected is None else expected.f1.value,
        "warned": warned,
    }


def measure(
    material: str, haze: float, grain: float, options: argparse.Namespace
) -> dict[str, object]:
    """Compare all witnesses in the frames of a material with some haze."""
    name, model = VACANCY[material], stemzoo.load(f"fcn-{material}")
    curves: dict[str, list[list[DetectionScore]]] = {}
    joint, said = [], []
    where = options.frames, options.size, options.seed
    for hazy in frames(material, haze, grain, *where):
        image = hazy.frame.image.astype(float)
        for kind, pixels in (
            ("", image),
            (", haze known", image - hazy.haze),
            (", no noise", hazy.noiseless),
        ):
            curves.setdefault("network" + kind, []).append(by_network(hazy, pixels, name, model))
            for knots in (5.7, 3.0) if not kind else (5.7,):
                key = f"columns{kind}" + (f", knots {knots:g}" if knots != 5.7 else "")
                curves.setdefault(key, []).append(by_columns(hazy, pixels, name, knots))
        score, words = by_detect(hazy, name, model)
        joint.append(score)
        said.append(words)
    nothing = DetectionScore(0, 0, 0)
    best = {
        key: max(float(np.nan_to_num(sum(step, nothing).f1)) for step in zip(*curve, strict=True))
        for key, curve in curves.items()
    }
    total = sum(joint, nothing)
    return {
        "material": material,
        "haze": haze,
        "grain": grain,
        "labelled": total.hits + total.misses,
        "best_f1": {key: round(value, 3) for key, value in best.items()},
        "detect": {"f1": round(total.f1, 3), "said": said},
    }


def main() -> None:
    """Measure all materials that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--material", action="append", choices=VACANCY)
    parser.add_argument("--haze", action="append", type=float)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--seed", type=int, default=6100)
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    rows = []
    for material in options.material or VACANCY:
        for haze in options.haze or HAZE:
            for grain in GRAIN if haze else (0.0,):
                rows.append(measure(material, haze, grain, options))
                print(rows[-1], flush=True)
    if options.out:
        io.write_json(options.out, {"seed": options.seed, "frames": options.frames, "rows": rows})


if __name__ == "__main__":
    main()
