"""`adapting.py OUT`: an adaptation whose clock ticks once a step, so that two can be compared."""

import sys
import time
import warnings
from typing import Any

import keras
import numpy as np

import stemzoo
from stemzoo.adaptation import AdaptRecipe
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training.budget import TimeBudget

MINUTES = 1.5
NOW = [100.0]


def tick(callback: Any) -> Any:
    """Let each training step take a second."""

    def ticked(budget: TimeBudget, batch: int, logs: Any = None) -> None:
        NOW[0] += 1.0
        callback(budget, batch, logs)

    return ticked


warnings.simplefilter("ignore")
keras.utils.set_random_seed(0)
model = stemzoo.CycleGANSTEM(
    filters=2,
    depth=1,
    discriminator_filters=2,
    patch_size=32,
    material="wse2",
    session="dayX",
    name="quick",
)
frames = simulate_session(find_session("wse2-dayB"), 2, (256, 256), seed=3)
images = [frame.image for frame in frames]
time.monotonic = lambda: NOW[0]
TimeBudget.on_train_batch_end = tick(TimeBudget.on_train_batch_end)
adapted = stemzoo.fit_adapt(
    model,
    images,
    minutes=MINUTES,
    recipe=AdaptRecipe(batch_size=2, frames=2, frame_size=128),
    out=sys.argv[1],
    rng=np.random.default_rng(0),
)
stemzoo.save(adapted, f"{sys.argv[1]}/adapted")
