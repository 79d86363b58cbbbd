"""The generator and the discriminator of pix2pix, of any size."""

import keras

from stemzoo.models.layers import LAST


def _initial():
    """Return a narrow Gaussian, as pix2pix starts from; each layer needs one of its own."""
    return keras.initializers.RandomNormal(stddev=0.02)


def _instance_norm(x, name: str):
    """Normalise each channel of each image by itself, with a learnt scale and offset."""
    return keras.layers.GroupNormalization(groups=-1, epsilon=1e-5, name=name)(x)


def unet_generator(
    filters: int, depth: int, *, bottleneck_norm: bool, dropout: float = 0.0, name: str
) -> keras.Model:
    """Build the pix2pix U-Net: an image in [-1, 1] in, an image in [-1, 1] out.

    Parameters
    ----------
    filters : int
        Channels of the first level; they double up to eight times as many.
    depth : int
        Number of times the resolution is halved; images are multiples of 2^depth pixels.
    bottleneck_norm : bool
        Whether the innermost level is normalised. On a map of 1x1 this returns the learnt offset
        whatever comes in, so that the level is dead: kept only to match the paper.
    dropout : float
        Rate of dropout in the first three levels on the way up, while training.
    name : str
        Name of the network.

    Returns
    -------
    keras.Model

    References
    ----------
    P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, Image-to-Image Translation with Conditional
    Adversarial Networks, CVPR 2017.
    """
    layers = keras.layers
    widths = [filters * min(2**level, 8) for level in range(depth)]
    inputs = x = keras.Input((None, None, 1), name="image")
    skips = []
    for level, width in enumerate(widths):
        x = layers.Conv2D(
            width,
            4,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=_initial(),
            **LAST,
            name=f"down{level}",
        )(x)
        if 0 < level < depth - 1 or (level == depth - 1 and bottleneck_norm):
            x = _instance_norm(x, f"down{level}_norm")
        x = layers.LeakyReLU(0.2, name=f"down{level}_relu")(x)
        skips.append(x)
    for level in reversed(range(depth - 1)):
        x = layers.Conv2DTranspose(
            widths[level],
            4,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=_initial(),
            **LAST,
            name=f"up{level}",
        )(x)
        x = _instance_norm(x, f"up{level}_norm")
        if dropout > 0 and level >= depth - 4:
            x = layers.Dropout(dropout, name=f"up{level}_dropout")(x)
        x = layers.ReLU(name=f"up{level}_relu")(x)
        x = layers.Concatenate(name=f"up{level}_skip")([x, skips[level]])
    x = layers.Conv2DTranspose(
        1, 4, strides=2, padding="same", kernel_initializer=_initial(), **LAST, name="last"
    )(x)
    # The image stays float32 under mixed precision.
    outputs = layers.Activation("tanh", dtype="float32", name="tanh")(x)
    return keras.Model(inputs, outputs, name=name)


def patch_discriminator(filters: int, *, name: str) -> keras.Model:
    """Build the 70x70 PatchGAN: an image in, a map of scores out (1 for real).

    Parameters
    ----------
    filters : int
        Channels of the first level; the paper has 64.
    name : str
        Name of the network.

    Returns
    -------
    keras.Model
        256² pixels give 30x30 scores, each of a field of 70x70 pixels.

    References
    ----------
    P. Isola, J.-Y. Zhu, T. Zhou, A. A. Efros, Image-to-Image Translation with Conditional
    Adversarial Networks, CVPR 2017.
    """
    layers = keras.layers
    inputs = x = keras.Input((None, None, 1), name="image")
    for level in range(3):
        x = layers.Conv2D(
            filters * 2**level,
            4,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=_initial(),
            **LAST,
            name=f"down{level}",
        )(x)
        if level > 0:
            x = _instance_norm(x, f"down{level}_norm")
        x = layers.LeakyReLU(0.2, name=f"down{level}_relu")(x)
    x = layers.ZeroPadding2D(**LAST, name="pad1")(x)
    x = layers.Conv2D(
        filters * 8, 4, use_bias=False, kernel_initializer=_initial(), **LAST, name="wide"
    )(x)
    x = _instance_norm(x, "wide_norm")
    x = layers.LeakyReLU(0.2, name="wide_relu")(x)
    x = layers.ZeroPadding2D(**LAST, name="pad2")(x)
    scores = layers.Conv2D(
        1, 4, kernel_initializer=_initial(), dtype="float32", **LAST, name="scores"
    )(x)
    return keras.Model(inputs, scores, name=name)
