"""Find defects in an image of any size with a trained network."""

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo.analysis.corrections import Corrections, find_corrections
from stemzoo.analysis.identification import LARGE_SIDE, Identification, identify_middle
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
from stemzoo.inference.reporting import (
    DEFAULT_THRESHOLD,
    EDGE_CLASS,
    LOWEST_SCORE,
    find_calibration,
    report_by_probability,
    report_by_score,
)
from stemzoo.inference.seen_crystal import (
    SeenCrystal,
    crystal_of,
    describe,
    find_crystal,
    find_doubts,
)
from stemzoo.inference.stripes import find_points_in_stripes
from stemzoo.inference.structure_doubts import structure_doubts
from stemzoo.inference.tiling import predict_tiled
from stemzoo.io import Image
from stemzoo.io.any_image import as_image
from stemzoo.io.image_checks import check_shape
from stemzoo.io.pixel_size import NETWORK_RANGE
from stemzoo.preprocessing import resample, resampled_shape
from stemzoo.simulate.materials import Material, find_material, own_structure
from stemzoo.zoo.hub import load
from stemzoo.zoo.model_folder import kind_of

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Images of more pixels, as they are or as the network sees them, are gone through in stripes.
_LARGE = 4096**2
_UNSPLIT = (
    "domains that are turned by 60 degrees were not told apart: intensity and sigma may compare "
    "with the wrong sublattice there; cut the image to one domain to be sure"
)


def detect(
    image: Any,
    model: "DefectFCN | str | Path | None" = None,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    edges: bool = False,
    force: bool = False,
    as_is: bool = False,
) -> Detections:
    """Find single-atom defects in an image.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N), Image, or path
        At least 64 pixels on a side, any data type. Masked pixels and NaN are left out. Signals of
        HyperSpy and arrays of dask and xarray are taken, too, with their calibration.
    model : DefectFCN, str or path, optional
        A trained detector, from `stemzoo.load`, or what that takes: the name of weights, which are
        then loaded anew at each call. Where not given, the detector of the package for the material
        that the image shows.
    sampling : float, optional
        Pixel size [Å/px]. Else that of the `Image`, else measured from the lattice spots of the
        model's material.
    threshold : float
        Lowest probability to report, 0 to 1; lowest score, for weights that are not calibrated.
    tta : bool
        Average over the 8 rotations and flips: 8 times slower, slightly better.
    edges : bool
        Report what the network marks where the crystal ends, too, as class "edge".
    force : bool
        Use the model though the image shows another material.
    as_is : bool
        Undo nothing of what scan and detector did: flicker of rows, hum, shifts of lines, gamma.

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
        one that no detector of the package is for; if the weights are no detector's.
    KeyError, OSError
        As of `stemzoo.read_image` and `stemzoo.load`.

    Examples
    --------
    >>> import stemzoo
    >>> stemzoo.detect("scan.dm4", "fcn-wse2").counts()  # doctest: +SKIP
    {'se_vacancy': 12, 'bright': 0}
    >>> detections = stemzoo.detect(image, sampling=0.2)  # doctest: +SKIP
    >>> detections.model, detections.model_source  # doctest: +SKIP
    ('fcn-wse2', 'the image shows wse2 (0.96)')
    """
    image = as_image(image).with_sampling(sampling)
    detections = find_defects(
        image,
        _detector(model),
        threshold=threshold,
        tta=tta,
        edges=edges,
        force=force,
        as_is=as_is,
        stacklevel=4,
    )
    for doubt in detections.doubts:
        warnings.warn(f"{image.path or 'image'}: not to be trusted: {doubt}", stacklevel=2)
    misfits = MisfitSummary("detection")
    misfits.add(image, detections.match)
    if (text := misfits.warning()) is not None:
        warnings.warn(text, stacklevel=2)
    return detections


def _detector(model: "DefectFCN | str | Path | None") -> "DefectFCN | BundledDetectors":
    """Return a detector by what a user has said of it."""
    if model is None:
        return BundledDetectors()
    if not isinstance(model, str | os.PathLike):
        return model
    loaded = load(model)
    if loaded.task != "detection":
        raise ValueError(
            f"expected weights of a detector; see stemzoo.list_weights(task='detection'). "
            f"Received: {str(model)!r}, a {kind_of(loaded)} for {loaded.task}"
        )
    return loaded


def find_defects(
    image: Image,
    model: "DefectFCN | BundledDetectors",
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    edges: bool = False,
    force: bool = False,
    as_is: bool = False,
    stacklevel: int = 3,
) -> Detections:
    """Do as `detect`, without a warning about an image that is unlike the training frames.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    model : DefectFCN or BundledDetectors
        A detector, or those of the package, of which one is chosen by the material.
    threshold, tta, edges, force, as_is
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
    choice, identified = None, None
    if isinstance(model, BundledDetectors):
        identified = identify_middle(image)
        choice = choose_detector(identified, image.path, force=force)
        model = model.load(choice.weights)
    elif isinstance(crystal_of(model), str):
        identified = identify_middle(image)
    material = _check_material(image, model, identified, force=force)
    seen = find_crystal(image, crystal_of(model), found=identified, stacklevel=stacklevel)
    corrections = Corrections()
    if not as_is:
        seen, corrections = undo_scan(seen, crystal_of(model))
    pixel_size = seen.pixel_size
    calibration = find_calibration(model)
    lowest = threshold if calibration is None else min(threshold, LOWEST_SCORE)
    marks = find_classes(
        seen.image.data, model, pixel_size.value, threshold=lowest, tta=tta, seen=seen
    )
    if calibration is None:
        found = report_by_score(marks, model, seen, edges=edges)
    else:
        found = report_by_probability(marks, model, seen, calibration, threshold, edges=edges)
    classes = (*model.classes, EDGE_CLASS) if edges else tuple(model.classes)
    found = replace(found, model_classes=classes, positions=corrections.move(found.positions))
    unsplit = identified is not None and identified.mirrored > 0 and len(seen.domains) < 2
    said = (
        *describe(seen),
        material.note,
        _UNSPLIT if unsplit else None,
        found.warning_of_errors(),
    )
    return replace(
        found,
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
        material=crystal_of(model),
        notes=tuple(note for note in said if note),
        doubts=(
            *([choice.doubt] if choice is not None and choice.doubt else []),
            *find_doubts(seen, model.material),
            *structure_doubts(seen, own_structure(crystal_of(model))),
            *(text for text in (material.refusal, material.doubt) if text),
        ),
        undone=corrections.describe(),
        model_source=choice.reason if choice else "given",
    )


def undo_scan(
    seen: SeenCrystal, material: str | Material | None
) -> tuple[SeenCrystal, Corrections]:
    """Undo what the scan did to an image whose lattice is known.

    Parameters
    ----------
    seen : SeenCrystal
        The image.
    material : str or Material or None
        Material of the crystal; of an unknown one nothing is undone.

    Returns
    -------
    seen : SeenCrystal
        With the image as the network is to see it.
    corrections : Corrections
        What was undone.

    Examples
    --------
    >>> seen, corrections = undo_scan(find_crystal(image, "wse2"), "wse2")  # doctest: +SKIP
    >>> corrections.describe()  # doctest: +SKIP
    ('row gain 24 % rms, undone',)
    """
    lattice = seen.pixel_size.lattice
    # Of a large image the scan is not asked: all of it would take much memory.
    large = max(seen.image.data.shape) > LARGE_SIDE
    if material is None or lattice is None or not seen.has_lattice or large:
        return seen, Corrections()
    crystal, sampling = find_material(material), seen.pixel_size.value
    found = find_corrections(seen.image.data, crystal, sampling, lattice, seen.mask.crystal)
    return replace(seen, image=replace(seen.image, data=found.undo(seen.image.data))), found


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
