"""See that new images can be adapted to, before any time is spent on them."""

import logging
import warnings
from collections.abc import Sequence

import numpy as np

from stemzoo.analysis.lattice import MIN_CONFIDENCE, find_lattice
from stemzoo.analysis.scan_errors import ScanErrors, all_scan_errors
from stemzoo.io import Image, check_image
from stemzoo.preprocessing import resample
from stemzoo.simulate.materials import MATERIALS, Material, find_material

log = logging.getLogger(__name__)

# Images with more of their pixels at the upper end of the scale are saturated. At the lower end,
# where a detector counted nothing, many may be.
_SATURATED, _EMPTY = 0.05, 0.3
# Pixel sizes that differ by more are not of one session.
_SAME_SIZE = 0.05
# Confidence in the lattice of an image that is enough where others of the session show it well.
_DISTORTED = 0.25


def prepare_images(
    images: Sequence[np.ndarray | Image],
    material: str,
    sampling: float,
    patch: int,
    *,
    own: float | None = None,
) -> list[np.ndarray]:
    """Check measured images and bring them to the pixel size of a model.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N), or of Image
        New images; one by itself needs no sequence.
    material : str
        Entry of `MATERIALS`, of which they should be.
    sampling : float
        Pixel size of the model [Å/px].
    patch : int
        Edge of the patches that the model is trained on [px].
    own : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the model's.

    Returns
    -------
    list of ndarray of shape (M, N)
        At the pixel size of the model; without those that show no lattice, if others do.

    Raises
    ------
    ValueError
        If there is none; if one is blank, too small or not finite; if none shows the material's
        lattice; if pixel sizes differ by more than 5 %.

    Warns
    -----
    UserWarning
        For saturated images, and those without a lattice.
    """
    if isinstance(images, Image) or (isinstance(images, np.ndarray) and images.ndim == 2):
        images = [images]
    images = list(images)
    if not images:
        raise ValueError("Expected one measured image or more. Received: none")
    names = [_name(image, i) for i, image in enumerate(images)]
    steps = [_stated(own, getattr(image, "sampling", None), sampling) for image in images]
    if not (min(steps) > 0 and np.isfinite(steps).all()):
        raise ValueError(f"Expected pixel sizes above 0 Å/px. Received: {steps}")
    if max(steps) > (1 + _SAME_SIZE) * min(steps):
        raise ValueError(
            "Expected images of one pixel size; adapt to those of each magnification by "
            f"themselves. Received: {min(steps):.4g} to {max(steps):.4g} Å/px"
        )
    values = [np.asarray(getattr(image, "data", image)) for image in images]
    found = []
    for image, name, step in zip(values, names, steps, strict=True):
        check_image(image, name)
        _warn_of_saturation(image, name)
        found.append(resample(image, step, sampling))
        if min(found[-1].shape) < patch:
            raise ValueError(
                f"{name}: expected at least {patch} px a side at {sampling:.4g} Å/px, the size of "
                f"a patch. Received: {found[-1].shape[0]} x {found[-1].shape[1]} px"
            )
    return _with_lattice(found, names, material, sampling)


def _stated(*samplings: float | None) -> float:
    """Return the first that is known."""
    return next(step for step in samplings if step is not None)


def _name(image, index: int) -> str:
    path = getattr(image, "path", None)
    return str(path) if path is not None else f"image {index}"


def _warn_of_saturation(image: np.ndarray, name: str) -> None:
    high, low = np.mean(image == image.max()), np.mean(image == image.min())
    if high > _SATURATED or low > _EMPTY:
        warnings.warn(
            f"{name}: {high:.0%} of the pixels are at the upper and {low:.0%} at the lower end of "
            "the scale; translations will imitate that. Leave it out, or change gain and offset",
            stacklevel=4,
        )


def _with_lattice(images, names, material: str, sampling: float) -> list[np.ndarray]:
    crystal = find_material(material)
    reasons = [_missing(image, crystal, sampling) for image in images]
    if None not in reasons:
        others = [
            other.name
            for other in MATERIALS.values()
            if other.name != crystal.name and _missing(images[0], other, sampling) is None
        ]
        hint = f"it fits {', '.join(others)}; " if others else ""
        raise ValueError(
            f"Expected images of {crystal.name} at {sampling:.4g} Å/px. Received: {names[0]} "
            f"without such a lattice ({hint}{reasons[0]}). Check material and pixel size"
        )
    kept = []
    for image, name, reason in zip(images, names, reasons, strict=True):
        if reason is None or _missing(image, crystal, sampling, _DISTORTED) is None:
            kept.append(image)
        else:
            warnings.warn(f"{name}: left out, no lattice of {crystal.name} found", stacklevel=3)
    return kept


def _missing(
    image: np.ndarray, crystal: Material, sampling: float, confidence: float = MIN_CONFIDENCE
) -> str | None:
    """Why an image shows no lattice of a crystal, its scan's errors undone; None if it does."""
    try:
        find_lattice(image, crystal, sampling=sampling, min_confidence=confidence)
    except ValueError as error:
        (errors,) = all_scan_errors([image], crystal, sampling)
        if errors == ScanErrors():
            return str(error)
        mended = errors.undo(image)
        try:
            find_lattice(mended, crystal, sampling=sampling, min_confidence=confidence)
        except ValueError as still:
            return str(still)
    return None
