"""Rows of a scan that are brighter or darker than those around: an unsteady tip or detector."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.crystal_level import CrystalLevel
from stemzoo.analysis.reflections import half_plane_reflections, innermost_frequency
from stemzoo.analysis.spectrum import frequencies

_BLOCK = 32  # columns that are counted together: neighbours share noise
_AROUND = 2.0  # rows on either side whose median is the usual brightness [cells]
_LEAST_KNOWN = 0.1  # part of a row that must be crystal, and at least so many pixels
_LEAST_PIXELS = 64
# Waves of the lattice that are seen in the mean of a row: less than so many periods of them along
# it. They change from place to place as the scan is distorted, in so many half waves a cell.
_PERIODS, _FINEST = 4.0, 12
_CHANGE, _STIFF = 0.1, 0.2
# Standard deviation of what passes for periodic, of the reciprocal lattice and in bins at least.
_NARROW, _BINS = 0.02, 1.5
_DARKEST = 0.2  # of the usual brightness: what is darker is not divided by that
_LIMIT = 3.0  # of the change of the contrast with the brightness


@dataclass(frozen=True, eq=False)
class RowFlicker:
    """How much brighter the rows of an image are than those around.

    Parameters
    ----------
    level : ndarray of shape (M,)
        Usual brightness of each row above `black`, in units of the image.
    excess : ndarray of shape (M,)
        What each row is brighter than that, as a part of it; 0 where there is no crystal.
    response : float
        Relative change of a row's contrast over that of its brightness: 1 if its gain flickers, 0
        if an offset does; others where zero is not black, negative ones where it is bright.
    shared : float
        Correlation of the excess in two halves of the columns: 0 for noise.
    black : float
        What brightness is counted from, in units of the image.
    deviation : float
        Standard deviation of the image, in its units.
    """

    level: np.ndarray
    excess: np.ndarray
    response: float
    shared: float
    black: float = 0.0
    deviation: float = 1.0

    @property
    def kind(self) -> str:
        """What flickers: gain or offset."""
        return "gain" if abs(self.response) > 0.5 else "offset"

    @property
    def rms(self) -> float:
        """Standard deviation of the gain, or of the offset as a part of that of the image.

        Of the rows that show the crystal, and without the part that noise makes.
        """
        strength = self.response if self.kind == "gain" else self.level / self.deviation
        known = (strength * self.excess)[self.excess != 0]
        return float(np.sqrt(max(self.shared, 0) * np.mean(known**2))) if known.size else 0.0

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Make the rows equally bright.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            The image in which the flicker was found.

        Returns
        -------
        ndarray of float32, shape (M, N)

        Examples
        --------
        >>> flicker = RowFlicker(np.full(2, 10.0), np.array([0.5, -0.5]), 1.0, 1.0)
        >>> flicker.undo(np.array([[15.0, 30.0], [5.0, 10.0]])).tolist()
        [[10.0, 20.0], [10.0, 20.0]]
        """
        gain = np.maximum(1 + self.response * self.excess, _DARKEST)
        first = self.black + self.level - (self.black + self.level * (1 + self.excess)) / gain
        return (image * (1 / gain)[:, None] + first[:, None]).astype(np.float32)


def find_row_flicker(image: np.ndarray, crystal: CrystalLevel) -> RowFlicker:
    """Measure how much brighter each row of an image is than those around.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values, bright columns.
    crystal : CrystalLevel
        Where its crystal is, and how bright.

    Returns
    -------
    RowFlicker
        Whether it is more than noise, `shared` tells, and whether it does not come from the
        lattice, the contrast of the corrected image.

    Notes
    -----
    The brightness of a row is the mean over the crystal of the image relative to its slow
    brightness, so that neither contamination nor edges count, less the median of the rows within
    two cells. Where lattice rows lie along the scan, the means of rows are periodic: waves of these
    reflections with slowly changing amplitudes are fitted and taken out. The response is the slope
    of the amplitude of the periodic part in each row against its brightness.

    Examples
    --------
    >>> flicker = find_row_flicker(image, CrystalLevel.of(image, mask, lattice))  # doctest: +SKIP
    >>> flicker.kind, round(flicker.rms, 2)  # doctest: +SKIP
    ('gain', 0.24)
    """
    flat, weight = crystal.flat(image), crystal.weight
    total = weight.sum(axis=1)
    known = total >= max(_LEAST_PIXELS, _LEAST_KNOWN * image.shape[1])
    periodic = _periodic(flat, crystal)
    rest = flat - periodic
    mean = np.where(known, rest.sum(axis=1) / np.maximum(total, 1), 0)
    waves = _lattice_in_rows(mean, known, crystal)
    certain = (periodic**2).sum(axis=1) * known
    contrast = (periodic * flat).sum(axis=1) / np.maximum(certain, 1e-12)
    response = 1.0
    for _ in range(2):
        # A wave in the mean is as strong as the gain of its row.
        excess = _unusual((mean - waves) / (1 + response * waves), known, crystal)
        response = _slope(excess, contrast, certain)
    halves = []
    for half in np.arange(image.shape[1]) // _BLOCK % 2 == np.array([[0], [1]]):
        of_half = rest[:, half].sum(axis=1) / np.maximum(weight[:, half].sum(axis=1), 1)
        halves.append(_unusual(of_half - waves, known, crystal))
    spread = np.sqrt(np.mean(halves[0] ** 2) * np.mean(halves[1] ** 2))
    shared = float(np.mean(halves[0] * halves[1]) / spread) if spread > 0 else 0.0
    level = (crystal.level * weight).sum(axis=1) / np.maximum(total, 1)
    return RowFlicker(level, excess, response, shared, crystal.black, float(image.std()))


def _unusual(values: np.ndarray, known: np.ndarray, crystal: CrystalLevel) -> np.ndarray:
    """Values (M,) of rows less the median of those around; 0 where they are not known."""
    cell = float(np.hypot(*crystal.lattice.vectors.T).min())
    length = 2 * round(_AROUND * cell) + 1
    away = values - ndimage.median_filter(values, length, mode="nearest")
    return np.where(known, away, 0)


def _lattice_in_rows(mean: np.ndarray, known: np.ndarray, crystal: CrystalLevel) -> np.ndarray:
    """Find what the lattice makes of the means (M,) of rows."""
    rows, columns = crystal.weight.shape
    spots = half_plane_reflections(crystal.lattice, _FINEST)
    spots = spots[(abs(spots[:, 1]) * columns < _PERIODS) & (abs(spots[:, 0]) < 0.5)]
    if not len(spots):
        return np.zeros(rows)
    cell = float(np.hypot(*crystal.lattice.vectors.T).min())
    orders = np.arange(max(round(_CHANGE * rows / cell), 1) + 1)
    place = np.arange(rows)
    modes = np.cos(np.pi * np.outer((place + 0.5) / rows, orders))
    turns = 2 * np.pi * np.outer(place, spots[:, 0])
    waves = np.concatenate([np.cos(turns), np.sin(turns)], axis=1)
    basis = (waves[:, :, None] * modes[:, None, :]).reshape(rows, -1)
    stiff = np.tile((_STIFF * orders) ** 2, waves.shape[1])
    used = basis * known[:, None]
    return basis @ np.linalg.solve(used.T @ used + np.diag(stiff + 1e-3), used.T @ mean)


def _periodic(flat: np.ndarray, crystal: CrystalLevel) -> np.ndarray:
    """Return what is periodic along the rows, of means 0."""
    y, x = frequencies(flat.shape)
    longest = np.hypot(*crystal.lattice.reciprocal.T).max()
    width = max(_NARROW, _BINS / (min(flat.shape) * longest))
    passed = np.exp(-0.5 * (crystal.spectrum.away / width) ** 2)
    passed[y**2 + x**2 < (0.5 * innermost_frequency(crystal.lattice)) ** 2] = 0
    # What is slower along the rows than this is in their means.
    passed[:, x[0] * flat.shape[1] < _PERIODS] = 0
    return fft.irfft2(fft.rfft2(flat) * passed, s=flat.shape) * crystal.weight


def _slope(excess: np.ndarray, contrast: np.ndarray, certain: np.ndarray) -> float:
    """Relative change of the contrast of rows with their brightness, all of shape (M,)."""
    if not (certain * excess**2).sum() > 0:
        return 1.0
    mean = np.average(contrast, weights=certain)
    slope = (certain * excess * (contrast - mean)).sum() / (certain * excess**2).sum()
    return float(np.clip(slope / mean, -_LIMIT, _LIMIT)) if mean > 0 else 1.0
