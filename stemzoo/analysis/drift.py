"""Drift of a specimen through the frames of a series, and whether it is certain.

The phase of the lattice tells the drift to a part of a pixel, but for whole lattice vectors. These
are told by defects that stay where they are, by what the images show beside the lattice, and by
how steady the drift is; where they do not suffice, the drift is ambiguous, and that is said.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.image_drift import CoarseImage, image_evidence
from stemzoo.analysis.sites import LatticeSites, lattice_shifts

# Part of the defects that are found again where they were, about; and most that chance may find.
_AGAIN, _MOST_CHANCE = 0.7, 0.3
# Chance that a drift is not like the one before: the stage was moved, frames are missing.
_LEAP = 0.02
# Steps that tell how steady the drift is; frames whose defects are looked for again.
_STEPS, _FRAMES = 10, 10
# Below this probability of the best candidate a drift is ambiguous.
CERTAIN = 0.99
# Pairs of defects that are compared at most.
_MOST_PAIRS = 500_000
# Candidates without a lattice.
_MOST_CANDIDATES = 300


@dataclass(frozen=True, eq=False)
class FrameDrift:
    """Drift of one frame.

    Parameters
    ----------
    shift : ndarray of shape (2,)
        By which its content lies farther along rows and columns than in the first frame [px].
    positions : ndarray of shape (K, 2)
        Its defects in the first frame's coordinates [px].
    certainty : float
        Probability of this drift among all that were weighed.
    matched : int
        Defects that lie where one was before.
    """

    shift: np.ndarray
    positions: np.ndarray
    certainty: float
    matched: int

    @property
    def is_certain(self) -> bool:
        """Whether no other drift is likely."""
        return self.certainty >= CERTAIN


@dataclass(eq=False)
class DriftFinder:
    """Follows the drift of a specimen frame by frame.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of all frames.
    tolerance : float
        Defects that are nearer are at one place [px].
    lattice : Lattice or None
        Of the crystal, in pixels of the frames.

    Examples
    --------
    >>> finder = DriftFinder((100, 100), 3.0)
    >>> points = np.array([[20.0, 30.0], [60.0, 70.0], [40.0, 55.0], [80.0, 20.0]])
    >>> _ = finder.add(points)
    >>> finder.add(points + [2.0, 7.0]).shift
    array([2., 7.])
    """

    shape: tuple[int, int]
    tolerance: float
    lattice: Lattice | None = None
    _reference: np.ndarray | None = None
    _before: CoarseImage | None = None
    _shift: np.ndarray = field(default_factory=lambda: np.zeros(2))
    _steps: deque = field(default_factory=lambda: deque(maxlen=_STEPS))
    # Of the last certain frames: defects in the first frame's coordinates.
    _known: deque = field(default_factory=lambda: deque(maxlen=_FRAMES))
    # Shift of the image whose lattice others are compared with.
    _start: np.ndarray = field(default_factory=lambda: np.zeros(2))
    # Number of the last certain frame, and of frames since then.
    _number: int | None = None
    _gap: int = 1

    def add(
        self, points: np.ndarray, image: np.ndarray | None = None, *, number: int | None = None
    ) -> FrameDrift:
        """Find the drift of the next frame.

        Parameters
        ----------
        points : ndarray of shape (K, 2)
            Row and column of its defects [px].
        image : ndarray of shape (M, N), optional
            The frame, with finite values; only images tell the lattice's phase.
        number : int, optional
            Of the frame, where some are missing.

        Returns
        -------
        FrameDrift
        """
        points = np.reshape(np.asarray(points, dtype=float), (-1, 2))
        coarse = None
        if image is not None and self.lattice is not None:
            coarse = CoarseImage.of(image, self.lattice.period, points)
        if self._number is None:
            self._number = number or 0
            drift = FrameDrift(np.zeros(2), points, 1.0, 0)
            self._known.append((points, drift.shift))
            self._before = coarse
        else:
            self._gap = self._gap if number is None else max(number - self._number, 1)
            drift = self._next(points, image, coarse)
            self._remember(drift, coarse)
        if self._reference is None and image is not None:
            self._reference, self._start = image, drift.shift
        return drift

    def _remember(self, drift: FrameDrift, coarse: CoarseImage | None) -> None:
        """Compare the next frame with this one, unless its drift is ambiguous."""
        if not drift.is_certain:
            self._gap += 1
            return
        self._steps.append((drift.shift - self._shift) / self._gap)
        self._known.append((drift.positions, drift.shift))
        self._before, self._shift = coarse, drift.shift
        self._number = (self._number or 0) + self._gap
        self._gap = 1

    def _next(
        self, points: np.ndarray, image: np.ndarray | None, coarse: CoarseImage | None
    ) -> FrameDrift:
        """Weigh all drifts that the next frame may have."""
        local = self._local(points, image)
        candidates = self._candidates(points, None if local is None else local[-1])
        scores = self._prior(candidates)
        counts, inside = self._again(points, candidates)
        chance = self._chance()
        scores += counts * np.log(_AGAIN / chance)
        scores += (inside - counts) * np.log((1 - _AGAIN) / (1 - chance))
        if coarse is not None and self._before is not None:
            scores += image_evidence(coarse, self._before, candidates - self._shift)
        best = int(scores.argmax())
        # Candidates next to the best one are no other drifts.
        others = np.hypot(*(candidates - candidates[best]).T) > self.tolerance
        odds = np.exp(scores[others] - scores[best]).sum()
        shift = candidates[best]
        if local is None:
            shift = self._refined(points, shift)
            positions = points - shift
        else:
            # Slow distortions of the scan differ from frame to frame; the lattice shows them.
            positions = points - (local[:-1] - local[-1] + shift)
        return FrameDrift(shift, positions, float(1 / (1 + odds)), int(counts[best]))

    def _local(self, points: np.ndarray, image: np.ndarray | None) -> np.ndarray | None:
        """Shift of the lattice at each point, and in the middle: (K + 1, 2), but for vectors."""
        if image is None or self.lattice is None or self._reference is None:
            return None
        middle = (np.array(self.shape) - 1) / 2
        at = np.vstack([points, middle])
        sites = LatticeSites(at, np.full(len(at), ""), self.lattice)
        return lattice_shifts(image, self._reference, sites) + self._start

    def _candidates(self, points: np.ndarray, fine: np.ndarray | None) -> np.ndarray:
        """Return drifts (C, 2) that are possible: by the lattice, or else by pairs of defects."""
        expected = self._expected()
        if fine is None or self.lattice is None:
            moves = self._moves(points)
            if not len(moves):
                return expected[None]
            tree = cKDTree(moves)
            near = tree.query_ball_point(moves, self.tolerance / 2, return_length=True)
            chosen, free = [expected], np.ones(len(moves), bool)
            for index in np.argsort(-near, kind="stable"):
                if free[index] and len(chosen) <= _MOST_CANDIDATES:
                    chosen.append(moves[index])
                    free[tree.query_ball_point(moves[index], self.tolerance)] = False
            return np.array(chosen)
        return self.lattice.alike(fine, expected, min(self.shape) / 2)

    def _expected(self) -> np.ndarray:
        """Return the drift to expect: a further step like the last ones."""
        return self._shift + (self._gap * np.median(self._steps, axis=0) if self._steps else 0)

    def _prior(self, candidates: np.ndarray) -> np.ndarray:
        """Logarithm of how likely drifts (C, 2) are, as steady as it was."""
        unit = self.tolerance * 3 if self.lattice is None else self.lattice.period
        steps = np.reshape(self._steps, (-1, 2))
        spread = ((steps - np.median(steps, axis=0)) ** 2).sum() / 2 if len(steps) else 0.0
        width2 = self._gap * (unit**2 + spread) / (1 + len(steps))
        away2 = ((candidates - self._expected()) ** 2).sum(axis=1)
        near = np.exp(-away2 / (2 * width2)) * min(self._cell / (2 * np.pi * width2), 1.0)
        return np.log((1 - _LEAP) * near + _LEAP * self._cell / (self.shape[0] * self.shape[1]))

    def _map(self) -> np.ndarray:
        """Return the mean places (M, 2) of the defects of the last frames, in the first frame."""
        known, times = np.empty((0, 2)), np.empty(0)
        for positions, _ in reversed(self._known):
            new = np.ones(len(positions), bool)
            if len(known) and len(positions):
                away, which = cKDTree(known).query(positions)
                new = away > self.tolerance
                times = times + np.bincount(which[~new], minlength=len(known))
                np.add.at(
                    known,
                    which[~new],
                    (positions[~new] - known[which[~new]]) / times[which[~new], None],
                )
            known = np.concatenate([known, positions[new]])
            times = np.concatenate([times, np.ones(np.count_nonzero(new))])
        return known

    def _moves(self, points: np.ndarray) -> np.ndarray:
        """Return the ways (P, 2) from all known defects to all points."""
        known = self._map()
        most = int(np.sqrt(_MOST_PAIRS))
        return (points[:most, None] - known[None, :most]).reshape(-1, 2)

    def _again(self, points: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count the points that lie where one was, and those in view before, for each drift."""
        moves = self._moves(points)
        if not len(moves):
            return np.zeros(len(candidates)), np.zeros(len(candidates))
        near = cKDTree(moves).query_ball_point(candidates, self.tolerance)
        # Each point counts once.
        known = len(moves) // min(len(points), int(np.sqrt(_MOST_PAIRS)))
        counts = np.array([len({index // known for index in some}) for some in near], float)
        inside = np.zeros(len(candidates))
        shift = self._known[-1][1]
        for point in points[: int(np.sqrt(_MOST_PAIRS))]:
            seen = point - candidates + shift  # where it was in the frame before
            inside += ((seen >= 0) & (seen <= np.array(self.shape) - 1)).all(axis=1)
        return counts, np.maximum(inside, counts)

    @property
    def _cell(self) -> float:
        """Area in which one drift, or one place of a defect, is told from the next [px²]."""
        if self.lattice is not None:
            return abs(float(np.linalg.det(self.lattice.vectors)))
        # Of a crystal whose lattice is not known: places are farther apart than the tolerance.
        return np.pi * (2 * self.tolerance) ** 2

    def _chance(self) -> float:
        """Return the chance that a point lies where a defect was, without being it."""
        places = self.shape[0] * self.shape[1] / self._cell
        return float(np.clip((len(self._map()) + 1) / places, 1e-4, _MOST_CHANCE))

    def _refined(self, points: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Return the mean way from known defects to the points that lie there again."""
        moves = self._moves(points)
        if not len(moves):
            return shift
        near = moves[np.hypot(*(moves - shift).T) <= self.tolerance]
        return np.median(near, axis=0) if len(near) else shift
