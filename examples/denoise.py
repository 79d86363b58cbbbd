"""Take the noise out of an image, and look what that costs.

    python examples/denoise.py [--session wse2-dayB] [--edge 512] [--out denoise.png]

A denoised image is what a network thinks, so the script judges by the intensity of each column.
`denoise-wse2` keeps what the frame says of every column. The way back of a CycleGAN, beside it,
makes an image of good PSNR in which nearly half of the vacancies are healed and others are
invented.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

import stemzoo
from stemzoo.inference.translation import translate_quietly
from stemzoo.metrics.denoising import denoised_columns, peak_signal_to_noise
from stemzoo.simulate import find_session, simulate_session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--session", default="wse2-dayB", choices=["wse2-dayA", "wse2-dayB"])
parser.add_argument("--edge", type=int, default=512, help="of the frame (px)")
parser.add_argument("--out", type=Path, default=Path("denoise.png"))
options = parser.parse_args()

shape = (options.edge, options.edge)
(frame,) = simulate_session(find_session(options.session), 1, shape, seed=4)
found = stemzoo.denoise(frame.image, stemzoo.load("denoise-wse2"), sampling=frame.sampling)
gan = stemzoo.load(f"cyclegan-{options.session}")
images = {
    "as recorded": frame.image,
    "denoise-wse2": found.picture,
    "its uncertainty": found.deviation,
    "CycleGAN": translate_quietly(frame.image, gan, "exp-to-sim", sampling=frame.sampling),
    "Gaussian filter, 1 px": gaussian_filter(frame.image.astype(float), 1.0),
    "the truth": frame.clean,
}
vacancies = frame.points[[label == "se_vacancy" for label in frame.labels()]]

figure = Figure(figsize=(12, 8.4), layout="constrained")
for axes, (name, image) in zip(figure.subplots(2, 3).flat, images.items(), strict=True):
    title = name
    if name != "its uncertainty":
        columns = denoised_columns(frame, image).denoised
        title = f"{name}: {columns.removed} of {columns.labelled} vacancies healed"
        f1 = f"F1 by columns {columns.best_f1:.2f}, {columns.invented} invented"
        psnr = min(peak_signal_to_noise(image, frame.clean), 99.9)
        print(f"{title}; {f1}; contrast {columns.contrast:.2f}; PSNR {psnr:.1f} dB")
    axes.imshow(image[:160, :160], cmap="gray", vmax=np.percentile(image[:160, :160], 99.8))
    axes.scatter(*vacancies.T[::-1], s=150, facecolors="none", edgecolors="tab:orange")
    axes.set(xlim=(0, 159), ylim=(159, 0), title=title)
    axes.axis("off")
figure.savefig(options.out, dpi=75)
