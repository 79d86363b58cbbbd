"""Time Keras, ONNX Runtime and OpenVINO side by side on the same network and image.

    python scripts/compare_runtimes.py [NAME] [--size 512] [--repeats 5]

Each runtime is asked in turn, so that other programs slow all of them alike; of each the quickest
answer counts, in seconds of the clock. OpenVINO (pip install openvino) is left out where it is not
installed. Prints a table; no JSON is kept, as the figures are of one computer.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

import stemzoo
from stemzoo.io.tables import table
from stemzoo.zoo.registry import find_weights


def runtimes(name: str, shape: tuple[int, ...]) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what answers for a network, by the name of the runtime."""
    found = {
        "Keras on TensorFlow": stemzoo.load(name, runtime="keras").predict_on_batch,
        "ONNX Runtime": stemzoo.load(name, runtime="onnx").predict_on_batch,
    }
    try:
        import openvino
    except ModuleNotFoundError:
        return found
    core = openvino.Core()
    for label, precision in (("float32", "f32"), ("bfloat16", "bf16")):
        network = core.read_model(find_weights(name).folder / "model.onnx")
        network.reshape(list(shape))
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        compiled = core.compile_model(network, "CPU", options)
        found[f"OpenVINO {label}"] = lambda x, compiled=compiled: compiled(x)[0]
    return found


def main() -> None:
    """Time them and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="fcn-wse2")
    parser.add_argument("--size", type=int, default=512, help="edge of the image [px]")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    shape = (1, arguments.size, arguments.size, 1)
    image = np.random.default_rng(0).normal(0, 0.5, shape).clip(-1, 1).astype(np.float32)
    answers, seconds = {}, {}
    tools = runtimes(arguments.name, shape)
    for repeat in range(arguments.repeats + 1):  # the first builds graphs and is not counted
        for label, answer in tools.items():
            start = time.perf_counter()
            answers[label] = answer(image)
            passed = time.perf_counter() - start
            if repeat:
                seconds[label] = min(seconds.get(label, np.inf), passed)
    first, *_ = tools
    rows = [
        (
            label,
            f"{seconds[label]:.3f}",
            f"{seconds[first] / seconds[label]:.2f}",
            f"{np.abs(answers[label] - answers[first]).max():.1e}",
        )
        for label in tools
    ]
    print(table(("runtime", "s", "times as fast", "largest difference"), rows))


if __name__ == "__main__":
    main()
