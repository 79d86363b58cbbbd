"""Networks of the zoo that ONNX Runtime computes, where Keras is not installed or not wanted.

They take the place of the classes of Keras wherever a network is used, not trained: numpy arrays
in, numpy arrays out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from stemzoo.io.json_files import Field
from stemzoo.models.arguments import (
    CYCLEGAN_BOUNDS,
    DENOISER_BOUNDS,
    DETECTOR_BOUNDS,
    CycleGANArguments,
    DenoiserArguments,
    DetectorArguments,
    class_names,
    detector_input,
    generators_least_weights,
    unet_context,
    unet_least_weights,
    with_deviation,
)
from stemzoo.models.onnx_network import OnnxNetwork


class OnnxModel:
    """What the classes of this file share: the members that loaded weights have.

    Attributes
    ----------
    card, provenance, conditions, structure
        What is known of loaded weights, see `stemzoo.models.zoo_model.ZooModel`.
    """

    kind: ClassVar[str]
    # What the class of Keras takes, by name.
    arguments: ClassVar[type]
    task: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    bounds: ClassVar[Mapping[str, Field]]
    weight_groups: ClassVar[tuple[str, ...]] = ("model",)
    name: str
    material: str | None
    sampling: float
    depth: int
    card: str | None = None
    provenance: Any = None
    conditions: Any = None
    structure: Any = None

    @property
    def channels(self) -> int:
        """Channels of the output of its networks."""
        return 1

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""
        return 2**self.depth

    def use(self, networks: Sequence[OnnxNetwork]) -> None:
        """Take the networks of `files`, in this order."""
        raise NotImplementedError

    def successor(self, **changes: Any) -> Any:
        """Refuse to train: ONNX Runtime only uses what Keras has trained."""
        raise ModuleNotFoundError(
            f"{self.name}: expected weights in Keras, to train them. Received: the network of "
            "ONNX Runtime. Load them with runtime='keras'; where Keras is not installed: "
            "pip install keras tensorflow"
        )

    heir = fit_adapt = successor


class OnnxDetector(OnnxModel):
    """A `stemzoo.models.fcn.DefectFCN` that ONNX Runtime computes.

    Parameters
    ----------
    *arguments, **named
        Those of `DefectFCN`.

    Examples
    --------
    >>> OnnxDetector(["se_vacancy"], material="wse2").context
    51
    """

    kind: ClassVar[str] = "DefectFCN"
    arguments: ClassVar[type] = DetectorArguments
    task: ClassVar[str] = "detection"
    files: ClassVar[tuple[str, ...]] = ("model.onnx",)
    bounds: ClassVar[Mapping[str, Field]] = DETECTOR_BOUNDS
    renewal: Any = None

    def __init__(self, *arguments: Any, **named: Any):
        given = DetectorArguments(*arguments, **named)
        self.classes = class_names(given.classes)
        self.filters, self.depth, self.dropout = given.filters, given.depth, given.dropout
        self.sampling, self.material, self.name = given.sampling, given.material, given.name
        self.ranked = bool(given.ranked)

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layer, see `unet_least_weights`."""
        return unet_least_weights(arguments["filters"], arguments["depth"])

    @property
    def channels(self) -> int:
        """Background, and a channel for each class."""
        return len(self.classes) + 1

    @property
    def context(self) -> int:
        """How far a pixel's probability depends on its surroundings [px]."""
        return unet_context(self.depth)

    def use(self, networks: Sequence[OnnxNetwork]) -> None:
        """Take its only network."""
        (self._network,) = networks

    def prepare(self, image: np.ndarray, *, measured: np.ndarray | None = None) -> np.ndarray:
        """Bring an image to the intensities that the network takes, see `detector_input`."""
        return detector_input(image, ranked=self.ranked, measured=measured)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities of shape (B, M, N, C) for images of shape (B, M, N, 1)."""
        return self._network.predict_on_batch(x)

    def golden_outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the probabilities of the classes."""
        return {"output": self.predict_on_batch(images)}


class OnnxDenoiser(OnnxModel):
    """A `stemzoo.models.denoiser.DenoisingUNet` that ONNX Runtime computes.

    Parameters
    ----------
    **named
        The arguments of `DenoisingUNet`.

    Examples
    --------
    >>> OnnxDenoiser().stride
    4
    """

    kind: ClassVar[str] = "DenoisingUNet"
    arguments: ClassVar[type] = DenoiserArguments
    task: ClassVar[str] = "denoising"
    files: ClassVar[tuple[str, ...]] = ("model.onnx",)
    bounds: ClassVar[Mapping[str, Field]] = DENOISER_BOUNDS

    def __init__(self, **named: Any):
        given = DenoiserArguments(**named)
        self.filters, self.depth = given.filters, given.depth
        self.sampling, self.material, self.name = given.sampling, given.material, given.name

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layer, see `unet_least_weights`."""
        return unet_least_weights(arguments["filters"], arguments["depth"])

    @property
    def channels(self) -> int:
        """Picture, and the logarithm of its variance."""
        return 2

    @property
    def context(self) -> int:
        """How far a pixel depends on its surroundings [px]."""
        return unet_context(self.depth)

    def use(self, networks: Sequence[OnnxNetwork]) -> None:
        """Take its only network."""
        (self._network,) = networks

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Return picture and standard deviation, as `DenoisingUNet` does."""
        return with_deviation(self._network.predict_on_batch(x))

    def golden_outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the picture and the standard deviation of each pixel."""
        output = self.predict_on_batch(images)
        return {"picture": output[..., :1], "deviation": output[..., 1:]}


class OnnxGenerators(OnnxModel):
    """The generators of a `stemzoo.models.cyclegan.CycleGANSTEM` that ONNX Runtime computes.

    Parameters
    ----------
    **named
        The arguments of `CycleGANSTEM`.

    Examples
    --------
    >>> OnnxGenerators(session="wse2-dayB").stride
    32
    """

    kind: ClassVar[str] = "CycleGANSTEM"
    arguments: ClassVar[type] = CycleGANArguments
    task: ClassVar[str] = "translation"
    files: ClassVar[tuple[str, ...]] = ("exp_to_sim.onnx", "sim_to_exp.onnx")
    bounds: ClassVar[Mapping[str, Field]] = CYCLEGAN_BOUNDS
    weight_groups: ClassVar[tuple[str, ...]] = ("model", "training")
    adaptation: Any = None

    def __init__(self, **named: Any):
        given = CycleGANArguments(**named)
        self.filters, self.depth, self.patch_size = given.filters, given.depth, given.patch_size
        self.sampling, self.material, self.name = given.sampling, given.material, given.name
        self.session, angles = given.session, given.rotation
        self.rotation = None if angles is None else tuple(float(angle) for angle in angles)

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layers, see `generators_least_weights`."""
        return generators_least_weights(arguments["filters"], arguments["depth"])

    def use(self, networks: Sequence[OnnxNetwork]) -> None:
        """Take both generators."""
        self.exp_to_sim, self.sim_to_exp = networks

    def golden_outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the images translated both ways, by the generators' names."""
        networks = {"exp_to_sim": self.exp_to_sim, "sim_to_exp": self.sim_to_exp}
        return {name: network.predict_on_batch(images) for name, network in networks.items()}
