import keras
import numpy as np
import pytest
import tensorflow as tf

from stemzoo.models.layers import LogPowerSpectrum, residual_block


def block(channels, filters, **options):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, residual_block(inputs, filters, name="block", **options))


def names(model):
    return {layer.name for layer in model.layers}


@pytest.mark.parametrize(("channels", "filters"), [(3, 8), (8, 8), (8, 4)])
def test_the_size_stays_and_the_channels_change(channels, filters):
    model = block(channels, filters)
    output = model.predict_on_batch(np.ones((2, 10, 6, channels), "float32"))
    assert output.shape == (2, 10, 6, filters)
    assert output.min() >= 0


def test_the_shortcut_has_weights_only_where_the_channels_change():
    assert "block_shortcut" in names(block(3, 8))
    assert "block_shortcut" not in names(block(8, 8))


def test_dropout_is_left_out_at_a_rate_of_zero():
    assert "block_dropout" in names(block(8, 8, dropout=0.2))
    assert "block_dropout" not in names(block(8, 8))


def test_without_its_convolutions_a_block_passes_its_input_on():
    model = block(2, 2)
    model.get_layer("block_conv2").set_weights([np.zeros((3, 3, 2, 2))])
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 2)).astype("float32")
    # The normalisation of a map of zeros by its initial statistics is zero.
    assert model.predict_on_batch(image) == pytest.approx(np.maximum(image, 0))


def test_a_pixel_depends_on_two_pixels_around_it():
    model = block(1, 4)
    image = np.random.default_rng(0).normal(size=(1, 15, 15, 1)).astype("float32")
    changed = image.copy()
    changed[0, 7, 7, 0] += 10
    moved = abs(model.predict_on_batch(changed) - model.predict_on_batch(image)).max(axis=(0, 3))
    rows, columns = np.nonzero(moved > 1e-6)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 5, 9)


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (15, 9)])
def test_the_power_spectrum_is_that_of_numpy(shape):
    image = np.random.default_rng(0).normal(size=shape)
    power = np.fft.fftshift(abs(np.fft.fft2(image)) ** 2) / image.size
    spectrum = LogPowerSpectrum()(image[None, ..., None]).numpy()
    assert spectrum.shape == (1, *shape, 1)
    expected = (np.log10(power + 1e-4) + 1) / 1.5
    assert spectrum[0, ..., 0] == pytest.approx(expected, abs=1e-3)


def test_zero_frequency_is_in_the_middle_of_the_spectrum():
    spectrum = LogPowerSpectrum()(np.ones((1, 8, 8, 1), "float32")).numpy()[0, ..., 0]
    assert np.unravel_index(spectrum.argmax(), spectrum.shape) == (4, 4)


def test_the_spectrum_of_a_constant_image_and_its_gradient_are_finite():
    for level in (0.0, 1.0, -1.0):
        images = tf.Variable(np.full((1, 8, 8, 1), level, "float32"))
        with tf.GradientTape() as tape:
            output = LogPowerSpectrum()(images)
            total = tf.reduce_sum(output)
        assert np.isfinite(output).all()
        assert np.isfinite(tape.gradient(total, images)).all()


def test_the_gradient_of_the_spectrum_agrees_with_finite_differences():
    rng = np.random.default_rng(1)
    image = rng.normal(0, 0.3, (1, 8, 8, 1)).astype("float32")
    weights = rng.normal(0, 1, (1, 8, 8, 1)).astype("float32")
    layer = LogPowerSpectrum()
    variable = tf.Variable(image)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weights * layer(variable))
    gradient = tape.gradient(loss, variable).numpy()

    def exact(x):  # in float64, so that the difference is not lost in rounding
        power = np.abs(np.fft.fft2(x[..., 0])) ** 2 / 64
        spectrum = (np.log10(np.fft.fftshift(power, (1, 2)) + 1e-4) + 1) / 1.5
        return np.sum(weights[..., 0] * spectrum)

    for place in [(0, 0), (3, 5), (7, 2)]:
        step = np.zeros(image.shape)
        step[0, *place, 0] = 1e-5
        slope = (exact(image + step) - exact(image - step)) / 2e-5
        np.testing.assert_allclose(gradient[0, *place, 0], slope, rtol=2e-3, atol=1e-3)


def test_spectra_are_float32_under_mixed_precision():
    assert LogPowerSpectrum(dtype="float16")(np.ones((1, 8, 8, 1), "float16")).dtype == "float32"
