"""Labelled frames: a session and a seed in, images with their point defects out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from stemzoo.simulate.acquisition import quantise
from stemzoo.simulate.crystal import Specimen
from stemzoo.simulate.defects import EDGE, defect_class
from stemzoo.simulate.field import BORDER, FieldOfView
from stemzoo.simulate.labels import LABEL_RADIUS, LabelledImage, class_mask, session_classes
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_scenes import draw_scene
from stemzoo.simulate.recording import record
from stemzoo.simulate.scene_atoms import Crystal, film, grains, populate
from stemzoo.simulate.scenes import PERFECT, Scene
from stemzoo.simulate.sessions import AcquisitionSession, DrawnSession
from stemzoo.simulate.software import jpeg

# Largest factor of a column of a loosened crystal, and how far its atoms lie from its place [Å].
_BRIGHTEST, _IN_COLUMN = 1.4, 0.6


def simulate_frame(
    session: AcquisitionSession,
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    time: float = 0.5,
    defects: Mapping[str, float] | Sequence[tuple[str, float, float]] | None = None,
    scene: Scene | str | None = None,
    loose: float = 0.0,
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
    scene : Scene or str, optional
        What the frame shows beside one perfect crystal, or the name of a kind of scenes, see
        `draw_scene`; where not given, what the session's `scenes` say. Conditions and crystal are
        those of the frame without it.
    loose : float
        Part of the columns whose intensity is multiplied by a random factor from 0 to 1.4: what
        learns from such frames does not learn what a column may be. Labels do not tell of them.

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
    field = FieldOfView(drawn, shape)
    chosen = drawn.defects if defects is None else defects
    crystal = Crystal(field, (rng.random(), rng.random()), chosen)
    specimen = crystal.grow(rng)
    scene = _scene(scene, drawn, shape, rng)
    specimen = populate(scene, specimen, crystal, rng)
    if loose > 0:
        specimen = _loosened(specimen, loose, rng)
    expected = field.expected(specimen)
    recorded, row_shift = record(expected, drawn, rng, film(scene, field))
    points = field.scanned(specimen.positions)
    rows = np.clip(np.rint(points[:, 0]).astype(int), 0, len(expected) - 1)
    points = points + row_shift[rows] - BORDER
    inner = (slice(BORDER, BORDER + shape[0]), slice(BORDER, BORDER + shape[1]))
    classes = session_classes(session)
    if scene.ends and EDGE not in classes:
        classes = (*classes, EDGE)
    frame = label_frame(recorded[inner], expected[inner], points, specimen.defects, classes, drawn)
    visible = grains(scene, field, crystal.spacing, row_shift)
    frame = replace(frame, scene=scene, row_shift=row_shift[inner[0]])
    frame = replace(frame, grains=None if visible is None else visible[inner])
    return _exported(frame) if scene.exports else frame


def _loosened(specimen: Specimen, part: float, rng: np.random.Generator) -> Specimen:
    """Multiply the intensities of a part of the columns by factors of their own."""
    count = len(specimen.columns)
    factors = np.where(rng.random(count) < part, rng.uniform(0, _BRIGHTEST, count), 1.0)
    atoms = specimen.atoms
    distance, column = cKDTree(specimen.columns).query(atoms.positions[:, :2])
    occupancy = np.where(distance < _IN_COLUMN, factors[column], 1.0) * atoms.occupancy
    return replace(specimen, atoms=replace(atoms, occupancy=occupancy))


def _scene(
    scene: Scene | str | None,
    drawn: DrawnSession,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Scene:
    """Draw the scene of a frame, unless it is given; what else is random stays as it is."""
    if isinstance(scene, Scene):
        return scene
    if scene is None and drawn.scenes:
        rng = rng.spawn(1)[0]
        names, parts = [*drawn.scenes], [*drawn.scenes.values()]
        chosen = int(np.searchsorted(np.cumsum(parts), rng.random(), side="right"))
        scene = names[chosen] if chosen < len(names) else None
    return PERFECT if scene is None else draw_scene(scene, shape, drawn, rng.spawn(1)[0])


def label_frame(
    image: np.ndarray,
    clean: np.ndarray,
    points: np.ndarray,
    names: Sequence[str],
    classes: tuple[str, ...],
    drawn: DrawnSession,
) -> LabelledImage:
    """Store a frame as its session does, and put its defects into classes.

    Parameters
    ----------
    image, clean : ndarray of shape (M, N)
        The recorded frame, and what was to be expected.
    points : ndarray of shape (K, 2)
        Row and column of its defects [px]; those outside are left out.
    names : sequence of str
        Their names.
    classes : tuple of str
        Classes, to which those of the defects are added.
    drawn : DrawnSession
        Conditions of the frame.

    Returns
    -------
    LabelledImage
    """
    shape = image.shape
    if bits := 8 if drawn.jpeg > 0 else drawn.bits:
        image = quantise(image, bits, brightness=drawn.brightness, contrast=drawn.contrast)
        image = jpeg(image, drawn.jpeg)
    else:
        image = image.astype(np.float32)
    inside = np.all((points > -0.5) & (points < np.array(shape) - 0.5), axis=1)
    points = points[inside]
    names = tuple(name for name, keep in zip(names, inside, strict=True) if keep)
    material = find_material(drawn.material)
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


def _exported(frame: LabelledImage) -> LabelledImage:
    """Draw into a frame what software does, and drop the labels that it hides."""
    image, visible = frame.image, np.ones(frame.image.shape, dtype=bool)
    for export in frame.scene.exports:
        image, still = export.apply(image, frame.sampling)
        visible &= still
    if visible.all():
        return replace(frame, image=image)
    radius = LABEL_RADIUS / frame.sampling
    shares = ndimage.uniform_filter(visible.astype(np.float32), round(2 * radius) + 1)
    rows, columns = np.rint(frame.points).astype(int).T
    kept = shares[rows, columns] > 0.5  # most of the disc that marks it
    values = [frame.classes.index(label) + 1 for label in np.array(frame.labels())[kept]]
    return replace(
        frame,
        image=image,
        points=frame.points[kept],
        defects=tuple(np.array(frame.defects)[kept].tolist()),
        mask=class_mask(frame.points[kept], values, image.shape, radius) * visible,
        grains=np.where(visible, frame.crystal if frame.grains is None else frame.grains, 0).astype(
            np.uint8
        ),
    )


def simulate_session(
    session: AcquisitionSession,
    n: int,
    shape: tuple[int, int],
    *,
    seed: int = 0,
    scene: Scene | str | None = None,
    loose: float = 0.0,
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
    scene, loose
        As in `simulate_frame`.

    Yields
    ------
    LabelledImage
    """
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        yield simulate_frame(session, shape, rng=rng, time=(i + 0.5) / n, scene=scene, loose=loose)
