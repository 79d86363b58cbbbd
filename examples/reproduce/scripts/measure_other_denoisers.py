"""Measure tk_r_em 1.0.4, a denoiser of others, beside the zoo's, in the same frames.

    python scripts/measure_other_denoisers.py [--frames 3] [--size 512] [--seed 9300]
        [--out results/other_denoisers.json]

Frames: the paper's days and the randomised session, and three conditions of
independent_microscope.py. Ways: the frame itself, the best of 15 Gaussian filters, `stemzoo
denoise`, `stemzoo translate --direction exp-to-sim` (of a day its own CycleGAN, else that of both),
and tk_r_em. PSNR is to the image without noise, whatever the scale and offset.

tk_r_em (I. Lobato, GPL-3.0; https://github.com/Ivanlh20/r_em, arXiv:2303.17025) is no part of
stemzoo. Its weights are of Keras 2, which `pip install --no-deps tk_r_em==1.0.4 tf_keras` brings,
and TF_USE_LEGACY_KERAS=1 chooses. Without it the other ways are measured.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from pathlib import Path
from unittest.mock import patch

import independent_microscope
import numpy as np
from measure_denoisers import best_gaussian, column_figures

import stemzoo
from stemzoo import io
from stemzoo.inference.translation import translate_quietly
from stemzoo.metrics.denoising import peak_signal_to_noise
from stemzoo.metrics.preservation import Preservation, label_preservation, point_preservation
from stemzoo.simulate import find_material, find_session, simulate_session
from stemzoo.simulate.pairs import expected_image

SESSIONS = ("wse2-dayA", "wse2-dayB", "wse2-randomised")
INDEPENDENT = ("plain", "low dose", "contaminated")
WAYS = ("frame", "gaussian", "denoise-wse2", "cyclegan", "tk_r_em")
Act = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame, the same without noise, and how columns of a picture of it are judged."""

    image: np.ndarray
    truth: np.ndarray
    sampling: float
    judge: Callable[[np.ndarray], Preservation]


def of_session(name: str, options) -> Iterator[Scene]:
    """Frames of a session of the zoo."""
    shape = (options.size, options.size)
    for frame in simulate_session(find_session(name), options.frames, shape, seed=options.seed):
        yield Scene(
            frame.image.astype(np.float32),
            expected_image(frame),
            frame.sampling,
            lambda picture, frame=frame: label_preservation(frame, picture),
        )


def of_other_microscope(name: str, options) -> Iterator[Scene]:
    """Frames of the second simulator; without noise are the same columns, recorded perfectly."""
    known = independent_microscope.CONDITIONS
    nothing = (0.0, 0.0)
    perfect = replace(known[name], dose=(1e7, 1e7), haze=nothing, jitter=nothing, flicker=nothing)
    for seed in range(options.seed, options.seed + options.frames):
        frame = independent_microscope.draw_frame(name, seed, options.size)
        with patch.dict(known, {name: perfect}):
            truth = independent_microscope.draw_frame(name, seed, options.size).image

        def judge(picture, frame=frame, truth=truth):
            return point_preservation(
                truth,
                picture,
                frame.vacancies,
                ["se_vacancy"] * len(frame.vacancies),
                material=find_material("wse2"),
                sampling=frame.sampling,
                label="se_vacancy",
            )

        yield Scene(frame.image, truth, frame.sampling, judge)


def zoo_ways(condition: str) -> dict[str, Act]:
    """Return what the zoo makes of an image and its pixel size."""
    denoiser = stemzoo.load("denoise-wse2")
    day = condition if condition in ("wse2-dayA", "wse2-dayB") else "wse2-dayAB"
    gan = stemzoo.load(f"cyclegan-{day}")
    return {
        "denoise-wse2": lambda image, sampling: (
            stemzoo.denoise(io.Image(image, sampling), denoiser).picture
        ),
        "cyclegan": lambda image, sampling: translate_quietly(
            image, gan, "exp-to-sim", sampling=sampling
        ),
    }


def others() -> dict[str, Act]:
    """Return tk_r_em's network for atomic resolution, if it is installed."""
    if importlib.util.find_spec("tk_r_em") is None:
        print("tk_r_em is not installed: left out")
        return {}
    from tk_r_em import load_network

    network = load_network("sfr_hrstem")
    return {"tk_r_em": lambda image, sampling: network.predict(image)}


def measure(condition: str, scenes: list[Scene], other: dict[str, Act]) -> dict:
    """Measure all ways on the frames of one condition."""
    acts = {**zoo_ways(condition), **other}
    rows = {}
    for way in ("frame", "gaussian", "clean", *acts):
        kept, psnr = [], []
        for scene in scenes:
            if way == "frame":
                picture = scene.image.astype(float)
            elif way == "clean":
                picture = np.asarray(scene.truth, dtype=float)
            elif way == "gaussian":
                picture = best_gaussian(scene.image.astype(float), scene.truth)
            else:
                picture = np.asarray(acts[way](scene.image, scene.sampling), dtype=float)
            kept.append(scene.judge(picture))
            if way != "clean":
                psnr.append(peak_signal_to_noise(picture, scene.truth))
        rows[way] = column_figures(reduce(add, kept))
        if psnr:
            rows[way]["psnr"] = float(np.mean(psnr))
    return {"condition": condition, "labelled": reduce(add, kept).labelled, "ways": rows}


def seconds(acts: dict[str, Act], edge: int = 1024) -> dict[str, float]:
    """CPU time of each way for one image, the second time [s]."""
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (edge, edge), seed=1)
    found = {}
    for way, act in acts.items():
        for _ in range(2):
            begun = time.process_time()
            act(frame.image.astype(np.float32), frame.sampling)
            found[way] = round(time.process_time() - begun, 2)
    return found


def main() -> None:
    """Measure all conditions and write one JSON file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=9300)
    parser.add_argument("--out", type=Path, default=Path("results/other_denoisers.json"))
    options = parser.parse_args()
    other, rows = others(), []
    facts = {key: getattr(options, key) for key in ("frames", "size", "seed")}
    for condition in (*SESSIONS, *INDEPENDENT):
        draw = of_session if condition in SESSIONS else of_other_microscope
        rows.append(measure(condition, list(draw(condition, options)), other))
        print(rows[-1], flush=True)
        io.write_json(options.out, {**facts, "rows": rows})
    cpu = seconds({**zoo_ways("wse2-dayA"), **other})
    io.write_json(options.out, {**facts, "rows": rows, "cpu_seconds_1024": cpu})
    print(cpu)


if __name__ == "__main__":
    main()
