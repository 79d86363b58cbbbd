"""Measure denoisers by the atom columns of new frames, and by the error of their pixels.

    python scripts/measure_denoisers.py NAME [--frames 2] [--size 640] [--seed 9100]
        [--conditions NAME...] [--out FILE.json]

NAME is a name of the zoo or a model folder. Of each condition, frames that nothing was trained on
are denoised as `stemzoo denoise` does it, and compared with the frames as recorded, with the best
of 15 Gaussian filters, and on the days with the way back of the day's CycleGAN: PSNR to the
expected image, F1 of the best cut between labelled and intact columns, vacancies healed and
invented, and the contrast of a vacancy. About 15 s a frame on one core.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from scipy import ndimage

import stemzoo
from stemzoo import io
from stemzoo.inference.translation import translate_quietly
from stemzoo.metrics.denoising import (
    DenoisedColumns,
    add_all,
    denoised_columns,
    peak_signal_to_noise,
)
from stemzoo.metrics.preservation import Preservation, label_preservation
from stemzoo.simulate import LabelledImage, find_session, simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.pairs import expected_image

DAY_A, DAY_B = find_session("wse2-dayA"), find_session("wse2-dayB")
CONDITIONS = {
    "wse2-dayA": DAY_A,
    "wse2-dayB": DAY_B,
    "wse2-randomised": find_session("wse2-randomised"),
    "low dose": replace(DAY_A, efficiency=Uniform(0.02, 0.05)),
    "astigmatic": replace(DAY_A, C12=Normal(60, 8, 0)),
    "dirty": replace(DAY_A, contamination=Uniform(1.0, 2.5), patchiness=0.8, granularity=0.3),
    "blurry": replace(DAY_A, source_size=Uniform(1.4, 2.0)),
    "zoomed": replace(DAY_A, sampling=0.105),
}
WIDTHS = np.arange(0.5, 4.1, 0.25)  # of Gaussian filters [px]


def best_gaussian(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the filtered image that is nearest to the truth, which a user does not know."""
    tried = [ndimage.gaussian_filter(image, width) for width in WIDTHS]
    return max(tried, key=lambda filtered: peak_signal_to_noise(filtered, truth))


def column_figures(found: Preservation) -> dict[str, float]:
    """Return what the columns of an image tell."""
    return {
        "f1": found.best_f1,
        "removed_per_1000": found.removed_per_1000,
        "invented_per_1000": found.invented_per_1000,
        "contrast": found.contrast,
    }


def others(condition: str) -> dict[str, Callable[[LabelledImage], np.ndarray]]:
    """Return what a denoiser is compared with, as functions of a frame."""
    ways: dict[str, Callable[[LabelledImage], np.ndarray]] = {
        "gaussian": lambda frame: best_gaussian(frame.image.astype(float), expected_image(frame))
    }
    if condition in ("wse2-dayA", "wse2-dayB"):
        gan = stemzoo.load(f"cyclegan-{condition}")
        ways["cyclegan"] = lambda frame: translate_quietly(
            frame.image, gan, "exp-to-sim", sampling=frame.sampling
        )
    return ways


def measure(model, condition: str, frames: list[LabelledImage]) -> dict:
    """Measure one condition."""
    ways = others(condition)
    psnr: dict[str, list[float]] = {way: [] for way in ("frame", "denoised", *ways)}
    columns: dict[str, list[Preservation]] = {way: [] for way in ways}
    denoised: list[DenoisedColumns] = []
    errors, deviations = [], []
    for frame in frames:
        truth = expected_image(frame)
        found = stemzoo.denoise(io.Image(frame.image, frame.sampling), model)
        denoised.append(denoised_columns(frame, found.picture))
        errors.append(np.mean((found.picture - truth) ** 2))
        deviations.append(np.mean(found.deviation**2))
        psnr["frame"].append(peak_signal_to_noise(frame.image * 1.0, truth))
        psnr["denoised"].append(peak_signal_to_noise(found.picture, truth))
        for way, act in ways.items():
            picture = act(frame)
            psnr[way].append(peak_signal_to_noise(picture, truth))
            columns[way].append(label_preservation(frame, picture))
    ours = add_all(denoised)
    rows = {name: column_figures(getattr(ours, name)) for name in ("frame", "denoised", "clean")}
    rows |= {way: column_figures(reduce(add, parts)) for way, parts in columns.items()}
    rows["denoised"]["contrast_of_sure"] = float(np.median(ours.sure))
    for way, values in psnr.items():
        rows[way]["psnr"] = float(np.mean(values))
    return {
        "condition": condition,
        "labelled": ours.frame.labelled,
        "intact": len(ours.frame.intact),
        "ways": rows,
        "faults": list(ours.faults()),
        # 1 where the deviations are as large as the errors are.
        "error_by_deviation": float(np.sqrt(np.mean(np.divide(errors, deviations)))),
    }


def main() -> None:
    """Measure all conditions and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--seed", type=int, default=9100)
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument("--out", type=Path, default=Path("denoisers.json"))
    options = parser.parse_args()
    model = stemzoo.load(options.name)
    facts = {
        "weights": Path(options.name).name,
        "seed": options.seed,
        "size": options.size,
        "frames": options.frames,
    }
    rows = []
    for condition in options.conditions:
        session, shape = CONDITIONS[condition], (options.size, options.size)
        frames = list(simulate_session(session, options.frames, shape, seed=options.seed))
        rows.append(measure(model, condition, frames))
        print(f"{condition}: {rows[-1]['ways']}; {'; '.join(rows[-1]['faults'])}", flush=True)
        io.write_json(options.out, {**facts, "columns": rows})


if __name__ == "__main__":
    main()
