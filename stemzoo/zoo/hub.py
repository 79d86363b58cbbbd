"""Load, save and verify models by name, from the Hugging Face Hub or from a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.io import write_text
from stemzoo.models.start import choose_runtime
from stemzoo.simulate.material_files import write_material
from stemzoo.zoo.file_names import (
    CONDITIONS,
    CONFIG,
    GOLDEN,
    LOADED,
    ONNX,
    PROVENANCE,
    STRUCTURE,
    TRAINING_WEIGHTS,
    WEIGHTS,
)
from stemzoo.zoo.golden import write_golden
from stemzoo.zoo.manifest import checked_entry, describe_files, sha256, write_entry
from stemzoo.zoo.model_folder import write_model
from stemzoo.zoo.provenance import Provenance, write_provenance
from stemzoo.zoo.reading import read_source
from stemzoo.zoo.registry import WeightsEntry, find_weights, manifest_path
from stemzoo.zoo.sources import find_source
from stemzoo.zoo.verification import Verification, verify
from stemzoo.zoo.whole_folder import whole_folder

if TYPE_CHECKING:
    from stemzoo.models.zoo_model import ZooModel

__all__ = ["Verification", "load", "register", "save", "sha256", "verify"]


def save(
    model: "ZooModel",
    folder: str | Path,
    *,
    half: bool = False,
    parent: Provenance | None = None,
    conditions: TrainingConditions | None = None,
    **facts,
) -> None:
    """Save a model as a folder.

    `config.json` and `model.weights.h5` are the model; what only training needs, the discriminators
    of a CycleGAN, goes into `training.weights.h5`. `golden.npz` holds one input and the model's
    output, for `verify`; `provenance.json` says what the model was made with. `structure.json` is
    the crystal (`model.structure`), where it is none of the table.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        A model of the zoo.
    folder : path-like
        Made if it does not exist, and then whole or not at all; in an existing one, files are
        replaced when all are written.
    half : bool
        Whether to store the weights in half precision: half the size, outputs the same within
        0.005.
    parent : Provenance, optional
        The weights that its training started from; those that the model was loaded from, where not
        given.
    conditions : TrainingConditions, optional
        Of the frames that it was trained on, for `conditions.json`: with it, `detect`, `translate`
        and `match` tell images that are not like these frames.
    **facts
        For `provenance.json`, such as `licence`, `recipe`, `training_data`: anything that JSON can
        hold.

    Raises
    ------
    ValueError
        If the model is of no class of the zoo, or weights are not finite; nothing is written then.

    Examples
    --------
    >>> save(model, "my-detector", licence="CC-BY-4.0")  # doctest: +SKIP
    """
    with whole_folder(folder) as aside:
        write_model(model, aside, half=half)
        write_golden(model, aside / GOLDEN)
        parent = parent or model.provenance
        write_provenance(aside / PROVENANCE, parent=parent, facts=facts)
        if conditions is not None:
            write_text(aside / CONDITIONS, conditions.to_json())
        if model.structure is not None:
            write_material(aside / STRUCTURE, model.structure)


def register(folder: str | Path, **facts) -> WeightsEntry:
    """Write the manifest entry of a bundled model folder.

    Parameters
    ----------
    folder : path-like
        ``stemzoo/weights/<name>`` of a source tree; its hashes and sizes are taken.
    **facts
        `task`, `material`, `session`, `summary`, `licence` and other fields of `WeightsEntry`.

    Returns
    -------
    WeightsEntry

    Raises
    ------
    ValueError
        If the folder holds no complete model, or the facts are no entry; nothing is written then.

    Examples
    --------
    >>> register("stemzoo/weights/fcn-wse2", task="detection", ...)  # doctest: +SKIP
    """
    folder = Path(folder)
    paths = {path.name: path for path in folder.iterdir() if path.is_file()}
    if not {CONFIG, WEIGHTS} <= set(paths):
        raise ValueError(f"{folder}: expected {CONFIG} and {WEIGHTS}. Received: {sorted(paths)}")
    record = {"name": folder.name, "repo_id": None, "revision": None, **facts}
    record["files"] = describe_files(paths)
    checked_entry(record)
    write_entry(manifest_path(), record)
    return find_weights(folder.name)


def load(
    source: str | Path,
    *,
    revision: str | None = None,
    local_files_only: bool | None = None,
    training: bool = False,
    runtime: str | None = None,
) -> Any:
    """Load a model by name, from the Hub or from a folder.

    A name is looked for in the package, in the cache, on the Hugging Face Hub and in the mirrors
    of the manifest, in this order. Every file is checked before it is used.

    Parameters
    ----------
    source : str or path-like
        A name of the manifest (``"fcn-wse2"``, see `stemzoo.list_weights`);
        ``"hf://user/repository"``, also with ``@revision``; or a folder that `save` wrote: a path
        with a separator, or an existing folder that is no name.
    revision : str, optional
        Commit, branch or tag on the Hub; asks the Hub even for weights that come with the package.
    local_files_only : bool, optional
        Never use the network. Where not given, STEMZOO_OFFLINE and HF_HUB_OFFLINE decide.
    training : bool
        Also fetch what only training needs, such as discriminators. In a folder or the package it
        is read whenever it is there.
    runtime : str, optional
        What computes the networks: ``"keras"``, or ``"onnx"``, ONNX Runtime, which cannot train.
        Where not given, Keras if it is installed.

    Returns
    -------
    DefectFCN, DenoisingUNet or CycleGANSTEM
        Ready to `detect` or `translate`, and to train on; with ``runtime="onnx"`` an
        `OnnxDetector`, `OnnxDenoiser` or `OnnxGenerators`, which are used alike. Its attribute
        `card` is the text that says what it is good for, `provenance` a `Provenance`, `conditions`
        the `TrainingConditions` of the frames that it was trained on, or None where they are not
        known.

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    ValueError
        If a byte of the files differs, the files are no model of the zoo, need another version of
        stemzoo, or are not published.
    FileNotFoundError, PermissionError, ConnectionError
        If the files cannot be had; the message says why and what to do.
    ModuleNotFoundError
        If the runtime is not installed.

    Examples
    --------
    >>> model = load("fcn-wse2")  # doctest: +SKIP
    >>> model.provenance.licence  # doctest: +SKIP
    'Apache-2.0'
    """
    runtime = choose_runtime(runtime)
    names = (*LOADED, *(ONNX if runtime == "onnx" else ()), *([TRAINING_WEIGHTS] * training))
    if runtime == "onnx" and training:
        raise ModuleNotFoundError(
            f"{source}: expected Keras, to train on the weights. Received: ONNX Runtime, which "
            "only uses them. Load them with runtime='keras'; where Keras is not installed: pip "
            "install keras tensorflow"
        )
    found = find_source(source, revision=revision, local_files_only=local_files_only, names=names)
    if found.origin == "bundled" and (different := found.differences()):
        raise ValueError(
            f"{' '.join(different)} Changed or damaged files of the package are not loaded. "
            "Install stemzoo again."
        )
    return read_source(found, training, runtime=runtime)
