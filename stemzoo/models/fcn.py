"""DefectFCN: a fully convolutional network that labels every pixel."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from stemzoo.io.json_files import Field
from stemzoo.models.arguments import (
    DETECTOR_BOUNDS,
    class_names,
    detector_input,
    unet_context,
    unet_least_weights,
)
from stemzoo.models.exact_graph import ExactGraph
from stemzoo.models.layers import LAST, residual_unet
from stemzoo.models.zoo_model import check_arguments
from stemzoo.preprocessing import ZOO_SAMPLING


@keras.saving.register_keras_serializable(package="stemzoo")
class DefectFCN(keras.Model):
    """ResUNet that gives each pixel a probability for each class of defect.

    Parameters
    ----------
    classes : sequence of str or int
        Names of the defect classes, or their number; background is added as channel 0.
    filters : int
        Channels at full resolution; they double at each level.
    depth : int
        Number of times the resolution is halved. Images must be multiples of 2^depth pixels
        (`stemzoo.detect` pads them).
    dropout : float
        Rate of dropout inside the residual blocks.
    sampling : float
        Pixel size of the images that it is trained on [Å/px].
    material : str, optional
        Entry of `stemzoo.simulate.MATERIALS` whose defects it finds.
    ranked : bool
        Whether pixels get the values of a normal distribution by their rank before it sees them,
        so that the response of the microscope's detector does not matter, see `prepare`.
    name : str
        Name of the model.

    Attributes
    ----------
    card, provenance, conditions
        What is known of loaded weights, see `ZooModel`; None for others.
    structure : stemzoo.simulate.materials.Material or None
        The crystal whose defects it finds, where `MATERIALS` has no entry of that name.
    renewal : stemzoo.adaptation.fcn.Renewal or None
        Which weights were chosen, and by what; None unless `stemzoo.renew_detector` returned the
        model.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Z. Zhang, Q. Liu, Y. Wang, Road Extraction by Deep Residual U-Net, IEEE GRSL 15, 749 (2018);
    for defects in STEM: A. Khan et al., npj Comput. Mater. 9, 85 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> model = DefectFCN(["se_vacancy"], filters=4, depth=2)
    >>> model(np.zeros((1, 32, 32, 1), "float32")).shape
    TensorShape([1, 32, 32, 2])
    """

    task: ClassVar[str] = "detection"
    summary: ClassVar[str] = "point defects in {material}, trained on {session}"
    weight_groups: ClassVar[tuple[str, ...]] = ("model",)
    bounds: ClassVar[Mapping[str, Field]] = DETECTOR_BOUNDS
    card: str | None = None
    provenance: Any = None
    conditions: Any = None
    structure: Any = None
    renewal: Any = None

    def __init__(
        self,
        classes: Sequence[str] | int = ("vacancy",),
        *,
        filters: int = 16,
        depth: int = 3,
        dropout: float = 0.1,
        sampling: float = ZOO_SAMPLING,
        material: str | None = None,
        ranked: bool = False,
        name: str = "defect_fcn",
    ):
        arguments = {
            **{"classes": classes, "filters": filters, "depth": depth, "dropout": dropout},
            **{"sampling": sampling, "material": material, "ranked": ranked, "name": name},
        }
        check_arguments(DefectFCN, arguments)
        classes = class_names(classes)
        inputs = keras.Input((None, None, 1), name="image")
        outputs = _res_unet(inputs, len(classes) + 1, filters, depth, dropout)
        super().__init__(inputs, outputs, name=name)
        self.classes = classes
        self.filters = filters
        self.depth = depth
        self.dropout = dropout
        self.sampling = sampling
        self.material = material
        self.ranked = bool(ranked)
        self._exact_graph = ExactGraph(self)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities for a batch, whatever the model has seen before.

        Parameters
        ----------
        x : ndarray of shape (B, M, N, 1)
            Images in [-1, 1].

        Returns
        -------
        ndarray of float32, shape (B, M, N, C)
        """
        if keras.backend.backend() != "tensorflow":
            return super().predict_on_batch(x)
        return self._exact_graph(np.asarray(x, dtype=np.float32))

    def prepare(self, image: np.ndarray, *, measured: np.ndarray | None = None) -> np.ndarray:
        """Bring an image to the intensities that the network is trained on, and takes.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            At the pixel size of the model.
        measured : ndarray of bool, shape (M, N), optional
            Pixels that the scale is taken of, where not all are.

        Returns
        -------
        ndarray of float32
            Same shape, in [-1, 1]: see `stemzoo.preprocessing.rescale`, and `normal_scores` for
            what comes before if the model is `ranked`.

        Examples
        --------
        >>> image = np.array([[1.0, 4.0, 90.0]])
        >>> print(DefectFCN(1, filters=2, depth=1).prepare(image).round(2))
        [[-0.21 -0.19  0.4 ]]
        >>> print(DefectFCN(1, filters=2, depth=1, ranked=True).prepare(image).round(2))
        [[-0.35  0.    0.35]]
        """
        return detector_input(image, ranked=self.ranked, measured=measured)

    def successor(self, **changes) -> "DefectFCN":
        """Return a model with the same weights, to be trained further or to see images otherwise.

        What belongs to the weights as they are (`conditions`, `renewal`) does not come along.

        Parameters
        ----------
        **changes
            Arguments of the constructor that differ, such as `name` or `ranked`.

        Returns
        -------
        DefectFCN

        Raises
        ------
        ValueError
            If a change alters the shape of the weights.

        Examples
        --------
        >>> model = DefectFCN(1, filters=2, depth=1)
        >>> model.successor(name="by_rank", ranked=True).ranked
        True
        """
        other = type(self)(**{**self.get_config(), **changes})
        other.set_weights(self.get_weights())
        other.structure = self.structure
        return other

    def heir(self, classes: Sequence[str], **changes) -> "DefectFCN":
        """Return a model that begins with the weights of this one to find other defects.

        Parameters
        ----------
        classes : sequence of str
            Its classes. Each begins with what this model knows of one of the same kind: of the same
            name, or a vacancy, or a divacancy, of another element; others begin anew.
        **changes
            Arguments of the constructor that differ, such as `material`, `sampling` or `name`.

        Returns
        -------
        DefectFCN

        Raises
        ------
        ValueError
            If a change alters the shape of other layers.

        Examples
        --------
        >>> model = DefectFCN(["se_vacancy", "bright"], filters=2, depth=1)
        >>> model.heir(["s_vacancy", "s_divacancy", "bright"], material="mos2").classes
        ('s_vacancy', 's_divacancy', 'bright')
        """
        other = type(self)(**{**self.get_config(), **changes, "classes": list(classes)})
        *mine, head = self.layers[:-1]  # the last one turns logits into probabilities
        *its, new_head = other.layers[:-1]
        for old, new in zip(mine, its, strict=True):
            new.set_weights(old.get_weights())
        kinds = [_kind(name) for name in self.classes]
        known = {kind: kinds.index(kind) + 1 for kind in reversed(kinds)}
        weights = [np.array(values) for values in new_head.get_weights()]
        pairs = [(0, 0)] + [
            (k + 1, known[_kind(name)]) for k, name in enumerate(classes) if _kind(name) in known
        ]
        for values, old_values in zip(weights, head.get_weights(), strict=True):
            for new_class, old_class in pairs:
                values[..., new_class] = old_values[..., old_class]
        new_head.set_weights(weights)
        return other

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""
        return 2**self.depth

    @property
    def context(self) -> int:
        """How far a pixel's probability depends on its surroundings [px]."""
        return unet_context(self.depth)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "classes": list(self.classes),
            "filters": self.filters,
            "depth": self.depth,
            "dropout": self.dropout,
            "sampling": self.sampling,
            "material": self.material,
            "ranked": self.ranked,
            "name": self.name,
        }

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layer, see `unet_least_weights`.

        Examples
        --------
        >>> DefectFCN.least_weights({"filters": 16, "depth": 3})
        147456
        """
        return unet_least_weights(arguments["filters"], arguments["depth"])

    def weight_networks(self) -> dict[str, keras.Model]:
        """Return the network itself: all of its weights are needed to detect."""
        return {"model": self}

    def golden_outputs(self, images: Any) -> dict[str, Any]:
        """Return the probabilities of the classes."""
        return {"output": self(images, training=False)}


def _kind(name: str) -> str:
    """Tell what a class is, whatever the element: ``"vacancy"`` of ``"se_vacancy"``."""
    kind = name.rpartition("_")[2]
    return kind if kind in ("vacancy", "divacancy") else name


def _res_unet(inputs, channels: int, filters: int, depth: int, dropout: float):
    x = residual_unet(inputs, filters, depth, dropout)
    # Probabilities stay float32 under mixed precision.
    logits = keras.layers.Conv2D(channels, 1, **LAST, name="logits", dtype="float32")(x)
    return keras.layers.Softmax(name="probabilities", dtype="float32")(logits)
