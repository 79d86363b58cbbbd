"""Draw a simulation, its translation and a frame of the emulated session, with power spectra.

    python scripts/plot_translation.py OUT.png [--weights cyclegan-wse2-dayB] [--edge 200]

The picture of the README; a few seconds.
"""

import argparse
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo.analysis.condition_features import middle
from stemzoo.plotting import plot_pictures
from stemzoo.preprocessing import rescale
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session

SEED = 9000


def main() -> None:
    """Draw the middle of one of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--weights", default="cyclegan-wse2-dayB")
    parser.add_argument("--edge", type=int, default=200)
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    shape = (1024, 1024)
    clean = domain_session(model.material, model.sampling, model.rotation)
    (simulated,) = simulate_session(clean, 1, shape, seed=SEED)
    (measured,) = simulate_session(find_session(model.session), 1, shape, seed=SEED + 1)
    translated = stemzoo.translate(simulated.image, model, rng=np.random.default_rng(SEED))
    pictures = {
        "simulation": rescale(simulated.image),
        "translated": translated,
        "frame of the emulated session": rescale(measured.image),
    }
    parts = {name: middle(image, options.edge) for name, image in pictures.items()}
    plot_pictures(parts, options.out)


if __name__ == "__main__":
    main()
