"""Time a training step of the paper's sizes on a GPU, with Keras on JAX.

    pip install "jax[cuda13]"
    python tests/benchmarks/time_paper_step.py [--batch 42] [--patch 256] [--steps 30] [--filters N]
        [--policy float32]

CycleGANSTEM.paper() on batches of noise that lie in the memory of the device; JAX multiplies in
TF32 there unless told otherwise.
"""

import argparse
import sys
import time
from pathlib import Path

# It sets the backend, which Keras reads when it is imported.
# isort: off
sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))
from train_with_jax import JaxTraining

# isort: on

import jax
import keras
import numpy as np

from stemzoo.models import CycleGANSTEM


def time_steps(training: JaxTraining, batch: int, patch: int, steps: int) -> tuple[float, list]:
    """Seconds of the first step, compilation included, and of some more."""
    rng = np.random.default_rng(0)
    shape = (batch, patch, patch, 1)
    pair = [jax.device_put(rng.uniform(-1, 1, shape).astype(np.float32)) for _ in range(2)]
    seconds = []
    for _ in range(4 + steps):  # the first compiles, some more find the fastest convolutions
        begun = time.perf_counter()
        jax.block_until_ready(training.step(*pair))
        seconds.append(time.perf_counter() - begun)
    return seconds[0], seconds[4:]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=42)
    parser.add_argument("--patch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--policy", default="float32", help="or mixed_bfloat16")
    options = parser.parse_args()
    keras.config.set_dtype_policy(options.policy)
    model = CycleGANSTEM.paper(
        filters=options.filters, discriminator_filters=options.filters, patch_size=options.patch
    )
    training = JaxTraining(model, 1e-6, 1000)
    first, others = time_steps(training, options.batch, options.patch, options.steps)
    parameters = model.exp_to_sim.count_params()
    print(f"{jax.devices()[0].device_kind}, {parameters} parameters a generator")
    usual, best = 1e3 * np.median(others), 1e3 * min(others)
    print(f"first step {first:.1f} s, then {usual:.1f} ms (the fastest {best:.1f} ms)")


if __name__ == "__main__":
    main()
