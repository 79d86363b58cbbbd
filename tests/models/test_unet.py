import keras
import numpy as np
import pytest
import tensorflow as tf

from stemzoo.models.unet import patch_discriminator, unet_generator


def test_generator_keeps_the_shape_and_stays_in_range():
    generator = unet_generator(4, 3, bottleneck_norm=False, name="g")
    images = np.random.default_rng(0).normal(0, 3, (2, 32, 48, 1)).astype("float32")
    output = generator.predict_on_batch(images)
    assert output.shape == images.shape
    assert np.abs(output).max() <= 1


def test_normalised_bottleneck_of_one_pixel_is_dead():
    # Instance normalisation of a 1x1 map returns its offset whatever comes in (design of pix2pix
    # at 256² and 8 levels): the innermost feature map is the same for every image.
    images = np.random.default_rng(0).normal(0, 1, (2, 8, 8, 1)).astype("float32")
    spread = []
    for norm in (True, False):
        generator = unet_generator(4, 3, bottleneck_norm=norm, name=f"g{norm}")
        inner = keras.Model(generator.input, generator.get_layer("down2_relu").output)
        output = inner.predict_on_batch(images)
        assert output.shape[1:3] == (1, 1)
        spread.append(np.abs(output[0] - output[1]).max())
    assert spread[0] < 1e-6 < spread[1]


def test_discriminator_gives_30_by_30_scores_of_256_pixels():
    discriminator = patch_discriminator(4, name="d")
    assert discriminator(np.zeros((1, 256, 256, 1), "float32")).shape == (1, 30, 30, 1)


def test_each_score_sees_70_by_70_pixels():
    # Of a chain of 4x4 convolutions with strides 2, 2, 2, 1, 1: 1 + 3 (1 + 2 + 4 + 8 + 8) = 70.
    # Instance normalisation would couple all pixels, so the convolutions are chained without it.
    discriminator = patch_discriminator(4, name="d")
    x = inputs = keras.Input((None, None, 1))
    for layer in discriminator.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.ZeroPadding2D)):
            x = layer(x)
    chain = keras.Model(inputs, x)
    images = tf.Variable(np.zeros((1, 256, 256, 1), "float32"))
    with tf.GradientTape() as tape:
        score = chain(images)[0, 15, 15, 0]
    support = np.argwhere(np.abs(tape.gradient(score, images).numpy()[0, ..., 0]) > 0)
    assert (support.max(0) - support.min(0) + 1).tolist() == [70, 70]


@pytest.mark.parametrize("depth", [1, 2])
def test_shallow_generators_can_be_built(depth):
    generator = unet_generator(4, depth, bottleneck_norm=True, name="g")
    assert generator(np.zeros((1, 32, 32, 1), "float32")).shape == (1, 32, 32, 1)
