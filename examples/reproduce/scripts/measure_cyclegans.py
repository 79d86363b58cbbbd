"""Measure CycleGANs against frames of their session that they were not trained on.

    python scripts/measure_cyclegans.py NAME... [--measured 24] [--simulated 12] [--out FOLDER]

For each: distances with floor and ceiling (Table 1 of the paper), label preservation, and how well
the other direction takes noise away (its Supplementary Figure 1). NAME is a name of the zoo or a
model folder; FOLDER receives NAME.json and NAME.html. About 4 minutes each on two cores.
"""

import argparse
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from scipy import ndimage

import stemzoo
from stemzoo import io
from stemzoo.inference.translation import translate_quietly
from stemzoo.metrics.evaluation import evaluate
from stemzoo.metrics.features import extract_features
from stemzoo.metrics.fid import frechet_result
from stemzoo.metrics.preservation import label_preservation
from stemzoo.preprocessing import rescale
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.workflows.evaluation import evaluation_page
from stemzoo.zoo.hub import load

# Sessions of weights that were trained on more than one.
SEVERAL = {"wse2-dayAB": ("wse2-dayA", "wse2-dayB")}


def measured_frames(session: str, n: int, size: int, seed: int) -> list:
    """Labelled frames of a session, or alternating ones of several."""
    names = SEVERAL.get(session, (session,))
    parts = [
        list(simulate_session(find_session(name), -(-n // len(names)), (size, size), seed=seed))
        for name in names
    ]
    return [frame for group in zip(*parts, strict=True) for frame in group][:n]


def translated_frames(model, n: int, size: int, seed: int) -> tuple[list, list]:
    """Clean labelled frames, and their translations."""
    session = domain_session(model.material, model.sampling, model.rotation)
    clean = list(simulate_session(session, n, (size, size), seed=seed))
    rng = np.random.default_rng(seed)
    return clean, [stemzoo.translate(frame.image, model, rng=rng) for frame in clean]


def denoising(model, frames) -> dict:
    """PSNR [dB] and SSIM to the expected image, and columns: measured, CycleGAN and filters."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity
    from skimage.restoration import denoise_nl_means

    def best_gaussian(image, truth):
        tried = [ndimage.gaussian_filter(image, sigma) for sigma in np.arange(0.5, 4.1, 0.25)]
        return max(tried, key=lambda x: peak_signal_noise_ratio(truth, fitted(x, truth)))

    def fitted(image, truth):
        # Offset and gain of an image in [-1, 1] mean nothing: least squares.
        slope, offset = np.polyfit(image.ravel(), truth.ravel(), 1)
        return np.clip(slope * image + offset, 0, 1).astype(np.float32)

    scores = {}
    for frame in frames:
        image, truth = rescale(frame.image), frame.clean
        truth = ((truth - truth.min()) / np.ptp(truth)).astype(np.float32)
        # Non-local means is told the true noise, and the Gaussian filter its best width.
        slope, offset = np.polyfit(truth.ravel(), image.ravel(), 1)
        noise = float(np.std(image - slope * truth - offset))
        results = {
            "measured": image,
            "CycleGAN": translate_quietly(
                frame.image, model, "exp-to-sim", sampling=frame.sampling
            ),
            "Gaussian filter (best of 15 widths)": best_gaussian(image, truth),
            "non-local means": denoise_nl_means(
                image, h=0.8 * noise, sigma=noise, patch_size=7, patch_distance=11
            ),
        }
        for name, result in results.items():
            result = fitted(result, truth)
            row = (
                peak_signal_noise_ratio(truth, result, data_range=1),
                structural_similarity(truth, result, data_range=1),
            )
            scores.setdefault(name, []).append(row)
    found = columns_kept(model, frames)
    return {
        name: {
            "psnr": float(np.mean(rows, 0)[0]),
            "ssim": float(np.mean(rows, 0)[1]),
            **found.get(name, {}),
        }
        for name, rows in scores.items()
    }


def columns_kept(model, frames) -> dict[str, dict[str, float]]:
    """Measure what columns tell of the labelled vacancies in frames, and after the way back."""
    images = {
        "measured": [frame.image.astype(float) for frame in frames],
        "CycleGAN": [
            translate_quietly(frame.image, model, "exp-to-sim", sampling=frame.sampling)
            for frame in frames
        ],
    }
    try:
        found = {
            way: reduce(add, map(label_preservation, frames, pictures))
            for way, pictures in images.items()
        }
    except ValueError:  # no columns of which the defects are vacancies
        return {}
    if not found["measured"].labelled:
        return {}
    return {
        way: {
            "column_f1": kept.best_f1,
            "removed_per_1000": kept.removed_per_1000,
            "invented_per_1000": kept.invented_per_1000,
            "contrast": kept.contrast,
        }
        for way, kept in found.items()
    }


def preservation(frames, images) -> dict | None:
    """Vacancies removed, invented or moved, from column intensities."""
    try:
        found = reduce(add, map(label_preservation, frames, images))
    except ValueError:
        return None
    corrected = found.noise_corrected()
    return {
        "labelled": found.labelled,
        "sites": found.sites,
        "contrast_of_vacancies": float(np.median(found.vacancies)),
        "separation": corrected.separation,
        "removed_per_1000": found.removed_per_1000,
        "removed_by_noise_per_1000": corrected.noise_removed_per_1000,
        "removed_corrected_per_1000": [corrected.removed_per_1000, *corrected.removed_interval],
        "invented_per_1000": found.invented_per_1000,
        "invented_by_noise_per_1000": corrected.noise_invented_per_1000,
        "invented_corrected_per_1000": [corrected.invented_per_1000, *corrected.invented_interval],
        "moved": found.moved,
        "median_displacement_angstrom": float(np.median(found.displacements)),
        "max_displacement_angstrom": float(found.displacements.max()),
    }


def distances(sets: dict) -> dict:
    """Fréchet distance and intensity divergence by the paper's protocol, from half the frames."""
    images = {**sets, "measured": sets["measured"][::2], "floor": sets["measured"][1::2]}
    n = min(map(len, images.values()))
    features = {
        name: extract_features(part[:n], protocol="khan2023") for name, part in images.items()
    }
    return {
        name: frechet_result(features["measured"], features[name]).value
        for name in ("generated", "floor", "simulated")
    }


def measure(name: str, options) -> dict:
    """Measure one CycleGAN and write its report."""
    model = load(name)
    rng = np.random.default_rng(options.seed)
    frames = measured_frames(model.session, options.measured, options.size, options.seed)
    clean, translated = translated_frames(model, options.simulated, options.size, options.seed + 1)
    sets = {
        "measured": [frame.image for frame in frames],
        "generated": translated,
        "simulated": [frame.image for frame in clean],
    }
    found = evaluate(**sets, sampling=model.sampling, material=model.material, rng=rng)
    result = {
        "weights": Path(name).name,
        "seed": options.seed,
        "size": options.size,
        "session": model.session,
        **found.to_dict(),
        "frechet_khan2023": distances(sets),
        "preservation": {
            "generated": preservation(clean, translated),
            "floor": preservation(frames[:8], [frame.image for frame in frames[:8]]),
        },
        "denoising": denoising(model, frames[:2]),
    }
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    io.write_json(out / f"{Path(name).name}.json", result)
    io.write_text(out / f"{Path(name).name}.html", evaluation_page(found, sets))
    return result


def main() -> None:
    """Measure all that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--measured", type=int, default=24)
    parser.add_argument("--simulated", type=int, default=12)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--out", type=Path, default=Path("cyclegans"))
    options = parser.parse_args()
    for name in options.names:
        result = measure(name, options)
        for metric in result["metrics"]:
            parts = {k: v and round(v["value"], 4) for k, v in list(metric.items())[2:]}
            print(f"{result['weights']}: {metric['name']}: {parts}")
        print(f"{result['weights']}: Fréchet, paper's protocol: {result['frechet_khan2023']}")
        for key, value in result["preservation"].items():
            print(f"{result['weights']}: preservation, {key}: {value}")
        print(f"{result['weights']}: denoising: {result['denoising']}", flush=True)


if __name__ == "__main__":
    main()
