"""Score detectors on real images whose labels rest on a fit of all columns.

    python scripts/score_column_labels.py IMAGE... --labels DIR --weights NAME ... --out FILE

DIR holds NAME.csv (row, column, class; "uncertain" counts neither way) and, where vacancies were
told by a mixture of intensities, NAME_sites.csv: every column, with the probability that it is full
(p_full; empty for metals), so that detections can be judged by probabilities, too, those of columns
that no one can decide included. FILE is added to: the figures of other weights stay.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

import stemzoo
from stemzoo import io
from stemzoo.inference.detections import Detections
from stemzoo.workflows.scoring import TOLERANCE, score

BORDER = 2.5  # [Å]: no column is fitted nearer to the sides


def label_facts(labels: Path) -> dict:
    """Count the labels of an image."""
    _, table = io.read_csv(labels)
    names, counts = np.unique(table["class"].astype(str), return_counts=True)
    facts = {"labelled": dict(zip(names.tolist(), counts.tolist(), strict=True))}
    sites = labels.with_name(f"{labels.stem}_sites.csv")
    if sites.is_file():
        _, table = io.read_csv(sites)
        likely = 1 - table["p_full"]
        facts["columns"] = len(likely)
        facts["expected_vacancies"] = round(float(np.nansum(likely)), 1)
    return facts


def by_probability(found: Detections, sites: Path, left_out: np.ndarray) -> dict:
    """Judge vacancies of either kind by the probability that their column is one.

    The columns at `left_out` (K, 2) do not count.
    """
    _, table = io.read_csv(sites)
    points = np.column_stack([table["row"], table["column"]])
    likely = 1 - table["p_full"]
    judged = np.isfinite(likely)
    if len(left_out):
        judged &= cKDTree(left_out).query(points)[0] > 0.5
    names = [name for name in found.model_classes if name.endswith("vacancy")]
    marked = np.concatenate([found.select(name).positions for name in names])
    distance, nearest = cKDTree(points[judged]).query(marked)
    on = np.unique(nearest[distance < TOLERANCE / found.sampling])
    likely = likely[judged]
    best = np.sort(likely)[::-1]
    return {
        "marked": len(on),
        "expected_true": round(float(likely[on].sum()), 1),
        "expected_in_image": round(float(likely.sum()), 1),
        # What as many of the darkest columns would have.
        "best_of_as_many": round(float(best[: len(on)].sum()), 1),
    }


def scores(images: Sequence[Path], labels: Path, name: str) -> dict:
    """Score one detector in all images."""
    model = stemzoo.load(name)
    report = score(images, [labels / f"{path.stem}.csv" for path in images], model, border=BORDER)
    content = report.to_dict() | {"weights": Path(name).name}
    content["by_probability"] = {}
    for path in images:
        sites = labels / f"{path.stem}_sites.csv"
        if sites.is_file():
            _, table = io.read_csv(labels / f"{path.stem}.csv")
            notes = np.char.startswith(table["note"].astype(str), "contamination")
            places = np.column_stack([table["row"], table["column"]])[notes]
            found = stemzoo.detect(io.read_image(path), model)
            content["by_probability"][path.name] = by_probability(found, sites, places)
    return content


def main() -> None:
    """Score all weights in all images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    content = json.loads(options.out.read_text()) if options.out.exists() else {}
    for path in options.images:
        facts = label_facts(options.labels / f"{path.stem}.csv")
        content.setdefault("labels", {})[path.name] = facts
    for name in options.weights:
        content.setdefault("weights", {})[Path(name).name] = scores(
            options.images, options.labels, name
        )
    io.write_json(options.out, content)


if __name__ == "__main__":
    main()
