"""Look into a file of weights before anything is built from it."""

import io
import math
from pathlib import Path
from typing import Any

from stemzoo.io.hdf5 import walk


def read_shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """List the arrays of a file of weights without reading one.

    Only what Keras writes is accepted: groups of plain arrays of numbers that lie whole in this
    file. So no link leads to another file, nothing is unpacked, and no more memory is needed than
    the file is large.

    Parameters
    ----------
    path : path-like
        HDF5 file.

    Returns
    -------
    dict of str to tuple of int
        Shapes; the keys are paths in the file, such as ``"layers/conv2d/vars/0"``.

    Raises
    ------
    ValueError
        If the file is no whole HDF5 file, or holds anything else.

    Examples
    --------
    >>> read_shapes("model.weights.h5")["layers/conv2d/vars/0"]  # doctest: +SKIP
    (3, 3, 1, 16)
    """
    import h5py

    size = Path(path).stat().st_size
    shapes: dict[str, tuple[int, ...]] = {}
    total = 0
    try:
        with h5py.File(path, "r") as file:
            for name, array in walk(file):
                total += _bytes_of(array, name)
                shapes[name] = array.shape
    except (OSError, RuntimeError, KeyError, TypeError, UnicodeError) as error:
        raise ValueError(f"no whole HDF5 file ({' '.join(str(error).split())})") from error
    if total > size:
        raise ValueError(f"arrays of {total} bytes in a file of {size}")
    return shapes


class _InMemory(io.BytesIO):
    """A file that Keras writes to as to any other; its name has to end so."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def weights_in_memory(network: Any) -> io.BytesIO:
    """Return the file of a network's weights, without its optimizer.

    HDF5 is not to meet a full disk: it may end the whole process, some time later.

    Parameters
    ----------
    network : keras.Model
        A network.

    Returns
    -------
    io.BytesIO
        HDF5 file.

    Examples
    --------
    >>> weights_in_memory(network).getbuffer().nbytes  # doctest: +SKIP
    158096
    """
    file = _InMemory()
    # Keras would save it with the model.
    optimizer, network.optimizer = getattr(network, "optimizer", None), None
    try:
        network.save_weights(file)
    finally:
        network.optimizer = optimizer
    return file


def in_half_precision(file: io.BytesIO) -> io.BytesIO:
    """Copy a file of weights in half precision.

    Parameters
    ----------
    file : io.BytesIO
        HDF5 file of `weights_in_memory`.

    Returns
    -------
    io.BytesIO
        The same groups, with float16 in place of float32: half the size.
    """
    import h5py

    copied = io.BytesIO()
    with h5py.File(file, "r") as old, h5py.File(copied, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = new.create_group(name)
            else:
                half = item.dtype == "float32"
                made = new.create_dataset(name, data=item[...], dtype="f2" if half else None)
            made.attrs.update(item.attrs)

        old.visititems(copy)
    return copied


def read_layers(file: str | Path | io.BytesIO) -> dict[str, tuple[tuple[int, ...], str]]:
    """Tell shape and layer of each array of a file that Keras wrote just now.

    Parameters
    ----------
    file : path-like or io.BytesIO
        HDF5 file.

    Returns
    -------
    dict of str to tuple
        Shape and name of the layer, which is empty where there is none; keys as of `read_shapes`.
    """
    import h5py

    with h5py.File(file, "r") as read:
        return {
            path: (array.shape, array.parent.attrs.get("name", "")) for path, array in walk(read)
        }


def _bytes_of(array, path: str) -> int:
    """Size of an array of numbers that lies in this file, whole and as it is [bytes]."""
    import h5py

    properties = array.id.get_create_plist()
    if array.dtype.kind not in "fiu" or array.shape is None:
        raise ValueError(f"{path}, which is no array of numbers")
    if properties.get_external_count():
        raise ValueError(f"{path}, whose numbers are in another file")
    if properties.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
        raise ValueError(f"{path}, which is packed or put together of others")
    declared, stored = math.prod(array.shape) * array.dtype.itemsize, array.id.get_storage_size()
    if declared != stored:
        raise ValueError(f"{path} of shape {array.shape}: {declared} bytes, with {stored} stored")
    return declared
