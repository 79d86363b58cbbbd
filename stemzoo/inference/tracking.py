"""Following defects through the frames of a time series."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.drift import DriftFinder, FrameDrift
from stemzoo.analysis.linking import link_points
from stemzoo.inference.detections import Detections
from stemzoo.inference.tracks import FramePoints, Tracks
from stemzoo.io.any_image import as_image

# Nearer than this two detections are at one place, and as far a defect jumps [lattice constants]:
# to the next site of its sublattice, not to the one after it.
NEAR, JUMP = 0.3, 1.25
# The same without a lattice [Å].
_NEAR, _JUMP = 1.0, 4.0
# Frames in a row in which a defect may be missed.
MEMORY = 2
# Pixel sizes of frames of one series differ by less than this.
_SAME_SAMPLING = 0.05


@dataclass(eq=False)
class Tracker:
    """Follows defects frame by frame, and keeps no image but the first.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of all frames.
    sampling : float
        Pixel size [Å/px].
    lattice : Lattice or None
        Of the crystal, in pixels of the frames; without it the drift is that of the defects.
    memory, jump
        As in `track`.
    """

    shape: tuple[int, int]
    sampling: float
    lattice: Lattice | None = None
    memory: int = MEMORY
    jump: float | None = None
    _frames: list[FramePoints] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.memory < 0 or (self.jump is not None and not 0 <= self.jump < 100):
            raise ValueError(
                "memory is a number of frames from 0 on, jump a distance in Å from 0 to 100. "
                f"Received: memory={self.memory}, jump={self.jump}"
            )
        unit = None if self.lattice is None else self.lattice.period
        self.near = _NEAR / self.sampling if unit is None else NEAR * unit
        self.reach = _JUMP / self.sampling if unit is None else JUMP * unit
        if self.jump is not None:
            self.reach = self.jump / self.sampling
        self._drift = DriftFinder(self.shape, self.near, self.lattice)

    def add(
        self,
        positions: np.ndarray,
        classes: Sequence[str],
        scores: np.ndarray,
        *,
        image: np.ndarray | None = None,
        number: int | None = None,
    ) -> FrameDrift:
        """Take the defects of the next frame.

        Parameters
        ----------
        positions, classes, scores
            As of `Detections`.
        image : ndarray of shape (M, N), optional
            The frame, with finite values: its lattice tells the drift finely.
        number : int, optional
            Of the frame; one more than that of the last one where not given.

        Returns
        -------
        FrameDrift
        """
        if number is None:
            number = self._frames[-1].number + 1 if self._frames else 0
        if self._frames and number <= self._frames[-1].number:
            raise ValueError(
                f"expected frames in the order of time. Received: frame {number} after frame "
                f"{self._frames[-1].number}"
            )
        if image is not None and np.shape(image) != tuple(self.shape):
            raise ValueError(
                f"expected frames of one shape, {tuple(self.shape)}. Received: frame {number} of "
                f"shape {np.shape(image)}. Follow frames of different shape one series at a time."
            )
        positions = np.reshape(np.asarray(positions, dtype=float), (-1, 2))
        drift = self._drift.add(positions, image, number=number)
        frame = FramePoints(positions, tuple(classes), np.asarray(scores), number, drift)
        self._frames.append(frame)
        return drift

    def finish(self) -> Tracks:
        """Link the defects of all frames."""
        chains = link_points(
            [frame.drift.positions for frame in self._frames],
            [frame.classes for frame in self._frames],
            near=self.near,
            jump=self.reach,
            memory=self.memory,
            numbers=[frame.number for frame in self._frames],
        )
        frames = tuple(self._frames)
        return Tracks(
            tuple(chains), frames, self.shape, self.sampling, self.near, self.reach, self.memory
        )


def track(
    detections: Iterable[Detections],
    images: Iterable[Any] | None = None,
    *,
    memory: int = MEMORY,
    jump: float | None = None,
) -> Tracks:
    """Follow defects through the frames of a time series.

    The drift of the specimen is taken off first: from the phase of the lattice, to a part of a
    pixel, and whole lattice vectors from what else tells them apart, which is the defects that stay
    where they are, contamination and edges, and how steady the drift is. Where that is not enough
    the frame is said to be ambiguous.

    Parameters
    ----------
    detections : iterable of Detections
        What `stemzoo.detect` found in each frame, in their order.
    images : iterable, optional
        The frames, as `stemzoo.detect` takes them; where not given, those that the detections
        keep.
    memory : int
        Frames in a row in which a defect may be missed; longer absent, it has vanished.
    jump : float, optional
        Longest jump between two frames [Å], 0 for none; else 1.25 lattice constants, which is to
        the next site of the sublattice (4 Å without a lattice).

    Returns
    -------
    Tracks

    Raises
    ------
    ValueError
        If frames differ in shape or pixel size.

    Notes
    -----
    Detections nearer than 0.3 lattice constants (1 Å without a lattice) are at one place. What lies
    at one place is linked first, whatever its class, over frames in which it was missed; then ends
    of stays to beginnings of others of the same class within the reach of a jump, by the assignment
    of least cost.

    Examples
    --------
    >>> found = [stemzoo.detect(frame, model) for frame in frames]  # doctest: +SKIP
    >>> tracks = stemzoo.track(found)  # doctest: +SKIP
    >>> tracks.summary()  # doctest: +SKIP
    '31 defects in 40 frames: 1 appeared, 0 vanished, 1 jumped ...'
    """
    tracker: Tracker | None = None
    given = None if images is None else iter(images)
    for number, found in enumerate(detections):
        image = None if given is None else as_image(next(given)).data
        seen = found.crystal
        if image is None and seen is not None:
            image = seen.image.data
        if tracker is None:
            lattice = None if seen is None or image is None else seen.pixel_size.lattice
            shape = (found.shape[0], found.shape[1])
            tracker = Tracker(shape, found.sampling, lattice, memory, jump)
        check_same(tracker, found.shape, found.sampling, number)
        if image is not None:
            image = np.asarray(np.ma.filled(np.ma.asanyarray(image), np.nan), dtype=np.float32)
        likely = found.scores if found.probability is None else found.probability
        if image is not None and not np.isfinite(image).all():
            image = np.where(np.isfinite(image), image, np.nanmedian(image))
        tracker.add(found.positions, found.classes, likely, image=image, number=number)
    if tracker is None:
        raise ValueError("expected the detections of at least one frame. Received: none")
    return tracker.finish()


def check_same(tracker: Tracker, shape: tuple[int, ...], sampling: float, number: int) -> None:
    """See that a frame is one of a series.

    Raises
    ------
    ValueError
        If its shape or pixel size is another.
    """
    ratio = sampling / tracker.sampling
    if tuple(shape) != tuple(tracker.shape) or abs(ratio - 1) > _SAME_SAMPLING:
        raise ValueError(
            f"expected frames of one series, of {tracker.shape[0]} x {tracker.shape[1]} pixels of "
            f"{tracker.sampling * 100:.2f} pm. Received: frame {number} of {shape[0]} x {shape[1]} "
            f"pixels of {sampling * 100:.2f} pm. Follow frames of one magnification at a time."
        )
