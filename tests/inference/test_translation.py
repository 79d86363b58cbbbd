import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.inference.translation import (
    texture_tiled,
    training_noise,
    translate,
    translate_quietly,
    translate_tiled,
)
from stemzoo.models import CycleGANSTEM
from stemzoo.simulate import simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.zoo.hub import load, save


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


@pytest.mark.parametrize("tiled", [translate_tiled, texture_tiled])
@pytest.mark.parametrize("shape", [(64, 64), (65, 130), (100, 71), (32, 33)])
def test_tiles_of_a_local_generator_are_one_pass(tiled, shape):
    # The weights of the overlapping windows add up to 1 everywhere.
    image = noise(*shape)
    np.testing.assert_allclose(tiled(Local(), image, 32), np.tanh(image), atol=1e-6)


@pytest.mark.parametrize(
    # Tiles start every 16, or every 32 - 6 pixels; windows cross in the middle of the overlap.
    ("tiled", "borders"),
    [(translate_tiled, np.arange(15, 255, 16)), (texture_tiled, np.arange(25, 255, 26))],
)
def test_no_seam_shows(tiled, borders):
    image = np.full((256, 256), 0.1, np.float32) + 0.05 * noise(256, 256)
    result = tiled(Positional(), image, 32)
    steps = np.abs(np.diff(result, axis=1)).mean(0)
    inside = np.setdiff1d(np.arange(255), borders)
    assert steps[borders].mean() == pytest.approx(steps[inside].mean(), rel=0.05)


def test_no_seam_of_an_untrained_generator_shows():
    generator = CycleGANSTEM(filters=4, depth=3, discriminator_filters=4, patch_size=64).sim_to_exp
    result = translate_tiled(generator, noise(512, 512), 64)
    steps = np.abs(np.diff(result, axis=0)).mean(1)
    borders = np.arange(31, 511, 32)
    # An untrained generator of depth 3 has a texture of its own with a period of 8 pixels.
    inside = np.setdiff1d(np.arange(7, 511, 8), borders)
    assert steps[borders].mean() == pytest.approx(steps[inside].mean(), rel=0.05)


def test_no_seam_of_trained_weights_shows():
    model = load("cyclegan-wse2-dayB")
    session = domain_session(model.material, model.sampling, model.rotation)
    [clean] = simulate_session(session, 1, (1024, 1024), seed=3)
    result = translate(clean.image, model, rng=np.random.default_rng(1))
    borders = np.arange(model.patch_size - 24, 1023, model.patch_size - 24) - 1
    inside = np.setdiff1d(np.arange(1023), borders)
    for axis in (0, 1):
        steps = np.abs(np.diff(result, axis=axis)).mean(1 - axis)
        assert steps[borders].mean() == pytest.approx(steps[inside].mean(), rel=0.05)


class Noisy:
    """A generator that makes white noise, with a brightness of its own for each tile."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def predict_on_batch(self, batch):
        brightness = self.rng.normal(0, 0.2, (len(batch), 1, 1, 1))
        return (self.rng.normal(0, 0.1, batch.shape) + brightness).astype(np.float32)


def test_noise_of_a_generator_keeps_its_strength_and_blending_weakens_it():
    def noise_of(image):
        return (image - ndimage.gaussian_filter(image, 6)).std()

    image = np.zeros((384, 384), np.float32)
    assert noise_of(texture_tiled(Noisy(), image, 64)) == pytest.approx(0.1, rel=0.02)
    # A mean with weights sin² of both axes has (3 / 4)² of the variance.
    assert noise_of(translate_tiled(Noisy(), image, 64)) == pytest.approx(0.075, rel=0.05)


def test_brightness_of_tiles_shows_no_patchwork():
    result = texture_tiled(Noisy(), np.zeros((416, 416), np.float32), 64)
    smooth = ndimage.uniform_filter(result, (52, 4))
    borders = np.arange(52, 364, 52)
    # Means over 4 columns of 52 pixels on both sides of a border: their noise is 0.1 / sqrt(208),
    # the tiles differ by 0.2 * sqrt(2) themselves.
    steps = (smooth[26::52, borders + 3] - smooth[26::52, borders - 3])[:7]
    assert steps.std() < 0.06


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


def test_a_generator_gets_the_noise_that_it_was_trained_with(tmp_path):
    image = noise(64, 64)
    plain = translate_quietly(image, Model(), "sim-to-exp")  # without any
    np.testing.assert_array_equal(translate(image, Model(), noise=0), plain)
    # 0.1 where the training is not known, and always the same where nothing else is asked for.
    assert training_noise(Model()) == 0.1
    given = {"noise": 0.1, "rng": np.random.default_rng(0)}
    np.testing.assert_array_equal(translate(image, Model()), translate(image, Model(), **given))
    model = CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32)
    (tmp_path / "gan").mkdir()
    (tmp_path / "gan" / "recipe.json").write_text('{"noise": 0.25}')
    save(model, tmp_path / "gan")
    assert training_noise(load(tmp_path / "gan")) == 0.25
    with pytest.raises(ValueError, match=r"noise of 0 or more"):
        translate(image, Model(), noise=-0.1)


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
    with pytest.warns(UserWarning, match="no evidence|unlike the frames") as caught:
        translate(image, model, "exp-to-sim", sampling=sampling)
    assert [warning.filename for warning in caught] == [__file__, __file__]
    assert "no evidence of any atom" in str(caught[0].message)
    assert "unlike the frames that gan was trained on" in str(caught[1].message)
    # A simulation is not meant to look like them; a small image cannot be compared.
    translate(image, model, "sim-to-exp", sampling=sampling)
    with pytest.warns(UserWarning, match="no evidence") as caught:
        translate(image[:100, :100], model, "exp-to-sim", sampling=sampling)
    assert len(caught) == 1


@pytest.mark.parametrize("direction", ["sim-to-exp", "exp-to-sim"])
@pytest.mark.parametrize("sampling", [0.2, 0.1, 0.4, 0.05])
def test_what_a_translation_takes_is_known_before(direction, sampling, monkeypatch):
    image, options = noise(512, 512), {"sampling": sampling, "rng": np.random.default_rng(0)}
    translate_quietly(image, Model, direction, **options)  # what is loaded once is not counted
    tracemalloc.start()
    try:
        translate_quietly(image, Model, direction, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # With half of what it took it is refused, and with twice as much it is made.
    monkeypatch.setattr("stemzoo.io.memory.BUDGET", peak / 2)
    with pytest.raises(ValueError, match="scan.tif: expected an image that needs at most"):
        translate_quietly(image, Model, direction, **options, name="scan.tif")
    monkeypatch.setattr("stemzoo.io.memory.BUDGET", peak * 2)
    translate_quietly(image, Model, direction, **options)


def test_a_pixel_size_that_would_need_gigabytes_is_refused_at_once():
    # 2048 px of 1 Å are 10,236 of 0.2 Å, of 24 bytes each.
    words = "10236 x 10236 px, once its pixels of 1 Å are of 0.2 Å, which needs 2.5 GB. Check"
    with pytest.raises(ValueError, match=words):
        translate_quietly(noise(2048, 2048), Model, "sim-to-exp", sampling=1.0)


@pytest.mark.parametrize("sampling", [0.0, -0.2, np.nan, np.inf, 1e300, 1e-300, 50.0])
def test_an_absurd_pixel_size_is_named(sampling):
    with pytest.raises(ValueError, match=r"scan\.tif: the pixel size .* lies between"):
        translate_quietly(noise(64, 64), Model, "sim-to-exp", sampling=sampling, name="scan.tif")
