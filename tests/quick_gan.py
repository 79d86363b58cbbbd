"""A CycleGAN whose steps take no time, to test what is done with one."""

import keras

import stemzoo
from stemzoo.adaptation import AdaptRecipe, fine_tuning


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
    monkeypatch.setattr(fine_tuning, "_WATCHED", (1, 256))
    monkeypatch.setattr(fine_tuning, "_BLOCK", block)
