"""Where a lattice lies from place to place, by the local phases of its spots."""

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.phase_unwrapping import unwrap_phase

# Standard deviation of the window in which phases are averaged, in lattice constants: a vacancy
# hardly moves them, and a distortion over some four cells is followed.
_WINDOW = 1.5


def local_spots(values: np.ndarray, lattice: Lattice, vectors: np.ndarray) -> np.ndarray:
    """Measure spots in windows around the points of a coarse grid.

    Parameters
    ----------
    values : ndarray of shape (M, N)
        An image.
    lattice : Lattice
        Its lattice.
    vectors : ndarray of shape (S, 2)
        Spots [1/px].

    Returns
    -------
    ndarray of complex, shape (S, P, Q)
        Fourier coefficients.
    """
    area = abs(np.linalg.det(lattice.vectors))
    constant = lattice.period
    if lattice.shape is None:
        constant = np.sqrt(area / np.sin(2 * np.pi / lattice.symmetry))
    windows = [_windows(n, _WINDOW * constant) for n in values.shape]
    rows, columns = (
        window * np.exp(-2j * np.pi * along[:, None, None] * np.arange(window.shape[1]))
        for window, along in zip(windows, vectors.T, strict=True)
    )
    flat = values - values.mean()
    # Real products with the image, which complex ones would copy; contiguous factors are quick.
    rows = rows.reshape(-1, values.shape[0])
    real, imaginary = (np.ascontiguousarray(part) @ flat for part in (rows.real, rows.imag))
    lines = (real + 1j * imaginary).reshape(len(vectors), -1, values.shape[1])
    return lines @ columns.swapaxes(1, 2)


def origin_of(
    spots: np.ndarray,
    vectors: np.ndarray,
    *,
    near: bool = False,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Return the position of a place of high symmetry as seen from each point of a grid.

    Parameters
    ----------
    spots : ndarray of complex, shape (S, P, Q)
        Of spots whose phases are equal at such places.
    vectors : ndarray of shape (S, 2)
        These spots [1/px].
    near : bool
        Take the place next to 0.
    known : ndarray of bool, shape (P, Q), optional
        Where the phases mean something; elsewhere those of the nearest such point are taken.

    Returns
    -------
    ndarray of shape (2, P, Q)
        Row and column [px].

    Notes
    -----
    With I = Σ F exp(2πi g·(r - t)), the phase of spot g is arg F - 2π g·t; the spots of a hexagonal
    or square lattice have one common arg F, which the pseudo-inverse drops; of two spots of a
    lattice of any shape it moves the place.
    """
    if known is not None:
        nearest = ndimage.distance_transform_edt(
            ~known, return_distances=False, return_indices=True
        )
        phases = np.array([unwrap_phase(np.angle(s), known)[tuple(nearest)] for s in spots])
    else:
        phases = np.array([unwrap_phase(np.angle(spot)) for spot in spots])
    if near:
        phases -= 2 * np.pi * np.rint(np.median(phases, axis=(1, 2), keepdims=True) / (2 * np.pi))
        if len(phases) == 3:  # spots whose sum is 0, so that a shift turns them by 0 in sum
            turns = np.rint(np.median(phases.sum(axis=0)) / (2 * np.pi))
            phases[2] -= 2 * np.pi * turns
    return np.tensordot(np.linalg.pinv(vectors), phases, axes=1) / (-2 * np.pi)


def _windows(n: int, width: float) -> np.ndarray:
    """Gaussian windows (P, n) around equally spaced pixels from the first to the last."""
    pixels = np.arange(n)
    centres = np.linspace(0, n - 1, max(int(np.ceil(2 * n / width)), 2))
    window = np.exp(-((pixels - centres[:, None]) ** 2) / (2 * width**2))
    # Softly to zero at the edges, where a cut would let the other spots in.
    inward = np.minimum(pixels, pixels[::-1]) + 0.5
    window *= np.sin(np.pi / 2 * np.minimum(inward / (width / 2), 1)) ** 2
    return window / window.sum(axis=1, keepdims=True)


def on_grid(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask (M, N) of an image at the points of a grid of a shape that spans it."""
    rows, columns = (
        np.rint(np.linspace(0, n - 1, points)).astype(int)
        for n, points in zip(mask.shape, shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def interpolated(grid: np.ndarray, positions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values (..., K) of a grid that spans the image, at positions (K, 2)."""
    scale = (np.array(grid.shape[-2:]) - 1) / (np.array(shape) - 1)
    places = (positions * scale).T
    if grid.ndim == 2:
        return ndimage.map_coordinates(grid, places, order=1, mode="nearest")
    return np.array([ndimage.map_coordinates(g, places, order=1, mode="nearest") for g in grid])


def grown(
    offset: np.ndarray, origin: np.ndarray, lattice: Lattice, shape: tuple[int, int]
) -> np.ndarray:
    """All places (K, 2) of one kind in the image: r = origin(r) + offset + a lattice vector."""
    # Lattice vectors that may reach into the image from the origin, wherever it is seen.
    corners = np.array([[r, c] for r in (0, shape[0] - 1) for c in (0, shape[1] - 1)])
    middle = origin.mean(axis=(1, 2))
    away = np.abs(origin - middle[:, None, None]).max()
    reach = np.array([[r, c] for r in (-away, away) for c in (-away, away)])
    index = ((corners - middle)[:, None] + reach).reshape(-1, 2) @ lattice.reciprocal.T
    low, high = np.floor(index.min(0)) - 1, np.ceil(index.max(0)) + 1
    cells = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True))), axis=-1
    ).reshape(-1, 2)
    ideal = cells @ lattice.vectors + offset
    positions = ideal + middle
    # The origin changes by less than a tenth of the distance, so this converges.
    for _ in range(8):
        positions = ideal + interpolated(origin, positions, shape).T
    return positions[((positions >= 0) & (positions <= np.array(shape) - 1)).all(axis=1)]
