"""What the networks' arguments may be, and what follows from them: all that needs no Keras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from stemzoo.io.json_files import Field
from stemzoo.models.zoo_model import COMMON_BOUNDS
from stemzoo.preprocessing import ZOO_SAMPLING, normal_scores, rescale

DETECTOR_BOUNDS: Mapping[str, Field] = MappingProxyType(
    {
        **COMMON_BOUNDS,
        "classes": Field(list, int, low=1, high=100, items=Field(str, low=1, high=100)),
        "filters": Field(int, low=1, high=256),
        "depth": Field(int, low=1, high=12),
        "dropout": Field(float, low=0, high=0.99),
        "ranked": Field(bool, int, low=0, high=1),
    }
)
DENOISER_BOUNDS: Mapping[str, Field] = MappingProxyType(
    {
        **COMMON_BOUNDS,
        "filters": Field(int, low=1, high=256),
        "depth": Field(int, low=1, high=12),
    }
)
# The paper's network has a half of these sizes or less.
CYCLEGAN_BOUNDS: Mapping[str, Field] = MappingProxyType(
    {
        **COMMON_BOUNDS,
        "filters": Field(int, low=1, high=256),
        "depth": Field(int, low=1, high=12),
        "discriminator_filters": Field(int, low=1, high=128),
        "patch_size": Field(int, low=32, high=1024),
        "lambda_cycle": Field(float, low=0, high=1e6),
        "lambda_identity": Field(float, low=0, high=1e6),
        "fft_discriminators": Field(bool, int, low=0, high=1),
        "bottleneck_norm": Field(bool, int, low=0, high=1),
        "dropout": Field(float, low=0, high=0.99),
        "session": Field(str, type(None), high=200),
        "rotation": Field(list, type(None), low=2, high=2, items=Field(float, high=1e4)),
    }
)
# Between these the logarithm of a variance stays: no pixel is surer than 1e-3 of the scale.
LOG_VARIANCE = (-13.8, 2.0)


@dataclass(frozen=True)
class DetectorArguments:
    """Arguments of a `stemzoo.models.fcn.DefectFCN`, which says what each is."""

    classes: Sequence[str] | int = ("vacancy",)
    filters: int = 16
    depth: int = 3
    dropout: float = 0.1
    sampling: float = ZOO_SAMPLING
    material: str | None = None
    ranked: bool = False
    name: str = "defect_fcn"


@dataclass(frozen=True)
class DenoiserArguments:
    """Arguments of a `stemzoo.models.denoiser.DenoisingUNet`, which says what each is."""

    filters: int = 24
    depth: int = 2
    # Half of what 0.8 Å, the limit of a probe of 25 mrad at 80 kV, needs, so that nothing which
    # such a microscope resolves is lost.
    sampling: float = 0.4148
    material: str | None = None
    name: str = "denoising_unet"


@dataclass(frozen=True)
class CycleGANArguments:
    """Arguments of a `stemzoo.models.cyclegan.CycleGANSTEM`, which says what each is."""

    filters: int = 16
    depth: int = 5
    discriminator_filters: int = 16
    patch_size: int = 128
    lambda_cycle: float = 10.0
    lambda_identity: float = 5.0
    fft_discriminators: bool = True
    bottleneck_norm: bool = False
    dropout: float = 0.0
    sampling: float = ZOO_SAMPLING
    material: str | None = None
    session: str | None = None
    rotation: Sequence[float] | None = None
    name: str = "cyclegan_stem"


def class_names(classes: Sequence[str] | int) -> tuple[str, ...]:
    """Return the names of a detector's classes, which may be given as their number.

    Examples
    --------
    >>> class_names(2)
    ('class_1', 'class_2')
    """
    if isinstance(classes, int):
        return tuple(f"class_{i + 1}" for i in range(classes))
    return tuple(classes)


def detector_input(
    image: np.ndarray, *, ranked: bool, measured: np.ndarray | None = None
) -> np.ndarray:
    """Bring an image to the intensities that a detector is trained on, and takes.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At the pixel size of the model.
    ranked : bool
        Whether pixels get the values of a normal distribution by their rank first, see
        `normal_scores`.
    measured : ndarray of bool, shape (M, N), optional
        Pixels that the scale is taken of, where not all are.

    Returns
    -------
    ndarray of float32
        Same shape, in [-1, 1]: see `stemzoo.preprocessing.rescale`.

    Examples
    --------
    >>> image = np.array([[1.0, 4.0, 90.0]])
    >>> print(detector_input(image, ranked=False).round(2))
    [[-0.21 -0.19  0.4 ]]
    >>> print(detector_input(image, ranked=True).round(2))
    [[-0.35  0.    0.35]]
    """
    if ranked:
        image = normal_scores(image, measured=measured)
    return rescale(image, measured=measured)


def with_deviation(output: np.ndarray) -> np.ndarray:
    """Replace the logarithm of a variance, which a denoiser returns, by the standard deviation.

    Parameters
    ----------
    output : ndarray of shape (B, M, N, 2)
        Picture, and logarithm of its variance.

    Returns
    -------
    ndarray of the same shape
        Picture, and its standard deviation.

    Examples
    --------
    >>> print(with_deviation(np.zeros((1, 1, 1, 2))))
    [[[[0. 1.]]]]
    """
    deviation = np.exp(np.clip(output[..., 1:], *LOG_VARIANCE) / 2)
    return np.concatenate([output[..., :1], deviation], axis=-1)


def unet_context(depth: int) -> int:
    """Return how far a pixel of a `residual_unet` depends on its surroundings [px].

    Examples
    --------
    >>> unet_context(2)
    23
    """
    # Two convolutions reach 2 pixels at the bottom. Each level above doubles what is below, adds a
    # pixel where a pixel lies off the coarser grid, and 2 + 2 pixels by its two blocks:
    # reach -> 2 reach + 5.
    return 7 * 2**depth - 5


def unet_least_weights(filters: int, depth: int) -> int:
    """Count the weights of the second 3x3 convolution at the bottom: it is the largest layer.

    Examples
    --------
    >>> unet_least_weights(16, 3)
    147456
    """
    return 9 * (filters * 2**depth) ** 2


def generators_least_weights(filters: int, depth: int) -> int:
    """Count the weights of the largest layers of two generators: they have more than these.

    Examples
    --------
    >>> generators_least_weights(4, 2)
    2048
    """
    widths = [filters * min(2**level, 8) for level in range(depth)]
    # 4x4 convolutions, down and up again, of two generators.
    return 2 * 2 * 16 * sum(a * b for a, b in zip(widths, widths[1:], strict=False))
