"""Compare the acquisition sessions with what the paper states and shows.

    python scripts/calibrate_sessions.py [DATA/paper_patches] [--out DIR] [--frames 6]

Prints, and with --out writes as JSON: the information limit of 1024² frames of each session (the
paper states 96 pm for day A and 110 pm for day B of its WSe2 images) and, where the folder of the
paper's 256² patches is given, the rms difference of the radial log10 power spectrum, the
Kullback-Leibler divergence of the intensities, the spectral cutoff of patch and session, and a
picture of both side by side. Day A's patch was enlarged from 196 to 256 pixels by its authors;
simulated patches go the same way.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage, optimize

from stemzoo import io
from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.reflections import ring_radius
from stemzoo.analysis.spectrum import log_power_spectrum, radial_power_spectrum
from stemzoo.metrics.distribution import intensity_kl_divergence
from stemzoo.metrics.spectrum import information_limit, reflection_ratios
from stemzoo.simulate import find_material, find_session, simulate_session

# Name of the patch, its pixel size [Å/px], and its edge before its authors enlarged it [px].
PATCHES = {
    "wse2-dayA": ("wse2_dayA_107_1840.png", 0.209, 196),
    "wse2-dayB": ("wse2_dayB_212.png", 0.209, 256),
    "graphene": ("graphene_gr3.png", 0.144, 256),
}
STATED_LIMIT_PM = {"wse2-dayA": 96, "wse2-dayB": 110}
SEED = 77


def spectral_cutoff(image: np.ndarray, sampling: float, lattice: Lattice) -> float:
    """Return the spacing at which the envelope of the reflections sinks to the noise.

    The continuous companion of `information_limit`.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image of a crystal.
    sampling : float
        Pixel size [Å/px].
    lattice : Lattice
        The lattice of this image.

    Returns
    -------
    float
        Spacing [Å], not less than the Nyquist limit of two pixels.

    Raises
    ------
    ValueError
        If the lattice is lost in noise.

    Notes
    -----
    The mean power of 3 x 3 bins on each lattice point, over that of its surroundings, is modelled
    as 1 + exp(a - b g²), a Debye-Waller factor, and a and b are fitted by maximum likelihood
    (exponentially distributed power) to all lattice points up to the Nyquist frequency. Reflections
    to which all columns of the cell add up have an a of their own. The cutoff is where
    their exponential is 1: as much lattice as noise.
    """
    norm, ratio = reflection_ratios(image, lattice, ndimage.uniform_filter)
    in_phase = norm % (lattice.symmetry // 2) == 0

    def cost(x):
        excess = np.exp(np.clip(np.where(in_phase, x[0], x[1]) - np.exp(x[2]) * norm, -50, 50))
        return np.sum(np.log1p(excess) + ratio / (1 + excess))

    start = math.log(max(ratio.max(), 3.0))
    fit = optimize.minimize(cost, (start, start, math.log(start / 8)), method="Nelder-Mead")
    limit = fit.x[0] / np.exp(fit.x[2])
    if limit < 1:
        raise ValueError(
            "Expected an innermost ring above the noise; use a larger or less noisy region. "
            f"Received: lattice and noise equal at {np.sqrt(max(limit, 0)):.2f} of its radius"
        )
    return float(sampling / min(np.sqrt(limit) * ring_radius(lattice), 0.5))


def limits(name: str, frames: int) -> list[float]:
    """Information limit of each of several frames [pm]."""
    session = find_session(name)
    material = find_material(session.material)
    return [
        round(100 * information_limit(f.image, f.sampling, material=material), 1)
        for f in simulate_session(session, frames, (1024, 1024), seed=SEED)
    ]


def simulated_patches(name: str, frames: int) -> list[np.ndarray]:
    """256² patches of a session, prepared as the authors' patch was."""
    _, sampling, edge = PATCHES[name]
    session = replace(find_session(name), sampling=sampling * 256 / edge)
    frames = simulate_session(session, frames, (edge, edge), seed=SEED)
    return [ndimage.zoom(f.image.astype(float), 256 / edge, order=1) for f in frames]


def compare(name: str, patch: np.ndarray, patches: list[np.ndarray]) -> dict:
    """Figures of the paper's patch against simulated ones."""
    _, sampling, _ = PATCHES[name]
    material = find_material(find_session(name).material)
    frequency, target = radial_power_spectrum(patch, sampling, bins=64)
    spectra = [radial_power_spectrum(p, sampling, bins=64)[1] for p in patches]
    mean = np.log10(np.mean(10.0 ** np.array(spectra), axis=0))
    # The two halves of the simulated patches against each other: what chance alone makes.
    halves = [np.log10(np.mean(10.0 ** np.array(spectra[i::2]), axis=0)) for i in (0, 1)]

    def cutoff(image: np.ndarray) -> float:
        return spectral_cutoff(image, sampling, find_lattice(image, material, sampling=sampling))

    return {
        "log_spectrum_rms": round(float(np.sqrt(np.mean((mean - target) ** 2))), 3),
        "log_spectrum_rms_between_halves": round(
            float(np.sqrt(np.mean((halves[0] - halves[1]) ** 2))), 3
        ),
        "intensity_kl": round(intensity_kl_divergence([patch], patches), 4),
        "patch_cutoff_pm": round(100 * cutoff(patch), 1),
        "session_cutoff_pm": round(100 * float(np.median([cutoff(p) for p in patches])), 1),
        "curves": {
            "frequency": frequency.round(4).tolist(),
            "session": mean.round(3).tolist(),
        },
    }


def picture(path: Path, name: str, patch, patches, figures: dict) -> None:
    """Draw patch and session side by side, with their spectra."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 8), layout="constrained")
    axes = figure.subplots(2, 4)
    for ax, image, title in zip(
        axes[0], [patch, *patches], ["paper", *["session"] * 3], strict=False
    ):
        ax.imshow(
            image, cmap="gray", vmin=np.percentile(image, 0.3), vmax=np.percentile(image, 99.7)
        )
        ax.set_title(f"{name}: {title}")
        ax.axis("off")
    for ax, image in zip(axes[1], [patch, patches[0]], strict=False):
        ax.imshow(log_power_spectrum(image), vmin=-2, vmax=3)
        ax.axis("off")
    _, sampling, _ = PATCHES[name]
    frequency, target = radial_power_spectrum(patch, sampling, bins=64)
    axes[1, 2].plot(frequency, target, label="paper")
    axes[1, 2].plot(frequency, figures["curves"]["session"], label="session")
    axes[1, 2].set(xlabel="1/Å", ylabel="log10 power")
    axes[1, 2].legend()
    for image, label in ((patch, "paper"), (np.stack(patches), "session")):
        scaled = (image - image.mean()) / image.std()
        axes[1, 3].hist(
            scaled.ravel(), 64, range=(-3.5, 3.5), density=True, histtype="step", label=label
        )
    axes[1, 3].set(xlabel="intensity / σ")
    figure.savefig(path, dpi=70)


def main() -> None:
    """Compare every session."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patches", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    report = {}
    for name in (*PATCHES, "srtio3"):
        values = limits(name, options.frames)
        report[name] = {
            "information_limit_pm": values,
            "information_limit_median_pm": float(np.median(values)),
            "stated_pm": STATED_LIMIT_PM.get(name),
        }
        if options.patches and name in PATCHES:
            patch = io.read_image(options.patches / PATCHES[name][0]).data.astype(float)
            patches = simulated_patches(name, 4 * options.frames)
            figures = compare(name, patch, patches)
            report[name]["against_patch"] = figures
            if options.out:
                options.out.mkdir(parents=True, exist_ok=True)
                picture(options.out / f"{name}.png", name, patch, patches, figures)
        print(name, {k: v for k, v in report[name].items() if k != "against_patch"})
        shown = report[name].get("against_patch", {})
        print("   ", {k: v for k, v in shown.items() if k != "curves"})
    if options.out:
        io.write_json(options.out / "sessions.json", report)


if __name__ == "__main__":
    main()
