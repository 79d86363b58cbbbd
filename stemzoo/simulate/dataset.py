"""Labelled frames: a session and a seed in, images with their point defects out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.preprocessing import resample
from stemzoo.simulate.acquisition import quantise
from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.crystal import Specimen, make_specimen
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.imaging import MARGIN, incoherent_image
from stemzoo.simulate.materials import atomic_number, find_material
from stemzoo.simulate.recording import record
from stemzoo.simulate.scan import distort_points
from stemzoo.simulate.scattering import adf_cross_section
from stemzoo.simulate.sessions import AcquisitionSession

# Radius of the disc that marks a defect in a class mask [Å]: 3.5 px at 0.2074 Å/px.
LABEL_RADIUS = 0.73
# Frames are computed with this border, so that shifts and distortions bring in true content.
_BORDER = 24


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
        Row and column of each defect [px].
    defects : tuple of str
        Name of each defect.
    classes : tuple of str
        Class names; class k has the value k + 1 in `mask`.
    mask : ndarray of shape (M, N)
        uint8 class mask; 0 is background.
    conditions : AcquisitionSession
        What was drawn for this frame.
    clean : ndarray of shape (M, N)
        The noise-free image, with the slow distortion of the scan but without line jitter, line
        shifts and contamination [fraction of the beam current].
    """

    image: np.ndarray
    sampling: float
    points: np.ndarray
    defects: tuple[str, ...]
    classes: tuple[str, ...]
    mask: np.ndarray
    conditions: AcquisitionSession
    clean: np.ndarray

    def labels(self) -> tuple[str, ...]:
        """Class name of each defect."""
        material = find_material(self.conditions.material)
        return tuple(defect_class(material, name) for name in self.defects)


def session_classes(session: AcquisitionSession) -> tuple[str, ...]:
    """Classes of the defects of a session, vacancies first.

    Parameters
    ----------
    session : AcquisitionSession
        Its `defects` are used.

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
    return tuple(
        sorted(found, key=lambda name: (next(i for i, e in enumerate(order) if e in name), name))
    )


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


def simulate_frame(
    session: AcquisitionSession,
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    time: float = 0.5,
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]] | None = None,
) -> LabelledImage:
    """Simulate one labelled frame of a session.

    Parameters
    ----------
    session : AcquisitionSession
        What to draw the conditions from; a drawn session is taken as it is.
    shape : tuple of int
        (rows, columns).
    rng : numpy.random.Generator
        Source of randomness.
    time : float
        When in the session, from 0 to 1.
    defects : mapping or sequence, optional
        Instead of the session's own, see `make_specimen`; a list's positions are in the
        undistorted frame [Å].

    Returns
    -------
    LabelledImage

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> frame = simulate_frame(
    ...     find_session("wse2-dayB"), (128, 128), rng=np.random.default_rng(1)
    ... )
    >>> frame.image.shape == frame.mask.shape
    True
    """
    drawn = session.draw(rng, time)
    grid = tuple(n + 2 * _BORDER for n in shape)
    specimen = _specimen(drawn, shape, drawn.defects if defects is None else defects, rng)
    moved = _scanned(specimen.atoms.positions[:, :2], drawn, shape)
    xyz = np.column_stack([moved[:, ::-1] * drawn.sampling, np.zeros(len(moved))])
    atoms = Atoms(specimen.atoms.numbers, xyz)
    microscope = drawn.microscope()
    metal = atomic_number(find_material(drawn.material).sites[0].symbol)
    sigma = {metal: drawn.metal_contrast * adf_cross_section(metal, microscope)}
    expected = incoherent_image(atoms, microscope, grid, drawn.sampling, cross_sections=sigma)
    recorded, row_shift = record(expected, drawn, rng)
    points = _scanned(specimen.positions, drawn, shape)
    rows = np.clip(np.rint(points[:, 0]).astype(int), 0, grid[0] - 1)
    points = points + row_shift[rows] - _BORDER
    inner = (slice(_BORDER, _BORDER + shape[0]), slice(_BORDER, _BORDER + shape[1]))
    return _label(recorded[inner], expected[inner], points, specimen.defects, session, drawn)


def _specimen(
    drawn: AcquisitionSession,
    shape: tuple[int, int],
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]],
    rng: np.random.Generator,
) -> Specimen:
    """Make the crystal that a frame of some shape [px] shows, and as much around it as it needs."""
    grid = tuple(n + 2 * _BORDER for n in shape)
    reach = (_BORDER + _reach(drawn, grid)) * drawn.sampling
    return make_specimen(
        drawn.material,
        (shape[0] * drawn.sampling, shape[1] * drawn.sampling),
        rng=rng,
        rotation=drawn.rotation,
        strain=(drawn.strain_xx, drawn.strain_yy, drawn.strain_xy),
        origin=tuple(rng.random(2)),
        thickness=drawn.thickness,
        displacement=drawn.displacement,
        defects=defects,
        # Distortions bring in atoms and defects from outside, atoms also by the probe's tails.
        margin=MARGIN + reach,
        reach=reach,
    )


def _scanned(xy: np.ndarray, drawn: AcquisitionSession, shape: tuple[int, int]) -> np.ndarray:
    """Rows and columns, in a frame with its border, at which points (K, 2) [Å] appear."""
    points = xy[:, ::-1] / drawn.sampling
    return distort_points(points, drawn.distortion(), shape) + _BORDER


def _reach(drawn: AcquisitionSession, grid: tuple[int, int]) -> int:
    """Largest displacement of the scan's distortion [px]."""
    slow = abs(drawn.drift_y) + abs(drawn.drift_x) + abs(drawn.curvature_y)
    return int(np.ceil(grid[0] * (slow + abs(drawn.curvature_x)) / 2 + abs(drawn.flyback)))


def _label(
    image: np.ndarray,
    clean: np.ndarray,
    points: np.ndarray,
    names: Sequence[str],
    session: AcquisitionSession,
    drawn: AcquisitionSession,
) -> LabelledImage:
    """Store a frame as its session does, and put its defects, points (K, 2), into classes."""
    shape = image.shape
    if drawn.bits:
        image = quantise(image, drawn.bits, brightness=drawn.brightness, contrast=drawn.contrast)
    else:
        image = image.astype(np.float32)
    inside = ((points > -0.5) & (points < np.array(shape) - 0.5)).all(1)
    points = points[inside]
    names = tuple(name for name, keep in zip(names, inside, strict=True) if keep)
    material = find_material(session.material)
    classes = session_classes(session)
    values = []
    for name in names:
        label = defect_class(material, name)
        if label not in classes:
            classes = (*classes, label)
        values.append(classes.index(label) + 1)
    mask = class_mask(points, values, shape, LABEL_RADIUS / drawn.sampling)
    return LabelledImage(
        image, drawn.sampling, points, names, classes, mask, drawn, clean.astype(np.float32)
    )


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
    image = resample(frame.image, frame.sampling, target)
    points = frame.points * (frame.sampling / target)
    values = [frame.classes.index(label) + 1 for label in frame.labels()]
    inside = (points < np.array(image.shape) - 0.5).all(1)
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
    )


def simulate_session(
    session: AcquisitionSession, n: int, shape: tuple[int, int], *, seed: int = 0
) -> Iterator[LabelledImage]:
    """Simulate the frames of a session one after the other.

    Frame i depends on `session`, `seed`, `i` and `n` only, so that a part of a session can be
    repeated to the bit.

    Parameters
    ----------
    session : AcquisitionSession
        What to draw from.
    n : int
        Number of frames; the session's slow drift is spread over them.
    shape : tuple of int
        (rows, columns).
    seed : int
        Seed of the frames; the same seed gives the same frames.

    Yields
    ------
    LabelledImage
    """
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        yield simulate_frame(session, shape, rng=rng, time=(i + 0.5) / n)
