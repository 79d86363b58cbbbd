"""Names of the files of a model folder, format 1: the one place where they stand."""

FOLDER_FORMAT = 1

# What weights are: class and arguments.
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
# What only training needs, such as discriminators; may be missing.
TRAINING_WEIGHTS = "training.weights.h5"
# The same weights as networks for ONNX Runtime: the model, or each generator; may be missing.
ONNX = ("model.onnx", "exp_to_sim.onnx", "sim_to_exp.onnx")
# One input and what the model makes of it.
GOLDEN = "golden.npz"

# Where weights come from, and how they were trained; each may be missing.
PROVENANCE = "provenance.json"
RECIPE = "recipe.json"
TRAINING_DATA = "training_data.json"
# How the frames that the weights were trained on look.
CONDITIONS = "conditions.json"

# The crystal, where the package's table has none of that name.
STRUCTURE = "structure.json"

# Figures: the zoo's own, those on real images, and what `stemzoo evaluate` wrote.
METRICS = "metrics.json"
METRICS_REAL = "metrics_real.json"
EVALUATION = "evaluation.json"
# Probabilities against shares of true ones, for the card.
RELIABILITY = "reliability.png"
CARD = "README.md"

REQUIRED = (CONFIG, WEIGHTS)
# What `save` writes: a folder that lacks one of these was not written or copied to its end.
COMPLETE = (*REQUIRED, GOLDEN, PROVENANCE)
# What `load` looks at, and so what is fetched for it.
LOADED = (*REQUIRED, PROVENANCE, TRAINING_DATA, CONDITIONS, STRUCTURE, CARD)


def is_record(name: str) -> bool:
    """Whether a file only records a training: a log, a picture, or a fact of its first stage.

    The repository and the Hub hold these files; the wheel does not.

    Parameters
    ----------
    name : str
        Name of a file of a model folder.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_record("training_log.csv"), is_record("recipe.json")
    (True, False)
    """
    return name.endswith((".png", ".csv")) or name.startswith("stage1_")
