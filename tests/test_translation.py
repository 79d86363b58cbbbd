import numpy as np
import pytest

from stemzoo.models import CycleGANSTEM
from stemzoo.translation import translate, translate_tiled


class Local:
    """A generator that acts on each pixel by itself."""

    def predict_on_batch(self, batch):
        return np.tanh(batch)


class Positional:
    """A generator whose output depends on where in the tile a pixel lies: the worst for seams."""

    def predict_on_batch(self, batch):
        ramp = np.linspace(-0.1, 0.1, batch.shape[1])
        return batch + ramp[None, :, None, None] + ramp[None, None, :, None]


class Model:
    patch_size = 32
    sampling = 0.2
    sim_to_exp = Local()
    exp_to_sim = Positional()


def noise(*shape):
    return np.random.default_rng(0).normal(0, 0.3, shape).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (100, 71), (32, 33)])
def test_blended_tiles_of_a_local_generator_are_one_pass(shape):
    # The weights of the overlapping windows add up to 1 everywhere.
    image = noise(*shape)
    np.testing.assert_allclose(translate_tiled(Local(), image, 32), np.tanh(image), atol=1e-6)


def test_no_seam_shows():
    image = np.full((256, 256), 0.1, np.float32) + 0.05 * noise(256, 256)
    result = translate_tiled(Positional(), image, 32)
    steps = np.abs(np.diff(result, axis=1)).mean(0)
    borders = np.arange(15, 255, 16)  # tiles start every 16 pixels
    inside = np.setdiff1d(np.arange(255), borders)
    assert steps[borders].mean() == pytest.approx(steps[inside].mean(), rel=0.05)


def test_no_seam_of_a_real_generator_shows():
    generator = CycleGANSTEM(filters=4, depth=3, discriminator_filters=4, patch_size=64).sim_to_exp
    result = translate_tiled(generator, noise(512, 512), 64)
    steps = np.abs(np.diff(result, axis=0)).mean(1)
    borders = np.arange(31, 511, 32)
    # An untrained generator of depth 3 has a texture of its own with a period of 8 pixels.
    inside = np.setdiff1d(np.arange(7, 511, 8), borders)
    assert steps[borders].mean() == pytest.approx(steps[inside].mean(), rel=0.05)


@pytest.mark.parametrize("sampling", [0.1, 0.2, 0.23, 0.31])
def test_size_is_kept_whatever_the_pixel_size(sampling):
    image = noise(90, 121)
    result = translate(image, Model(), sampling=sampling)
    assert result.shape == image.shape
    assert result.dtype == np.float32
    assert np.abs(result).max() <= 1


def test_randomness_comes_from_rng_alone():
    image = noise(64, 64)
    np.testing.assert_array_equal(translate(image, Model()), translate(image, Model()))
    one, same, other = (
        translate(image, Model(), rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("image", "direction", "reason"),
    [
        (noise(64, 64), "sideways", "direction is"),
        (noise(32, 64), "sim-to-exp", "at least 64 px"),
        (np.ones((64, 64)), "sim-to-exp", "contrast"),
        (np.full((64, 64), np.nan), "sim-to-exp", "finite"),
    ],
)
def test_images_that_cannot_be_translated_are_refused(image, direction, reason):
    with pytest.raises(ValueError, match=reason):
        translate(image, Model(), direction)


def test_a_measured_image_unlike_the_training_frames_is_one_warning(day_conditions, frames):
    model = Model()
    model.name, model.conditions = "gan", day_conditions
    image, sampling = frames[0].image, frames[0].sampling
    with pytest.warns(UserWarning, match="unlike the frames that gan was trained on") as caught:
        translate(image, model, "exp-to-sim", sampling=sampling)
    assert [warning.filename for warning in caught] == [__file__]
    # A simulation is not meant to look like them; a small image cannot be compared.
    translate(image, model, "sim-to-exp", sampling=sampling)
    translate(image[:100, :100], model, "exp-to-sim", sampling=sampling)
