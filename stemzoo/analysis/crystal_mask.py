"""Where an image shows a crystal: neither margin, vacuum, hole, amorphous nor another grain."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.islands import find_islands
from stemzoo.analysis.local_reflections import LocalReflections, ReducedImage
from stemzoo.analysis.valid_pixels import count_pixels, find_valid_pixels

_WINDOW, _WIDEST = 1.2, 6.0  # standard deviation of the windows, in lattice constants
_NOISE = 0.08  # of the relative amplitude; windows are widened until it is no more
_CRYSTAL = 0.45  # part of the usual amplitude; at the straight edge of a crystal it is a half
_USUAL = 90  # percentile of the amplitudes that is usual in crystal
_KNOWN = 0.3  # part of a window that must be valid for its amplitude to count
_DISTORTED = 0.06  # strain or rotation that no scan makes: another grain
_BRIGHT = 8.0  # brightness above the median, in standard deviations of the lattice's contrast
_STEPS = 100  # places along the shorter side, between which a rectangle may begin and end
# A second layer: how much stronger and brighter it is, and the least part of the crystal that is
# one layer, and that is two.
_LAYER, _LAYER_BRIGHT, _SINGLE_SHARE, _LAYER_SHARE = 1.25, 0.7, 0.4, 0.15
_ISLANDS = "bright islands of other matter, under which columns cannot be judged"
_TOLD = 0.0005  # smallest part of the image that is told
_PATCH, _GAP = 12.0, 2.0  # [cells]: smaller patches of crystal, and gaps in it, are chance
_STRIPE = 2**20  # pixels whose distances are measured at once


@dataclass(frozen=True, eq=False)
class CrystalMask:
    """Where an image was measured, and where it shows a crystal.

    Parameters
    ----------
    valid : ndarray of bool, shape (M, N)
        Measured pixels.
    crystal : ndarray of bool, shape (M, N)
        Those of them that show the lattice.
    reasons : tuple of str
        What is left out, in words.
    islands : ndarray of bool, shape (M, N), or None
        Where the lattice is, but under other matter; None where it is nowhere.
    """

    valid: np.ndarray
    crystal: np.ndarray
    reasons: tuple[str, ...]
    islands: np.ndarray | None = None

    @property
    def share(self) -> float:
        """Part of the image that is crystal."""
        return float(self.crystal.mean())

    @property
    def is_whole(self) -> bool:
        """Whether all of the image is crystal."""
        return bool(self.crystal.all())

    def contains(self, positions: np.ndarray) -> np.ndarray:
        """Tell which positions lie in the crystal.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px].

        Returns
        -------
        ndarray of bool, shape (K,)
        """
        rows, columns = self._pixels(positions)
        return self.crystal[rows, columns]

    def depth(self, positions: np.ndarray) -> np.ndarray:
        """Return how far positions lie inside the crystal.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px].

        Returns
        -------
        ndarray of shape (K,)
            Distance to the nearest pixel that is no crystal [px]; 0 outside of it, infinite where
            there is no such pixel. The edge of the image does not count.
        """
        if self.is_whole:
            return np.full(len(positions), np.inf)
        rows, columns = self._pixels(positions)
        return ndimage.distance_transform_edt(self.crystal)[rows, columns]

    def interior(self, depth: float) -> np.ndarray:
        """Return which pixels lie so deep in the crystal, or deeper.

        Parameters
        ----------
        depth : float
            As of `depth` [px].

        Returns
        -------
        ndarray of bool, shape (M, N)
        """
        if self.is_whole:
            return self.crystal
        deep = self.crystal.copy()
        # In stripes, as distances take some 40 bytes a pixel. What is further away than the depth
        # does not count, so that it need not be seen.
        rows, columns = deep.shape
        margin = int(np.ceil(depth)) + 1
        height = max(_STRIPE // columns, margin)
        for first in range(0, rows, height):
            top, last = max(first - margin, 0), first + height
            around = self.crystal[top : last + margin]
            if not around.all():
                distance = ndimage.distance_transform_edt(around)
                deep[first:last] = distance[first - top : last - top] >= depth
        return deep

    def largest_rectangle(self) -> tuple[slice, slice]:
        """Return rows and columns of the largest rectangle that is all crystal.

        Returns
        -------
        tuple of slice
            To within a hundredth of the shorter side; empty where there is no crystal.

        Examples
        --------
        >>> crystal = np.ones((64, 64), bool)
        >>> crystal[:, :20] = False
        >>> CrystalMask(crystal, crystal, ()).largest_rectangle()
        (slice(0, 64, None), slice(20, 64, None))
        """
        block = max(min(self.crystal.shape) // _STEPS, 1)
        rows, columns = (n // block for n in self.crystal.shape)
        parts = self.crystal[: rows * block, : columns * block]
        whole = np.asarray(parts.reshape(rows, block, columns, block).all(axis=(1, 3)))
        height, best = np.zeros(columns, int), (0, 0, 0, 0, 0)
        for row in range(rows):
            height = np.where(whole[row], height + 1, 0)
            for low in np.unique(height[height > 0]):
                # The longest stretch that is so high at least.
                ends = np.flatnonzero(np.diff(np.r_[0, height >= low, 0]))
                starts, stops = ends[::2], ends[1::2]
                widest = int(np.argmax(stops - starts))
                first, last = int(starts[widest]), int(stops[widest])
                top, area = row + 1 - int(low), int(low) * (last - first)
                best = max(best, (area, top, row + 1, first, last))
        return slice(best[1] * block, best[2] * block), slice(best[3] * block, best[4] * block)

    def _pixels(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels that hold positions (K, 2)."""
        last = np.array(self.crystal.shape) - 1
        rows, columns = np.clip(np.rint(np.reshape(positions, (-1, 2))), 0, last).astype(int).T
        return rows, columns


def crystal_mask(image: np.ndarray, lattice: Lattice, *, overwrite: bool = False) -> CrystalMask:
    """Find where an image shows a lattice.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N)
        An image; masked pixels and NaN are left out.
    lattice : Lattice
        From `find_lattice`, of the image with other values in place of these (see
        `stemzoo.analysis.valid_pixels.filled`).
    overwrite : bool
        The image may be written to, which spares memory for another one.

    Returns
    -------
    CrystalMask

    Raises
    ------
    ValueError
        If the image is not two-dimensional.

    Notes
    -----
    The amplitudes of the innermost reflections in Gaussian windows of 1.2 lattice constants (more
    where noise asks for it), less the power between the reflections, are compared with what is
    usual in this image: less than 0.45 of it is no crystal. Islands of adsorbates are found by what
    is not of the lattice (`find_islands`). Where the amplitudes fall into two
    groups, and the brightness with them, the stronger one is a second layer. Left out, too, is a
    place where the phases say
    that the lattice is turned or strained by more than 0.06, and one that is far brighter than the
    rest (a particle).

    References
    ----------
    Local phases of spots: M. J. Hÿtch, E. Snoeck, R. Kilaas, Ultramicroscopy 74, 131 (1998).

    Examples
    --------
    >>> mask = crystal_mask(image, lattice)  # doctest: +SKIP
    >>> mask.share, mask.reasons  # doctest: +SKIP
    (0.77, ('margin of 92 rows of zeros (top)', 'margin of 92 columns of zeros (left)'))
    """
    cell = lattice.period
    pixels = find_valid_pixels(image, cell)
    valid, reasons = pixels.mask, list(pixels.reasons)
    if not valid.any():
        return CrystalMask(valid, valid, pixels.reasons)
    reduced = ReducedImage.of(np.ma.getdata(image), valid, lattice, overwrite=overwrite)
    local, amplitude = _relative_amplitude(reduced, lattice, cell)
    brightness = _brightness(reduced, local, amplitude)
    islands = find_islands(reduced, local, lattice, brightness)
    # What follows takes as much memory again, which is short for the largest images.
    del image, reduced
    distortion = local.distortion(lattice)
    same = (amplitude > _CRYSTAL) & (distortion < _DISTORTED)
    layer = amplitude - _single_layer(amplitude, brightness, same)
    shown = (
        (_CRYSTAL - amplitude, "this lattice is not there"),
        (distortion - _DISTORTED, "another grain"),
        (brightness - _BRIGHT, "far brighter, as a particle"),
        (layer, "a second layer of the same lattice"),
        (islands - 0.5, _ISLANDS),
    )
    out = np.zeros(valid.shape, bool)
    causes = []
    for excess, words in shown:
        if excess.max() > 0:
            where = (local.interpolated(excess, valid.shape) > 0) & ~out
            causes.append((where, words))
            out |= where
    del local, amplitude, shown
    if causes:
        out = _without_specks(out, valid, cell**2)
    for where, words in causes:
        share = (where & out & valid).mean()
        if share >= _TOLD:
            reasons.append(f"{share:.1%} of the image: {words}")
    covered = next((where & out for where, words in causes if words == _ISLANDS), None)
    return CrystalMask(valid, valid & ~out, tuple(reasons), covered)


def _relative_amplitude(
    reduced: ReducedImage, lattice: Lattice, cell: float
) -> tuple[LocalReflections, np.ndarray]:
    """Amplitude (P, Q) relative to the usual one, in windows as wide as needed."""
    width = _WINDOW
    while True:
        local = LocalReflections.of(reduced, lattice, width * cell)
        # In place, as the largest images leave no memory for a copy.
        seen = abs(local.coefficients)
        np.square(seen, out=seen)
        seen -= local.background
        np.sqrt(np.maximum(seen, 0, out=seen), out=seen)
        known = local.weight > min(_KNOWN, local.weight.max() / 2)
        usual = np.array([np.percentile(amplitude[known], _USUAL) for amplitude in seen])
        total = max(float((usual**2).sum()), 1e-30)
        noise = np.sqrt(np.median(local.background[known]) / 2 / total)
        if noise <= _NOISE or width >= _WIDEST:
            return local, np.tensordot(usual, seen, axes=1) / total
        width = min(max(noise / _NOISE, 1.1) * width, _WIDEST)


def _brightness(
    reduced: ReducedImage, local: LocalReflections, amplitude: np.ndarray
) -> np.ndarray:
    """Brightness (P, Q) above that of the crystal, in units of the lattice's contrast."""
    level = local.sampled(reduced.level, reduced.spacing)
    crystal = amplitude > _CRYSTAL
    usual = np.median(level[crystal]) if crystal.any() else np.median(level)
    # Of the largest images some rows are enough, and take less memory.
    rows = slice(None, None, reduced.spacing // reduced.block)
    known = reduced.weight[rows] > 0.5
    values = reduced.values[rows]
    values = values.ravel() if known.all() else values[known]
    return (level - usual) / max(float(values.std()), 1e-12)


def _single_layer(amplitude: np.ndarray, brightness: np.ndarray, crystal: np.ndarray) -> float:
    """Amplitude that a single layer does not exceed; infinite where there is no second one.

    Two layers scatter twice as much: the amplitudes fall into two groups, and so does the
    brightness. Contamination is brighter, too, but leaves the amplitude as it is.
    """
    values = np.sort(amplitude[crystal])
    count = np.arange(1, len(values))
    if len(values) < 2:
        return np.inf
    # Otsu's threshold: the variance between the two groups is largest.
    means = np.cumsum(values)[:-1] / count
    others = (values.sum() - np.cumsum(values)[:-1]) / (len(values) - count)
    best = int(np.argmax(count * (len(values) - count) * (others - means) ** 2))
    edge = float(values[best] + values[best + 1]) / 2
    one, two = crystal & (amplitude <= edge), crystal & (amplitude > edge)
    if one.sum() < _SINGLE_SHARE * crystal.sum() or two.sum() < _LAYER_SHARE * crystal.sum():
        return np.inf
    stronger = np.median(amplitude[two]) / np.median(amplitude[one])
    brighter = np.median(brightness[two]) - np.median(brightness[one])
    return edge if stronger > _LAYER and brighter > _LAYER_BRIGHT else np.inf


def _without_specks(out: np.ndarray, valid: np.ndarray, cell_area: float) -> np.ndarray:
    """Leave out small areas that are no crystal, and take in small patches of crystal."""
    for area, what in ((_GAP, out), (_PATCH, ~out & valid)):
        labels, count = ndimage.label(what)
        sizes = count_pixels(labels, count)
        small = sizes < area * cell_area
        small[0] = False
        if not small.any():
            continue
        # Some rows at a time: as an index, a label takes 8 bytes.
        step = max(_STRIPE // out.shape[1], 1)
        for first in range(0, len(out), step):
            out[first : first + step] ^= small[labels[first : first + step]]
    return out
