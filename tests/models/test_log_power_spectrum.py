import keras
import numpy as np
import tensorflow as tf

from stemzoo.models.layers import LogPowerSpectrum


def test_equals_numpy():
    image = np.random.default_rng(0).normal(0, 0.3, (2, 8, 12, 1)).astype("float32")
    power = np.abs(np.fft.fft2(image[..., 0])) ** 2 / (8 * 12)
    expected = (np.log10(np.fft.fftshift(power, (1, 2)) + 1e-4) + 1) / 1.5
    np.testing.assert_allclose(LogPowerSpectrum()(image)[..., 0], expected, atol=1e-4)


def test_is_finite_on_constant_images():
    for level in (0.0, 1.0, -1.0):
        images = tf.Variable(np.full((1, 8, 8, 1), level, "float32"))
        with tf.GradientTape() as tape:
            output = LogPowerSpectrum()(images)
            total = tf.reduce_sum(output)
        assert np.isfinite(output).all()
        assert np.isfinite(tape.gradient(total, images)).all()


def test_gradient_agrees_with_finite_differences():
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


def test_stays_float32_under_any_policy():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        output = LogPowerSpectrum()(np.ones((1, 8, 8, 1), "float16"))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert output.dtype == "float32"
