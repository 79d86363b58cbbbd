"""A CycleGAN whose steps take no time, to test what is done with one."""

import keras
import numpy as np

import stemzoo
from stemzoo.adaptation import AdaptRecipe, cyclegan
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
    """Return a recipe of small sizes."""
    return AdaptRecipe(**{"batch_size": 2, "frames": 2, "frame_size": 128, **options})


def use_small_frames(monkeypatch, *, block=2):
    """Watch the labels of one small frame, and save after few steps."""
    monkeypatch.setattr(cyclegan, "_WATCHED", (1, 256))
    monkeypatch.setattr(cyclegan, "_BLOCK", block)


class Clock:
    """A clock that goes on by a second a step, and by four a judgement."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


class Script:
    """Stand in for `Judge`: it says what it is told, and remembers what it saw."""

    def __init__(self, clock, misfits, unsafe=()):
        self.clock, self.misfits, self.unsafe = clock, misfits, unsafe
        self.calls, self.weights = 0, []

    def __call__(self, *_, **__):
        self.start = None
        return self.judge

    @property
    def judge(self):
        script = self

        class Judge:
            start = None

            def __call__(self, model, seconds, steps):
                i = script.calls
                script.calls += 1
                script.weights.append(model.get_weights())
                script.clock.now += JUDGEMENT
                misfit = float(script.misfits(i))
                labels, safe = None, i not in script.unsafe
                one = Agreement(misfit, misfit, misfit)
                return Judgement(seconds, steps, one, labels, misfit, safe)

        return Judge()


def assert_same(weights, others):
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b)


def differ(weights, others):
    return any(not np.array_equal(a, b) for a, b in zip(weights, others, strict=True))
