"""What a class of models says of itself, so that the zoo can keep, check and describe it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from stemzoo.io.json_files import Field
from stemzoo.io.pixel_size import NETWORK_RANGE

if TYPE_CHECKING:
    import keras

# Ten times the paper's networks, and 2 GB in memory.
MOST_WEIGHTS = 2**29
# Arguments that every class has.
COMMON_BOUNDS = {
    "sampling": Field(float, low=NETWORK_RANGE[0], high=NETWORK_RANGE[1]),
    "material": Field(str, type(None), high=100),
    "name": Field(str, low=1, high=200),
}


class ZooModel(Protocol):
    """The members that every class of the zoo has beside those of `keras.Model`.

    The zoo builds a model from the arguments in its ``config.json`` and fills in the weights of
    its files; what it needs to know for that stands in the class and nowhere else.

    Attributes
    ----------
    task : str
        What its weights are for, as `stemzoo list` shows it: ``"detection"``, ``"translation"``.
    summary : str
        One line on weights of this class, with ``{material}`` and ``{session}`` to fill in.
    weight_groups : tuple of str
        Groups of networks whose weights share a file, ``<group>.weights.h5``: ``"model"`` is what
        the model needs to be used, ``"training"`` what only its training needs.
    bounds : mapping of str to Field
        What each of the constructor's arguments may be, see `check_arguments`.
    material : str or None
        Entry of `stemzoo.simulate.MATERIALS`.
    sampling : float
        Pixel size of its images [Å/px].
    card : str or None
        What the weights are good for, in Markdown; None unless it was loaded.
    provenance : stemzoo.zoo.provenance.Provenance or None
        Where the weights come from; None unless it was loaded.
    conditions : stemzoo.analysis.conditions.TrainingConditions or None
        Of the frames that it was trained on; None where they are not known.
    structure : stemzoo.simulate.materials.Material or None
        The crystal, where `MATERIALS` has no entry of that name.
    """

    task: ClassVar[str]
    summary: ClassVar[str]
    weight_groups: ClassVar[tuple[str, ...]]
    bounds: ClassVar[Mapping[str, Field]]
    name: str
    material: str | None
    sampling: float
    card: str | None
    # Their classes live in rooms above this one.
    provenance: Any
    conditions: Any
    # None of what a network is: Keras keeps it as it is.
    structure: Any

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Return a number of weights that a network of these arguments has at least."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""

    def weight_networks(self) -> "dict[str, keras.Model]":
        """Return the network, or group of networks, of each of `weight_groups`."""

    def golden_outputs(self, images: Any) -> dict[str, Any]:
        """Return what it makes of images, by name: `verify` compares it with a kept copy."""

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""


def check_arguments(kind: type[ZooModel], arguments: Mapping) -> None:
    """See that a network of these arguments can be, before anything is built.

    Parameters
    ----------
    kind : type
        Class of the zoo.
    arguments : mapping
        All of its constructor's, from a caller or from a file.

    Raises
    ------
    ValueError
        If one is out of its bounds, or the network would be too large for any computer.

    Examples
    --------
    >>> from stemzoo.models import DefectFCN
    >>> check_arguments(DefectFCN, {**DefectFCN(1).get_config(), "depth": 40})
    Traceback (most recent call last):
    ValueError: expected arguments of DefectFCN. Received: depth=40, where 1 to 12 are possible
    """
    for name, field in kind.bounds.items():
        if fault := field.fault(name, _plain(arguments[name])):
            raise ValueError(f"expected arguments of {kind.__name__}. Received: {fault}")
    least = kind.least_weights(arguments)
    if least > MOST_WEIGHTS:
        sizes = ", ".join(f"{name}={arguments[name]}" for name in ("filters", "depth"))
        raise ValueError(
            f"expected a {kind.__name__} of at most {MOST_WEIGHTS} weights. Received: {sizes}: "
            f"{least} or more"
        )


def _plain(value: Any) -> Any:
    """Return a value as JSON would hold it."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
