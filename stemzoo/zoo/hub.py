"""Load, save and verify models by name, from the Hugging Face Hub or from a folder."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.io import write_text
from stemzoo.models.start import choose_runtime
from stemzoo.simulate.material_files import read_material, write_material
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
from stemzoo.zoo.golden import TOLERANCE, largest_difference, write_golden
from stemzoo.zoo.manifest import Source, checked_entry, describe_files, sha256, write_entry
from stemzoo.zoo.model_folder import read_model, weight_files, write_model
from stemzoo.zoo.onnx_folder import read_onnx, runtimes_of
from stemzoo.zoo.provenance import Provenance, read_card, read_provenance, write_provenance
from stemzoo.zoo.registry import WeightsEntry, find_weights, manifest_path
from stemzoo.zoo.sources import find_source
from stemzoo.zoo.whole_folder import whole_folder

if TYPE_CHECKING:
    from stemzoo.models.zoo_model import ZooModel

__all__ = ["Verification", "load", "register", "save", "sha256", "verify"]

log = logging.getLogger(__name__)


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
    return _read(found, training, runtime=runtime)


def _read(found: Source, training: bool = False, *, runtime: str = "keras"):
    """Build the model of a checked folder."""
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


@dataclass(frozen=True)
class Verification:
    """Outcome of a comparison of files and outputs, see `verify`.

    Parameters
    ----------
    name : str
        What was verified.
    differences : tuple of str
        What is not as it should be; empty if all is.
    notes : tuple of str
        What was compared, and what could not be.
    """

    name: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        lines = [f"{self.name}: {'PASS' if self.passed else 'FAIL'}", *self.differences]
        return "\n  ".join([*lines, *self.notes])


def verify(
    source: str | Path, *, revision: str | None = None, local_files_only: bool | None = None
) -> Verification:
    """Compare files with their hashes, and the model's output with the stored reference output.

    Whether an installation computes what the authors of the weights computed: the input image of
    ``golden.npz`` goes through the model, and the output may differ from the stored one by
    rounding only.

    Parameters
    ----------
    source, revision, local_files_only
        As for `load`.

    Returns
    -------
    Verification
        Its text says PASS, or FAIL and what differs.

    Raises
    ------
    KeyError, FileNotFoundError, PermissionError, ConnectionError
        If there is nothing to verify.

    Examples
    --------
    >>> print(verify("fcn-wse2"))  # doctest: +SKIP
    fcn-wse2: PASS
      13 files have the size and hash of the manifest
      golden output: largest difference 0.0e+00, at most 5.0e-03 is rounding
    """
    try:
        found = find_source(
            source,
            revision=revision,
            local_files_only=local_files_only,
            names=(*LOADED, *ONNX, TRAINING_WEIGHTS, GOLDEN),
        )
    except ValueError as error:
        return Verification(str(source), (str(error),), ())
    known = [file for file in found.files if file.sha256 or file.git_sha1]
    where = "the Hub" if found.entry is None else "the manifest"
    notes = [f"{len(known)} files have the size and hash of {where}"]
    different = found.differences()
    if not known:
        notes = ["no hashes: this folder is not of the manifest"]
    if different:
        return Verification(str(source), tuple(different), ())
    if not (found.folder / GOLDEN).is_file():
        line = f"{found.folder}: expected {GOLDEN}, to compare the output with. Received: none."
        return Verification(str(source), (line,), tuple(notes))
    for runtime, name in runtimes_of([file.name for file in found.files]).items():
        try:
            largest = largest_difference(_read(found, runtime=runtime), found.folder / GOLDEN)
        except ValueError as error:
            return Verification(str(source), (str(error),), ())
        line = f"{name}: largest difference {largest:.1e}, at most {TOLERANCE:.1e} is rounding"
        if largest > TOLERANCE:
            return Verification(str(source), (line,), tuple(notes))
        notes.append(line)
    if not notes[1:]:
        notes.append("golden output: not computed, as this needs Keras, or a network for ONNX")
    return Verification(str(source), (), tuple(notes))
