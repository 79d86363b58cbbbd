"""Time and memory of detection, beside the paper's protocol, in one run.

    python tests/benchmarks/detect_speed.py [--weights fcn-wse2] [--depth 4] [--memory]

The paper's protocol: windows of 256² pixels at a stride of 64, each in 8 rotations and flips,
probabilities averaged: 1,352 network calls for 1024² pixels. Ours: one pass over large windows
that overlap by the network's context. Both use the same network and the same step from
probabilities to points; times are the best of several.
"""

import argparse
import resource
import time

import numpy as np

import stemzoo
from stemzoo.inference.detection import DEFAULT_THRESHOLD
from stemzoo.inference.points import find_points
from stemzoo.inference.tiling import predict_tiled
from stemzoo.metrics.detection import score_detections
from stemzoo.models import DefectFCN
from stemzoo.preprocessing import dihedral, dihedral_inverse, rescale
from stemzoo.simulate import find_session, simulate_session


def paper_protocol(model, image: np.ndarray, window: int = 256, stride: int = 64) -> np.ndarray:
    """Average of overlapping windows, each in 8 orientations."""
    total = np.zeros((*image.shape, len(model.classes) + 1), np.float32)
    weight = np.zeros(image.shape, np.float32)
    starts = [range(0, n - window + 1, stride) for n in image.shape]
    for top in starts[0]:
        for left in starts[1]:
            place = (slice(top, top + window), slice(left, left + window))
            for index in range(8):
                turned = np.ascontiguousarray(dihedral(image[place], index))
                output = model.predict_on_batch(turned[None, ..., None])[0]
                total[place] += dihedral_inverse(output, index)
            weight[place] += 8
    return total / weight[..., None]


def timed(function, repeats: int):
    """Result of a function and the shortest wall time of several calls [s]."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return result, min(times)


def compare(model, frame, image) -> None:
    """Print time, ratio and F1 of the three ways."""
    single = np.array([label == "se_vacancy" for label in frame.labels()], dtype=bool)
    ways = {
        "paper's protocol": (lambda: paper_protocol(model, image), 1),
        "one pass": (lambda: predict_tiled(model, image), 5),
        "one pass, 8-fold": (lambda: predict_tiled(model, image, tta=True), 2),
    }
    for shape in ((256, 256), image.shape):  # compiles
        model.predict_on_batch(np.zeros((1, *shape, 1), np.float32))
    slowest = None
    for name, (way, repeats) in ways.items():
        probabilities, seconds = timed(way, repeats)
        slowest = slowest or seconds
        points, classes, _ = find_points(probabilities, model.sampling, DEFAULT_THRESHOLD)
        found = points[classes == 0]
        f1 = score_detections(found, frame.points[single], 7.5, shape=image.shape, border=32).f1
        print(f"{name:18} {seconds:8.2f} s   {slowest / seconds:6.1f} x   F1 {f1:.3f}")


def memory(model, image) -> None:
    """Print time per pixel and the peak memory for growing images."""
    for edge in (1024, 2048, 4096):
        large = np.tile(image, (edge // 1024, edge // 1024))
        predict_tiled(model, large[:1024, :1024])
        _, seconds = timed(lambda large=large: predict_tiled(model, large), 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{edge}²: {seconds:6.2f} s, {seconds / edge**2 * 1e6:.2f} µs/px, peak {peak:.2f} GB")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--depth", type=int, help="time an untrained network of this depth instead")
    parser.add_argument("--memory", action="store_true", help="only memory and linearity")
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    if options.depth:
        model = DefectFCN(model.classes, filters=16, depth=options.depth)
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (1024, 1024), seed=9000))
    image = rescale(frame.image)
    if options.memory:
        memory(model, image)
    else:
        compare(model, frame, image)


if __name__ == "__main__":
    main()
