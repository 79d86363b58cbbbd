"""The slow brightness of a crystal, and how clear its lattice is in an image."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.reflections import away_from_reflections, ring_radius
from stemzoo.analysis.spectrum import frequencies, hann_window
from stemzoo.preprocessing import average_blocks

_SLOW = 3.0  # standard deviation of the Gaussian over which brightness is averaged [cells]
_BLOCKS = 2.0  # per cell, in which it is averaged first
_DARKEST = 1.0  # percentile that is taken for the darkest pixels
_DIM = 0.05  # of the mean: the level is not less anywhere, as it divides
# Reflections that are looked at, and what is no background [of the radius of the innermost ring].
_SLOWER, _INNER, _OUTER = 0.15, 0.5, 2.15
_AWAY = 0.12  # of the reciprocal lattice: from a reflection on, there is hardly anything of it
_FOOT = 3.0  # half width of a peak under a Hann window, and a little more [bins]


@dataclass(frozen=True, eq=False)
class LatticeSpectrum:
    """Which places of a spectrum belong to the reflections of a lattice.

    Parameters
    ----------
    away : ndarray of float32, shape (M, N // 2 + 1)
        How far each place of half the spectrum is from the nearest reflection, see
        `away_from_reflections`.
    reflections, between : ndarray of int, shape (K,), (L,)
        Places at the inner reflections, and away from all of them: indices of the flat spectrum.
    """

    away: np.ndarray
    reflections: np.ndarray
    between: np.ndarray

    @classmethod
    def of(cls, shape: tuple[int, int], lattice: Lattice) -> "LatticeSpectrum":
        """Tell apart the places of the spectrum of an image with a lattice."""
        away = away_from_reflections(shape, lattice).astype(np.float32)
        frequency = np.hypot(*frequencies(shape)) / ring_radius(lattice)
        foot = _FOOT / (min(shape) * np.hypot(*lattice.reciprocal.T).max())
        inner = (frequency > _INNER) & (frequency < _OUTER)
        between = (away > max(_AWAY, 2 * foot)) & (frequency > _SLOWER)
        return cls(away, np.flatnonzero((away < foot) & inner), np.flatnonzero(between))

    def contrast(self, flat: np.ndarray) -> float:
        """Tell how much stronger the reflections are than what lies between them.

        Parameters
        ----------
        flat : ndarray of float32, shape (M, N)
            An image without its mean.

        Returns
        -------
        float
            Ratio of the mean power at and between the reflections.
        """
        rows, columns = (hann_window(n).astype(np.float32) for n in flat.shape)
        spectrum = fft.rfft2(flat * rows[:, None] * columns)
        power = (spectrum.real**2 + spectrum.imag**2).ravel()
        return float(power[self.reflections].mean() / power[self.between].mean())


@dataclass(frozen=True, eq=False)
class CrystalLevel:
    """The slow brightness of a crystal.

    Parameters
    ----------
    lattice : Lattice
        Its lattice [px of the image].
    weight : ndarray of float32, shape (M, N)
        1 within the crystal, falling to 0 where it ends within the image.
    level : ndarray of float32, shape (M, N)
        Mean brightness over some cells around, of the crystal alone, above `black`.
    black : float
        What brightness is counted from, in units of the image; 0 unless pixels are negative.
    spectrum : LatticeSpectrum
        Where its reflections are.
    """

    lattice: Lattice
    weight: np.ndarray
    level: np.ndarray
    black: float
    spectrum: LatticeSpectrum

    @classmethod
    def of(cls, image: np.ndarray, crystal: np.ndarray, lattice: Lattice) -> "CrystalLevel":
        """Measure the brightness of a crystal.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            Finite values.
        crystal : ndarray of bool, shape (M, N)
            Where the crystal is.
        lattice : Lattice
            Its lattice.

        Returns
        -------
        CrystalLevel

        Examples
        --------
        >>> level = CrystalLevel.of(image, mask.crystal, lattice)  # doctest: +SKIP
        >>> level.flat(image)  # doctest: +SKIP
        """
        sample = image[::3, ::3][crystal[::3, ::3]]
        darkest = float(np.percentile(sample, _DARKEST))
        black = 0.0 if darkest >= 0 else darkest - float(sample.std())
        level, weight = slow_part(image - black, crystal, lattice, _SLOW)
        level = np.maximum(level, _DIM * np.float32(sample.mean() - black))
        spectrum = LatticeSpectrum.of(image.shape, lattice)
        return cls(lattice, weight, level, black, spectrum)

    def flat(self, image: np.ndarray) -> np.ndarray:
        """Return an image relative to the level, 0 where it is as bright and outside the crystal.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            The image, or one that is corrected.

        Returns
        -------
        ndarray of float32, shape (M, N)
        """
        return self.weight * ((image - self.black) / self.level - 1)

    def contrast(self, image: np.ndarray) -> float:
        """Tell how much stronger the reflections are than what lies between them.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            The image, or one that is corrected.

        Returns
        -------
        float
            Ratio of the mean power at and between the reflections.
        """
        return self.spectrum.contrast(self.flat(image))


def slow_part(
    image: np.ndarray, crystal: np.ndarray, lattice: Lattice, cells: float
) -> tuple[np.ndarray, np.ndarray]:
    """Average an image over some cells of a crystal, the crystal alone.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values.
    crystal : ndarray of bool, shape (M, N)
        Where the crystal is.
    lattice : Lattice
        Its lattice.
    cells : float
        Standard deviation of the Gaussian over which is averaged [cells].

    Returns
    -------
    average, weight : ndarray of float32, shape (M, N)
        The weight is 1 within the crystal, and falls to 0 where it ends within the image.

    Examples
    --------
    >>> average, weight = slow_part(image, mask.crystal, lattice, 3.0)  # doctest: +SKIP
    """
    cell = float(np.hypot(*lattice.vectors.T).min())
    block = max(int(cell / _BLOCKS), 1)
    missing = [(0, -n % block) for n in image.shape]
    sums, part = (
        ndimage.gaussian_filter(
            average_blocks(np.pad(values, missing, mode="edge"), block, np.float32),
            cells * cell / block,
            mode="nearest",
        )
        for values in (np.where(crystal, image, 0), crystal.astype(np.float32))
    )
    mean = np.float32(image[::3, ::3][crystal[::3, ::3]].mean())
    average = np.where(part > 1e-3, sums / np.maximum(part, 1e-3), mean)
    weight = np.ones(image.shape, np.float32)
    if not crystal.all():
        # At a straight edge half of the surroundings is crystal.
        weight = np.clip(2 * _spread(part, block, image.shape) - 1, 0, 1) * crystal
    return _spread(average, block, image.shape), weight


def _spread(values: np.ndarray, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Values of blocks at the pixels of an image, bilinearly."""
    spread = []
    for known, n in zip(values.shape, shape, strict=True):
        place = np.clip((np.arange(n) - (block - 1) / 2) / block, 0, known - 1)
        # The share of each block in each pixel.
        share = np.maximum(1 - abs(place[:, None] - np.arange(known)), 0)
        spread.append(share.astype(np.float32))
    rows, columns = spread
    return rows @ values.astype(np.float32) @ columns.T
