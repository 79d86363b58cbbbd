"""Measure what `stemzoo adapt --detector` makes of sessions that no weights were trained on.

    python scripts/measure_adaptation.py OUT.json [--session NAME ...] [--images 6] [--minutes 5]
        [--draws 1] [--parent WEIGHTS] [--no-oracle]

For each session of test_sessions.py: F1 of single Se vacancies on three frames of 1024² that
nothing was trained on, of the default detector, of the one that was renewed from `--images` frames
without labels in `--minutes` minutes in all, and of an oracle: the default detector fine-tuned on
30 labelled frames of the session. Runs that OUT.json holds are not repeated. On two cores, with
nothing else running, a session takes the minutes and two more.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from test_sessions import TEST_SESSIONS

import stemzoo
from stemzoo import io
from stemzoo.adaptation import ExperimentalSession
from stemzoo.adaptation.agreement import HoldOut, overlapping_patches, patch_features
from stemzoo.analysis.lattice import find_rotation
from stemzoo.inference.detection import find_defects
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.metrics.distribution import frechet_distance
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate.domain import largest_shape, simulate_domain
from stemzoo.training import FCNRecipe, train_fcn
from stemzoo.workflows.simulated_scores import BORDER, RADIUS

SAMPLING = 0.2074
DEFAULT = "fcn-wse2"
LABEL = "se_vacancy"
# Seeds of what is adapted to (a draw each), of the oracle's frames and of the test frames.
ADAPTED, ORACLE, TEST = 7000, 500, 9000


def score(model, frames) -> dict:
    """Precision, recall and F1 of a detector."""
    total = DetectionScore(0, 0, 0)
    for frame in frames:
        image = io.Image(frame.image, frame.sampling)
        labelled = np.array([label == LABEL for label in frame.labels()], dtype=bool)
        total += score_detections(
            find_defects(image, model).select(LABEL).positions,
            frame.points[labelled],
            RADIUS / frame.sampling,
            shape=frame.image.shape,
            border=BORDER / frame.sampling,
        )
    values = {"precision": total.precision, "recall": total.recall, "f1": total.f1}
    return {key: rounded(value) for key, value in values.items()}


def rounded(value: float) -> float | None:
    """Four digits; None for what is not a number."""
    return round(float(value), 4) if np.isfinite(value) else None


def train_oracle(session):
    """Fine-tune the default detector on labelled frames of the session itself."""
    frames = session.frames(30, 512, ORACLE)
    model = stemzoo.load(DEFAULT)
    return train_fcn(
        [frame.image for frame in frames],
        [frame.mask for frame in frames],
        FCNRecipe(epochs=5, learning_rate=1e-3, ema=0.98),
        classes=model.classes,
        sampling=model.sampling,
        material=model.material,
        model=model,
    )


def agreement(translator, images, test) -> dict:
    """How translations of unseen simulations agree with frames that were not adapted to."""
    known = (translator.material, SAMPLING)
    turned = find_rotation(images, *known)
    clean = simulate_domain(*known, largest_shape(images), turned, n=3, seed=TEST + 1)
    rng = np.random.default_rng(TEST)
    translated = [stemzoo.translate(frame.image, translator, rng=rng) for frame in clean]
    measured = rescale_group([frame.image for frame in test])
    patches = [
        np.concatenate([overlapping_patches(image, translator.patch_size) for image in group])
        for group in (measured, translated)
    ]
    found = HoldOut((), patches[0][::4]).agreement(patches[1][::4])
    frechet = frechet_distance(*(patch_features(one) for one in patches))
    return {
        "spectrum_rms": rounded(found.spectrum_rms),
        "intensity_kl": rounded(found.intensity_kl),
        "kernel_distance": rounded(found.kernel_distance),
        "frechet_of_spectra_and_intensities": rounded(frechet),
    }


def measure(name: str, draw: int, options) -> dict:
    """Adapt to one draw of a session's frames and measure the result."""
    session = TEST_SESSIONS[name]
    images = [f.image for f in session.frames(options.images, 1024, ADAPTED + 10 * draw)]
    test = session.frames(3, 1024, TEST)
    parent, default = stemzoo.load(options.parent, training=True), stemzoo.load(DEFAULT)
    begun = time.monotonic()
    measured = ExperimentalSession.of(images, parent, own=SAMPLING)
    adapted = stemzoo.fit_adapt(
        parent,
        measured,
        minutes=options.minutes / 2,
        for_detector=True,
        sampling=SAMPLING,
        session=name,
        rng=np.random.default_rng(draw),
        report=print,
    )
    left = options.minutes - (time.monotonic() - begun) / 60
    renewed = stemzoo.renew_detector(
        default, adapted, measured, minutes=left, rng=np.random.default_rng(draw)
    )
    seconds = time.monotonic() - begun
    print(renewed.renewal)
    return {
        **{"session": name, "parent": options.parent, "draw": draw},
        **{"images": options.images, "minutes": options.minutes, "seconds": round(seconds, 1)},
        "steps": adapted.adaptation.judgements[-1].steps if adapted.adaptation.judgements else 0,
        "stopped": adapted.adaptation.stopped,
        "helped": adapted.adaptation.helped,
        "default": score(default, test),
        "adapted": score(renewed, test),
        "chosen": renewed.renewal.chosen,
        "ranked": renewed.ranked,
        "detector_steps": renewed.renewal.steps,
        "estimated_f1": {k: rounded(v.f1) for k, v in renewed.renewal.scores.items()},
        "ways": {k: rounded(v.spectrum_rms) for k, v in renewed.renewal.agreements.items()},
        "before": agreement(parent, images, test),
        "after": agreement(adapted, images, test),
    }


def main() -> None:
    """Measure what is asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--session", action="append", choices=list(TEST_SESSIONS))
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--parent", default="cyclegan-wse2-dayAB")
    parser.add_argument("--no-oracle", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    report = {"oracle": {}, "runs": []}
    if options.out.is_file():
        report = json.loads(options.out.read_text(encoding="utf-8"))
    keys = ("session", "parent", "draw", "images", "minutes")
    done = {tuple(run[key] for key in keys) for run in report["runs"]}
    for name in options.session or TEST_SESSIONS:
        for draw in range(options.draws):
            if (name, options.parent, draw, options.images, options.minutes) in done:
                continue
            report["runs"].append(measure(name, draw, options))
            print(json.dumps(report["runs"][-1]), flush=True)
            io.write_json(options.out, report)
        if name not in report["oracle"] and not options.no_oracle:
            test = TEST_SESSIONS[name].frames(3, 1024, TEST)
            report["oracle"][name] = score(train_oracle(TEST_SESSIONS[name]), test)
            print(name, "oracle", report["oracle"][name], flush=True)
            io.write_json(options.out, report)


if __name__ == "__main__":
    main()
