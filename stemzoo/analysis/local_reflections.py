"""Local amplitudes of the reflections of a lattice: where in an image they are, and how strong."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.reflections import half_plane_indices, ring_radius
from stemzoo.analysis.valid_pixels import filled

_PIXELS = 5.0  # per spacing of the innermost planes: finer ones say nothing more of them
_FLATTEN = 0.6  # lattice constants: what is slower than the lattice is taken out
_CLIP = 4.0  # standard deviations: a bright particle, or a spark, has no weight of its own
_SMOOTH = 2.0  # points of the grid, over which phases are smoothed for their gradients
_STEPS = 2.0  # points of the grid per standard deviation of the window
# Pixels of the reduced image: with more, of 12,000² and more as recorded, memory is short.
_LARGE = 6000**2
# Squared length of the reflections that are used, the three innermost shells.
_FINEST = 4
# How many of a lattice of any shape are used, the strongest, and places between them.
_MOST, _PLACES = 8, 5
# Places far from all reflections, where the power of the background is taken.
_BETWEEN = {
    6: ((2 / 3, 2 / 3), (-4 / 3, 2 / 3), (2 / 3, -4 / 3), (1 / 3, 4 / 3), (4 / 3, 1 / 3)),
    4: ((1 / 2, 3 / 2), (3 / 2, 1 / 2), (-1 / 2, 3 / 2), (-3 / 2, 1 / 2)),
}


@dataclass(frozen=True, eq=False)
class ReducedImage:
    """An image on a coarser grid, without what is slower than its lattice.

    Parameters
    ----------
    values : ndarray of shape (P, Q)
        Mean over blocks of pixels, clipped; 0 where no pixel is valid.
    weight : ndarray of shape (P, Q)
        Part of each block that is valid; of blocks of one pixel, of bool.
    level : ndarray of shape (P, Q)
        What is slower than the lattice; of the largest images, every second value of it.
    block : int
        Edge of a block [px].
    spacing : int
        Distance of the values of the level [px].
    """

    values: np.ndarray
    weight: np.ndarray
    level: np.ndarray
    block: int
    spacing: int

    @classmethod
    def of(
        cls, image: np.ndarray, valid: np.ndarray, lattice: Lattice, *, overwrite: bool = False
    ) -> "ReducedImage":
        """Reduce an image (M, N) with its valid pixels to what shows the lattice."""
        block = max(int(1 / (ring_radius(lattice) * _fineness(lattice)) / _PIXELS), 1)
        # Memory for a copy is scarce for the largest images.
        values = filled(image, valid, overwrite=overwrite)
        free = values.dtype == np.float32 and (overwrite or values is not image)
        low, middle, high = np.percentile(values[::3, ::3][valid[::3, ::3]], (1, 50, 99))
        reach = _CLIP * max(high - low, 1e-12)
        clipped = values if free else np.empty(values.shape, np.float32)
        for rows in _rows(values.shape):
            clipped[rows] = np.clip(values[rows], middle - reach, middle + reach)
        values = clipped
        if valid.all():
            # Takes no memory.
            weight = np.broadcast_to(np.float32(1), [-(-n // block) for n in valid.shape])
            values = _block_means(values, block)
        elif block == 1:
            weight = valid
            values *= valid
        else:
            weight = _block_means(valid.astype(np.float32), block)
            values = _block_means(values * valid, block) / np.maximum(weight, 1e-6)
        level = _weighted_mean(values, weight, _FLATTEN / ring_radius(lattice) / block)
        values -= level
        known = weight > 0.5
        inside = values.ravel() if known.all() else values[known]
        bound = _CLIP * float(np.std(inside)) if known.any() else 0.0
        # Of what is within the bounds: the second time, extremes do not count.
        bound = _CLIP * float(np.std(np.clip(inside, -bound, bound, out=inside)))
        del inside
        np.clip(values, -bound, bound, out=values)
        if block == 1 and not known.all():
            values *= valid
        if values.size < _LARGE:
            return cls(values, weight, level, block, block)
        return cls(values, weight, level[::2, ::2].copy(), block, 2 * block)

    @property
    def weighted(self) -> np.ndarray:
        """Return values times weight; values that are weighted already are not copied."""
        done = self.block == 1 or self.weight.min() == 1
        return self.values if done else self.values * self.weight


@dataclass(frozen=True, eq=False)
class LocalReflections:
    """Reflections in windows around the points of a grid that spans an image.

    Parameters
    ----------
    indices : ndarray of int, shape (G, 2)
        (h, k) of each reflection, of a pair of opposites one.
    coefficients : ndarray of complex, shape (G, P, Q)
        Fourier coefficient of each.
    background : ndarray of shape (P, Q)
        Mean power of a coefficient that is no reflection.
    weight : ndarray of shape (P, Q)
        Part of the window that is valid.
    block : int
        Edge of the blocks of the reduced image [px].
    step : tuple of float
        Distance of grid points along rows and columns [px of the image].
    """

    indices: np.ndarray
    coefficients: np.ndarray
    background: np.ndarray
    weight: np.ndarray
    block: int
    step: tuple[float, float]

    @classmethod
    def of(cls, image: ReducedImage, lattice: Lattice, width: float) -> "LocalReflections":
        """Measure reflections under Gaussian windows.

        Parameters
        ----------
        image : ReducedImage
            The image.
        lattice : Lattice
            Its lattice.
        width : float
            Standard deviation of the window [px of the image].

        Returns
        -------
        LocalReflections
        """
        indices, between = _indices(lattice)
        spots = indices @ lattice.reciprocal * image.block
        shown = (abs(spots) < 0.45).all(axis=1)
        indices, spots = indices[shown], spots[shown]
        between = between @ lattice.reciprocal * image.block
        between = between[(abs(between) < 0.45).all(axis=1)]
        grid = _Grid.of(image, width / image.block)
        weight = next(grid.means(image.weight, np.zeros((1, 2)))).real.copy()
        known = np.maximum(weight, 1e-3)
        kind = np.complex64 if grid.is_large else np.complex128
        coefficients = np.empty((len(spots), *grid.shown), kind)
        noise = np.zeros(grid.shown)
        for k, mean in enumerate(grid.means(image.weighted, np.vstack([spots, between]))):
            mean /= known
            if k < len(spots):
                coefficients[k] = mean
            else:
                noise += abs(mean) ** 2
            del mean  # before the next one takes its memory
        noise = ndimage.gaussian_filter(noise / len(between), _STEPS, mode="nearest")
        step = (grid.step[0] * image.block, grid.step[1] * image.block)
        return cls(indices, coefficients, noise, weight, image.block, step)

    def distortion(self, lattice: Lattice) -> np.ndarray:
        """Return how much the lattice is strained or turned from place to place.

        Parameters
        ----------
        lattice : Lattice
            The lattice of the whole image.

        Returns
        -------
        ndarray of shape (P, Q)
            Largest of the distortions that the gradients of the phases tell: of a rotation, its
            angle [rad].
        """
        spots = self.indices @ lattice.reciprocal
        weight = (abs(self.coefficients) ** 2).mean(axis=(1, 2))
        weight = weight / max(weight.sum(), 1e-30)
        # Least squares for shift = spot @ tensor, strong reflections weighing more.
        moments = np.linalg.inv(np.einsum("g,gi,gj->ij", weight, spots, spots))
        tensor = np.empty((2, 2, *self.weight.shape))
        for axis, step in enumerate(self.step):
            shift = np.empty(self.coefficients.shape)
            for k, coefficient in enumerate(self.coefficients):
                c = np.moveaxis(coefficient, axis, 0)
                # From both neighbours to each point; at the ends there is one.
                turn = c[1:] * c[:-1].conj()
                turn = np.concatenate([turn[:1], turn[1:] + turn[:-1], turn[-1:]])
                turn = ndimage.gaussian_filter(np.moveaxis(turn, 0, axis), _SMOOTH)
                shift[k] = np.angle(turn) / (2 * np.pi * step)
            tensor[:, axis] = np.einsum("g,gi,gpq->ipq", weight, spots, shift)
        tensor = np.einsum("ij,jkpq->pqik", moments, tensor)
        # The larger singular value of each, in closed form.
        (a, b), (c, d) = np.moveaxis(tensor, (-2, -1), (0, 1))
        return (np.hypot(a + d, b - c) + np.hypot(a - d, b + c)) / 2

    def sampled(self, values: np.ndarray, spacing: int) -> np.ndarray:
        """Return values (P, Q) at the points of the grid, of some at a distance of so many px."""
        places = (
            np.minimum(np.rint(np.arange(count) * step / spacing).astype(int), n - 1)
            for n, count, step in zip(values.shape, self.weight.shape, self.step, strict=True)
        )
        return values[np.ix_(*places)]

    def interpolated(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return values (P, Q) of the grid at the pixels of the image, bilinearly."""
        for axis, (n, step) in enumerate(zip(shape, self.step, strict=True)):
            place = np.clip((np.arange(n) - (self.block - 1) / 2) / step, 0, values.shape[axis] - 1)
            low = np.minimum(place.astype(int), values.shape[axis] - 2)
            lines = np.moveaxis(values, axis, -1)
            found = np.empty((len(lines), n), np.float32)
            for rows in _rows(found.shape):
                part = lines[rows]
                found[rows] = part[:, low] + (part[:, low + 1] - part[:, low]) * (place - low)
            values = np.moveaxis(found, -1, axis)
        return values


def _fineness(lattice: Lattice) -> float:
    """Length of the finest reflection that is used, in units of the second ring's."""
    if lattice.shape is None:
        return 1.0
    lengths = lattice.squared_length(*np.array(lattice.shape.shown[:_MOST]).T)
    return max(float(np.sqrt(lengths.max() / _FINEST)), 1.0)


def _indices(lattice: Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Return the reflections (G, 2) that are used, and places (B, 2) that are far from all."""
    if lattice.shape is None:
        indices = half_plane_indices(2)
        return indices[lattice.squared_length(*indices.T) <= _FINEST], np.array(
            _BETWEEN[lattice.symmetry]
        )
    shown = np.array(lattice.shape.shown[:_MOST])
    lengths = lattice.squared_length(*shown.T)
    # Half-way between reflections, as far out as these.
    middles = np.concatenate([lattice.shape.half_plane(float(lengths.max())), [[0, 0]]]) + 0.5
    usual = np.median(lengths)
    order = np.argsort(abs(lattice.squared_length(*middles.T) - usual), kind="stable")
    return shown, middles[order[:_PLACES]]


@dataclass(frozen=True)
class _Grid:
    """Points at which Gaussian means of an image are taken, by way of its spectrum.

    Parameters
    ----------
    width : float
        Standard deviation of the Gaussian [px].
    shape : tuple of int
        Shape of the image with zeros beside it, so that its ends do not meet [px].
    points : tuple of int
        Number of points along the sides of that.
    shown : tuple of int
        How many of them are in the image, or the next to it.
    """

    width: float
    shape: tuple[int, int]
    points: tuple[int, int]
    shown: tuple[int, int]

    @classmethod
    def of(cls, image: ReducedImage, width: float) -> "_Grid":
        """Choose points for an image."""
        rows, columns = (
            fft.next_fast_len(n + int(np.ceil(3 * width)), real=True) for n in image.values.shape
        )
        points = [min(2 * int(np.ceil(_STEPS / 2 * n / width)), n) for n in (rows, columns)]
        shown = [
            int(np.ceil((n - 1) * count / whole)) + 1
            for n, count, whole in zip(image.values.shape, points, (rows, columns), strict=True)
        ]
        return cls(width, (rows, columns), (points[0], points[1]), (shown[0], shown[1]))

    @property
    def is_large(self) -> bool:
        """Whether memory is short: half the spectrum tells all, and single precision does."""
        return self.shape[0] * self.shape[1] > _LARGE

    @property
    def step(self) -> tuple[float, float]:
        """Distance of the points along rows and columns [px]."""
        return self.shape[0] / self.points[0], self.shape[1] / self.points[1]

    def means(self, values: np.ndarray, frequencies: np.ndarray) -> Iterator[np.ndarray]:
        """Yield Gaussian means (P, Q) of values (M, N) times the wave of each frequency (G, 2)."""
        spectrum = self._spectrum(values)
        del values  # before the means take their memory
        for frequency in frequencies:
            picked, turned = [], []
            for k, n, count, shown in zip(
                frequency, self.shape, self.points, self.shown, strict=True
            ):
                bins = np.rint(k * n) + np.arange(count) - count // 2
                pick = np.exp(-2 * (np.pi * self.width * (bins / n - k)) ** 2) * count / n
                picked.append((bins.astype(int) % n, pick))
                # From the first of these bins to the frequency itself.
                places = np.arange(shown) * n / count
                turned.append(np.exp(2j * np.pi * (bins[0] / n - k) * places))
            (rows, down), (columns, along) = picked
            part = self._scaled(self._picked(spectrum, rows, columns), down, along)
            mean = fft.ifft2(part, overwrite_x=True)[: self.shown[0], : self.shown[1]]
            del part
            mean = self._scaled(mean, *turned)
            yield mean
            del mean

    def _scaled(self, values: np.ndarray, down: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Values times factors of rows and of columns; in place, as they are, in a large grid."""
        if not self.is_large:
            return values * (down[:, None] * along)
        values *= down[:, None]
        values *= along
        return values

    def _spectrum(self, values: np.ndarray) -> np.ndarray:
        """Spectrum of real values with zeros beside them; half of it where memory is short."""
        if not self.is_large:
            return fft.fft2(values.astype(np.float32, copy=False), s=self.shape)
        # As rfft2 does, but for a copy of the values with their zeros.
        spectrum = np.zeros((self.shape[0], self.shape[1] // 2 + 1), np.complex64)
        for rows in _rows(values.shape):
            spectrum[rows] = fft.rfft(values[rows].astype(np.float32, copy=False), self.shape[1])
        return fft.fft(spectrum, axis=0, overwrite_x=True)

    def _picked(self, spectrum: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Rows and columns of the spectrum of real values, of which half may be there."""
        there = columns < spectrum.shape[1]
        if there.all():
            return spectrum[np.ix_(rows, columns)]
        picked = np.empty((len(rows), len(columns)), spectrum.dtype)
        picked[:, there] = spectrum[np.ix_(rows, columns[there])]
        opposite = np.ix_(-rows % self.shape[0], -columns[~there] % self.shape[1])
        picked[:, ~there] = spectrum[opposite].conj()
        return picked


def _rows(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield rows of a megabyte or two, for what would take more memory at once."""
    count = max(2**18 // shape[1], 1)
    for first in range(0, shape[0], count):
        yield slice(first, min(first + count, shape[0]))


def _block_means(values: np.ndarray, block: int) -> np.ndarray:
    """Means over blocks; the last ones are of what is left."""
    if block == 1:
        return values
    for axis in (0, 1):
        n = values.shape[axis]
        starts = np.arange(0, n, block)
        sizes = np.diff(np.append(starts, n)).astype(np.float32)
        sums = np.add.reduceat(values, starts, axis=axis)
        values = sums / (sizes[:, None] if axis == 0 else sizes)
    return values


def _weighted_mean(values: np.ndarray, weight: np.ndarray, width: float) -> np.ndarray:
    """Gaussian mean of what has weight."""
    if weight.min() == 1:
        return ndimage.gaussian_filter(values, width, mode="nearest", truncate=3)
    mean, total = values * weight, weight.astype(np.float32)
    for part in (mean, total):
        ndimage.gaussian_filter(part, width, output=part, mode="nearest", truncate=3)
    mean /= np.maximum(total, 1e-6, out=total)
    return mean
