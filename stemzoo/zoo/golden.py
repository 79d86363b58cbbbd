"""Reference output of a model folder: one input image and the model's output for it."""

import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.io import atomic_path

if TYPE_CHECKING:
    from stemzoo.models.zoo_model import ZooModel

# Largest difference of a pixel that rounding explains. Found: 6e-7 between instruction sets of one
# processor, 2e-3 in half precision.
TOLERANCE = 5e-3
LARGEST_ARRAY = 64 * 2**20  # [bytes]
# What reading a changed archive raises: a flipped bit may be anywhere.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error),
    *(struct.error, SyntaxError, tokenize.TokenError, TypeError, OverflowError),
)


def golden_input(model: "ZooModel") -> np.ndarray:
    """Make the input image: a lattice of two plane waves with Gaussian noise.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        Its stride decides the size.

    Returns
    -------
    ndarray of shape (1, N, N, 1)
        Float32 in [-1, 1]; the same for every call.

    Examples
    --------
    >>> from stemzoo.models import DefectFCN
    >>> golden_input(DefectFCN(1, filters=2, depth=1)).shape
    (1, 64, 64, 1)
    """
    size = max(64, model.stride)
    rows, columns = np.indices((size, size))
    waves = np.cos(0.45 * rows) * np.cos(0.39 * columns + 0.2 * rows)
    noise = np.random.default_rng(0).normal(scale=0.2, size=(size, size))
    return np.clip(0.8 * waves + noise, -1, 1).astype("float32")[None, :, :, None]


def outputs_of(model: "ZooModel", image: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a model makes of an image, by name.

    Parameters
    ----------
    model : ZooModel or OnnxModel
        Of Keras or of ONNX Runtime.
    image : ndarray of shape (B, M, N, 1)
        As of `golden_input`.

    Returns
    -------
    dict of str to ndarray of float32
    """
    outputs = model.golden_outputs(image)
    if not all(isinstance(output, np.ndarray) for output in outputs.values()):
        import keras

        outputs = {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}
    return {name: output.astype("float32") for name, output in outputs.items()}


def write_golden(model: "ZooModel", path: str | Path) -> None:
    """Write the input image and the model's output.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        A trained model.
    path : path-like
        The ``.npz`` file.
    """
    image = golden_input(model)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, input=image, **outputs_of(model, image))


def largest_difference(model: "ZooModel", path: str | Path) -> float:
    """Compute the output for the stored input again and compare it with the stored output.

    Parameters
    ----------
    model : DefectFCN or CycleGANSTEM
        The model as it is now.
    path : path-like
        File of `write_golden`.

    Returns
    -------
    float
        Largest absolute difference of a pixel, of probabilities for a detector and of intensities
        in [-1, 1] for a CycleGAN; infinite if an output is not a number.

    Raises
    ------
    ValueError
        If the file holds anything but such a pair.
    """
    arrays = _read(Path(path))
    image = arrays.pop("input", None)
    expected = golden_input(model).shape
    if image is None or image.shape != expected:
        raise ValueError(
            f"{path}: expected an input of shape {expected}. Received: "
            f"{None if image is None else image.shape}"
        )
    outputs = outputs_of(model, image)
    shapes = {name: array.shape for name, array in arrays.items()}
    if shapes != {name: array.shape for name, array in outputs.items()}:
        raise ValueError(f"{path}: expected the outputs of this model. Received: {shapes}")
    largest = max(float(np.abs(outputs[name] - arrays[name]).max()) for name in outputs)
    return largest if math.isfinite(largest) else math.inf


def _read(path: Path) -> dict[str, np.ndarray]:
    """Read arrays of floats; what they declare is checked before memory is taken for them."""
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size > LARGEST_ARRAY or len(arrays) > 8:
                    raise ValueError(f"{member.filename} of {member.file_size} bytes")
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    if version != (1, 0):
                        raise ValueError(f"{member.filename} of npy version {version}")
                    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
                    size = math.prod(shape) * dtype.itemsize
                    if dtype.kind != "f" or by_columns or size > member.file_size:
                        raise ValueError(f"{member.filename} of {dtype} and shape {shape}")
                    array = np.frombuffer(file.read(size), dtype).reshape(shape)
                arrays[member.filename.removesuffix(".npy")] = array
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected arrays of floats. Received: {reason}") from error
    return arrays
