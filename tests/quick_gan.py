"""A CycleGAN whose steps take no time, to test what is done with one."""

import keras

import stemzoo
from stemzoo.adaptation import AdaptRecipe, fine_tuning


class QuickGAN(stemzoo.CycleGANSTEM):
    """All of its networks learn, but from two simple losses."""

    loss_names = ("generators", "discriminators")

    def losses_of(self, experimental, simulated, training):
        ops = keras.ops
        same = [network(experimental, training=training) for network in self.generators]
        scores = [network(simulated, training=training) for network in self.discriminators]
        return {
            "generators": sum(ops.mean(ops.square(image - experimental)) for image in same),
            "discriminators": sum(ops.mean(ops.square(score)) for score in scores),
        }


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
