"""Find defects in an image of any size with a trained network."""

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.advice import MisfitSummary, match_model
from stemzoo.inference.matching import Match
from stemzoo.inference.points import find_points
from stemzoo.inference.stripes import find_points_in_stripes
from stemzoo.inference.tiling import predict_tiled
from stemzoo.io import Image, check_image
from stemzoo.io.pixel_size import NETWORK_RANGE
from stemzoo.preprocessing import resample, resampled_shape

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Chosen on simulated frames of both WSe2 days, where F1 changes by less than 0.01 from 0.3 to 0.5.
DEFAULT_THRESHOLD = 0.35
# Images of more pixels, as they are or as the network sees them, are gone through in stripes.
_LARGE = 4096**2


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
    model_classes : tuple of str
        Classes that the model knows, in its order.
    model : str
        Name of the model.
    threshold : float
        Lowest score that was reported.
    tta : bool
        Whether the probabilities are means over the 8 rotations and flips.
    match : Match or None
        How the image fits the frames that the model was trained on; None where that is not known.

    Examples
    --------
    >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
    >>> found = Detections(points, ("se_vacancy", "w_vacancy"), scores, 0.2, "given", (64, 64))
    >>> found.select(threshold=0.7).counts()
    {'se_vacancy': 1}
    """

    positions: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    sampling: float
    sampling_source: str
    shape: tuple[int, int]
    model_classes: tuple[str, ...] = ()
    model: str = ""
    threshold: float = 0.0
    tta: bool = False
    match: Match | None = None

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def details(self) -> dict[str, object]:
        """Return how the defects were found, by name."""
        return {
            "model": self.model,
            "classes": self.model_classes,
            "threshold": self.threshold,
            "tta": self.tta,
            "match": self.match,
        }

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
        return replace(
            self,
            positions=self.positions[index],
            classes=tuple(self.classes[i] for i in index),
            scores=self.scores[index],
        )

    def counts(self) -> dict[str, int]:
        """Count the defects of each class, in the order of `model_classes` where given."""
        names = self.model_classes or dict.fromkeys(self.classes)
        return {name: self.classes.count(name) for name in names}

    def rows(self) -> list[list]:
        """Return the table of row, column, x_nm, y_nm, class and score: one list a defect."""
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


def detect(
    image: np.ndarray | Image,
    model: "DefectFCN",
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
        Positions in pixels of the input, and how the image fits the frames that the model was
        trained on.

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
    image = image.with_sampling(sampling)
    detections = find_defects(image, model, threshold=threshold, tta=tta, stacklevel=4)
    misfits = MisfitSummary("detection")
    misfits.add(image, detections.match)
    if (text := misfits.warning()) is not None:
        warnings.warn(text, stacklevel=2)
    return detections


def find_defects(
    image: Image,
    model: "DefectFCN",
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    stacklevel: int = 3,
) -> Detections:
    """Do as `detect`, without a warning about an image that is unlike the training frames.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    model, threshold, tta
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
        If the image cannot be analysed or its pixel size is unknown.

    Examples
    --------
    >>> find_defects(Image(pixels, 0.2), model).counts()  # doctest: +SKIP
    {'se_vacancy': 12}
    """
    check_image(image.data, image.path or "image")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold lies between 0 and 1. Received: {threshold}")
    pixel_size = resolve(image, model.material, stacklevel=stacklevel)
    positions, classes, scores = find_classes(
        image.data, model, pixel_size.value, threshold=threshold, tta=tta
    )
    return Detections(
        positions,
        tuple(model.classes[k] for k in classes),
        scores,
        sampling=pixel_size.value,
        sampling_source=pixel_size.source,
        shape=image.data.shape,
        model_classes=tuple(model.classes),
        model=model.name,
        threshold=threshold,
        tta=tta,
        match=match_model(image, model, sampling=pixel_size.value, lattice=pixel_size.lattice),
    )


def find_classes(
    pixels: np.ndarray,
    model: "DefectFCN",
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
    rows, columns = resampled_shape(pixels.shape, sampling, model.sampling)
    if max(pixels.size, rows * columns) > _LARGE:
        found = find_points_in_stripes(pixels, model, sampling, threshold=threshold, tta=tta)
    else:
        scaled = model.prepare(resample(pixels, sampling, model.sampling))
        found = find_points(predict_tiled(model, scaled, tta=tta), model.sampling, threshold)
    positions, classes, scores = found
    return positions * (model.sampling / sampling), classes, scores
