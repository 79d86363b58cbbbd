"""Find defects in an image of any size with a trained network."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from stemzoo.advice import Comparison, compare
from stemzoo.description import middle
from stemzoo.io import Image, check_image
from stemzoo.lattice import Lattice, find_lattice
from stemzoo.preprocessing import dihedral, dihedral_inverse, resample
from stemzoo.simulate.materials import find_material

log = logging.getLogger(__name__)

# Windows of this edge [px] keep the memory for 4096² pixels under 2.5 GB.
WINDOW = 1024
# Chosen on simulated frames of both WSe2 days, where F1 changes by less than 0.01 from 0.3 to 0.5.
DEFAULT_THRESHOLD = 0.35
# A score is the mean probability in a disc of this radius [Å] around a maximum.
SCORE_RADIUS = 0.52
# Two defects closer than this [Å] are one: half the distance between neighbouring columns.
MIN_DISTANCE = 1.0
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


def predict_tiled(
    model, image: np.ndarray, *, tta: bool = False, window: int = WINDOW
) -> np.ndarray:
    """Apply a fully convolutional network to an image of any size.

    Windows overlap by twice the network's whole context and each pixel is taken from a window that
    sees all of its context: the result is that of one pass over the whole image wherever the
    windows fall, and there is nothing to blend.

    Parameters
    ----------
    model : object
        Has `predict_on_batch`, `stride` and `context`, as `DefectFCN` does.
    image : ndarray of shape (M, N)
        Image in [-1, 1] at the model's pixel size.
    tta : bool
        Average over the 8 rotations and flips of the image.
    window : int
        Largest edge of what the network sees at once [px]; bounds the memory.

    Returns
    -------
    ndarray of shape (M, N, C)
        Probabilities.

    Examples
    --------
    >>> probabilities = predict_tiled(model, model.prepare(image))  # doctest: +SKIP
    """
    if not tta:
        return _predict_cores(model, image, window)
    total = 0.0
    for index in range(8):
        turned = _predict_cores(model, np.ascontiguousarray(dihedral(image, index)), window)
        total = total + dihedral_inverse(turned, index)
    return total / 8


def _predict_cores(model, image: np.ndarray, window: int) -> np.ndarray:
    stride = model.stride
    margin = -(-model.context // stride) * stride
    # The network itself pads with zeros at the edges of what it sees, in training as here, so the
    # image is only filled up to a whole number of strides.
    fill = [(0, -n % stride) for n in image.shape]
    padded = np.pad(image, fill, mode="symmetric")
    largest = max(window // stride * stride, 3 * margin)
    size = [_window_size(n, largest, margin, stride) for n in padded.shape]
    rows, columns = (
        _windows(n, w, margin, stride) for n, w in zip(padded.shape, size, strict=True)
    )
    result = None
    for top, first_row, last_row in rows:
        for left, first, last in columns:
            batch = padded[None, top : top + size[0], left : left + size[1], None]
            output = model.predict_on_batch(batch)[0]
            if result is None:
                result = np.empty((*padded.shape, output.shape[-1]), np.float32)
            result[first_row:last_row, first:last] = output[
                first_row - top : last_row - top, first - left : last - left
            ]
    return result[: image.shape[0], : image.shape[1]]


def _window_size(length: int, largest: int, margin: int, stride: int) -> int:
    """Return the smallest window that covers `length` in as few windows as the largest one does."""
    if length <= largest:
        return length
    count = -(-(length - 2 * margin) // (largest - 2 * margin))
    return -(-(length - 2 * margin) // (count * stride)) * stride + 2 * margin


def _windows(length: int, window: int, margin: int, stride: int) -> list[tuple[int, int, int]]:
    """Start of equal windows that cover `length`, with the first and last pixel each answers for.

    Windows overlap by at least twice the margin, so that every pixel is answered for by a window
    that reaches a margin beyond it, or to the edge of the image.
    """
    if length <= window:
        return [(0, 0, length)]
    count = -(-(length - 2 * margin) // (window - 2 * margin))
    starts = [(length - window) * i // (count - 1) // stride * stride for i in range(count)]
    seams = [(a + window + b) // 2 for a, b in zip(starts[:-1], starts[1:], strict=True)]
    return list(zip(starts, [0, *seams], [*seams, length], strict=True))


def _disc(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.float32)
    return disc / disc.sum()


def find_points(
    probabilities: np.ndarray, sampling: float, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn probability maps into points.

    Parameters
    ----------
    probabilities : ndarray of shape (M, N, C)
        Channel 0 is background.
    sampling : float
        Pixel size [Å/px].
    threshold : float
        Lowest score.

    Returns
    -------
    positions : ndarray of shape (K, 2)
        Row and column [px]: the centroid of the probability of any defect around each maximum.
    classes : ndarray of int, shape (K,)
        0 for the first class after background.
    scores : ndarray of shape (K,)
        Mean probability of the class in a disc of 0.52 Å radius.
    """
    defect = 1.0 - probabilities[..., 0]
    kernel = _disc(SCORE_RADIUS / sampling)
    smooth = ndimage.convolve(defect, kernel, mode="nearest")
    size = 2 * int(round(MIN_DISTANCE / sampling)) + 1
    peaks = (smooth == ndimage.maximum_filter(smooth, size)) & (smooth >= threshold) & (smooth > 0)
    # A plateau of equal values is one peak.
    labels, count = ndimage.label(peaks, structure=np.ones((3, 3)))
    if not count:
        return np.zeros((0, 2)), np.zeros(0, int), np.zeros(0)
    seeds = np.array(ndimage.center_of_mass(peaks, labels, range(1, count + 1)))
    reach = int(np.ceil(1.5 * SCORE_RADIUS / sampling))
    positions, classes, scores = [], [], []
    for row, column in np.rint(seeds).astype(int):
        window = _window(defect.shape, row, column, reach)
        y, x = np.mgrid[window]
        squared = (y - row) ** 2 + (x - column) ** 2
        weights = defect[window] * (squared <= (reach + 0.5) ** 2)
        total = weights.sum()
        if not total > 0:  # the centre of a ring of equal values
            continue
        positions.append(((y * weights).sum() / total, (x * weights).sum() / total))
        near = squared <= (SCORE_RADIUS / sampling) ** 2
        means = probabilities[window][near].mean(0)[1:]
        classes.append(int(means.argmax()))
        scores.append(float(means.max()))
    positions, scores = np.reshape(positions, (-1, 2)), np.array(scores)
    classes = np.array(classes, dtype=int)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= threshold]
    order = order[_apart(positions[order], MIN_DISTANCE / sampling)]
    return positions[order], classes[order], scores[order]


def _apart(positions: np.ndarray, distance: float) -> np.ndarray:
    """Whether each point is at least `distance` from all kept points before it."""
    keep = np.ones(len(positions), dtype=bool)
    if len(positions):
        for first, second in sorted(cKDTree(positions).query_pairs(distance)):
            keep[second] &= not keep[first]
    return keep


def _window(shape, row: int, column: int, reach: int) -> tuple[slice, slice]:
    return (
        slice(max(row - reach, 0), min(row + reach + 1, shape[0])),
        slice(max(column - reach, 0), min(column + reach + 1, shape[1])),
    )


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
    comparison = Comparison("detection")
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
