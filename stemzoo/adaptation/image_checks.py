"""See that new images can be adapted to, and undo what the scan did to them."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.analysis.lattice import MIN_CONFIDENCE, find_lattice
from stemzoo.analysis.resampling import resample_image
from stemzoo.analysis.scan_errors import ScanErrors, all_scan_errors
from stemzoo.inference.detection import undo_scan
from stemzoo.inference.seen_crystal import SeenCrystal, find_crystal
from stemzoo.io import Image, check_image
from stemzoo.io.any_image import image_list
from stemzoo.simulate.materials import MATERIALS, Material, find_material

# Images with more of their pixels at the upper end of the scale are saturated. At the lower end,
# where a detector counted nothing, many may be.
_SATURATED, _EMPTY = 0.05, 0.3
# Pixel sizes that differ by more are not of one session.
_SAME_SIZE = 0.05
# Confidence in the lattice of an image that is enough where others of the session show it well.
_DISTORTED = 0.25


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image that can be adapted to.

    Parameters
    ----------
    name : str
        Its file, or its number.
    values : ndarray of shape (M, N)
        At the pixel size of the model, as a detector is to see it: what the scan did is undone.
    given : ndarray of shape (M, N)
        At the pixel size of the model, as it was; the same array where nothing was undone.
    errors : ScanErrors or None
        What is left of the errors of its scan, where that is known already.
    undone : tuple of str
        What was undone, and how strong it was.
    seen : SeenCrystal or None
        At its own pixel size, without what was undone; None where nothing is known of it.
    """

    name: str
    values: np.ndarray
    given: np.ndarray
    errors: ScanErrors | None = None
    undone: tuple[str, ...] = ()
    seen: SeenCrystal | None = None


def prepare_images(
    images: Sequence[np.ndarray | Image],
    material: str,
    sampling: float,
    patch: int,
    *,
    own: float | None = None,
) -> list[PreparedImage]:
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
    list of PreparedImage
        Without those that show no lattice, if others do. Before anything is measured or learnt,
        they are corrected as `stemzoo.detect` corrects an image: the new weights will see such
        images, so frames to train on have to be like them.

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
    images = image_list(images)
    paths = [getattr(image, "path", None) for image in images]
    names = [f"image {i}" if path is None else str(path) for i, path in enumerate(paths)]
    stated = [(own, getattr(image, "sampling", None), sampling) for image in images]
    steps = [next(step for step in known if step is not None) for known in stated]
    if not (min(steps) > 0 and np.isfinite(steps).all()):
        raise ValueError(f"Expected pixel sizes above 0 Å/px. Received: {steps}")
    if max(steps) > (1 + _SAME_SIZE) * min(steps):
        raise ValueError(
            "Expected images of one pixel size; adapt to those of each magnification by "
            f"themselves. Received: {min(steps):.4g} to {max(steps):.4g} Å/px"
        )
    values = [np.asarray(getattr(image, "data", image)) for image in images]
    given = []
    for image, name, step in zip(values, names, steps, strict=True):
        check_image(image, name)
        _warn_of_saturation(image, name)
        given.append(resample_image(image, step, sampling, name))
        if min(given[-1].shape) < patch:
            raise ValueError(
                f"{name}: expected at least {patch} px a side at {sampling:.4g} Å/px, the size of "
                f"a patch. Received: {' x '.join(map(str, given[-1].shape))} px"
            )
    crystal = find_material(material)

    def corrected(i: int) -> PreparedImage:
        return correct(Image(values[i], steps[i]), given[i], names[i], crystal.name, sampling)

    with warnings.catch_warnings():
        # Of a pixel size that the lattice contradicts, who read the file has heard.
        warnings.simplefilter("ignore", UserWarning)
        with ThreadPoolExecutor(2) as pool:
            prepared = list(pool.map(corrected, range(len(values))))
    return _with_lattice(prepared, crystal, sampling)


def correct(
    image: Image, given: np.ndarray, name: str, material: str, sampling: float
) -> PreparedImage:
    """Undo what the scan did to an image, as `stemzoo.detect` does.

    Parameters
    ----------
    image : Image
        With its pixel size.
    given : ndarray of shape (M, N)
        The same at the pixel size of the model.
    name : str
        Its file, or its number.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size of the model [Å/px].

    Returns
    -------
    PreparedImage
        As it was where its lattice is not found, or there is nothing to undo.
    """
    try:
        seen, corrections = undo_scan(find_crystal(image, material), material)
    except ValueError:  # `_with_lattice` says what is wrong with it
        return PreparedImage(name, given, given)
    values = given
    if seen.image.data is not image.data:
        assert image.sampling is not None
        values = resample_image(seen.image.data, image.sampling, sampling, name)
    # What is left of shifts and hum that were undone is no more than what measuring them leaves.
    errors = ScanErrors() if corrections.scan != ScanErrors() else None
    return PreparedImage(name, values, given, errors, corrections.describe(), seen)


def _warn_of_saturation(image: np.ndarray, name: str) -> None:
    high, low = np.mean(image == image.max()), np.mean(image == image.min())
    if high > _SATURATED or low > _EMPTY:
        warnings.warn(
            f"{name}: {high:.0%} of the pixels are at the upper and {low:.0%} at the lower end of "
            "the scale; translations will imitate that. Leave it out, or change gain and offset",
            stacklevel=6,
        )


def _with_lattice(
    images: Sequence[PreparedImage], crystal: Material, sampling: float
) -> list[PreparedImage]:
    """Leave out images without a lattice, if others have one."""
    checks = [find_reason(image.values, crystal, sampling, errors=image.errors) for image in images]
    reason, _ = checks[0]
    if all(reason is not None for reason, _ in checks):
        others = [
            other.name
            for other in MATERIALS.values()
            if other.name != crystal.name
            and find_reason(images[0].given, other, sampling)[0] is None
        ]
        hint = f"it fits {', '.join(others)}; " if others else ""
        raise ValueError(
            f"Expected images of {crystal.name} at {sampling:.4g} Å/px. Received: {images[0].name} "
            f"without such a lattice ({hint}{reason}). Check material and pixel size"
        )
    kept = []
    for image, (reason, errors) in zip(images, checks, strict=True):
        if reason is not None:
            reason, _ = find_reason(image.values, crystal, sampling, _DISTORTED, errors)
        if reason is None:
            kept.append(replace(image, errors=errors))
        else:
            warnings.warn(
                f"{image.name}: left out, no lattice of {crystal.name} found", stacklevel=6
            )
    return kept


def find_reason(
    image: np.ndarray,
    crystal: Material,
    sampling: float,
    confidence: float = MIN_CONFIDENCE,
    errors: ScanErrors | None = None,
) -> tuple[str | None, ScanErrors | None]:
    """Say why an image shows no lattice of a crystal, not even without the errors of its scan.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    crystal : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].
    confidence : float
        In the lattice, at least.
    errors : ScanErrors, optional
        Where they are known.

    Returns
    -------
    reason : str or None
        None if the image shows the lattice.
    errors : ScanErrors or None
        Where they had to be measured, or were known.
    """
    reason = _lattice_error(image, crystal, sampling, confidence)
    if reason is None:
        return None, errors
    if errors is None:
        (errors,) = all_scan_errors([image], crystal, sampling)
    if errors != ScanErrors():
        reason = _lattice_error(errors.undo(image), crystal, sampling, confidence)
    return reason, errors


def _lattice_error(image, crystal: Material, sampling: float, confidence: float) -> str | None:
    try:
        find_lattice(image, crystal, sampling=sampling, min_confidence=confidence)
    except ValueError as error:
        return str(error)
    return None
