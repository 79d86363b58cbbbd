"""Find the defects of an image: their table, and a picture of them in it.

    python examples/detect_defects.py [IMAGE] [--out detect_defects.png] [--edge 512]

Without IMAGE it is the example that comes with the package: a simulated frame, whose true defects
are known. They tell here how many were found; of a measured image nobody knows.
"""

import argparse
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.metrics.detection import score_detections
from stemzoo.plotting import plot_detections

EXAMPLE = Path(__file__).parent / "wse2_dayB.tif"
RADIUS = 1.5  # [Å]: a detection this near to a true defect has found it

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("image", type=Path, nargs="?", default=EXAMPLE)
parser.add_argument("--out", type=Path, default=Path("detect_defects.png"))
parser.add_argument("--edge", type=int, default=512, help="of the part that is looked at (px)")
options = parser.parse_args()

whole = stemzoo.read_image(options.image)
image = stemzoo.Image(whole.data[: options.edge, : options.edge], whole.sampling)
model = stemzoo.load("fcn-wse2")
found = stemzoo.detect(image, model)

print(f"{found.sampling * 100:.2f} pm per pixel ({found.sampling_source}); {found.counts()}")
print("   row  column   x nm   y nm  class         score")
for row, column, x, y, name, score, *_ in found.rows()[:5]:
    print(f"{row:6.1f}  {column:6.1f}  {x:5.2f}  {y:5.2f}  {name:12}  {score:5.2f}")
print(f"... and {max(len(found) - 5, 0)} more")

if options.image == EXAMPLE:
    _, labels = io.read_csv(EXAMPLE.with_name("wse2_dayB_labels.csv"))
    points = np.column_stack([labels["row"], labels["column"]])
    chosen = np.array(labels["class"]) == "se_vacancy"
    result = score_detections(
        found.select("se_vacancy").positions,
        points[chosen & (points < options.edge).all(axis=1)],
        RADIUS / found.sampling,
        shape=found.shape,
        border=RADIUS / found.sampling,
    )
    print(f"single Se vacancies: precision {result.precision:.2f}, recall {result.recall:.2f}")
plot_detections(image.data, found, options.out)
