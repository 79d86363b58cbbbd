"""Frames of one place, brought to lie on each other and averaged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.identification import identify_middle
from stemzoo.analysis.image_drift import CoarseImage, image_evidence
from stemzoo.analysis.signal_and_noise import find_signal
from stemzoo.analysis.sites import LatticeSites, lattice_shifts
from stemzoo.analysis.steady_drift import steady_drift
from stemzoo.io import Image
from stemzoo.preprocessing import average_blocks

# Part of a frame that all have to share along each side.
_COMMON = 0.5
# What is not periodic is smoothed by a Gaussian of a column's width, and compared in blocks, but
# for an edge, where the periodic part is not known [lattice constants].
_COLUMN, _BLOCKS, _EDGE = 0.12, 8, 1.0
# A frame drifts farther by about so much more or less than the last one did [lattice constants],
# or, with this chance, by anything: the stage was moved.
_STEADY, _LEAP = 2.0, 0.02
# Probability of a drift among all others from which on it is certain.
_CERTAIN = 0.99
# Points along each side at which the phase of the lattice is taken.
_POINTS = 6


@dataclass(frozen=True, eq=False)
class AlignedFrames:
    """The mean of frames that lie on each other.

    Parameters
    ----------
    image : ndarray of float32, shape (P, Q)
        Mean of the frames that are `used`, where all of these show the specimen.
    shifts : ndarray of shape (F, 2)
        By which the content of each frame lies farther along rows and columns than in the first
        one [px].
    used : ndarray of bool, shape (F,)
        Frames whose drift is certain: of others it is known but for a lattice vector, and a frame
        that lies one beside its place would put defects where none are.
    corner : tuple of int
        Row and column of the first frame at which `image` begins [px].
    """

    image: np.ndarray
    shifts: np.ndarray
    used: np.ndarray
    corner: tuple[int, int]

    @property
    def farthest(self) -> float:
        """Largest drift of the frames that are used [px]."""
        return float(np.hypot(*self.shifts[self.used].T).max())

    @property
    def left_out(self) -> int:
        """Number of frames that are not used."""
        return int(np.count_nonzero(~self.used))


def align_frames(frames: Sequence[np.ndarray]) -> AlignedFrames:
    """Align frames of one place by their lattice and by all else that they show, and average them.

    The phase of the lattice tells the drift to a part of a pixel, but for whole lattice vectors;
    these are told by what is not periodic (defects, contamination, edges), and by how steady the
    drift is. Each frame is moved as a whole: what the scan distorted stays so.

    Parameters
    ----------
    frames : sequence of ndarray of shape (M, N)
        In the order of their recording, of one size, with finite values; each is asked for some
        times, so that they may be read when they are needed.

    Returns
    -------
    AlignedFrames

    Raises
    ------
    ValueError
        If there are fewer than two, sizes differ, values are not finite, none shows a lattice, no
        drift is certain, or the frames share less than half of their rows or columns.

    Examples
    --------
    >>> import tifffile
    >>> frames = tifffile.imread("stack.tif")  # doctest: +SKIP
    >>> stemzoo.detect(stemzoo.align_frames(frames).image, sampling=0.2)  # doctest: +SKIP
    """
    shape = _one_shape(frames)
    lattice = _lattice(frames)
    shifts, used = _find_shifts(frames, shape, lattice)
    if 2 * np.count_nonzero(used) <= len(frames):
        shifts, used = _steady(frames, lattice) or (shifts, used)
    if np.count_nonzero(used) < 2:
        raise ValueError(
            "Expected frames that tell how they drift. Received: none but the first whose drift is "
            "certain, as there are too few electrons, or nothing but a perfect crystal; record "
            "longer, or sum them as they are (sum_frames=True) if they do not drift"
        )
    first = np.maximum(np.ceil(-shifts[used].min(axis=0)), 0).astype(int)
    last = np.minimum(np.floor(-shifts[used].max(axis=0)), 0).astype(int) + shape
    if (last - first < _COMMON * np.array(shape)).any():
        rows, columns = np.maximum(last - first, 0)
        raise ValueError(
            f"Expected frames that share at least half of their {shape[0]} rows and {shape[1]} "
            f"columns; give fewer of them, or find defects in each frame. Received: {rows} and "
            f"{columns}"
        )
    inner = np.s_[first[0] : last[0], first[1] : last[1]]
    total = np.zeros(last - first)
    for frame, shift, certain in zip(frames, shifts, used, strict=True):
        if certain:
            moved = ndimage.shift(np.asarray(frame, np.float32), -shift, order=3, mode="nearest")
            total += moved[inner]
    mean = (total / np.count_nonzero(used)).astype(np.float32)
    return AlignedFrames(mean, shifts, used, (int(first[0]), int(first[1])))


def _one_shape(frames: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return the shape of all frames."""
    if len(frames) < 2:
        raise ValueError(f"Expected at least two frames. Received: {len(frames)}")
    shape: tuple[int, ...] = ()
    for k, frame in enumerate(frames):
        if np.ndim(frame) != 2 or (shape and np.shape(frame) != shape):
            expected = f"the shape of the first, {shape}" if shape else "rows and columns"
            raise ValueError(f"Frame {k}: expected {expected}. Received: {np.shape(frame)}")
        if not np.isfinite(frame).all():
            raise ValueError(f"Frame {k}: expected finite values. Received: NaN or Inf")
        shape = np.shape(frame)
    return shape[0], shape[1]


def _find_shifts(
    frames: Sequence[np.ndarray], shape: tuple[int, int], lattice: Lattice
) -> tuple[np.ndarray, np.ndarray]:
    """Return the drift of each frame, and whether it is certain."""
    reference = np.asarray(frames[0], np.float32)
    mean = _Mean(_defects(reference, lattice))
    shifts = np.zeros((len(frames), 2))
    used = np.zeros(len(frames), bool)
    used[0] = True
    # What the first frames leave open, the mean of all that are certain may tell.
    for _ in range(2):
        for k in np.flatnonzero(~used).tolist():
            frame = np.asarray(frames[k], np.float32)
            expected = _expected(shifts, used, k)
            phase = _phase(frame, reference, lattice)
            candidates = lattice.alike(phase, expected, min(shape) / 2)
            now = _defects(frame, lattice)
            scores = image_evidence(now, mean.image, candidates)
            scores += _prior(candidates, expected, lattice, shape)
            best = int(scores.argmax())
            shifts[k] = candidates[best]
            used[k] = 1 / np.exp(scores - scores[best]).sum() >= _CERTAIN
            if used[k]:
                # Lattice vectors that are a little wrong add up over many of them.
                moved = ndimage.shift(frame, -shifts[k], order=1, mode="nearest")
                shifts[k] += _phase(moved, reference, lattice)
                mean.add(now, shifts[k])
    return shifts, used


def _steady(frames: Sequence[np.ndarray], lattice: Lattice) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a steady drift of all frames, if one is certain: noisy frames tell it together."""
    reference = np.asarray(frames[0], np.float32)
    own, phases = [], []
    for frame in frames:
        values = np.asarray(frame, np.float32)
        own.append(_defects(values, lattice))
        phases.append(_phase(values, reference, lattice))
    shifts, certainty = steady_drift(own, np.array(phases), lattice)
    return (shifts, np.ones(len(frames), bool)) if certainty >= _CERTAIN else None


class _Mean:
    """Mean of what is not periodic in frames, where the first one shows it."""

    def __init__(self, first: CoarseImage):
        self.image = first
        self._total, self._count = first.values.copy(), first.known.copy()

    def add(self, one: CoarseImage, shift: np.ndarray) -> None:
        """Take one more frame, by its drift [px]."""
        back = -shift / one.block
        self._total += ndimage.shift(one.values, back, order=1, mode="constant")
        self._count += ndimage.shift(one.known, back, order=1, mode="constant")
        known = (self._count > 0.5).astype(np.float32)
        values = self._total / np.maximum(self._count, 1) * known
        self.image = CoarseImage(values, known, one.block)


def _defects(frame: np.ndarray, lattice: Lattice) -> CoarseImage:
    """Return what is neither periodic in a frame nor slow: defects, adsorbates and noise."""
    width = _COLUMN * lattice.period
    values = ndimage.gaussian_filter(frame - find_signal(frame, lattice), width, mode="nearest")
    values -= np.median(values, axis=1, keepdims=True)  # flicker stays where it is
    block = max(int(lattice.period / _BLOCKS), 1)
    rows, columns = (n // block * block for n in values.shape)
    small = average_blocks(values[:rows, :columns], block, np.float32)
    edge = min(int(np.ceil(_EDGE * lattice.period / block)), min(small.shape) // 4)
    known = np.pad(np.ones([n - 2 * edge for n in small.shape], np.float32), edge)
    return CoarseImage((small - np.average(small, weights=known)) * known, known, block)


def _expected(shifts: np.ndarray, used: np.ndarray, number: int) -> np.ndarray:
    """Return the drift to expect of a frame: steady, between and beyond those that are certain."""
    known = np.flatnonzero(used)
    if len(known) == 1:
        return shifts[known[0]]
    before, after = known[known < number], known[known > number]
    one, other = (before[-1], after[0]) if len(before) and len(after) else (known[-2], known[-1])
    step = (shifts[other] - shifts[one]) / (other - one)
    return shifts[one] + (number - one) * step


def _phase(frame: np.ndarray, reference: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the drift of a lattice (2,) but for its vectors [px]."""
    places = [np.linspace(0, n - 1, _POINTS + 2)[1:-1] for n in frame.shape]
    at = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 2)
    sites = LatticeSites(at, np.full(len(at), ""), lattice)
    return np.median(lattice_shifts(frame, reference, sites), axis=0)


def _prior(
    candidates: np.ndarray, expected: np.ndarray, lattice: Lattice, shape: tuple[int, int]
) -> np.ndarray:
    """Logarithm of how likely drifts (C, 2) are where the last ones lead to an expected one."""
    width2 = (_STEADY * lattice.period) ** 2
    cell = abs(float(np.linalg.det(lattice.vectors)))
    away2 = ((candidates - expected) ** 2).sum(axis=1)
    near = np.exp(-away2 / (2 * width2)) * cell / (2 * np.pi * width2)
    return np.log((1 - _LEAP) * near + _LEAP * cell / (shape[0] * shape[1]))


def _lattice(frames: Sequence[np.ndarray]) -> Lattice:
    """Find the lattice in the first frame that shows one."""
    for frame in frames:
        found = identify_middle(Image(np.asarray(frame, np.float32))).lattice
        if found is not None:
            return found
    raise ValueError(
        "Expected a crystal whose lattice is seen in a single frame. Received: no lattice in any "
        f"of {len(frames)} frames; sum them as they are (sum_frames=True) if they do not drift"
    )
