import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from places import EXAMPLES

from stemzoo.models import CycleGANSTEM

SIZES = {"filters": 4, "depth": 2, "discriminator_filters": 4, "patch_size": 32}
STEPS, RATE = 3, 2e-4
# Keras reads its backend when it is imported, so that the other one needs a process of its own.
ON_JAX = f"""
import json, sys
from train_with_jax import JaxTraining
import numpy as np
from stemzoo.models import CycleGANSTEM
given = np.load(sys.argv[1])
model = CycleGANSTEM(**{SIZES})
for i, network in enumerate((*model.generators, *model.discriminators)):
    network.set_weights([given[f"{{i}}_{{j}}"] for j in range(len(network.weights))])
training = JaxTraining(model, {RATE}, 100)
for pair in given["batches"]:
    losses = training.step(*pair)
    print(json.dumps({{name: float(value) for name, value in losses.items()}}))
training.finish()
print(json.dumps(float(np.abs(model.sim_to_exp.get_weights()[0] - given["1_0"]).max())))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs jax")
def test_steps_on_jax_give_the_losses_of_train_step(tmp_path):
    import keras
    import tensorflow as tf

    from stemzoo.training.cyclegan import ConstantThenLinear

    model = CycleGANSTEM(**SIZES)
    networks = (*model.generators, *model.discriminators)
    weights = {
        f"{i}_{j}": values
        for i, network in enumerate(networks)
        for j, values in enumerate(network.get_weights())
    }
    shape = (STEPS, 2, 2, 32, 32, 1)
    batches = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    np.savez(tmp_path / "given.npz", batches=batches, **weights)
    schedule = ConstantThenLinear(RATE, 100)
    model.compile(*(keras.optimizers.Adam(schedule, beta_1=0.5) for _ in range(2)))
    expected = []
    for pair in batches:
        for tracker in model.metrics:
            tracker.reset_state()
        losses = model.train_step(tuple(tf.constant(part) for part in pair))
        expected.append({name: float(value) for name, value in losses.items()})
    ran = subprocess.run(
        [sys.executable, "-c", ON_JAX, str(tmp_path / "given.npz")],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")]),
            # JAX's Fourier transforms on a CPU can wait for themselves for ever in its threads.
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    *found, change = map(json.loads, ran.stdout.splitlines())
    assert len(found) == STEPS
    for theirs, ours in zip(expected, found, strict=True):
        assert ours == pytest.approx(theirs, rel=2e-3)
    # Adam changes a weight by the learning rate a step, to begin with.
    assert change == pytest.approx(STEPS * RATE, rel=0.1)
