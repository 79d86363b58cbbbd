"""The unit cell of a lattice: two spots of the power spectrum, and what they say of the crystal.

Spots of a `Cell` are complex numbers, column frequency + i row frequency [1/px]. A distorted cell
is an ideal one under z -> alpha z + beta conj(z): abs(beta)/abs(alpha) measures the distortion, the
phase of alpha is the rotation.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stemzoo.analysis.spectrum_peaks import SpectrumPeaks
from stemzoo.simulate.projected_lattice import LatticeShape


@dataclass(frozen=True)
class Lattice:
    """A crystal lattice as found in an image.

    Parameters
    ----------
    sampling : float
        Pixel size [Å/px], from the area of the unit cell: shear does not bias it.
    vectors : ndarray of shape (2, 2)
        Two lattice vectors, (row, column) each [px].
    reciprocal : ndarray of shape (2, 2)
        Two of the innermost spots, (row, column) each [1/px]; ``vectors @ reciprocal.T`` is the
        unit matrix (no factor 2π).
    symmetry : int
        Number of spots of the innermost ring: 6 (hexagonal) or 4 (square); 2 for others, whose
        `shape` says more.
    rotation : float
        Angle from the column axis to the nearest lattice row of the undistorted lattice, positive
        towards increasing rows, in [0, 360 / symmetry) [degrees].
    strain : float
        Departure from the ideal shape, at equal area: the lattice is longer by this fraction along
        one direction and shorter by it across.
    confidence : float
        In [0, 1]; `find_lattice` says how it is computed.
    spots_found, spots_expected : int
        Significant spots, and all spots of the lattice, within 2.15 times the innermost ring.
    shape : LatticeShape or None
        Of a lattice of symmetry 2, without strain.
    """

    sampling: float
    vectors: np.ndarray
    reciprocal: np.ndarray
    symmetry: int
    rotation: float
    strain: float
    confidence: float
    spots_found: int
    spots_expected: int
    shape: LatticeShape | None = None

    @property
    def period(self) -> float:
        """Return the unit of windows that tell the spots apart [px].

        The shorter lattice vector; half of the longer one, where the cell is more than twice as
        long as wide.
        """
        short, long = np.sort(np.hypot(*self.vectors.T))
        return float(short if self.shape is None else max(short, long / 2))

    def squared_length(self, h: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the squared length of spots without strain, in units of the innermost ones."""
        return squared_length(h, k, self.symmetry, self.shape)

    def alike(self, place: np.ndarray, near: np.ndarray, reach: float) -> np.ndarray:
        """Return all places that differ from one by lattice vectors.

        Parameters
        ----------
        place, near : ndarray of shape (2,)
            The place, and the middle of those that are wanted: row and column [px].
        reach : float
            How far they may be from `near` [px].

        Returns
        -------
        ndarray of shape (K, 2)
        """
        middle = np.rint((near - place) @ self.reciprocal.T)
        count = np.ceil(reach * np.hypot(*self.reciprocal.T)).astype(int) + 1
        cells = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in count)), -1).reshape(-1, 2)
        places = place + (middle + cells) @ self.vectors
        return places[np.hypot(*(places - near).T) <= reach]

    def resampled(self, sampling: float, target: float) -> "Lattice":
        """Return the lattice in the image when its pixels are of another size.

        Parameters
        ----------
        sampling, target : float
            Pixel size before and after [Å/px].

        Returns
        -------
        Lattice
        """
        reciprocal = self.reciprocal * target / sampling
        return replace(
            self,
            sampling=self.sampling * target / sampling,
            vectors=np.linalg.inv(reciprocal).T,
            reciprocal=reciprocal,
        )


def ideal_second(symmetry: int) -> complex:
    """Return the second vector of the ideal cell whose first one is 1."""
    return np.exp(1j * np.pi / 3) if symmetry == 6 else 1j


def squared_length(
    h: np.ndarray, k: np.ndarray, symmetry: int, shape: LatticeShape | None = None
) -> np.ndarray:
    """Return the squared length of reflections of an undistorted lattice.

    Parameters
    ----------
    h, k : ndarray of one shape, or int
        Indices of the reflections.
    symmetry : int
        6 (hexagonal; the two vectors are 60° apart) or 4 (square).
    shape : LatticeShape, optional
        Of a lattice of another symmetry.

    Returns
    -------
    ndarray of that shape, or int
        In units of the innermost reflections.

    Examples
    --------
    >>> squared_length(1, 1, 6), squared_length(1, 1, 4)
    (3, 2)
    """
    if shape is not None:
        return shape.squared_length(h, k)
    return h**2 + k**2 + (h * k if symmetry == 6 else 0)


def distortion(
    first: Any, second: Any, symmetry: int, shape: LatticeShape | None = None
) -> tuple[Any, Any]:
    """Return how the ideal cell becomes one that two spots span.

    Parameters
    ----------
    first, second : ndarray of complex, or complex
        The two spots.
    symmetry : int
        6 or 4.
    shape : LatticeShape, optional
        Of a lattice of another symmetry.

    Returns
    -------
    alpha, beta : ndarray of complex, or complex
        The cell is the ideal one under z -> alpha z + beta conj(z).
    """
    if shape is not None:
        p, q = shape.first, shape.second
        area = p * np.conj(q) - np.conj(p) * q
        alpha = (first * np.conj(q) - second * np.conj(p)) / area
        return alpha, (second * p - first * q) / area
    ideal = ideal_second(symmetry)
    alpha = (second - first * np.conj(ideal)) / (ideal - np.conj(ideal))
    return alpha, first - alpha


@dataclass(frozen=True)
class Cell:
    """Two spots of the power spectrum that span a lattice.

    Parameters
    ----------
    first, second : complex
        The spots [1/px].
    symmetry : int
        Of the ideal lattice, 6, 4 or 2.
    shape : LatticeShape or None
        Of an ideal lattice of symmetry 2.
    """

    first: complex
    second: complex
    symmetry: int
    shape: LatticeShape | None = None

    @property
    def area(self) -> float:
        """Area of the cell [1/px²]."""
        return abs((self.first.conjugate() * self.second).imag)

    @property
    def ring(self) -> float:
        """Radius of the innermost ring of the undistorted lattice [1/px]."""
        unit = ideal_second(self.symmetry).imag if self.shape is None else self.shape.area
        return np.sqrt(self.area / unit)

    @property
    def strain(self) -> float:
        """Departure from the ideal shape at equal area, see `Lattice`."""
        found = distortion(self.first, self.second, self.symmetry, self.shape)
        long, short = (abs(z) for z in found)
        return np.sqrt((long + short) / max(long - short, 1e-9)) - 1

    @property
    def rotation(self) -> float:
        """Angle from the column axis to the nearest lattice row, not reduced [degrees]."""
        alpha, _ = distortion(self.first, self.second, self.symmetry, self.shape)
        # The lattice rows run across the spots: 30 degrees from one, in a hexagonal lattice.
        return np.degrees(np.angle(alpha)) - (30 if self.symmetry == 6 else 0)

    @property
    def required_spots(self) -> tuple[tuple[int, int], ...]:
        """Indices of the spots that must be there, one of each opposite pair.

        The innermost ring; of a square lattice the second one too, as bricks, blocks of compressed
        pictures and the like have two spots at right angles.
        """
        ring = ((1, 0), (0, 1), (-1, 1))
        return ring if self.symmetry == 6 else (*ring, (1, 1))

    def squared_length(self, h: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return the squared length of spots without strain, in units of the innermost ones."""
        return squared_length(h, k, self.symmetry, self.shape)

    def spot_radius(self, shape: tuple[int, int]) -> float:
        """Return the radius of a spot of an image of some shape [bins].

        The resolution, or a little more, as the lattice varies over the image.
        """
        return max(1.2, 0.04 * min(shape) * np.sqrt(self.area))

    def index(self, peaks: SpectrumPeaks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Index peaks by the nearest lattice points.

        Parameters
        ----------
        peaks : SpectrumPeaks
            P peaks.

        Returns
        -------
        h, k : ndarray of shape (P,)
            Indices of the nearest lattice point of each.
        on : ndarray of bool, shape (P,)
            Whether the peak lies on that point, which is not the origin.
        """
        p, q, z = self.first, self.second, peaks.position
        # z = h p + k q; the components along p and q come from products with the other's conjugate.
        signed_area = (p * np.conj(q)).imag
        h = np.rint((z * np.conj(q)).imag / signed_area)
        k = np.rint(-(z * np.conj(p)).imag / signed_area)
        near = peaks.bins(z - h * p - k * q) < self.spot_radius(peaks.shape)
        return h, k, near & ((h != 0) | (k != 0))
