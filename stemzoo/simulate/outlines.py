"""Outlines: where in a field of view a crystal ends."""

from dataclasses import dataclass

import numpy as np

# Borders of flakes and holes waver on all scales, the longer ones more: [Å].
_WAVELENGTHS = np.geomspace(7.0, 90.0, 6)
_LOBES = np.arange(2, 9)


@dataclass(frozen=True)
class Line:
    """A border that crosses the field; the crystal lies on one side.

    Parameters
    ----------
    through : tuple of float
        A point (x, y) on the border [Å].
    normal : float
        Direction into the crystal, from x towards y [degrees].
    roughness : float
        Standard deviation of the border about the straight line [Å].
    seed : int
        Of its shape.
    """

    through: tuple[float, float]
    normal: float
    roughness: float = 0.0
    seed: int = 0

    def depth(self, xy: np.ndarray) -> np.ndarray:
        """Return how deep in the crystal points lie.

        Parameters
        ----------
        xy : ndarray of shape (..., 2)
            x and y [Å].

        Returns
        -------
        ndarray of shape (...)
            Distance from the border [Å], negative outside.

        Examples
        --------
        >>> Line(through=(10, 0), normal=0).depth(np.array([12.0, 5.0])).item()
        2.0
        """
        angle = np.deg2rad(self.normal)
        x, y = xy[..., 0] - self.through[0], xy[..., 1] - self.through[1]
        depth = x * np.cos(angle) + y * np.sin(angle)
        if self.roughness > 0:
            along = y * np.cos(angle) - x * np.sin(angle)
            amplitude = np.sqrt(_WAVELENGTHS)
            amplitude *= self.roughness * np.sqrt(2 / np.sum(amplitude**2))
            phases = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, len(amplitude))
            for height, length, phase in zip(amplitude, _WAVELENGTHS, phases, strict=True):
                depth = depth + height * np.cos(2 * np.pi * along / length + phase)
        return depth


@dataclass(frozen=True)
class Disc:
    """A round border; the crystal lies around it.

    Parameters
    ----------
    centre : tuple of float
        x and y [Å].
    radius : float
        Mean distance of the border from there [Å].
    roughness : float
        Standard deviation of that distance [Å].
    seed : int
        Of its shape.
    """

    centre: tuple[float, float]
    radius: float
    roughness: float = 0.0
    seed: int = 0

    def depth(self, xy: np.ndarray) -> np.ndarray:
        """Return how deep in the crystal points lie.

        Parameters
        ----------
        xy : ndarray of shape (..., 2)
            x and y [Å].

        Returns
        -------
        ndarray of shape (...)
            Distance from the border along the radius [Å], negative within the disc.

        Examples
        --------
        >>> Disc(centre=(0, 0), radius=4).depth(np.array([3.0, 4.0])).item()
        1.0
        """
        x, y = xy[..., 0] - self.centre[0], xy[..., 1] - self.centre[1]
        depth = np.hypot(x, y) - self.radius
        if self.roughness > 0:
            around = np.arctan2(y, x)
            amplitude = 1 / _LOBES
            amplitude *= self.roughness * np.sqrt(2 / np.sum(amplitude**2))
            phases = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, len(amplitude))
            for height, lobes, phase in zip(amplitude, _LOBES, phases, strict=True):
                depth = depth - height * np.cos(lobes * around + phase)
        return depth


Outline = Line | Disc
