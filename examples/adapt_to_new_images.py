"""Adapt to a microscope that has changed: a few images without labels, and a minute.

    python examples/adapt_to_new_images.py [--minutes 1] [--images 3] [--edge 512]
        [--out adapt_to_new_images.png]

The images are simulated and then saturated, as by an amplifier near its end, which no weights have
seen. So the true vacancies are known, and F1 before and after can be told; adapting sees none of
them. With images of your own it is one command: stemzoo adapt 'today/*.tif' --detector.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import stemzoo
from stemzoo.metrics.detection import score_detections
from stemzoo.simulate import find_session, simulate_session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--minutes", type=float, default=1.0, help="half for the CycleGAN")
parser.add_argument("--images", type=int, default=3)
parser.add_argument("--edge", type=int, default=512, help="of an image (px)")
parser.add_argument("--out", type=Path, default=Path("adapt_to_new_images.png"))
options = parser.parse_args()

day = find_session("wse2-dayA")
frames = list(simulate_session(day, options.images + 1, (options.edge, options.edge), seed=5))
sampling, rng = frames[0].sampling, np.random.default_rng(5)
images = []
for frame in frames:
    signal = (frame.image - frame.image.min()) / np.ptp(frame.image.astype(float))
    images.append(1 - np.exp(-8 * signal) + rng.normal(0, 0.04, signal.shape))
*images, test = images  # the last one is not adapted to

parent = stemzoo.load("cyclegan-wse2-dayB", training=True)
half = {"minutes": options.minutes / 2, "sampling": sampling, "rng": rng}
adapted = stemzoo.fit_adapt(parent, images, for_detector=True, **half)
old = stemzoo.load("fcn-wse2")
new = stemzoo.renew_detector(old, adapted, images, **half)
print(adapted.adaptation, new.renewal, sep="\n")

figure = Figure(figsize=(10, 5.3), layout="constrained")
truth = frames[-1].points[np.array(frames[-1].labels()) == "se_vacancy"]
near = 1.5 / sampling  # 1.5 Å
for axes, (name, model) in zip(
    figure.subplots(1, 2), {"before": old, "after": new}.items(), strict=True
):
    found = stemzoo.detect(test, model, sampling=sampling).select("se_vacancy").positions
    score = score_detections(found, truth, near, shape=test.shape, border=near)
    text = f"{name}: {score.hits} of {score.hits + score.misses}, {score.false_alarms} false"
    print(f"{text}, F1 {score.f1:.2f}")
    axes.imshow(test, cmap="gray")
    axes.scatter(*truth.T[::-1], marker="s", s=60, facecolors="none", edgecolors="tab:cyan")
    axes.scatter(*found.T[::-1], s=25, facecolors="none", edgecolors="tab:orange")
    axes.set_title(f"{text} (squares: true, rings: found)", fontsize=10)
    axes.axis("off")
figure.savefig(options.out, dpi=100)
