"""DenoisingUNet: an image without its noise, and how sure each pixel of it is."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np

from stemzoo.io.json_files import Field
from stemzoo.models.arguments import (
    DENOISER_BOUNDS,
    DENOISER_SAMPLING,
    LOG_VARIANCE,
    unet_context,
    unet_least_weights,
    with_deviation,
)
from stemzoo.models.exact_graph import ExactGraph
from stemzoo.models.layers import LAST, residual_unet
from stemzoo.models.zoo_model import check_arguments


@keras.saving.register_keras_serializable(package="stemzoo")
class DenoisingUNet(keras.Model):
    """ResUNet that estimates, for each pixel, the noise-free intensity and its uncertainty.

    It learns from pairs of a frame and its expected image. What it returns for a pixel is the mean
    of what that may be, given the frame, so that where the frame does not tell, the contrast of a
    column shrinks and the uncertainty grows.

    Parameters
    ----------
    filters : int
        Channels at full resolution; they double at each level.
    depth : int
        Number of times the resolution is halved. Images must be multiples of 2^depth pixels
        (`stemzoo.denoise` takes any).
    sampling : float
        Pixel size of the images that it is trained on [Å/px].
    material : str, optional
        Entry of `stemzoo.simulate.MATERIALS` that the images show.
    name : str
        Name of the model.

    Attributes
    ----------
    card, provenance, conditions, structure
        What is known of loaded weights, see `ZooModel`; None for others.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Z. Zhang, Q. Liu, Y. Wang, Road Extraction by Deep Residual U-Net, IEEE GRSL 15, 749 (2018);
    two outputs: D. A. Nix, A. S. Weigend, Proc. IEEE Int. Conf. Neural Networks 1, 55 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> model = DenoisingUNet(filters=4, depth=2)
    >>> model(np.zeros((1, 32, 32, 1), "float32")).shape
    TensorShape([1, 32, 32, 2])
    """

    task: ClassVar[str] = "denoising"
    summary: ClassVar[str] = "images of {material} without noise, trained on {session}"
    weight_groups: ClassVar[tuple[str, ...]] = ("model",)
    bounds: ClassVar[Mapping[str, Field]] = DENOISER_BOUNDS
    card: str | None = None
    provenance: Any = None
    conditions: Any = None
    structure: Any = None

    def __init__(
        self,
        *,
        filters: int = 24,
        depth: int = 2,
        sampling: float = DENOISER_SAMPLING,
        material: str | None = None,
        name: str = "denoising_unet",
    ):
        arguments = {
            **{"filters": filters, "depth": depth, "sampling": sampling},
            **{"material": material, "name": name},
        }
        check_arguments(DenoisingUNet, arguments)
        inputs = keras.Input((None, None, 1), name="image")
        features = residual_unet(inputs, filters, depth, dropout=0.0)
        # The image itself comes to the last layer, too: without noise nothing has to be learnt.
        features = keras.layers.Concatenate(name="with_image")([features, inputs])
        outputs = keras.layers.Conv2D(2, 1, **LAST, name="picture", dtype="float32")(features)
        super().__init__(inputs, outputs, name=name)
        self.filters = filters
        self.depth = depth
        self.sampling = sampling
        self.material = material
        self._exact_graph = ExactGraph(self)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Return picture and uncertainty for a batch, whatever the model has seen before.

        Parameters
        ----------
        x : ndarray of shape (B, M, N, 1)
            Images in [-1, 1].

        Returns
        -------
        ndarray of float32, shape (B, M, N, 2)
            The noise-free image, and its standard deviation, both on the scale of the input.
        """
        if keras.backend.backend() == "tensorflow":
            output = self._exact_graph(np.asarray(x, dtype=np.float32))
        else:
            output = super().predict_on_batch(x)
        return with_deviation(output)

    def successor(self, **changes) -> "DenoisingUNet":
        """Return a model with the same weights, to be trained further.

        Parameters
        ----------
        **changes
            Arguments of the constructor that differ, such as `name`.

        Returns
        -------
        DenoisingUNet

        Raises
        ------
        ValueError
            If a change alters the shape of the weights.

        Examples
        --------
        >>> DenoisingUNet(filters=2, depth=1).successor(name="other").name
        'other'
        """
        other = type(self)(**{**self.get_config(), **changes})
        other.set_weights(self.get_weights())
        other.structure = self.structure
        return other

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""
        return 2**self.depth

    @property
    def context(self) -> int:
        """How far a pixel depends on its surroundings [px]."""
        return unet_context(self.depth)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "filters": self.filters,
            "depth": self.depth,
            "sampling": self.sampling,
            "material": self.material,
            "name": self.name,
        }

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layer, see `unet_least_weights`.

        Examples
        --------
        >>> DenoisingUNet.least_weights({"filters": 24, "depth": 2})
        82944
        """
        return unet_least_weights(arguments["filters"], arguments["depth"])

    def weight_networks(self) -> dict[str, keras.Model]:
        """Return the network itself: all of its weights are needed."""
        return {"model": self}

    def golden_outputs(self, images: Any) -> dict[str, Any]:
        """Return the picture and the standard deviation of each pixel."""
        output = self(images, training=False)
        variance = keras.ops.clip(output[..., 1:], *LOG_VARIANCE)
        return {"picture": output[..., :1], "deviation": keras.ops.exp(variance / 2)}


def gaussian_loss(target: Any, output: Any) -> Any:
    """Negative logarithm of a Gaussian's likelihood and a constant, times its standard deviation.

    Without that factor, pixels that are hard at first would never be learnt: they are given a large
    variance, and then do not count.

    Parameters
    ----------
    target : tensor of shape (B, M, N)
        Noise-free images.
    output : tensor of shape (B, M, N, 2)
        Their estimates, and the logarithms of the variances of these.

    Returns
    -------
    tensor of shape (B, M, N)

    References
    ----------
    M. Seitzer et al., On the pitfalls of heteroscedastic uncertainty estimation with probabilistic
    neural networks, ICLR 2022, with β = 1/2.

    Examples
    --------
    >>> import numpy as np
    >>> output = np.array([[[[3.0, 0.0]]]], "float32")  # 3 ± 1, where 1 is right
    >>> loss = gaussian_loss(np.ones((1, 1, 1), "float32"), output)
    >>> round(float(loss[0, 0, 0]), 3)  # 2² / 2, and 13.8 / 2 from the surest possible
    8.9
    """
    ops = keras.ops
    log_variance = ops.clip(output[..., 1], *LOG_VARIANCE)
    squares = ops.square(target - output[..., 0])
    # Without the constant it could be negative, which no plot of losses shows.
    likelihood = (squares * ops.exp(-log_variance) + log_variance - LOG_VARIANCE[0]) / 2
    return ops.stop_gradient(ops.exp(log_variance / 2)) * likelihood
