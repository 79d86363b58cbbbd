"""How far each line of a scan is shifted, measured from the lattice."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.reflections import half_plane_reflections
from stemzoo.preprocessing import normal_scores
from stemzoo.simulate.materials import Material

# Confidence in a lattice that is enough to measure how its lines are shifted.
MIN_CONFIDENCE = 0.25
_REACH = 0.45  # of the spacing of lattice planes: beyond half of it shifts cannot be told
_STEP = 0.25  # [px]
_ROUNDS = 4
_SHEARS = 8
_SEVERAL = 4  # times that shifts come back from the other side
_NEIGHBOURS = (0.2, 1.0, 0.2)  # what the lines around count, in case of doubt
# A line is shifted as those around it, or by up to this part of the reach otherwise.
_AROUND, _FREE = 2.0, 0.6
_FINEST = 4  # squared length of the finest reflections, in units of the innermost
_SHARPER = 1.1  # times the power of the reflections, if it is not to be chance
_SMALL = 0.6  # of these, to first order
_WEAK = 0.3  # of the usual strength: lines that are weaker than this are not told
_LEAST = 1.0  # rms [px]: as large as the jitter that weights are trained with, and larger


def find_line_shifts(
    image: np.ndarray, material: Material, sampling: float
) -> tuple[float, ...] | None:
    """Measure how far the content of each scan line is shifted along it, as by a stray field.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    tuple of M floats, or None
        Towards larger columns [px], without drift (their mean and slope are zero). None if lines
        are hardly shifted, or by so much that it cannot be told: by half the spacing of planes.

    Raises
    ------
    ValueError
        If the image shows no lattice of the material.

    Notes
    -----
    The perfect lattice is a sum of waves, one for each reflection g. In a line at row y that is
    shifted by s, that of amplitude c is c exp(2πi (g_y y + g_x (x - s))). The shift is the one that
    makes these waves most like the line and, a little, its neighbours, by normalised correlation;
    the amplitudes are the means over all lines, shifted back, and both are found in turns. Shifts
    that are measured in one half of the columns must make the reflections of the other half
    stronger, and the reverse.

    Examples
    --------
    >>> shifts = find_line_shifts(image, find_material("wse2"), 0.2074)  # doctest: +SKIP
    """
    lattice = find_lattice(image, material, sampling=sampling, min_confidence=MIN_CONFIDENCE)
    spots = half_plane_reflections(lattice, _FINEST)
    spots = spots[(abs(spots) < 0.5).all(axis=1)]
    reach = _REACH * material.spacing / sampling
    ranked = normal_scores(image).astype(np.float64)
    # A lattice that is measured in a swaying image is a little sheared: that is no shift.
    for _ in range(_SHEARS):
        slope = _slope(_Lines(ranked, spots).shifts(reach), reach)
        spots[:, 0] -= spots[:, 1] * slope
        if abs(slope) * image.shape[0] < _STEP:
            break
    middle = image.shape[1] // 2
    left, right = (
        _Lines(part, spots) for part in (ranked[:, :middle], ranked[:, middle : 2 * middle])
    )
    if min(right.gain(left.shifts(reach)), left.gain(right.shifts(reach))) < _SHARPER:
        return None
    shifts = _Lines(ranked, spots).shifts(reach)
    # Beyond the reach, shifts come back from the other side.
    if max(abs(np.diff(ndimage.median_filter(shifts, 3)))) > reach:
        return None
    rows = np.arange(len(shifts))
    shifts = shifts - np.polyval(np.polyfit(rows, shifts, 1), rows)  # without drift
    if np.sqrt(np.mean(shifts**2)) < _LEAST:
        return None
    # Hum, too, can be taken for shifts; to undo those would do harm to the lattice.
    least = lattice.confidence
    try:
        find_lattice(straighten(image, shifts), material, sampling=sampling, min_confidence=least)
    except ValueError:
        return None
    return tuple(map(float, shifts))


def may_sway(flat: np.ndarray, lattice: Lattice) -> bool:
    """Tell quickly whether lines may be shifted by as much as `find_line_shifts` reports.

    Parameters
    ----------
    flat : ndarray of shape (M, N)
        An image without what is slower than its lattice.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    bool
        False where the shifts that the waves of each line tell to first order, noise included, are
        clearly less than that.
    """
    spots = half_plane_reflections(lattice, _FINEST)
    shifts = _Lines(flat, spots[(abs(spots) < 0.5).all(axis=1)]).small_shifts()
    rows = np.arange(len(shifts))
    shifts = shifts - np.polyval(np.polyfit(rows, shifts, 1), rows)
    return bool(np.sqrt(np.mean(shifts**2)) > _SMALL * _LEAST)


def straighten(image: np.ndarray, shifts: Sequence[float] | None) -> np.ndarray:
    """Shift the lines of an image back.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    shifts : sequence of M floats, or None
        From `find_line_shifts`; None leaves the image as it is.

    Returns
    -------
    ndarray of shape (M, N)
    """
    if shifts is None:
        return image
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float64)
    columns += np.asarray(shifts)[:, None]
    # Lines by themselves: they are shifted, not interpolated between each other.
    return ndimage.map_coordinates(
        np.asarray(image, np.float64), [rows, columns], order=3, mode="nearest"
    )


class _Lines:
    """The waves that each line of an image holds.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    spots : ndarray of shape (G, 2)
        Frequencies of the reflections [1/px].

    Attributes
    ----------
    along : ndarray of shape (G,)
        Frequencies along the lines [1/px].
    turns : ndarray of complex, shape (M, G)
        Phase factor of each wave at the start of each line of a perfect scan.
    amplitudes : ndarray of complex, shape (M, G)
        Of each wave, measured on each line.
    overlap : ndarray of complex, shape (G, G)
        What the measurement of one wave sees of another: they are not orthogonal on one line.
    """

    def __init__(self, image: np.ndarray, spots: np.ndarray):
        rows, columns = (np.arange(n) for n in image.shape)
        window = np.hanning(len(columns))
        window /= window.sum()
        waves = np.exp(2j * np.pi * np.outer(spots[:, 1], columns))
        self.along = spots[:, 1]
        self.turns = np.exp(2j * np.pi * np.outer(rows, spots[:, 0]))
        self.amplitudes = image @ (waves.conj() * window).T
        self.overlap = (waves.conj() * window) @ waves.T

    def shifts(self, reach: float) -> np.ndarray:
        """Find the shift of each line, shape (M,), between -reach and reach [px]."""
        steps = np.arange(-reach, reach + _STEP / 2, _STEP)
        trials = np.exp(-2j * np.pi * np.outer(steps, self.along))
        found = np.zeros(len(self.turns))
        for _ in range(_ROUNDS):
            # Of each line (m) at each trial step (s): the amplitudes that a perfect lattice gives.
            waves = self._mean(found) * self.turns
            expected = np.einsum("mg,sg->msg", waves, trials) @ self.overlap.T
            likeness = np.einsum("msg,mg->ms", expected.conj(), self.amplitudes).real
            likeness /= np.linalg.norm(expected, axis=-1)
            # First a smooth course along the frame, then each line within some distance of it.
            rough = _peak(steps, ndimage.gaussian_filter1d(likeness, _AROUND, axis=0))
            likeness = ndimage.correlate1d(likeness, _NEIGHBOURS, axis=0)
            likeness[abs(steps - rough[:, None]) > _FREE * reach] = likeness.min()
            found = _peak(steps, likeness)
            # The origin is free: with it in the middle, shifts stay within the reach.
            found -= np.median(found)
        return found

    def small_shifts(self) -> np.ndarray:
        """Return the shift of each line, shape (M,), to first order [px]."""
        waves = self._mean(np.zeros(len(self.turns))) * self.turns
        expected = waves @ self.overlap.T
        change = (waves * (-2j * np.pi * self.along)) @ self.overlap.T
        strength = np.sum(abs(expected) ** 2, axis=1)
        gain = np.sum((expected.conj() * self.amplitudes).real, axis=1) / strength
        # What the change has in common with the wave itself tells the gain.
        common = np.sum((expected.conj() * change).real, axis=1) / strength
        change -= common[:, None] * expected
        power = np.maximum(gain, _WEAK) * np.sum(abs(change) ** 2, axis=1)
        return np.sum((change.conj() * self.amplitudes).real, axis=1) / np.maximum(power, 1e-30)

    def gain(self, shifts: np.ndarray) -> float:
        """Tell how many times stronger the reflections are without these shifts."""
        none = np.zeros(len(self.turns))
        before, after = (np.sum(abs(self._mean(s)) ** 2) for s in (none, shifts))
        return float(after / before)

    def _mean(self, shifts: np.ndarray) -> np.ndarray:
        """Mean amplitude (G,) of each wave over the lines, these being shifted back."""
        back = np.exp(2j * np.pi * np.outer(shifts, self.along))
        return (self.amplitudes * self.turns.conj() * back).mean(axis=0)


def _peak(steps: np.ndarray, likeness: np.ndarray) -> np.ndarray:
    """Place (M,) of the maximum of each row of (M, S), by a parabola through three steps."""
    at = np.clip(likeness.argmax(axis=1), 1, len(steps) - 2)
    rows = np.arange(len(likeness))
    low, top, high = (likeness[rows, at + i] for i in (-1, 0, 1))
    bend = np.minimum(low - 2 * top + high, -1e-12)
    return steps[at] + _STEP * np.clip(0.5 * (low - high) / bend, -1, 1)


def _slope(shifts: np.ndarray, reach: float) -> float:
    """Slope of shifts that may come back from the other side.

    They do so often if satellites were taken for reflections: then it is the mean step from line to
    line. Else it is the median slope of parts that are long against a period of the shifts.
    """
    steps = np.diff(ndimage.median_filter(shifts, 3))
    jumps = abs(steps) > reach / 2
    if np.count_nonzero(jumps) > _SEVERAL:
        return float(steps[~jumps].mean())
    length = max(len(shifts) // 4, 2)
    smooth = ndimage.uniform_filter1d(shifts, length)
    return float(np.median(smooth[length:] - smooth[:-length]) / length)
