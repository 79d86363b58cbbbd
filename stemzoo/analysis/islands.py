"""Islands of other matter on a crystal: brighter, and with much that is not of its lattice."""

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.local_reflections import LocalReflections, ReducedImage
from stemzoo.analysis.reflections import ring_radius

# Standard deviations of the window within which a lattice is one, of that in which power is
# averaged, and of the Gaussian that takes out what is finer than columns [lattice constants].
_WINDOW, _AVERAGE, _FINE = 2.5, 1.0, 0.1
# Finer than this, in radii of the innermost ring of reflections, there is more noise than atoms.
_NOISE = 1.9
# Power that is not of the lattice, against what is usual at that brightness: in islands, and in
# their middles; and in units of the lattice's.
_OFF, _MIDDLE, _MATTER = 2.5, 4.0, 0.25
# Brightness above the median, in standard deviations of the lattice's contrast.
_BRIGHTER = 0.3
_LEAST = 10.0  # smallest island [cells]: a single heavy atom seems to take up to 9
_DARKEST = 0.5  # percentile of the pixels that is not darker than no matter at all
# Pixels of the reduced image up to which it is asked, as memory is short with more.
_LARGE = 1536**2


def find_islands(
    image: ReducedImage, local: LocalReflections, lattice: Lattice, brightness: np.ndarray
) -> np.ndarray:
    """Find islands of other matter that lie on a crystal.

    Parameters
    ----------
    image : ReducedImage
        The image.
    local : LocalReflections
        Its reflections, whose grid is used.
    lattice : Lattice
        Its lattice.
    brightness : ndarray of shape (P, Q)
        On that grid, above the crystal's, in standard deviations of the lattice's contrast.

    Returns
    -------
    ndarray of bool, shape (P, Q)
        Where there are islands; nowhere in images of more than 1536² reduced pixels (2,000 nm² of
        WSe2 at least), where memory is short.

    Notes
    -----
    The image without the reflections of its lattice (all within 2.5 lattice constants) is squared
    and averaged over one lattice constant. Noise makes more of it where the image is brighter (in
    proportion, with shot noise; the finest frequencies tell it, too), and so does contamination;
    against that, islands of heavy atoms have 4 to 30 times as much, single defects less or only in
    a few cells.

    Examples
    --------
    >>> find_islands(reduced, local, lattice, brightness).mean()  # doctest: +SKIP
    0.06
    """
    if image.values.size > _LARGE:
        return np.zeros(brightness.shape, bool)
    rest, noise = _off_lattice_power(image, lattice)
    power, noise = (local.sampled(values, image.block) for values in (rest, noise))
    known = local.weight > 0.5
    own = 2 * (abs(local.coefficients) ** 2).sum(axis=0)[known].mean() if known.any() else 0.0
    if not own > 0:
        return np.zeros(brightness.shape, bool)
    bright = known & (brightness > _BRIGHTER) & (power - np.median(power[known]) > _MATTER * own)
    power = power / np.maximum(noise / np.median(noise[known]), _more_electrons(image, brightness))
    power /= np.median(power[known])
    labels, count = ndimage.label(bright & (power > _OFF))
    if not count:
        return np.zeros(brightness.shape, bool)
    index = np.arange(count + 1)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    cell = abs(np.linalg.det(lattice.vectors)) / np.prod(local.step)
    islands = (sizes > _LEAST * cell) & (ndimage.maximum(power, labels, index) > _MIDDLE)
    islands[0] = False
    return np.asarray(islands[labels])


def _more_electrons(image: ReducedImage, brightness: np.ndarray) -> np.ndarray:
    """Return how many times as many electrons as usual there are at most, where it is brighter."""
    rows = slice(None, None, image.spacing // image.block)
    values = image.values[rows, rows]
    known = image.weight[rows, rows] > 0.5
    shown = (values + image.level - np.median(image.level[known]))[known]
    dark = max(-float(np.percentile(shown, _DARKEST)) / max(float(values[known].std()), 1e-12), 0.1)
    return np.maximum(brightness / dark + 1, 1)


def _off_lattice_power(image: ReducedImage, lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Local powers (M, N) of what is not of the lattice: as fine as columns, and finer."""
    values, cell = image.weighted, lattice.period / image.block
    shape = tuple(fft.next_fast_len(n + int(3 * _WINDOW * cell), real=True) for n in values.shape)
    rows, columns = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    spectrum = fft.rfft2(values.astype(np.float32, copy=False), s=shape)
    width = 1 / (2 * np.pi * _WINDOW * cell)
    reciprocal = lattice.reciprocal * image.block
    count = int(np.ceil(0.5 / np.hypot(*reciprocal.T).min())) + 1
    orders = range(-count, count + 1)
    for row, column in np.array([(h, k) for h in orders for k in orders]) @ reciprocal:
        if abs(row) < 0.5 and -3 * width < column < 0.5:
            # Farther than this from a reflection, single precision changes nothing.
            near = [abs(k - at) < 6 * width for k, at in ((rows, row), (columns, column))]
            down, along = (
                np.exp(-(((k[close] - at) / width) ** 2) / 2).astype(np.float32)
                for k, at, close in ((rows, row, near[0]), (columns, column, near[1]))
            )
            spectrum[np.ix_(*near)] *= 1 - np.outer(down, along)
    fine = np.hypot(rows[:, None], columns) / (ring_radius(lattice) * image.block) > _NOISE
    blur = [np.exp(-2 * (np.pi * _FINE * cell * k) ** 2) for k in (rows, columns)]
    powers = []
    for kept in (np.outer(*blur).astype(np.float32), fine):
        rest = fft.irfft2(spectrum * kept, s=shape)[: values.shape[0], : values.shape[1]]
        powers.append(ndimage.gaussian_filter(rest**2, _AVERAGE * cell, mode="nearest"))
    return powers[0], powers[1]
