"""Building blocks that the networks share."""

from collections.abc import Iterable
from typing import Any

import keras

# Whatever a user's keras.json says, as the weights are stored for this order of axes.
LAST: dict[str, Any] = {"data_format": "channels_last"}


def residual_block(
    x: keras.KerasTensor, filters: int, *, dropout: float = 0.0, name: str
) -> keras.KerasTensor:
    """Two 3x3 convolutions with batch normalisation beside a shortcut.

    Parameters
    ----------
    x : KerasTensor
        Input feature map.
    filters : int
        Channels of the output.
    dropout : float
        Rate of dropout between the two convolutions.
    name : str
        Prefix of the layers' names.

    Returns
    -------
    KerasTensor

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, Deep Residual Learning for Image Recognition, CVPR 2016.
    """
    layers = keras.layers
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False, **LAST, name=name + "_conv1")(x)
    y = layers.BatchNormalization(momentum=0.9, name=name + "_norm1")(y)
    y = layers.ReLU(name=name + "_relu1")(y)
    if dropout > 0:
        y = layers.Dropout(dropout, name=name + "_dropout")(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False, **LAST, name=name + "_conv2")(y)
    y = layers.BatchNormalization(momentum=0.9, name=name + "_norm2")(y)
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, use_bias=False, **LAST, name=name + "_shortcut")(x)
    return layers.ReLU(name=name + "_relu2")(layers.Add(name=name + "_add")([x, y]))


def residual_unet(
    inputs: keras.KerasTensor, filters: int, depth: int, dropout: float
) -> keras.KerasTensor:
    """U-Net of residual blocks, without its last layer.

    Parameters
    ----------
    inputs : KerasTensor
        Images whose sides are multiples of 2^depth pixels.
    filters : int
        Channels at full resolution; they double at each level.
    depth : int
        Number of times the resolution is halved.
    dropout : float
        Rate of dropout inside the blocks.

    Returns
    -------
    KerasTensor
        Features of `filters` channels at full resolution.

    References
    ----------
    Z. Zhang, Q. Liu, Y. Wang, Road Extraction by Deep Residual U-Net, IEEE GRSL 15, 749 (2018).
    """
    layers = keras.layers
    skips, x = [], inputs
    for level in range(depth):
        x = residual_block(x, filters * 2**level, dropout=dropout, name=f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, **LAST, name=f"pool{level}")(x)
    x = residual_block(x, filters * 2**depth, dropout=dropout, name="bottom")
    for level in reversed(range(depth)):
        width = filters * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, **LAST, name=f"up{level}_transpose")(x)
        x = layers.Concatenate(name=f"up{level}_concatenate")([x, skips[level]])
        x = residual_block(x, width, dropout=dropout, name=f"up{level}")
    return x


@keras.saving.register_keras_serializable(package="stemzoo")
class LogPowerSpectrum(keras.layers.Layer):
    """Logarithm of the power spectrum of an image, centred and scaled.

    (log10(abs(FT(I))² / (M N) + 1e-4) + 1) / 1.5 with zero frequency in the middle. The constants
    bring noise (about 0.01 to 0.1 for images in [-1, 1]) and reflections (up to 1000) into a range
    of a few units around zero; being constants, they keep the level of the noise, which
    standardising each spectrum by itself would take away. 1e-4 keeps constant images finite.
    Computed in float32 whatever the precision policy.

    Examples
    --------
    >>> import numpy as np
    >>> LogPowerSpectrum()(np.zeros((1, 8, 8, 1), "float32")).shape
    TensorShape([1, 8, 8, 1])
    """

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})

    def call(self, images: Any) -> Any:
        """Return spectra of shape (batch, M, N, 1) of images of the same shape."""
        ops = keras.ops
        images = ops.cast(images[..., 0], "float32")
        rows, columns = ops.shape(images)[1], ops.shape(images)[2]
        real, imaginary = ops.fft2((images, ops.zeros_like(images)))
        size = ops.cast(rows * columns, "float32")
        power = (ops.square(real) + ops.square(imaginary)) / size
        spectrum = ops.roll(power, (rows // 2, columns // 2), (1, 2))
        scaled = (ops.log(spectrum + 1e-4) / 2.302585093 + 1.0) / 1.5
        return scaled[..., None]


class NetworkGroup(keras.Model):
    """Networks whose weights share a file.

    Parameters
    ----------
    networks : sequence of keras.Model
        Each is known by its name.
    name : str
        Name of the group.
    """

    def __init__(self, networks: Iterable[keras.Model], name: str):
        super().__init__(name=name)
        for network in networks:
            setattr(self, network.name, network)
        self.built = True
