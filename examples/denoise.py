"""Take the noise out of an image with the other direction of a CycleGAN, and look what it costs.

    python examples/denoise.py [--weights cyclegan-wse2-dayA] [--edge 512] [--out denoise.png]

A denoised image is what a network thinks: look at it, do not count in it. Day A's weights, the
default, keep nearly all vacancies, but on so clean a day a Gaussian filter is as good. Those
of the noisy day B (--weights cyclegan-wse2-dayB) make an image of good PSNR in which nearly half
of the vacancies are healed and others are invented. So the script judges by the intensity of each
column as well. Find defects in the image as it was recorded.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from skimage.metrics import peak_signal_noise_ratio

import stemzoo
from stemzoo.metrics.preservation import label_preservation
from stemzoo.simulate import find_session, simulate_session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--weights", default="cyclegan-wse2-dayA")
parser.add_argument("--edge", type=int, default=512, help="of the frame (px)")
parser.add_argument("--out", type=Path, default=Path("denoise.png"))
options = parser.parse_args()

model = stemzoo.load(options.weights)
shape = (options.edge, options.edge)
(frame,) = simulate_session(find_session(model.session), 1, shape, seed=4)
recorded = frame.image.astype(float)
images = {
    "as recorded": recorded,
    "CycleGAN": stemzoo.translate(frame.image, model, "exp-to-sim", sampling=frame.sampling),
    "Gaussian filter, 1 px": gaussian_filter(recorded, 1.0),
    "the truth": frame.clean,
}
truth = (frame.clean - frame.clean.min()) / np.ptp(frame.clean)
vacancies = frame.points[[label == "se_vacancy" for label in frame.labels()]]

figure = Figure(figsize=(13, 3.9), layout="constrained")
for axes, (name, image) in zip(figure.subplots(1, 4), images.items(), strict=True):
    # Offset and gain mean nothing: least squares.
    slope, offset = np.polyfit(image.ravel(), truth.ravel(), 1)
    psnr = peak_signal_noise_ratio(truth, slope * image + offset, data_range=1)
    kept = label_preservation(frame, image)
    counts = f"of {kept.labelled} vacancies {kept.removed} healed, {kept.invented} invented"
    contrast = np.median(kept.vacancies)
    print(f"{name:23} PSNR {psnr:5.1f} dB; {counts}; a vacancy's intensity {contrast:.2f} of 1")
    axes.imshow(image[:160, :160], cmap="gray")
    axes.scatter(*vacancies.T[::-1], s=150, facecolors="none", edgecolors="tab:orange")
    axes.set(xlim=(0, 159), ylim=(159, 0), title=f"{name}: {kept.removed}/{kept.labelled} healed")
    axes.axis("off")
figure.savefig(options.out, dpi=100)
