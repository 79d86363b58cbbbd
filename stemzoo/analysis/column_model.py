"""Gaussian columns on a slowly varying background, fitted by linear least squares."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

# The background's knots lie this many nearest-neighbour distances apart: 11 Å in WSe2, where
# vacancies stand out best (of 4 to 30 Å) without much contamination.
KNOTS = 5.7
# Gaussians are cut at this many standard deviations.
_REACH = 3.0
# Keeps the columns that shine into the image from its edge finite; the others lose a thousandth.
_RIDGE = 1e-3


def nearest_distance(positions: np.ndarray) -> float:
    """Return the median distance of nearest neighbours.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of each column [px].

    Returns
    -------
    float
        [px].

    Raises
    ------
    ValueError
        If most positions are there twice.
    """
    distance, _ = cKDTree(positions).query(positions, 2)
    near = float(np.median(distance[:, 1]))
    if not near > 0:
        raise ValueError("Expected one position for each column. Received: most of them twice")
    return near


@dataclass(frozen=True, eq=False)
class Background:
    """Bilinear functions that make up a slowly varying background.

    Parameters
    ----------
    functions : sparse array of shape (M N, L)
        One a column.
    overlap : sparse array of shape (L, L)
        Their products with each other.
    """

    functions: sparse.csr_array
    overlap: sparse.csr_array

    @classmethod
    def of(
        cls, shape: tuple[int, ...], positions: np.ndarray, knots: float = KNOTS
    ) -> "Background":
        """Lay knots over an image.

        Parameters
        ----------
        shape : tuple of int
            (M, N).
        positions : ndarray of shape (K, 2)
            Row and column of all columns [px].
        knots : float
            Distance of the knots, in those of nearest neighbours.

        Returns
        -------
        Background
        """
        functions = _background(shape, knots * nearest_distance(positions))
        return cls(functions, functions.T @ functions)


@dataclass(frozen=True, eq=False)
class ColumnModel:
    """Gaussians of one width and a background that fit an image best.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of each Gaussian [px].
    width : float
        Their standard deviation [px].
    columns : sparse array of shape (K, M N)
        The Gaussians, of unit volume.
    background : Background
        What they stand on.
    intensities : ndarray of shape (K,)
        Volume of each Gaussian.
    knots : ndarray of shape (L,)
        Value of each function of the background.
    explained : float
        Sum of squares that the fit takes away from the image.
    """

    positions: np.ndarray
    width: float
    columns: sparse.csr_array
    background: Background
    intensities: np.ndarray
    knots: np.ndarray
    explained: float

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        positions: np.ndarray,
        width: float,
        *,
        tolerance: float = 1e-6,
        background: Background | None = None,
    ) -> "ColumnModel":
        """Find all intensities and the background at once.

        Parameters
        ----------
        values : ndarray of shape (M, N)
            An image.
        positions : ndarray of shape (K, 2)
            Row and column of all columns [px]; some may lie a little outside.
        width : float
            Standard deviation of a column [px].
        tolerance : float
            Relative residual at which conjugate gradients stop.
        background : Background, optional
            Of `Background.of` for this image and these columns, which is called where not given.

        Returns
        -------
        ColumnModel
        """
        columns = _gaussians(positions, values.shape, width)
        background = background or Background.of(values.shape, positions)
        mixed = columns @ background.functions
        normal = sparse.block_array(
            [[columns @ columns.T, mixed], [mixed.T, background.overlap]], format="csr"
        )
        # About unit diagonal, so that gradients converge in some 30 steps.
        k = len(positions)
        norms = np.full(k, 1 / (4 * np.pi * width**2)), normal.diagonal()[k:]
        scale = sparse.diags_array(1 / np.sqrt(np.concatenate(norms)))
        ridge = sparse.diags_array(np.repeat([_RIDGE, 1e-9], [len(n) for n in norms]))
        pixels = values.ravel()
        projected = np.concatenate([columns @ pixels, background.functions.T @ pixels])
        matrix, target = scale @ normal @ scale + ridge, scale @ projected
        solution = scale @ cg(matrix, target, rtol=tolerance, maxiter=500)[0]
        intensities, levels = np.split(solution, [k])
        explained = float(solution @ projected)
        return cls(positions, width, columns, background, intensities, levels, explained)

    def shifts(self, values: np.ndarray) -> np.ndarray:
        """Return how far each column lies from its position.

        Parameters
        ----------
        values : ndarray of shape (M, N)
            The image.

        Returns
        -------
        ndarray of shape (K, 2)
            Along rows and columns [px], to first order (Gauss-Newton); NaN without intensity.
        """
        fitted = self.background.functions @ self.knots + self.columns.T @ self.intensities
        residual = values - fitted.reshape(values.shape)
        pull = self.columns @ residual.ravel()
        rows, columns = (np.arange(n) for n in residual.shape)
        moments = [self.columns @ (residual * at).ravel() for at in (rows[:, None], columns)]
        asked = np.stack(moments, axis=1) - self.positions * pull[:, None]
        strength = np.where(self.intensities > 0, self.intensities, np.nan)[:, None]
        # Of Gaussians g of unit volume at p, <dg/dp, dg/dp> = 1 / (8π width⁴).
        return 8 * np.pi * self.width**2 * asked / strength


def _gaussians(positions: np.ndarray, shape: tuple[int, int], width: float) -> sparse.csr_array:
    """Gaussians of unit volume, one a row; the same square of pixels around each."""
    reach = int(np.ceil(_REACH * width))
    offsets = np.arange(-reach, reach + 1)
    # Of shape (K, 2, pixels along a side): both axes by themselves, as a Gaussian is a product.
    at = np.rint(positions).astype(np.int32)[:, :, None] + offsets.astype(np.int32)
    g = np.exp(-(((at - positions[:, :, None]) / width) ** 2) / 2) / (np.sqrt(2 * np.pi) * width)
    # What lies outside the image counts nothing, at any pixel.
    last = np.array(shape, dtype=np.int32)[:, None] - 1
    g[(at < 0) | (at > last)] = 0
    at = np.clip(at, 0, last)
    data = (g[:, 0, :, None] * g[:, 1, None, :]).ravel()
    pixels = (at[:, 0, :, None] * np.int32(shape[1]) + at[:, 1, None, :]).ravel()
    starts = np.arange(len(positions) + 1) * offsets.size**2
    return sparse.csr_array((data, pixels, starts), shape=(len(positions), shape[0] * shape[1]))


def _background(shape: tuple[int, ...], step: float) -> sparse.csr_array:
    """Bilinear functions of knots some `step` [px] apart, a column each; four see a pixel."""
    lower, weights, knots = [], [], []
    for n in shape:
        count = max(round(n / step), 1) + 1
        place = np.arange(n) / max(n - 1, 1) * (count - 1)
        low = np.minimum(place.astype(np.int32), count - 2)
        lower.append(low[:, None] + np.arange(2, dtype=np.int32))
        weights.append(np.stack([1 - (place - low), place - low], axis=1))
        knots.append(count)
    data = weights[0][:, None, :, None] * weights[1][None, :, None, :]
    index = lower[0][:, None, :, None] * np.int32(knots[1]) + lower[1][None, :, None, :]
    starts = np.arange(0, data.size + 1, 4)
    size = (shape[0] * shape[1], knots[0] * knots[1])
    return sparse.csr_array((data.ravel(), index.ravel(), starts), shape=size)
