"""State dictionaries in torch's format from before version 1.6, read without torch.

Such a file is a pickle; it is read by an unpickler that knows four harmless names.
"""

import io
import pickle
from collections import OrderedDict
from typing import Any, ClassVar, NamedTuple

import numpy as np

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001


class _Storage(NamedTuple):
    key: str
    dtype: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: _Storage,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool = False,
    hooks: Any = None,
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _StateUnpickler(pickle.Unpickler):
    """Reads dictionaries of tensors; any other name in the pickle is refused."""

    allowed: ClassVar[dict[tuple[str, str], Any]] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"Expected a dictionary of tensors only. Received: {module}.{name}, refused"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, _, count, _ = pid
        return _Storage(key, dtype, count)


def read_torch_state(data: bytes) -> dict[str, np.ndarray]:
    """Read a state dictionary in torch's format from before version 1.6.

    Parameters
    ----------
    data : bytes
        Contents of the file: three pickles that describe the format, one of the dictionary, one of
        the names of the storages, then each storage, its length (8 bytes) before it.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    pickle.UnpicklingError
        If the pickle names anything but tensors and dictionaries: no code in it is run.
    ValueError
        If it is no such file, or damaged.
    """
    stream = io.BytesIO(data)

    def load() -> Any:
        return _StateUnpickler(stream).load()

    magic, protocol, system = load(), load(), load()
    if magic != _TORCH_MAGIC or protocol != _TORCH_PROTOCOL or not system["little_endian"]:
        raise ValueError(
            "Expected a little-endian file in torch's format from before version 1.6. "
            f"Received: magic number {magic}, protocol {protocol}"
        )
    tensors, keys = load(), load()
    types = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {}
    for key in keys:
        expected = types[key]
        count = int.from_bytes(stream.read(8), "little")
        size = np.dtype(expected.dtype).itemsize * expected.length
        content = stream.read(size)
        if count != expected.length or len(content) != size:
            raise ValueError(
                f"Expected {expected.length} numbers in storage {key}; the file is damaged. "
                f"Received: {count} numbers, {len(content)} bytes"
            )
        storages[key] = np.frombuffer(content, expected.dtype)
    return {name: _view(storages[t.storage.key], t, name) for name, t in tensors.items()}


def _view(values: np.ndarray, tensor: _Tensor, name: str) -> np.ndarray:
    """Copy of a tensor; its place in the storage is checked before memory is touched."""
    steps = [(n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)]
    last = tensor.offset + sum(steps)
    if tensor.offset < 0 or min(tensor.strides, default=0) < 0 or last >= len(values):
        raise ValueError(
            f"{name}: expected a tensor inside its storage of {len(values)} numbers. "
            f"Received: {tensor[1:]}"
        )
    strides = [s * values.itemsize for s in tensor.strides]
    view = np.lib.stride_tricks.as_strided(
        values[tensor.offset :], tensor.shape, strides, writeable=False
    )
    return view.copy()
