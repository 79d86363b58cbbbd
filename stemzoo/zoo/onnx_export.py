"""Write a model's networks as ONNX, which needs neither Keras nor TensorFlow to be used."""

import logging
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.zoo.file_names import GOLDEN, LOADED, RECIPE, WEIGHTS
from stemzoo.zoo.golden import golden_input, outputs_of
from stemzoo.zoo.hub import load
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.onnx_folder import read_onnx
from stemzoo.zoo.sources import find_source
from stemzoo.zoo.whole_folder import whole_folder

# Largest difference of an output from that of Keras. Found: 2e-6.
DIFFERENCE = 1e-4


def export_onnx(source: str | Path, out: str | Path | None = None) -> tuple[Path, float]:
    """Write the networks of a model as ONNX, and see that they answer as Keras does.

    Parameters
    ----------
    source : str or path-like
        As of `stemzoo.load`.
    out : path-like, optional
        Model folder to write, with everything that `load` needs; for a folder of your own its own,
        for a name of the zoo ``NAME-onnx``.

    Returns
    -------
    folder : Path
        The model folder: `load` takes it, also with ``runtime="onnx"``.
    difference : float
        Largest difference of an output from that of Keras.

    Raises
    ------
    ModuleNotFoundError
        If Keras does not run on TensorFlow, or tf2onnx or ONNX Runtime is not installed.
    ValueError
        If the outputs differ; nothing is written then.

    Examples
    --------
    >>> export_onnx("cyclegan-wse2-dayB", "for-the-lab")  # doctest: +SKIP
    (PosixPath('for-the-lab'), 2.3e-06)
    """
    model = load(source, runtime="keras")
    _check_tools()
    found = find_source(source, names=(*LOADED, GOLDEN))
    folder = Path(out) if out is not None else found.folder
    if out is None and found.origin != "folder":
        folder = Path(f"{model.provenance.name.rpartition('/')[2]}-onnx")
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        networks = write_networks(model, made)
        for name in (*LOADED, GOLDEN, RECIPE):
            if (found.folder / name).is_file():
                shutil.copyfile(found.folder / name, made / name)
        difference = _difference(model, made, [path.name for path in networks])
        if difference > DIFFERENCE:
            raise ValueError(
                f"{source}: expected the outputs of Keras from ONNX Runtime, to {DIFFERENCE:g}. "
                f"Received: {difference:.1e}. Nothing was written; try other versions of tf2onnx "
                "and onnxruntime, and please report it."
            )
        is_own = folder.is_dir() and folder.samefile(found.folder)
        with whole_folder(folder) as aside:
            for path in networks if is_own else made.iterdir():
                shutil.copyfile(path, aside / path.name)
    return folder, difference


def write_networks(model: Any, folder: Path) -> list[Path]:
    """Write the networks of a loaded model by Keras' own export.

    Parameters
    ----------
    model : DefectFCN, DenoisingUNet or CycleGANSTEM
        A model that was loaded from files.
    folder : Path
        Existing folder.

    Returns
    -------
    list of Path
        ``model.onnx``, or a file for each generator.
    """
    import onnx

    from stemzoo.models.onnx_network import MADE_OF

    generators = getattr(model, "generators", None)
    networks = {"model": model} if generators is None else {n.name: n for n in generators}
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    written = []
    for name, network in networks.items():
        path = folder / f"{name}.onnx"
        # Keras exports only what was called before; height and width stay free.
        network(np.zeros((1, model.stride, model.stride, 1), np.float32))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, about names that tf2onnx uses
            network.export(str(path), format="onnx", verbose=False)
        content = onnx.load(path)
        entry = content.metadata_props.add()
        entry.key, entry.value = MADE_OF, model.provenance.sha256
        onnx.save(content, path)
        written.append(path)
    return written


def _check_tools() -> None:
    import keras

    if (backend := keras.backend.backend()) != "tensorflow":
        raise ModuleNotFoundError(
            "expected Keras on TensorFlow, whose export leaves height and width free. Received: "
            f"{backend}. Set KERAS_BACKEND=tensorflow"
        )
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"expected what writes ONNX. Received: no {error.name}. Install it: pip install "
            "'stemzoo[onnx]'"
        ) from error


def _difference(model: Any, folder: Path, networks: list[str]) -> float:
    """Largest difference of an output, for images that are as high as wide and others."""
    names = [*networks, *LOADED]
    other = read_onnx(folder, names, sha256(folder / WEIGHTS))
    square = golden_input(model)
    images = (square, np.concatenate([square, square[:, ::-1]], axis=2))
    return max(
        float(np.abs(mine - its).max())
        for image in images
        for mine, its in zip(
            outputs_of(model, image).values(), outputs_of(other, image).values(), strict=True
        )
    )
