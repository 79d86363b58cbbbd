"""Simulate labelled frames of a microscope session and train a small detector on them.

    python examples/simulate_and_train.py [--session wse2-dayA] [--frames 40] [--epochs 8]
        [--edge 256] [--out simulate_and_train.png]

The zoo's own detectors were trained ten to forty times as long. The picture shows a training frame
with its labels, and what was found in a frame that the detector was not trained on.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import stemzoo
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.simulate import find_session, session_classes, simulate_session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--session", default="wse2-dayA")
parser.add_argument("--frames", type=int, default=40, help="to train on")
parser.add_argument("--epochs", type=int, default=8, help="of 50 steps")
parser.add_argument("--edge", type=int, default=256, help="of a frame (px)")
parser.add_argument("--out", type=Path, default=Path("simulate_and_train.png"))
options = parser.parse_args()

session, shape = find_session(options.session), (options.edge, options.edge)
frames = list(simulate_session(session, options.frames, shape, seed=1))
model = stemzoo.train_fcn(
    [frame.image for frame in frames],
    [frame.mask for frame in frames],
    stemzoo.FCNRecipe(epochs=options.epochs, batch_size=8, patch=64, ema=0.98, seed=1),
    classes=session_classes(session),
    sampling=frames[0].sampling,
    material=session.material,
)

total = DetectionScore(0, 0, 0)
for frame in simulate_session(session, 4, shape, seed=2):
    found = stemzoo.detect(frame.image, model, sampling=frame.sampling)
    labelled = frame.points[np.array(frame.labels()) == "se_vacancy"]
    near = 1.5 / frame.sampling  # 1.5 Å
    vacancies = found.select("se_vacancy").positions
    total += score_detections(vacancies, labelled, near, shape=shape, border=near)
print(f"single Se vacancies in 4 new frames: F1 {total.f1:.2f}")

figure = Figure(figsize=(12, 4.3), layout="constrained")
panels = figure.subplots(1, 3)
panels[0].imshow(frames[0].image, cmap="gray")
panels[0].set_title("a training frame")
panels[1].imshow(frames[0].mask, cmap="magma")
panels[1].set_title("its labels: " + ", ".join(model.classes), fontsize=9)
panels[2].imshow(frame.image, cmap="gray")
panels[2].scatter(*labelled.T[::-1], marker="s", s=140, facecolors="none", edgecolors="tab:cyan")
panels[2].scatter(*vacancies.T[::-1], s=70, facecolors="none", edgecolors="tab:orange")
panels[2].set_title("a new frame: true (squares), found (rings)")
[axes.axis("off") for axes in panels]
figure.savefig(options.out, dpi=100)
