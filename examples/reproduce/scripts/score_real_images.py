"""Score a detector on real images with labelled vacancies.

    python scripts/score_real_images.py DATA [--weights fcn-wse2] [--pixel-size 9.48] [--out DIR]

DATA holds folders of images and ``labels/`` with NAME.csv (row_px, col_px, class, ...) and
NAME.json (margin_px, exclude_radius_px_uncertain). Single Se vacancies are scored: one-to-one
matches within 0.1 nm inside the margin; sites labelled uncertain count neither way; detections of
a single vacancy on a labelled site of another class are counted apart. What is left out is counted,
too: uncertain sites, and the border outside of the margin with the vacancies that are marked there.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.inference.detection import DEFAULT_THRESHOLD
from stemzoo.metrics.detection import DetectionScore, match_points, score_detections
from stemzoo.plotting import plot_detections

RADIUS_ANGSTROM = 1.0
OTHER_CLASSES = ("se_divacancy", "metal_dark", "bright")


def score_image(path: Path, labels: Path, model, pixel_size: float | None, options) -> dict:
    """Detect in one image and compare with its labels."""
    facts = json.loads((labels / f"{path.stem}.json").read_text())
    _, table = io.read_csv(labels / f"{path.stem}.csv")
    points = np.column_stack([table["row_px"], table["col_px"]])
    kind = np.array(table["class"])
    found = stemzoo.detect(
        io.read_image(path),
        model,
        sampling=None if pixel_size is None else pixel_size / 100,
        threshold=options.threshold,
        tta=options.tta,
    )
    vacancies = found.select("se_vacancy")
    radius = RADIUS_ANGSTROM / found.sampling
    other = points[np.isin(kind, OTHER_CLASSES)]
    on_other, _ = match_points(vacancies.positions, other, radius)
    on_vacancy, _ = match_points(vacancies.positions, points[kind == "se_vacancy"], radius)
    apart = np.setdiff1d(on_other, on_vacancy)
    uncertain = points[kind == "uncertain"]
    score = score_detections(
        np.delete(vacancies.positions, apart, axis=0),
        points[kind == "se_vacancy"],
        radius,
        shape=found.shape,
        border=facts["margin_px"],
        ignore=uncertain,
        ignore_radius=facts["exclude_radius_px_uncertain"],
    )
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        plot_detections(io.read_image(path).data, found, options.out / f"{path.stem}.png")
    margin, shape = facts["margin_px"], np.array(found.shape)
    labelled = np.all((margin <= vacancies.positions) & (vacancies.positions < shape - margin), 1)
    left_out = {
        "border_px": margin,
        "border_area": round(float(1 - np.prod(shape - 2 * margin) / np.prod(shape)), 4),
        "in_border": int(np.count_nonzero(~labelled)),
        "marked": len(vacancies),
        "uncertain": len(uncertain),
    }
    return {
        "image": path.stem,
        "score": score,
        "on_other_class": len(apart),
        "found": found,
        "left_out": left_out,
    }


def main() -> None:
    """Score every labelled image below DATA."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--pixel-size", type=float, default=9.48, help="pm; 0 measures it")
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    parser.add_argument("--tta", action="store_true")
    parser.add_argument("--out", type=Path, help="folder for overlays and scores.json")
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    total = DetectionScore(0, 0, 0)
    rows = []
    print("image   labelled  hits  false  missed  precision  recall   F1    on other class")
    for csv in sorted((options.data / "labels").glob("*.csv")):
        if csv.stem.endswith("_sites"):
            continue
        images = [p for p in options.data.glob(f"*/{csv.stem}.*") if p.parent.name != "labels"]
        if not images:
            print(f"{csv.stem}: no image", file=sys.stderr)
            continue
        row = score_image(images[0], csv.parent, model, options.pixel_size or None, options)
        s = row["score"]
        total += s
        print(
            f"{row['image']:6}  {s.hits + s.misses:8}  {s.hits:4}  {s.false_alarms:5}  "
            f"{s.misses:6}  {s.precision:9.3f}  {s.recall:6.3f}  {s.f1:5.3f}  "
            f"{row['on_other_class']:6}"
        )
        rows.append(
            {
                "image": row["image"],
                "hits": s.hits,
                "false_alarms": s.false_alarms,
                "misses": s.misses,
                "precision": s.precision,
                "recall": s.recall,
                "f1": s.f1,
                "on_other_class": row["on_other_class"],
                "left_out": row["left_out"],
                "pixel_size_pm": row["found"].sampling * 100,
            }
        )
    print(f"all: precision {total.precision:.3f}  recall {total.recall:.3f}  F1 {total.f1:.3f}")
    if options.out:
        report = {"weights": model.name, "threshold": options.threshold, "images": rows}
        io.write_json(options.out / "scores.json", report)


if __name__ == "__main__":
    main()
