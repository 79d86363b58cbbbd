"""Count which materials `stemzoo.identify` takes images for: a table of true and accepted ones.

    python scripts/confusion_of_materials.py results/materials.json [--frames 20] [--data DATA]

Simulated frames of 512² pixels of each material under four kinds of conditions, with the pixel
size, with one that is wrong by some per cent (standard deviation 1.5 %, as in files) and without.
DATA is a folder of real images (wse2_jeol/, mos2/ ...); files that are not there, or need the extra
'stemzoo[formats]', are skipped and named.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from score_other_scenes import FILES, read

import stemzoo
from stemzoo.io.writers import atomic_path
from stemzoo.simulate import MATERIALS, AcquisitionSession, find_session, simulate_frame
from stemzoo.simulate.noise_models import manual_noise, randomised

# Vacancies as frequent as in the sessions of WSe2.
DEFECTS = {
    "wse2": {"se_vacancy": 0.03, "v_on_w": 0.01, "mo_on_w": 0.004},
    "mose2": {"se_vacancy": 0.03, "w_on_mo": 0.004},
    "mos2": {"s_vacancy": 0.03, "w_on_mo": 0.004},
    "ws2": {"s_vacancy": 0.03, "mo_on_w": 0.004},
    "graphene": {"c_vacancy": 0.002, "si_on_c": 0.001},
    "srtio3": {"sr_vacancy": 0.01, "ti_vacancy": 0.01},
}
WSE2 = ("wse2_jeol/*.tif", "wse2_v_doped/*.tif", "paper_patches/wse2_*.png")
NONE = "undecided"


def sessions(material: str) -> list[AcquisitionSession]:
    """Conditions of four kinds: of the paper's days, wide ones, and a simple noise model."""
    defects = DEFECTS[material]
    if material in ("graphene", "srtio3"):
        own = find_session(material)
        wide = randomised(
            f"{material}-randomised",
            material,
            defects,
            sampling=own.sampling,
            inner=own.inner,
            current=own.current,
            dwell_time=own.dwell_time,
            thickness=own.thickness,
        )
        return [replace(own, defects=defects), wide, manual_noise(replace(own, defects=defects))]
    days = [
        replace(find_session(f"wse2-{day}"), name=f"{material}-{day}", material=material)
        for day in ("dayA", "dayB")
    ]
    days = [replace(day, defects=defects) for day in days]
    return [*days, randomised(f"{material}-randomised", material, defects), manual_noise(days[0])]


def tell(image, sampling: float | None) -> dict:
    """Identify the crystal of an image."""
    found = stemzoo.identify(image, sampling)
    return {
        "accepted": found.material or NONE,
        "possible": list(found.possible),
        "probabilities": {c.material: round(c.probability, 3) for c in found.candidates},
        "ratio": round(found.sublattices.ratio, 3) if found.sublattices else None,
        "deciding": list(found.deciding),
    }


def simulated(options) -> dict:
    """Count what simulated frames are taken for, by what is known of their pixel size."""
    counts: dict[str, dict[str, Counter]] = {
        kind: {name: Counter() for name in MATERIALS} for kind in ("stated", "off", "unknown")
    }
    possible = {kind: Counter() for kind in counts}
    for name in MATERIALS:
        kinds = sessions(name)
        for index in range(options.frames):
            rng = np.random.default_rng([options.seed, index, *name.encode()])
            frame = simulate_frame(kinds[index % len(kinds)], (512, 512), rng=rng)
            wrong = frame.sampling * (1 + 0.015 * rng.standard_normal())
            for kind, sampling in (("stated", frame.sampling), ("off", wrong), ("unknown", None)):
                told = tell(frame.image, sampling)
                counts[kind][name][told["accepted"]] += 1
                possible[kind][name] += name in told["possible"]
        print(name, {kind: dict(counts[kind][name]) for kind in counts}, flush=True)
    return {
        kind: {
            "frames": options.frames * len(MATERIALS),
            "wrong": sum(
                n
                for name, row in table.items()
                for said, n in row.items()
                if said not in (name, NONE)
            ),
            "possible": dict(possible[kind]),
            "accepted": {name: dict(row) for name, row in table.items()},
        }
        for kind, table in counts.items()
    }


def real(folder: Path) -> list[dict]:
    """Identify real images, with the pixel size of the file or the table, and without."""
    files = [(folder / name, sampling, material) for name, sampling, material in FILES]
    files += [(path, 0.095, "wse2") for name in WSE2[:2] for path in sorted(folder.glob(name))]
    files += [(path, 0.209, "wse2") for path in sorted(folder.glob(WSE2[2]))]
    rows = []
    for path, sampling, material in files:
        try:
            image = read(path)
        except (OSError, ValueError, ImportError) as error:
            print(f"{path}: skipped ({str(error)[:80]})", file=sys.stderr)
            continue
        values = image.data if isinstance(image, stemzoo.Image) else image
        stated = sampling or image.sampling
        row = {"file": f"{path.parent.name}/{path.name}", "true": material, "sampling": stated}
        row |= {"stated": tell(values, stated), "unknown": tell(values, None)}
        rows.append(row)
        print(row["file"], material, row["stated"]["accepted"], row["unknown"]["accepted"])
    return rows


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=20, help="of each material")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    result = {"frames": options.frames, "seed": options.seed, "simulated": simulated(options)}
    if options.data:
        result["real"] = real(options.data)
    with atomic_path(options.out) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
