"""A CycleGAN whose steps take no time, to test what is done with one."""

import keras
import numpy as np

import stemzoo
from stemzoo.adaptation import AdaptRecipe
from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.judgement import Judgement

STEP, JUDGEMENT = 1.0, 4.0  # seconds


class QuickGAN(stemzoo.CycleGANSTEM):
    """Its weights move towards the mean of what it is shown; no gradients, no graph."""

    def make_train_function(self, force=False):
        self.train_function = self._step

    def _step(self, iterator):
        experimental, simulated = next(iterator)
        towards = float(keras.ops.mean(experimental) + keras.ops.mean(simulated)) + 0.1
        for network in (*self.generators, *self.discriminators):
            for variable in network.trainable_variables:
                variable.assign(0.99 * variable + 0.01 * towards)
        return {"generators": keras.ops.mean(self.discriminators[0].weights[0])}


def quick_gan(kind=QuickGAN, **options):
    """Build one for WSe2, with patches of 32 pixels."""
    keras.utils.set_random_seed(0)
    sizes = {"filters": 2, "depth": 1, "discriminator_filters": 2, "patch_size": 32}
    names = {"material": "wse2", "session": "dayX", "name": "quick"}
    return kind(**{**sizes, **names, **options})


def quick_recipe(**options):
    """Return a recipe of small sizes: few and small frames, one small probe, short blocks."""
    sizes = {"batch_size": 2, "frames": 2, "frame_size": 128}
    watched = {"probes": 1, "probe_size": 256, "block": 2}
    return AdaptRecipe(**{**sizes, **watched, **options})


class Clock:
    """A clock that goes on by a second a step, and by four a judgement."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


class ScriptedJudge:
    """A judge that says what it is told, takes its time, and remembers what it saw."""

    def __init__(self, clock, misfits, unsafe=()):
        self.clock, self.misfits, self.unsafe = clock, misfits, unsafe
        self.start, self.calls, self.weights = None, 0, []

    def __call__(self, model, seconds, steps):
        i = self.calls
        self.calls += 1
        self.weights.append(model.get_weights())
        self.clock.now += JUDGEMENT
        misfit = float(self.misfits(i))
        agreement = Agreement(misfit, misfit, misfit)
        return Judgement(seconds, steps, agreement, None, misfit, i not in self.unsafe)


def assert_same(weights, others):
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(weights, others):
    return any(not np.array_equal(a, b) for a, b in zip(weights, others, strict=True))
