"""Weights by name or folder, of the kind that a verb needs."""

from stemzoo.zoo.hub import load


def load_kind(weights: str, kind: str, verb: str, *, training: bool = False):
    """Load a model and see that it is of the kind that a verb needs.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder.
    kind : str
        Name of a class of `stemzoo.models`.
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
    from stemzoo import models

    model = load(weights, training=training)
    if not isinstance(model, getattr(models, kind)):
        raise ValueError(
            f"'stemzoo {verb}' needs weights of a {kind}; see 'stemzoo list'. Received: {weights}, "
            f"a {type(model).__name__}"
        )
    return model
