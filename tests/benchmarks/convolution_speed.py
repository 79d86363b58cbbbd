"""Time of a detector's training step with and without the convolutions of oneDNN.

    python tests/benchmarks/convolution_speed.py [--steps 10] [--repeats 2]

TensorFlow uses them by itself only on processors with AVX-512 VNNI; `import stemzoo` asks for them
on all. Each is done in new processes, in turns, as the choice is made when TensorFlow starts; times
are those of the fastest step.
"""

import argparse
import os
import subprocess
import sys

CODE = """
import time
import numpy as np
import stemzoo
model = stemzoo.load("fcn-wse2")
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
images = rng.normal(0, 0.3, (16, 128, 128, 1)).astype("float32")
masks = rng.integers(0, len(model.classes) + 1, (16, 128, 128))
times = []
for _ in range({steps}):
    begin = time.perf_counter()
    model.train_on_batch(images, masks)
    times.append(time.perf_counter() - begin)
print(min(times))
"""


def seconds(choice: str, steps: int) -> float:
    """Return the time of a step in a new process [s]."""
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": choice}
    command = [sys.executable, "-c", CODE.format(steps=steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    times = {"0": [], "1": []}
    for _ in range(given.repeats):
        for choice, found in times.items():
            found.append(seconds(choice, given.steps))
    without, using = (min(found) for found in times.values())
    print(f"without {without:.2f} s, with {using:.2f} s, {without / using:.1f} times faster")


if __name__ == "__main__":
    main()
