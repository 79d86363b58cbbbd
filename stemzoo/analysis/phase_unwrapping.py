"""Continuous phases from phases that are known up to whole turns."""

from importlib.util import find_spec

import numpy as np

_MANY = 2**17  # points of a grid, of images of some 4096 pixels along a side and more


def unwrap_phase(wrapped: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Add whole turns to the phases of a grid, so that neighbours differ by less than half a turn.

    Neighbours are joined pair by pair, the most reliable first: those around which the phase
    changes evenly. So places where it is noise are joined last and spoil no others.

    Parameters
    ----------
    wrapped : ndarray of shape (P, Q)
        Phases [rad].
    known : ndarray of bool, shape (P, Q), optional
        Where they mean something; other places are joined after all of these.

    Returns
    -------
    ndarray of float64, shape (P, Q)
        The same phases but for multiples of 2π. As a whole they are known up to such a multiple.

    References
    ----------
    M. A. Herraez, D. R. Burton, M. J. Lalor, M. A. Gdeisat, Fast two-dimensional phase-unwrapping
    algorithm based on sorting by reliability following a noncontinuous path, Appl. Opt. 41, 7437
    (2002).

    Examples
    --------
    >>> ramp = np.add.outer(np.arange(4.0), np.arange(5.0))
    >>> unwrapped = unwrap_phase(np.angle(np.exp(1j * ramp)))
    >>> bool(np.allclose(unwrapped - unwrapped[0, 0], ramp))
    True
    """
    phases = np.asarray(wrapped, dtype=np.float64)
    down, right = (_nearest(np.diff(phases, axis=axis)) for axis in (0, 1))
    around = np.diff(down, axis=1) - np.diff(right, axis=0)
    if np.abs(around).max(initial=0.0) < np.pi:
        # No four neighbours have a whole turn between them, so that every path gives the same.
        along = np.cumsum(np.pad(right, ((0, 0), (1, 0))), axis=1)
        along += np.cumsum(np.pad(down[:, 0], (1, 0)))[:, None] + phases[0, 0]
        return phases + 2 * np.pi * np.rint((along - phases) / (2 * np.pi))
    if phases.size > _MANY and find_spec("skimage"):
        # The same in compiled code, which takes less memory.
        from skimage.restoration import unwrap_phase as compiled

        mask = False if known is None else ~known
        return np.ma.getdata(compiled(np.ma.array(phases, mask=mask), rng=0))
    return phases + 2 * np.pi * _joined(phases, known)


def _joined(phases: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Whole turns (P, Q) by joining neighbours pair by pair, the most reliable first."""
    unevenness = _unevenness(phases)
    if known is not None:
        unevenness[~known] = np.inf
    index = np.arange(phases.size).reshape(phases.shape)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1),
        ]
    )
    pairs = pairs[np.argsort(unevenness.ravel()[pairs].sum(axis=1), kind="stable")]
    flat = phases.ravel()
    jumps = np.rint((flat[pairs[:, 0]] - flat[pairs[:, 1]]) / (2 * np.pi)).astype(int)
    turns, group = [0] * flat.size, list(range(flat.size))
    members = [[i] for i in group]
    for (one, other), jump in zip(pairs.tolist(), jumps.tolist(), strict=True):
        kept, moved = group[one], group[other]
        if kept == moved:
            continue
        # Turns that bring the second to the first; of the two groups the smaller one moves.
        shift = turns[one] - turns[other] + jump
        if len(members[kept]) < len(members[moved]):
            kept, moved, shift = moved, kept, -shift
        for i in members[moved]:
            turns[i] += shift
            group[i] = kept
        members[kept] += members[moved]
    return np.array(turns).reshape(phases.shape)


def _unevenness(phases: np.ndarray) -> np.ndarray:
    """Sum up the squared second differences in four directions; large along the edges."""
    result = np.full(phases.shape, 1e7)
    if min(phases.shape) < 3:
        return result
    middle = phases[1:-1, 1:-1]
    rows, columns = phases.shape
    total = np.zeros(middle.shape)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        before, after = (
            phases[
                1 + sign * down : rows - 1 + sign * down,
                1 + sign * right : columns - 1 + sign * right,
            ]
            for sign in (-1, 1)
        )
        total += (_nearest(before - middle) - _nearest(middle - after)) ** 2
    result[1:-1, 1:-1] = total
    return result


def _nearest(difference: np.ndarray) -> np.ndarray:
    """Bring differences between -π and π by whole turns."""
    return difference - 2 * np.pi * np.rint(difference / (2 * np.pi))
