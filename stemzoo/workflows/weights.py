"""Weights by name or folder, of the kind that a verb needs."""

from typing import Any

from stemzoo.zoo.hub import load
from stemzoo.zoo.model_folder import model_class


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False) -> Any:
    """Load a model and see that it is of the kind that a verb needs.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder.
    kind : str
        Name of its class, as in `stemzoo.zoo.model_folder.MODEL_CLASSES`.
    verb : str
        What the user asked for, for the message: ``"train fcn --from"``.
    training : bool
        Whether to load what only training needs, too.

    Returns
    -------
    DefectFCN or CycleGANSTEM

    Raises
    ------
    ValueError
        If the weights are of another kind.
    """
    model = load(weights, training=training)
    if not isinstance(model, model_class(kind)):
        raise ValueError(
            f"'stemzoo {verb}' needs weights of a {kind}; see 'stemzoo list'. Received: {weights}, "
            f"a {type(model).__name__}"
        )
    return model
