import keras
import numpy as np
import pytest
from check_model import check_model

from stemzoo.models import DenoisingUNet
from stemzoo.models.denoiser import gaussian_loss


@pytest.mark.parametrize("arguments", [{"filters": 4, "depth": 2}, {"filters": 3, "depth": 1}])
def test_it_is_a_model_of_the_zoo(tmp_path, arguments):
    keras.utils.set_random_seed(1)
    check_model(DenoisingUNet, {**arguments, "material": "wse2", "name": "tiny"}, tmp_path)


def test_it_returns_a_picture_and_a_positive_deviation_of_each_pixel():
    keras.utils.set_random_seed(1)
    model = DenoisingUNet(filters=2, depth=2)
    image = np.random.default_rng(0).normal(0, 0.3, (1, 16, 32, 1)).astype("float32")
    output = model.predict_on_batch(image)
    assert output.shape == (1, 16, 32, 2)
    assert output[..., 1].min() > 0
    assert np.log(output[..., 1]) == pytest.approx(model(image).numpy()[..., 1] / 2, abs=1e-5)


def test_the_loss_is_least_for_the_mean_and_its_variance():
    # What may be in a pixel: 0 or 1, as often; mean 0.5, variance 0.25.
    target = np.array([0.0, 1.0], "float32").reshape(1, 1, 2)

    def gradient(mean, variance):
        import tensorflow as tf

        output = tf.Variable([[[[mean, np.log(variance)]] * 2]], dtype=tf.float32)
        with tf.GradientTape() as tape:
            loss = keras.ops.sum(gaussian_loss(target, output))
        return tape.gradient(loss, output).numpy().sum(axis=(0, 1, 2))

    assert gradient(0.5, 0.25) == pytest.approx([0, 0], abs=1e-6)
    assert gradient(0.7, 0.25)[0] > 0 > gradient(0.3, 0.25)[0]
    assert gradient(0.5, 0.4)[1] > 0 > gradient(0.5, 0.1)[1]
