"""Labelled frames: a session and a seed in, images with their point defects out."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from stemzoo.simulate.acquisition import quantise
from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.crystal import Specimen, make_specimen
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.imaging import MARGIN, incoherent_image
from stemzoo.simulate.labels import LABEL_RADIUS, LabelledImage, class_mask, session_classes
from stemzoo.simulate.materials import atomic_number, find_material
from stemzoo.simulate.recording import record
from stemzoo.simulate.scan import distort_points
from stemzoo.simulate.scattering import adf_cross_section
from stemzoo.simulate.sessions import AcquisitionSession, DrawnSession

# Frames are computed with this border, so that shifts and distortions bring in true content.
_BORDER = 24


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
    grid = shape[0] + 2 * _BORDER, shape[1] + 2 * _BORDER
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
    drawn: DrawnSession,
    shape: tuple[int, int],
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]],
    rng: np.random.Generator,
) -> Specimen:
    """Make the crystal that a frame of some shape [px] shows, and as much around it as it needs."""
    grid = shape[0] + 2 * _BORDER, shape[1] + 2 * _BORDER
    slow = abs(drawn.drift_y) + abs(drawn.drift_x) + abs(drawn.curvature_y)
    slow = grid[0] * (slow + abs(drawn.curvature_x)) / 2
    # Largest displacement of the scan's distortion.
    reach = (_BORDER + int(np.ceil(slow + abs(drawn.flyback)))) * drawn.sampling
    return make_specimen(
        drawn.material,
        (shape[0] * drawn.sampling, shape[1] * drawn.sampling),
        rng=rng,
        rotation=drawn.rotation,
        strain=(drawn.strain_xx, drawn.strain_yy, drawn.strain_xy),
        origin=(rng.random(), rng.random()),
        thickness=drawn.thickness,
        displacement=drawn.displacement,
        defects=defects,
        # Distortions bring in atoms and defects from outside, atoms also by the probe's tails.
        margin=MARGIN + reach,
        reach=reach,
    )


def _scanned(xy: np.ndarray, drawn: DrawnSession, shape: tuple[int, int]) -> np.ndarray:
    """Rows and columns, in a frame with its border, at which points (K, 2) [Å] appear."""
    points = xy[:, ::-1] / drawn.sampling
    return distort_points(points, drawn.distortion(), shape) + _BORDER


def _label(
    image: np.ndarray,
    clean: np.ndarray,
    points: np.ndarray,
    names: Sequence[str],
    session: AcquisitionSession,
    drawn: DrawnSession,
) -> LabelledImage:
    """Store a frame as its session does, and put its defects, points (K, 2), into classes."""
    shape = image.shape
    if drawn.bits:
        image = quantise(image, drawn.bits, brightness=drawn.brightness, contrast=drawn.contrast)
    else:
        image = image.astype(np.float32)
    inside = np.all((points > -0.5) & (points < np.array(shape) - 0.5), axis=1)
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
