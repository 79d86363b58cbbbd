"""Find defects in all images of a HyperSpy stack by ``signal.map``, and mark them in it.

    python examples/hyperspy_stack.py [STACK] [--out hyperspy_stack.hspy] [--edge 256]

Without STACK it is made of parts of the example that comes with the package. Needs HyperSpy. The
signal may be lazy: its images are then read one at a time. `detect` takes one signal, too, and
`Detections.to_hyperspy_markers` gives the markers of one image with all classes.
"""

import argparse
from pathlib import Path

import hyperspy.api as hs
import numpy as np

import stemzoo

EXAMPLE = Path(__file__).parent / "wse2_dayB.tif"

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("stack", type=Path, nargs="?")
parser.add_argument("--out", type=Path, default=Path("hyperspy_stack.hspy"))
parser.add_argument("--edge", type=int, default=256, help="of the parts of the example (px)")
options = parser.parse_args()


def vacancies(image, model, sampling, scale, offset):
    """Return x and y of the Se vacancies of one image in its axes, for ``signal.map``."""
    found = stemzoo.detect(image, model, sampling=sampling).select("se_vacancy")
    return found.positions[:, ::-1] * scale + offset


if options.stack is not None:
    signal = hs.load(options.stack)
else:
    image, edge = stemzoo.read_image(EXAMPLE), options.edge
    parts = [image.data[k : k + edge, k : k + edge] for k in range(0, 2 * edge, edge)]
    signal = hs.signals.Signal2D(np.stack(parts))
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = image.sampling / 10, "nm"

angstrom = {"nm": 10, "Å": 1, "A": 1, "pm": 0.01, "µm": 1e4, "um": 1e4}
axes = signal.axes_manager.signal_axes
points = signal.map(
    vacancies,
    model=stemzoo.load("fcn-wse2"),  # once, not for each image
    sampling=axes[0].scale * angstrom[axes[0].units],
    scale=[axis.scale for axis in axes],
    offset=[axis.offset for axis in axes],
    inplace=False,
    ragged=True,  # as many points as there are
    output_dtype=object,
    num_workers=1,  # TensorFlow uses all cores by itself
)
print("Se vacancies by image:", [len(one) for one in points.data])
rings = hs.plot.markers.Circles.from_signal(
    points, sizes=[2.2 / angstrom[axes[0].units]], edgecolors="#D55E00"
)
signal.add_marker(rings, permanent=True, plot_marker=False)
signal.save(options.out, overwrite=True)
