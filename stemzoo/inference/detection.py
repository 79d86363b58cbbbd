"""Find defects in an image of any size with a trained network."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.inference.advice import MisfitSummary, compare
from stemzoo.inference.points import find_points
from stemzoo.inference.tiling import predict_tiled
from stemzoo.io import Image, check_image
from stemzoo.preprocessing import resample
from stemzoo.simulate.materials import find_material

log = logging.getLogger(__name__)

# Chosen on simulated frames of both WSe2 days, where F1 changes by less than 0.01 from 0.3 to 0.5.
DEFAULT_THRESHOLD = 0.35
# The lattice is measured in this much of an image [px]: a larger one takes long and tells no more.
_LATTICE_FIELD = 2048
# Pixel sizes of file and lattice that differ by more than this are worth a warning.
_DISAGREEMENT = 0.10
# Pixel sizes [Å] beyond these are no atomic resolution, and would make huge or tiny images.
_SAMPLINGS = (0.01, 1.0)


@dataclass(frozen=True, eq=False)
class Detections:
    """Point defects found in an image, the most certain first.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column in the input image [px], sub-pixel.
    classes : tuple of str
        Class of each.
    scores : ndarray of shape (K,)
        Mean class probability around each, 0 to 1.
    sampling : float
        Pixel size of the input image [Å/px].
    sampling_source : str
        Where the pixel size comes from.
    shape : tuple of int
        Shape of the input image.
    details : mapping
        More about the call, such as the model's name and the threshold.
    """

    positions: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    sampling: float
    sampling_source: str
    shape: tuple[int, int]
    details: Mapping[str, object] = field(default_factory=dict)

    def __len__(self):
        return len(self.classes)

    @property
    def positions_nm(self) -> np.ndarray:
        """Return x and y of each defect [nm] from the centre of the first pixel; shape (K, 2)."""
        return self.positions[:, ::-1] * (self.sampling / 10)

    def select(self, name: str | None = None, threshold: float = 0.0) -> "Detections":
        """Keep one class, or all, from a score on.

        Parameters
        ----------
        name : str, optional
            Class to keep.
        threshold : float
            Lowest score to keep.

        Returns
        -------
        Detections
        """
        keep = self.scores >= threshold
        if name is not None:
            keep &= np.array([label == name for label in self.classes], dtype=bool)
        index = np.flatnonzero(keep)
        return Detections(
            self.positions[index],
            tuple(self.classes[i] for i in index),
            self.scores[index],
            self.sampling,
            self.sampling_source,
            self.shape,
            self.details,
        )

    def counts(self) -> dict[str, int]:
        """Count the defects of each class, in the model's order."""
        names = self.details.get("classes", dict.fromkeys(self.classes))
        return {name: self.classes.count(name) for name in names}

    def rows(self) -> list[list]:
        """Table of row, column, x_nm, y_nm, class, score."""
        return [
            [round(float(r), 3), round(float(c), 3), round(float(x), 4), round(float(y), 4), k, s]
            for (r, c), (x, y), k, s in zip(
                self.positions,
                self.positions_nm,
                self.classes,
                np.round(self.scores.astype(float), 4).tolist(),
                strict=True,
            )
        ]


COLUMNS = ("row", "column", "x_nm", "y_nm", "class", "score")


def choose_sampling(image: Image, material: str | None) -> tuple[float, str]:
    """Decide on the pixel size: stated, else measured from the lattice.

    Parameters
    ----------
    image : Image
        With or without a pixel size.
    material : str or None
        Material whose lattice is looked for.

    Returns
    -------
    sampling : float
        Pixel size [Å/px].
    source : str
        Where it comes from, with the confidence of a measured one.

    Warns
    -----
    UserWarning
        If a stated pixel size and the lattice differ by more than 10 %.

    Raises
    ------
    ValueError
        If the stated one is absurd, or none is stated and no lattice is found.
    """
    return _choose(image, material)[:2]


def _choose(image: Image, material: str | None) -> tuple[float, str, Lattice | None]:
    """Return the pixel size, its source, and the lattice if it agrees with it."""
    name = image.path or "image"
    if image.sampling is not None and not _SAMPLINGS[0] <= image.sampling <= _SAMPLINGS[1]:
        raise ValueError(
            f"{name}: the pixel size of an atomic-resolution image lies between {_SAMPLINGS[0]} "
            f"and {_SAMPLINGS[1]} Å (1 to 100 pm); give it with --pixel-size PM or sampling=. "
            f"Received: {image.sampling} Å ({image.sampling_source or 'stated'})"
        )
    lattice, problem = None, None
    if material is not None:
        try:
            lattice = find_lattice(middle(image.data, _LATTICE_FIELD), find_material(material))
        except ValueError as error:
            problem = error
    if image.sampling is None:
        if lattice is None:
            raise ValueError(
                f"{name}: the file states no pixel size and no {material or 'crystal'} lattice was "
                f"found to measure it ({problem}). Give it with --pixel-size PM or sampling=."
            )
        return lattice.sampling, f"lattice (confidence {lattice.confidence:.2f})", lattice
    ratio = lattice.sampling / image.sampling if lattice is not None else 1.0
    if abs(ratio - 1) > _DISAGREEMENT:
        warnings.warn(
            f"{name}: the stated pixel size, {image.sampling * 100:.2f} pm, and the {material} "
            f"lattice in the image, {lattice.sampling * 100:.2f} pm (confidence "
            f"{lattice.confidence:.2f}), disagree by {abs(ratio - 1):.0%}. The stated one is used; "
            "give the right one with --pixel-size PM or sampling=.",
            stacklevel=4,
        )
        lattice = None
    return image.sampling, image.sampling_source or "stated", lattice


def detect(
    image: np.ndarray | Image,
    model,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
) -> Detections:
    """Find single-atom defects in an image.

    Parameters
    ----------
    image : ndarray of shape (M, N) or Image
        At least 64 pixels on a side, any data type.
    model : DefectFCN
        A trained detector, from `stemzoo.load`.
    sampling : float, optional
        Pixel size [Å/px]. Else that of the `Image`, else measured from the lattice spots of the
        model's material.
    threshold : float
        Lowest score to report, 0 to 1.
    tta : bool
        Average over the 8 rotations and flips: 8 times slower, slightly better.

    Returns
    -------
    Detections
        Positions in pixels of the input. `details["match"]` says how the image fits the frames that
        the model was trained on, a `Match`; None where that is not known.

    Warns
    -----
    UserWarning
        If pixel size and lattice disagree by more than 10 %, or the image is unlike the frames that
        the model was trained on.

    Raises
    ------
    ValueError
        If the image cannot be analysed or its pixel size is unknown.

    Examples
    --------
    >>> import stemzoo
    >>> model = stemzoo.load("fcn-wse2")  # doctest: +SKIP
    >>> detections = stemzoo.detect(image, model, sampling=0.2)  # doctest: +SKIP
    """
    if not isinstance(image, Image):
        image = Image(np.asarray(image))
    if sampling is not None:
        image = Image(image.data, float(sampling), "given", image.path)
    found = find_defects(image, model, threshold=threshold, tta=tta)
    comparison = MisfitSummary("detection")
    comparison.add(image, found.details["match"])
    if (text := comparison.warning()) is not None:
        warnings.warn(text, stacklevel=2)
    return found


def find_defects(
    image: Image, model, *, threshold: float = DEFAULT_THRESHOLD, tta: bool = False
) -> Detections:
    """Do as `detect`, without a warning about an image that is unlike the training frames.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    model, threshold, tta
        As in `detect`.

    Returns
    -------
    Detections
        With `details["match"]`, a `Match` or None.
    """
    check_image(image.data, image.path or "image")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold lies between 0 and 1. Received: {threshold}")
    sampling, source, lattice = _choose(image, model.material)
    positions, classes, scores = find_classes(
        image.data, model, sampling, threshold=threshold, tta=tta
    )
    return Detections(
        positions,
        tuple(model.classes[k] for k in classes),
        scores,
        sampling,
        source,
        image.data.shape,
        {
            "model": model.name,
            "classes": tuple(model.classes),
            "threshold": threshold,
            "tta": tta,
            "match": compare(image, model, sampling=sampling, lattice=lattice),
        },
    )


def find_classes(
    pixels: np.ndarray,
    model,
    sampling: float,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
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

    Returns
    -------
    positions : ndarray of shape (K, 2)
        Row and column [px of the image].
    classes : ndarray of int, shape (K,)
        Indices of ``model.classes``.
    scores : ndarray of shape (K,)
        See `find_points`.
    """
    scaled = model.prepare(resample(pixels, sampling, model.sampling))
    probabilities = predict_tiled(model, scaled, tta=tta)
    positions, classes, scores = find_points(probabilities, model.sampling, threshold)
    return positions * (model.sampling / sampling), classes, scores
