"""Simulated frames with their labels, and class masks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.preprocessing import resample
from stemzoo.simulate.defects import EDGE, defect_class
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.scenes import PERFECT, Scene
from stemzoo.simulate.sessions import AcquisitionSession, DrawnSession

# Radius of the disc that marks a defect in a class mask [Å]: 3.5 px at 0.2074 Å/px.
LABEL_RADIUS = 0.73


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """A simulated frame with its labels.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        float32, or unsigned integers when the session stores integers.
    sampling : float
        Pixel size [Å/px].
    points : ndarray of shape (K, 2)
        Row and column of each defect, and of each column at a border of the crystal [px].
    defects : tuple of str
        Name of each defect; ``"edge"`` for a column at a border.
    classes : tuple of str
        Class names; class k has the value k + 1 in `mask`.
    mask : ndarray of shape (M, N)
        uint8 class mask; 0 is background.
    conditions : DrawnSession
        What was drawn for this frame.
    clean : ndarray of shape (M, N)
        The noise-free image, with the slow distortion of the scan but without line jitter, line
        shifts and contamination [fraction of the beam current].
    scene : Scene
        What the frame shows beside one perfect crystal.
    grains : ndarray of shape (M, N), optional
        uint8: 1 where the session's crystal is visible and alone, 2 where a second grain of it is,
        0 where neither is; None where the whole frame shows the crystal.
    row_shift : ndarray of shape (M, 2), optional
        How far the content of each row has moved against `clean` [px].
    """

    image: np.ndarray
    sampling: float
    points: np.ndarray
    defects: tuple[str, ...]
    classes: tuple[str, ...]
    mask: np.ndarray
    conditions: DrawnSession
    clean: np.ndarray
    scene: Scene = PERFECT
    grains: np.ndarray | None = None
    row_shift: np.ndarray | None = None

    @property
    def crystal(self) -> np.ndarray:
        """Where the crystal, one of its grains, is visible and alone: bool, of shape (M, N)."""
        if self.grains is None:
            return np.ones(self.image.shape, dtype=bool)
        return self.grains > 0

    def labels(self) -> tuple[str, ...]:
        """Class name of each defect."""
        material = find_material(self.conditions.material)
        return tuple(defect_class(material, name) for name in self.defects)


def session_classes(session: AcquisitionSession) -> tuple[str, ...]:
    """Classes of the defects of a session, vacancies first; ``"edge"`` last if it has scenes.

    Parameters
    ----------
    session : AcquisitionSession
        Its `defects` and `scenes` are used.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> session_classes(find_session("wse2-dayB"))
    ('se_vacancy', 'se_divacancy', 'metal_dark', 'bright')
    """
    order = ("_vacancy", "_divacancy", "metal_dark", "dark", "bright")
    material = find_material(session.material)
    found = {defect_class(material, name) for name in session.defects}
    classes = sorted(
        found, key=lambda name: (next(i for i, e in enumerate(order) if e in name), name)
    )
    return (*classes, EDGE) if session.scenes else tuple(classes)


def class_mask(
    points: np.ndarray, values: Sequence[int], shape: tuple[int, int], radius: float
) -> np.ndarray:
    """Draw a disc for each point.

    Parameters
    ----------
    points : ndarray of shape (K, 2)
        Rows and columns [px].
    values : sequence of int
        Value of each disc, 1 to 255.
    shape : tuple of int
        Shape of the mask.
    radius : float
        Radius of the discs [px].

    Returns
    -------
    ndarray of uint8
        Of that shape; 0 outside the discs.

    Examples
    --------
    >>> int(class_mask(np.array([[8.0, 8.0]]), [2], (16, 16), 1.0).sum())
    10
    """
    mask = np.zeros(shape, dtype=np.uint8)
    for (row, column), value in zip(points, values, strict=True):
        top, left = max(int(row - radius), 0), max(int(column - radius), 0)
        window = mask[top : int(row + radius) + 2, left : int(column + radius) + 2]
        y = np.arange(window.shape[0])[:, None] + top - row
        x = np.arange(window.shape[1])[None, :] + left - column
        window[y**2 + x**2 <= radius**2] = value
    return mask


def relabelled(frame: LabelledImage, classes: Sequence[str]) -> LabelledImage:
    """Return a frame whose mask counts classes as a detector does; others are background.

    Parameters
    ----------
    frame : LabelledImage
        A frame.
    classes : sequence of str
        Of the detector.

    Returns
    -------
    LabelledImage
    """
    if tuple(classes) == frame.classes:
        return frame
    own = list(classes)
    values = [0, *(own.index(name) + 1 if name in own else 0 for name in frame.classes)]
    return replace(frame, mask=np.array(values, np.uint8)[frame.mask], classes=tuple(classes))


def to_sampling(frame: LabelledImage, target: float) -> LabelledImage:
    """Change the pixel size of a labelled frame.

    Parameters
    ----------
    frame : LabelledImage
        A frame.
    target : float
        New pixel size [Å/px].

    Returns
    -------
    LabelledImage
        float32 images, and the mask drawn anew.
    """
    missing = ~np.isfinite(frame.image)
    image = frame.image
    if missing.any():  # splines would spread what is no number
        image = np.where(missing, np.nanmedian(image), image)
    image = resample(image, frame.sampling, target)
    places = np.ix_(
        *(
            np.clip(np.rint(np.arange(n) * (target / frame.sampling)).astype(int), 0, m - 1)
            for n, m in zip(image.shape, missing.shape, strict=True)
        )
    )
    if missing.any():
        image = np.where(missing[places], np.float32(np.nan), image)
    points = frame.points * (frame.sampling / target)
    values = [frame.classes.index(label) + 1 for label in frame.labels()]
    inside = np.all(points < np.array(image.shape) - 0.5, axis=1)
    points = points[inside]
    values = [value for value, keep in zip(values, inside, strict=True) if keep]
    return replace(
        frame,
        image=image,
        clean=resample(frame.clean, frame.sampling, target),
        sampling=target,
        points=points,
        defects=tuple(name for name, keep in zip(frame.defects, inside, strict=True) if keep),
        mask=class_mask(points, values, image.shape, LABEL_RADIUS / target),
        grains=None if frame.grains is None else frame.grains[places],
        row_shift=None
        if frame.row_shift is None
        else frame.row_shift[places[0][:, 0]] * (frame.sampling / target),
    )
