"""Frames by a second, simpler simulator: the locked conditions that nothing is tuned on.

It shares no line with `stemzoo.simulate`: columns are sums of two Gaussians, the rest is numpy and
scipy. Crystals and conditions are named below; a seed gives the same frames again.

    python scripts/independent_microscope.py --out FOLDER      # to look at them
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Sublattice:
    """Columns of a crystal: where in the cell, how bright against the first, what is left."""

    place: tuple[float, float]
    brightness: tuple[float, float]
    left: tuple[float, float] | None = None  # of a column that lacks an atom; None: none lacks one


@dataclass(frozen=True)
class CrystalKind:
    """A crystal: cell vectors' length [Å] and angle [degrees], columns, and what lacks an atom.

    `finer` is the factor on the width of columns and on pixels, for atoms that are nearer.
    """

    constant: float
    label: str
    sublattices: tuple[Sublattice, ...]
    angle: float = 60.0
    finer: float = 1.0


def _layer(constant: float, label: str, ratio: tuple[float, float]) -> CrystalKind:
    """MX2 in projection: the pair's brightness against the metal, half of it left of a vacancy."""
    pair = Sublattice((1 / 3, 1 / 3), ratio, (0.44, 0.56))
    return CrystalKind(constant, label, (Sublattice((0, 0), (1.0, 1.0)), pair))


# Ratios are those of Z^1.6 to Z^1.9, and for WSe2 somewhat wider.
CRYSTALS = {
    "wse2": _layer(3.286, "se_vacancy", (0.5, 0.72)),
    "mos2": _layer(3.17, "s_vacancy", (0.32, 0.43)),
    "ws2": _layer(3.16, "s_vacancy", (0.11, 0.18)),
    "mose2": _layer(3.3, "se_vacancy", (1.34, 1.43)),
    "mote2": _layer(3.53, "te_vacancy", (2.8, 3.0)),
    "nbse2": _layer(3.45, "se_vacancy", (1.4, 1.49)),
    "graphene": CrystalKind(
        2.465,
        "c_vacancy",
        (
            Sublattice((0, 0), (1.0, 1.0), (0.0, 0.0)),
            Sublattice((1 / 3, 1 / 3), (1.0, 1.0), (0.0, 0.0)),
        ),
        finer=0.75,
    ),
    "hbn": CrystalKind(
        2.51,
        "n_vacancy",
        (
            Sublattice((0, 0), (0.53, 0.58)),
            Sublattice((1 / 3, 1 / 3), (1.0, 1.0), (0.0, 0.0)),
        ),
        finer=0.75,
    ),
    # Two to four cells thick, one atom missing; O columns beside.
    "srtio3": CrystalKind(
        3.91,
        "sr_vacancy",
        (
            Sublattice((0, 0), (1.0, 1.0), (0.5, 0.75)),
            Sublattice((0.5, 0.5), (0.45, 0.5)),
            Sublattice((0.5, 0.0), (0.05, 0.08)),
            Sublattice((0.0, 0.5), (0.05, 0.08)),
        ),
        angle=90.0,
    ),
}


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame with its truth: vacancies, positions [px], and where the crystal is."""

    image: np.ndarray
    sampling: float
    vacancies: np.ndarray
    crystal: np.ndarray


@dataclass(frozen=True)
class Condition:
    """Ranges from which a frame is drawn, and what is done to it before or after counting.

    `dose` is electrons a pixel under a W column's peak, `width` the standard deviation of a column
    [Å], `ellipse` the ratio of its axes, `haze` the contamination against the peak of a column.
    """

    sampling: tuple[float, float] = (0.15, 0.25)
    dose: tuple[float, float] = (800.0, 3000.0)
    width: tuple[float, float] = (0.42, 0.52)
    ellipse: tuple[float, float] = (1.0, 1.08)
    haze: tuple[float, float] = (0.0, 0.15)
    jitter: tuple[float, float] = (0.0, 0.15)
    sway: tuple[float, float] = (0.0, 0.0)
    flicker: tuple[float, float] = (0.0, 0.01)
    after: tuple[str, ...] = ()
    scene: str = "crystal"


CONDITIONS = {
    "plain": Condition(),
    "low dose": Condition(dose=(50, 120)),
    "lower dose": Condition(dose=(15, 35)),
    "blurred": Condition(width=(0.68, 0.85)),
    "astigmatic": Condition(ellipse=(1.4, 1.8)),
    "contaminated": Condition(haze=(0.5, 1.2)),
    "row flicker": Condition(flicker=(0.1, 0.25)),
    "swaying": Condition(sway=(1.0, 2.5), jitter=(0.2, 0.5)),
    "hum": Condition(after=("hum",)),
    "saturated": Condition(after=("saturate",)),
    "gamma 2 to 3": Condition(after=("expand",)),
    "smoothed": Condition(dose=(120, 400), after=("median", "gauss")),
    "sharpened, 8 bit": Condition(after=("unsharp", "eight_bit")),
    "background off, Butterworth": Condition(haze=(0.3, 0.8), after=("high_pass", "butterworth")),
    "finely sampled": Condition(sampling=(0.07, 0.11), dose=(200, 800)),
    "coarsely sampled": Condition(sampling=(0.30, 0.38)),
    "storm": Condition(
        dose=(150, 400), width=(0.55, 0.7), haze=(0.3, 0.9), jitter=(0.3, 0.6), flicker=(0.03, 0.1)
    ),
    "edge": Condition(scene="edge"),
    "hole": Condition(scene="hole"),
    "amorphous": Condition(scene="amorphous"),
    "grains": Condition(scene="grains"),
    "zeros": Condition(scene="zeros"),
    "data bar": Condition(scene="bar"),
    "inverted": Condition(after=("invert",)),
    "spark": Condition(after=("spark",)),
}


def draw_frame(name: str, seed: int, edge: int = 768, material: str = "wse2") -> Frame:
    """Draw one frame of a condition; the same for the same seed."""
    kind = CRYSTALS[material]
    condition = CONDITIONS[name]
    width = tuple(kind.finer * limit for limit in condition.width)
    condition = replace(condition, width=width)
    rng = np.random.default_rng([seed, *name.encode()])
    sampling = kind.finer * rng.uniform(*condition.sampling)
    length = edge * sampling
    inside = _outline(condition.scene, length, rng)
    angle = rng.uniform(0, 360)
    columns, weights, vacant = _crystal(kind, length, angle, rng)
    part = inside(columns)
    crystal = [(columns[part], weights[part], vacant[part])]
    if condition.scene == "grains":
        other = _crystal(kind, length, angle + rng.uniform(10, 50), rng)
        beyond = ~inside(other[0])
        crystal.append(tuple(values[beyond] for values in other))
    if condition.scene == "amorphous":
        scattered = rng.uniform(0, length, (int(0.22 * length**2), 2))
        scattered = scattered[~inside(scattered)]
        weights = rng.choice([0.6, 1.0], len(scattered))
        crystal.append((scattered, weights, np.zeros(len(scattered), dtype=bool)))
    columns, weights, vacant = (np.concatenate(parts) for parts in zip(*crystal, strict=True))
    signal = _columns(columns / sampling, weights, edge, condition, sampling, rng)
    signal = signal + 0.12 + rng.uniform(*condition.haze) * _hills(edge, sampling, rng)
    image, shifts = _scan(signal, condition, rng)
    image = rng.poisson(np.clip(image, 0, None) * rng.uniform(*condition.dose)).astype(float)
    for step in condition.after:
        image = STEPS[step](image, rng)
    points = columns[vacant] / sampling
    rows = np.clip(np.rint(points[:, 0]).astype(int), 0, edge - 1)
    points[:, 1] += shifts[rows]
    shown = np.ones((edge, edge), dtype=bool)
    if condition.scene in ("edge", "hole", "amorphous"):
        grid = np.moveaxis(np.indices((edge, edge)), 0, -1).reshape(-1, 2)
        shown = inside(grid * sampling).reshape(edge, edge)
    if condition.scene in ("zeros", "bar"):
        high = edge // 12
        image[-high:] = 0
        shown[-high:] = False
        if condition.scene == "zeros":
            image[:, : high // 2] = 0
            shown[:, : high // 2] = False
        else:
            image[-high + high // 3 : -high // 3, 20 : edge // 3 : 3] = image.max()
            image[-high // 2 : -high // 2 + 3, -edge // 4 : -20] = image.max()
    return Frame(image.astype(np.float32), sampling, points, shown)


def _outline(scene: str, length: float, rng) -> Callable[[np.ndarray], np.ndarray]:
    """Whether points are in the crystal: left of a line, or outside of a disc."""
    middle = rng.uniform(0.35, 0.65, 2) * length
    turn = rng.uniform(0, 2 * np.pi)
    normal = np.array([np.cos(turn), np.sin(turn)])
    if scene in ("hole", "amorphous"):
        return lambda points: np.hypot(*(points - middle).T) > 0.22 * length
    if scene in ("edge", "grains"):
        return lambda points: (points - middle) @ normal > -0.08 * length
    return lambda points: np.ones(len(points), dtype=bool)


def _crystal(
    kind: CrystalKind, length: float, angle: float, rng
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of a crystal: rows and columns [Å], peaks against the first, which lack an atom."""
    turns = np.deg2rad([angle, angle + kind.angle])
    first, second = kind.constant * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    reach = int(length / kind.constant * (1 if kind.angle == 60 else 0.8)) + 4
    i, j = (n.ravel()[:, None] for n in np.mgrid[-reach:reach, -reach:reach])
    origin = i * first + j * second + rng.uniform(0.3, 0.7, 2) * length
    parts = []
    for sublattice in kind.sublattices:
        places = origin + sublattice.place[0] * first + sublattice.place[1] * second
        weights, vacant = np.ones(len(places)), np.zeros(len(places), dtype=bool)
        if sublattice.left is not None:
            vacant = rng.random(len(places)) < rng.uniform(0.015, 0.05)
        if sublattice.brightness != (1.0, 1.0) or sublattice.left is not None:
            ratio = rng.uniform(*sublattice.brightness)
            left = rng.uniform(*(sublattice.left or (1.0, 1.0)))
            weights = np.where(vacant, left * ratio, ratio)
        parts.append((places, weights, vacant))
    columns, weights, vacant = (np.concatenate(values) for values in zip(*parts, strict=True))
    near = np.all((columns > -3) & (columns < length + 3), axis=1)
    columns = columns + rng.normal(0, 0.04, columns.shape)
    return columns[near], weights[near], vacant[near]


def _columns(points, weights, edge: int, condition: Condition, sampling: float, rng) -> np.ndarray:
    """Draw columns as a narrow Gaussian with a fifth of its peak as wide again, both elliptical."""
    width = rng.uniform(*condition.width) / sampling
    ratio = np.sqrt(rng.uniform(*condition.ellipse))
    turn = rng.uniform(0, np.pi)
    image = np.zeros((edge, edge))
    reach = int(6 * width * ratio) + 1
    around = np.arange(-reach, reach + 1)
    for (row, column), weight in zip(points, weights, strict=True):
        r, c = round(row), round(column)
        if not (-reach < r < edge + reach and -reach < c < edge + reach):
            continue
        y, x = around[:, None] + r - row, around[None, :] + c - column
        along = (y * np.sin(turn) + x * np.cos(turn)) / (width * ratio)
        across = (y * np.cos(turn) - x * np.sin(turn)) / (width / ratio)
        squared = along**2 + across**2
        stamp = weight * (0.83 * np.exp(-squared / 2) + 0.17 * np.exp(-squared / 8))
        top, left = max(r - reach, 0), max(c - reach, 0)
        bottom, right = min(r + reach + 1, edge), min(c + reach + 1, edge)
        if bottom > top and right > left:
            image[top:bottom, left:right] += stamp[
                top - r + reach : bottom - r + reach, left - c + reach : right - c + reach
            ]
    return image


def _hills(edge: int, sampling: float, rng) -> np.ndarray:
    """Contamination: hills of 8 to 80 Å with a grain of an atom's size, 1 on average."""
    total = sum(
        _unit(ndimage.gaussian_filter(rng.normal(size=(edge, edge)), size / sampling, mode="wrap"))
        for size in (4.0, 12.0, 40.0)
    )
    grain = ndimage.gaussian_filter(rng.normal(size=(edge, edge)), 0.5 / sampling, mode="wrap")
    hills = np.exp(0.35 * total) * (1 + 0.12 * _unit(grain))
    return np.clip(hills, 0, None) / hills.mean()


def _unit(noise: np.ndarray) -> np.ndarray:
    return (noise - noise.mean()) / noise.std()


def _scan(signal: np.ndarray, condition: Condition, rng) -> tuple[np.ndarray, np.ndarray]:
    """Shift lines, and let the current flicker; returns the image and the shifts [px]."""
    rows = np.arange(len(signal))
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(15, 60)
    shifts = rng.uniform(*condition.sway) * np.sin(2 * np.pi * rows / period + phase)
    shifts = shifts + rng.normal(0, 1, len(rows)) * rng.uniform(*condition.jitter)
    places = np.arange(signal.shape[1])
    image = np.stack(
        [np.interp(places - s, places, row) for s, row in zip(shifts, signal, strict=True)]
    )
    current = 1 + rng.normal(0, 1, len(rows)) * rng.uniform(*condition.flicker)
    return image * np.clip(current, 0.05, None)[:, None], shifts


def _range(image: np.ndarray) -> np.ndarray:
    low, high = np.quantile(image, [0.001, 0.999])
    return np.clip((image - low) / (high - low), 0, None)


def _hum(image: np.ndarray, rng) -> np.ndarray:
    rows, columns = np.indices(image.shape)
    wave = np.sin(2 * np.pi * columns / rng.uniform(7, 40) + rng.uniform(0, 6.28) * rows)
    return image + rng.uniform(0.5, 2) * image.std() * wave


def _butterworth(image: np.ndarray, rng) -> np.ndarray:
    fy, fx = np.fft.fftfreq(len(image))[:, None], np.fft.rfftfreq(image.shape[1])
    passed = 1 / (1 + (np.hypot(fy, fx) / rng.uniform(0.16, 0.3)) ** 8)
    return np.fft.irfft2(np.fft.rfft2(image) * passed, s=image.shape)


def _spark(image: np.ndarray, rng) -> np.ndarray:
    changed = image.copy()
    changed[int(rng.integers(20, len(image) - 20))] = image.max() * 50
    return changed


STEPS: dict[str, Callable] = {
    "hum": _hum,
    "saturate": lambda image, rng: 1 - np.exp(-rng.uniform(1.5, 4) * _range(image)),
    "expand": lambda image, rng: _range(image) ** rng.uniform(2, 3),
    "median": lambda image, rng: ndimage.median_filter(image, 3),
    "gauss": lambda image, rng: ndimage.gaussian_filter(image, rng.uniform(0.6, 1.2)),
    "unsharp": lambda image, rng: (
        image + rng.uniform(0.5, 1.5) * (image - ndimage.gaussian_filter(image, 2))
    ),
    "eight_bit": lambda image, rng: np.clip(np.rint(255 * _range(image)), 0, 255),
    "high_pass": lambda image, rng: image - ndimage.gaussian_filter(image, rng.uniform(15, 40)),
    "butterworth": _butterworth,
    "invert": lambda image, rng: image.max() - image,
    "spark": _spark,
}


def main() -> None:
    """Write one TIFF of each condition."""
    from stemzoo import io

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--material", choices=CRYSTALS, default="wse2")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in CONDITIONS:
        frame = draw_frame(name, options.seed, material=options.material)
        path = options.out / f"{name.replace(' ', '_').replace(',', '')}.tif"
        io.write_tiff(path, frame.image, sampling=frame.sampling)


if __name__ == "__main__":
    main()
