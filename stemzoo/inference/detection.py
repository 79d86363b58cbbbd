"""Find defects in an image of any size with a trained network."""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.identification import Identification, identify
from stemzoo.analysis.pixel_size import check_stated
from stemzoo.inference.advice import MisfitSummary, match_model
from stemzoo.inference.bundled_detectors import (
    BundledDetectors,
    choose_detector,
    detector_commands,
)
from stemzoo.inference.crystal_part import crystal_part
from stemzoo.inference.detections import Detections
from stemzoo.inference.material_check import MaterialCheck, check_material
from stemzoo.inference.points import find_points
from stemzoo.inference.second_witness import read_columns
from stemzoo.inference.seen_crystal import SeenCrystal, describe, find_crystal, find_doubts
from stemzoo.inference.stripes import find_points_in_stripes
from stemzoo.inference.tiling import predict_tiled
from stemzoo.io import Image
from stemzoo.io.images import as_image, check_shape
from stemzoo.io.pixel_size import NETWORK_RANGE
from stemzoo.preprocessing import resample, resampled_shape

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Chosen on simulated frames of both WSe2 days, where F1 changes by less than 0.01 from 0.3 to 0.5.
DEFAULT_THRESHOLD = 0.35
# Class of what the network marks where the crystal ends: columns there lack neighbours.
EDGE_CLASS = "edge"
# Columns that are brighter than full ones are reported only where a column fit says so, too: on
# frames of two sessions that takes the right ones from 61 to 83 %, and loses 3 of 178.
BRIGHT_CLASS, BRIGHT_SIGMA = "bright", 3.0
# Images of more pixels, as they are or as the network sees them, are gone through in stripes.
_LARGE = 4096**2
# Of larger ones, the middle is asked for its material: all of it would take much memory.
_LARGE_SIDE, _MIDDLE = 4096, 2048


def detect(
    image: np.ndarray | Image,
    model: "DefectFCN | None" = None,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    edges: bool = False,
    force: bool = False,
) -> Detections:
    """Find single-atom defects in an image.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N), or Image
        At least 64 pixels on a side, any data type. Masked pixels and NaN are left out.
    model : DefectFCN, optional
        A trained detector, from `stemzoo.load`; where not given, that of the package for the
        material that the image shows.
    sampling : float, optional
        Pixel size [Å/px]. Else that of the `Image`, else measured from the lattice spots of the
        model's material.
    threshold : float
        Lowest score to report, 0 to 1.
    tta : bool
        Average over the 8 rotations and flips: 8 times slower, slightly better.
    edges : bool
        Report what the network marks where the crystal ends, too, as class "edge".
    force : bool
        Use the model though the image shows another material.

    Returns
    -------
    Detections
        Positions in pixels of the input, only where the image shows the crystal, what a column fit
        measures there, and how the image fits the frames that the model was trained on.

    Warns
    -----
    UserWarning
        If pixel size and lattice disagree by more than 10 %, or the image is unlike the frames that
        the model was trained on.

    Raises
    ------
    ValueError
        If the image cannot be analysed, its pixel size is unknown, or it shows another material, or
        one that no detector of the package is for.

    Examples
    --------
    >>> import stemzoo
    >>> detections = stemzoo.detect(image, sampling=0.2)  # doctest: +SKIP
    >>> detections.model, detections.model_source  # doctest: +SKIP
    ('fcn-wse2', 'the image shows wse2 (0.96)')
    """
    image = as_image(image).with_sampling(sampling)
    detections = find_defects(
        image,
        BundledDetectors() if model is None else model,
        threshold=threshold,
        tta=tta,
        edges=edges,
        force=force,
        stacklevel=4,
    )
    for doubt in detections.doubts:
        warnings.warn(f"{image.path or 'image'}: not to be trusted: {doubt}", stacklevel=2)
    misfits = MisfitSummary("detection")
    misfits.add(image, detections.match)
    if (text := misfits.warning()) is not None:
        warnings.warn(text, stacklevel=2)
    return detections


def find_defects(
    image: Image,
    model: "DefectFCN | BundledDetectors",
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    edges: bool = False,
    force: bool = False,
    stacklevel: int = 3,
) -> Detections:
    """Do as `detect`, without a warning about an image that is unlike the training frames.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    model : DefectFCN or BundledDetectors
        A detector, or those of the package, of which one is chosen by the material.
    threshold, tta, edges, force
        As in `detect`.
    stacklevel : int
        Whose line a warning about the pixel size points at; 3 is the caller of this function.

    Returns
    -------
    Detections
        With its `match`.

    Raises
    ------
    ValueError
        If the image cannot be analysed, its pixel size is unknown, or it shows another material.

    Examples
    --------
    >>> find_defects(Image(pixels, 0.2), model).counts()  # doctest: +SKIP
    {'se_vacancy': 12}
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold lies between 0 and 1. Received: {threshold}")
    check_shape(image.data, image.path or "image")
    check_stated(image)
    choice, found = None, None
    if isinstance(model, BundledDetectors):
        found = _identified(image)
        choice = choose_detector(found, image.path, force=force)
        model = model.load(choice.weights)
    elif model.material is not None:
        found = _identified(image)
    material = _check_material(image, model, found, force=force)
    seen = find_crystal(image, model.material, found=found, stacklevel=stacklevel)
    pixel_size = seen.pixel_size
    positions, indices, scores = find_classes(
        seen.image.data, model, pixel_size.value, threshold=threshold, tta=tta, seen=seen
    )
    at_edge = seen.is_at_edge(positions)
    kept = np.flatnonzero(seen.contains(positions) & (edges | ~at_edge))
    readings = read_columns(seen, model.material, positions[kept])
    names = np.array([EDGE_CLASS if at_edge[i] else model.classes[indices[i]] for i in kept], str)
    told = np.flatnonzero(~((names == BRIGHT_CLASS) & (readings.sigma <= BRIGHT_SIGMA)))
    return Detections(
        positions[kept[told]],
        tuple(names[told].tolist()),
        scores[kept[told]],
        sampling=pixel_size.value,
        sampling_source=pixel_size.source,
        shape=image.data.shape,
        model_classes=(*model.classes, EDGE_CLASS) if edges else tuple(model.classes),
        model=model.name,
        threshold=threshold,
        tta=tta,
        match=match_model(
            replace(seen.image, data=crystal_part(seen.image.data, seen.mask)),
            model,
            sampling=pixel_size.value,
            lattice=pixel_size.lattice,
        ),
        crystal=seen,
        notes=(*describe(seen), *([material.note] if material.note else [])),
        doubts=(
            *find_doubts(seen, model.material),
            *(text for text in (material.refusal, material.doubt) if text),
        ),
        readings=readings[told],
        model_source=choice.reason if choice else "given",
    )


def _identified(image: Image) -> Identification:
    """Tell which crystal an image shows, or the middle of a large one."""
    large = max(image.data.shape) > _LARGE_SIDE
    return identify(middle(image.data, _MIDDLE) if large else image.data, image.sampling)


def _check_material(
    image: Image, model: "DefectFCN", identified: Identification | None, *, force: bool
) -> MaterialCheck:
    """Refuse an image of another material, unless told not to."""
    if model.material is None or identified is None:
        return MaterialCheck()
    found = check_material(identified, model.material)
    if found.refusal is not None and not force:
        step = detector_commands(identified.candidates[0].material, image.path)
        raise ValueError(
            f"{image.path or 'image'}: expected {model.material}, which {model.name} is for. "
            f"Received: {found.refusal}. {step} "
            "Else give the right pixel size (--pixel-size PM, sampling=), or go on all the same "
            "(--force, force=True)"
        )
    return found


def find_classes(
    pixels: np.ndarray,
    model: "DefectFCN",
    sampling: float,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    seen: SeenCrystal | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find defects in an image whose pixel size is known.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Image.
    model : DefectFCN
        A detector.
    sampling : float
        Pixel size of the image [Å/px].
    threshold, tta
        As in `detect`.
    seen : SeenCrystal, optional
        Where the crystal is, of which the scale of the intensities is taken.

    Returns
    -------
    positions : ndarray of shape (K, 2)
        Row and column [px of the image].
    classes : ndarray of int, shape (K,)
        Indices of ``model.classes``.
    scores : ndarray of shape (K,)
        See `find_points`.

    Raises
    ------
    ValueError
        If the pixel size of the model is none of atomic resolution.

    Examples
    --------
    >>> positions, classes, scores = find_classes(pixels, model, 0.2)  # doctest: +SKIP
    """
    low, high = NETWORK_RANGE
    if not low <= model.sampling <= high:
        raise ValueError(
            f"{model.name}: expected weights for a pixel size between {low} and {high} Å (1 to 100 "
            f"pm); use other weights. Received: weights for {model.sampling:.4g} Å"
        )
    shape = resampled_shape(pixels.shape, sampling, model.sampling)
    measured = None if seen is None else seen.measured(shape, model.sampling)
    if max(pixels.size, shape[0] * shape[1]) > _LARGE:
        found = find_points_in_stripes(
            pixels, model, sampling, threshold=threshold, tta=tta, measured=measured
        )
    else:
        scaled = model.prepare(resample(pixels, sampling, model.sampling), measured=measured)
        found = find_points(predict_tiled(model, scaled, tta=tta), model.sampling, threshold)
    positions, classes, scores = found
    return positions * (model.sampling / sampling), classes, scores
