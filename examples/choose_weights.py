"""Ask which weights fit an image, then detect with those that do.

    python examples/choose_weights.py [IMAGE] [--out choose_weights.png] [--edge 512]

Each set of weights knows how the images that it was trained on were recorded. The picture shows how
far the image is from each, and what goes wrong with a detector that is far.
"""

import argparse
import warnings
from pathlib import Path

from matplotlib.figure import Figure

import stemzoo

EXAMPLE = Path(__file__).parent / "wse2_dayB.tif"

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("image", type=Path, nargs="?", default=EXAMPLE)
parser.add_argument("--out", type=Path, default=Path("choose_weights.png"))
parser.add_argument("--edge", type=int, default=512, help="of the part that is looked at (px)")
options = parser.parse_args()
whole = stemzoo.read_image(options.image)
image = stemzoo.Image(whole.data[: options.edge, : options.edge], whole.sampling)

detectors = {entry.name for entry in stemzoo.list_weights() if entry.task == "detection"}
ranked = [one for one in stemzoo.match(image) if one.weights in detectors]
for one in ranked:
    print(f"{one.weights:16} distance {one.distance:5.2f}  p {one.p_value:7.2g}  {one.reason}")
best, worst = ranked[0], max(ranked, key=lambda one: one.distance)
if not best.fits:
    print("no weights fit: see examples/adapt_to_new_images.py")

figure = Figure(figsize=(12, 4.2), layout="constrained")
bars, *panels = figure.subplots(1, 3)
names = [one.weights for one in ranked]
bars.barh(names, [one.distance for one in ranked], color=["C2" if o.fits else "C3" for o in ranked])
bars.invert_yaxis()
bars.set(xlabel="distance from the training frames (1: typical)", title="green fits, red does not")
for axes, one in zip(panels, (best, worst), strict=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the image is unlike the training frames: seen above
        found = stemzoo.detect(image, stemzoo.load(one.weights)).select("se_vacancy")
    axes.imshow(image.data, cmap="gray")
    axes.scatter(*found.positions.T[::-1], s=18, facecolors="none", edgecolors="tab:orange")
    axes.set_title(f"{one.weights}: {len(found)} Se vacancies")
    axes.axis("off")
    print(f"{one.weights}: {found.counts()}")
figure.savefig(options.out, dpi=100)
