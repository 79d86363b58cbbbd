"""Time series: frames of one specimen that drifts, and whose defects come, go and jump."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from stemzoo.simulate.acquisition import contamination_field
from stemzoo.simulate.crystal_columns import crystal_transform
from stemzoo.simulate.dataset import label_frame
from stemzoo.simulate.field import BORDER, FieldOfView
from stemzoo.simulate.labels import LabelledImage, session_classes
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.recording import record
from stemzoo.simulate.sessions import AcquisitionSession

# Name of a defect and its x and y in the first frame [Å].
DefectList = Sequence[tuple[str, float, float]]


def simulate_series(
    session: AcquisitionSession,
    shape: tuple[int, int],
    drift: np.ndarray,
    defects: Sequence[DefectList],
    *,
    rng: np.random.Generator,
) -> Iterator[LabelledImage]:
    """Simulate frames of the same place of one specimen, each with noise of its own.

    Parameters
    ----------
    session : AcquisitionSession
        What to draw the conditions from, once; contamination moves with the specimen.
    shape : tuple of int
        (rows, columns) of the frames.
    drift : ndarray of shape (F, 2)
        By which the content of each frame lies farther along rows and columns than in the first
        one [px].
    defects : sequence of F lists of (str, float, float)
        Name, x and y of the defects of each frame, in the coordinates of the first one [Å]; the
        nearest column that may host each is taken. Those outside of a frame are left out of it.
    rng : numpy.random.Generator
        Source of randomness.

    Yields
    ------
    LabelledImage
        One a frame, whose labels lie in it as it is.

    Raises
    ------
    ValueError
        If there are not as many lists of defects as drifts, or one cannot be hosted.

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> drift = np.array([[0.0, 0.0], [3.0, -1.5]])
    >>> vacancy = [("se_vacancy", 12.0, 14.0)]
    >>> rng = np.random.default_rng(0)
    >>> session = find_session("wse2-dayB")
    >>> first, second = simulate_series(session, (128, 128), drift, [vacancy] * 2, rng=rng)
    >>> np.allclose(second.points - first.points, drift[1], atol=0.3)
    True
    """
    drift = np.reshape(np.asarray(drift, dtype=float), (-1, 2))
    if len(drift) != len(defects):
        raise ValueError(
            f"Expected a list of defects for each of {len(drift)} drifts. Received: {len(defects)}"
        )
    drawn = replace(session.draw(rng), line_shifts=())
    material, field = find_material(drawn.material), FieldOfView(drawn, shape)
    strain = (drawn.strain_xx, drawn.strain_yy, drawn.strain_xy)
    cell = material.edges @ crystal_transform(drawn.rotation, strain).T
    origin = rng.random(2)
    offsets = np.rint(drift).astype(int)
    low = offsets.min(axis=0)
    grid = np.array(field.grid)
    size = grid + offsets.max(axis=0) - low
    haze = contamination_field(
        (int(size[0]), int(size[1])),
        drawn.sampling,
        patchiness=drawn.patchiness,
        granularity=drawn.granularity,
        rng=rng,
    )
    clean = replace(drawn, contamination=0.0)
    extent = np.array(shape[::-1]) * drawn.sampling
    for shift, offset, listed in zip(drift, offsets, defects, strict=True):
        moved = shift[::-1] * drawn.sampling
        specimen = field.grow(
            rng=rng,
            rotation=drawn.rotation,
            origin=tuple(origin + moved @ np.linalg.inv(cell)),
            defects=[
                (name, *place)
                for name, *start in listed
                if ((place := np.array(start) + moved) > 0).all() and (place < extent).all()
            ],
        )
        expected = field.expected(specimen)
        # What lies farther along in this frame lay before that in the first one.
        top, left = offsets.max(axis=0) - offset
        above = haze[top : top + grid[0], left : left + grid[1]]
        seen = expected + drawn.contamination * expected.mean() * above
        recorded, row_shift = record(seen, clean, rng)
        points = field.scanned(specimen.positions)
        rows = np.clip(np.rint(points[:, 0]).astype(int), 0, len(expected) - 1)
        points = points + row_shift[rows] - BORDER
        inner = (slice(BORDER, BORDER + shape[0]), slice(BORDER, BORDER + shape[1]))
        classes = session_classes(session)
        yield label_frame(
            recorded[inner], expected[inner], points, specimen.defects, classes, drawn
        )
