"""What a class of models says of itself, so that the zoo can keep, check and describe it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import keras


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
    largest_arguments : mapping of str to int
        Largest values of the constructor's sizes that a folder may ask for; of a list, its length.
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
    """

    task: ClassVar[str]
    summary: ClassVar[str]
    weight_groups: ClassVar[tuple[str, ...]]
    largest_arguments: ClassVar[Mapping[str, int]]
    name: str
    material: str | None
    sampling: float
    card: str | None
    # Their classes live in rooms above this one.
    provenance: Any
    conditions: Any

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Return a number of weights that a network of these arguments has at least."""

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""

    def weight_networks(self) -> dict[str, keras.Model]:
        """Return the network, or group of networks, of each of `weight_groups`."""

    def golden_outputs(self, images: Any) -> dict[str, Any]:
        """Return what it makes of images, by name: `verify` compares it with a kept copy."""

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""
