"""Make clean simulations look like the images of one day, labels staying where they are.

    python examples/make_realistic.py [--weights cyclegan-wse2-dayB] [--frames 2] [--edge 512]
        [--out make_realistic.png]

The picture sets a simulation and its translation beside a frame of the session that the CycleGAN
learnt from, and their power spectra.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import stemzoo
from stemzoo.analysis.spectrum import radial_power_spectrum
from stemzoo.metrics.distribution import intensity_kl_divergence
from stemzoo.preprocessing import rescale
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--weights", default="cyclegan-wse2-dayB")
parser.add_argument("--frames", type=int, default=2, help="of each kind")
parser.add_argument("--edge", type=int, default=512, help="of a frame (px)")
parser.add_argument("--out", type=Path, default=Path("make_realistic.png"))
options = parser.parse_args()

model = stemzoo.load(options.weights)
shape, rng = (options.edge, options.edge), np.random.default_rng(1)
clean = domain_session(model.material, model.sampling, model.rotation)
clean = list(simulate_session(clean, options.frames, shape, seed=1))
measured = simulate_session(find_session(model.session), options.frames, shape, seed=2)
sets = {
    "clean simulation": [rescale(frame.image) for frame in clean],
    "translated": [stemzoo.translate(frame.image, model, rng=rng) for frame in clean],
    f"session {model.session}": [rescale(frame.image) for frame in measured],
}

figure = Figure(figsize=(14, 3.9), layout="constrained")
*panels, plot = figure.subplots(1, 4)
*_, target = sets.values()
for axes, (name, images) in zip(panels, sets.items(), strict=True):
    divergence = intensity_kl_divergence(target, images)
    print(f"{name}: KL divergence of its intensities from the session's {divergence:.3f} nats")
    axes.imshow(images[0][:160, :160], cmap="gray", vmin=-1, vmax=1)
    axes.set_title(name)
    axes.axis("off")
    spectra = [radial_power_spectrum(image, model.sampling, bins=64) for image in images]
    plot.plot(spectra[0][0], np.mean([power for _, power in spectra], axis=0), label=name)
plot.set(xlabel="spatial frequency (1/Å)", ylabel="log10 power", title="radial power spectra")
plot.legend()
figure.savefig(options.out, dpi=100)
