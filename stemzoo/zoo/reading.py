"""A model, with all that its checked folder tells of it."""

import logging
from typing import Any

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.simulate.material_files import read_material
from stemzoo.zoo.file_names import CONDITIONS, STRUCTURE, TRAINING_WEIGHTS, WEIGHTS
from stemzoo.zoo.manifest import Source
from stemzoo.zoo.model_folder import read_model, weight_files
from stemzoo.zoo.onnx_folder import read_onnx
from stemzoo.zoo.provenance import read_card, read_provenance

log = logging.getLogger(__name__)


def read_source(found: Source, training: bool = False, *, runtime: str = "keras") -> Any:
    """Build the model of a checked folder.

    Parameters
    ----------
    found : Source
        The folder, and what is known of its files.
    training, runtime
        As in `stemzoo.load`.

    Returns
    -------
    DefectFCN, CycleGANSTEM, DenoisingUNet, or what ONNX Runtime computes in their place
        With its card, provenance, conditions and structure.

    Raises
    ------
    ValueError
        If a file is damaged, or is of another material.
    FileNotFoundError
        If it is to be trained on, and the weights for that are not there.

    Examples
    --------
    >>> read_source(find_source("fcn-wse2")).material  # doctest: +SKIP
    'wse2'
    """
    names = [file.name for file in found.files]
    changes = {} if found.entry is None else {"name": found.entry.name}
    if runtime == "onnx":
        model = read_onnx(found.folder, names, found.sha256_of(WEIGHTS), changes)
    else:
        model = read_model(found.folder, names, changes)
    if (
        runtime != "onnx"
        and TRAINING_WEIGHTS in weight_files(model)
        and TRAINING_WEIGHTS not in names
    ):
        if training:
            # A cache does not tell what else the repository holds.
            step = "If you were offline, go online; else load" if found.origin == "hub" else "Load"
            raise FileNotFoundError(
                f"{found.folder}: expected {TRAINING_WEIGHTS}, to train on. Received: none. {step} "
                "it with training=False, and train its discriminators anew."
            )
        log.info("%s: without %s, so not to train on", found.folder, TRAINING_WEIGHTS)
    model.card = read_card(found)
    model.provenance = read_provenance(found, model.name)
    if STRUCTURE in names:
        path = found.folder / STRUCTURE
        model.structure = read_material(path)
        if model.material != model.structure.name:
            raise ValueError(
                f"{path}: expected the structure of {model.material}, the material of the weights. "
                f"Received: {model.structure.name}"
            )
    if CONDITIONS in names:
        path = found.folder / CONDITIONS
        model.conditions = TrainingConditions.read(path, model.structure)
        if model.material not in (None, model.conditions.material):
            raise ValueError(
                f"{path}: expected the conditions of frames of {model.material}, the material of "
                f"the weights. Received: {model.conditions.material}"
            )
    return model
