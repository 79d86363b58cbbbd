"""Incoherent imaging: atoms and optics to a noise-free image."""

import numpy as np
from scipy import fft
from scipy.special import i0

from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.optics import Microscope, transfer_function
from stemzoo.simulate.scattering import adf_cross_section

# Atoms are spread with a Kaiser-Bessel window of 8 pixels and the window is divided out again in
# Fourier space. Where the image holds frequencies up to 0.3 cycles per pixel the error is below
# 1e-6; a coarser image is computed on a finer grid and cut down in Fourier space.
_WIDTH = 8
_BAND = 0.3
_BETA = np.pi * np.sqrt((_WIDTH * 2 * _BAND * (0.5 / _BAND - 0.5)) ** 2 - 0.8)
# Probe tails reach into a non-periodic image from this far outside [Å].
MARGIN = 8.0


def _window(distance: np.ndarray) -> np.ndarray:
    return i0(_BETA * np.sqrt(np.clip(1 - (2 * distance / _WIDTH) ** 2, 0, None)))


def _window_transform(frequency: np.ndarray) -> np.ndarray:
    root = np.sqrt(_BETA**2 - (np.pi * _WIDTH * frequency) ** 2 + 0j)
    return (_WIDTH * np.sinh(root) / root).real


def _spread(
    rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Sum of windows around fractional pixel positions, wrapped at the edges."""
    steps = np.arange(_WIDTH)
    first_row = np.ceil(rows - _WIDTH / 2).astype(np.int64)[:, None] + steps
    first_column = np.ceil(columns - _WIDTH / 2).astype(np.int64)[:, None] + steps
    wy = _window(first_row - rows[:, None]) * weights[:, None]
    wx = _window(first_column - columns[:, None])
    index = (first_row % shape[0])[:, :, None] * shape[1] + (first_column % shape[1])[:, None, :]
    values = wy[:, :, None] * wx[:, None, :]
    flat = np.bincount(index.ravel(), values.ravel(), minlength=shape[0] * shape[1])
    return flat.reshape(shape)


def _crop_spectrum(spectrum: np.ndarray, rows: int, half: int) -> np.ndarray:
    """Lowest frequencies of an rfft2 spectrum; `rows` is odd."""
    low = rows // 2 + 1
    return np.concatenate(
        [spectrum[:low, :half], spectrum[spectrum.shape[0] - rows + low :, :half]]
    )


def _convolve(
    rows: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    microscope: Microscope,
    shape: tuple[int, int],
    extent: tuple[float, float],
) -> np.ndarray:
    """Periodic image on `shape`; positions in pixels of that grid."""
    # Frequencies that the optics pass, on both axes: everything else of the spectrum is zero.
    limit = [int(np.floor(microscope.bandwidth * length)) for length in extent]
    grid = tuple(
        fft.next_fast_len(max(n, int(np.ceil((2 * top + 1) / (2 * _BAND)))), real=True)
        for n, top in zip(shape, limit, strict=True)
    )
    spread = _spread(rows * grid[0] / shape[0], columns * grid[1] / shape[1], weights, grid)
    low = 2 * limit[0] + 1
    half = limit[1] + 1
    spectrum = _crop_spectrum(fft.rfft2(spread), low, half)
    ky = fft.fftfreq(low, 1 / low) / grid[0]
    kx = np.arange(half) / grid[1]
    spectrum = spectrum / (_window_transform(ky)[:, None] * _window_transform(kx)[None, :])
    # The probe is computed on the smallest grid that holds |psi|² without aliasing.
    small = tuple(fft.next_fast_len(2 * top + 2) for top in limit)
    spectrum *= _crop_spectrum(transfer_function(microscope, small, extent), low, half)
    return _to_image(spectrum, shape)


def _to_image(spectrum: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Inverse transform of a band-limited spectrum onto any grid, sampled at its pixels."""
    low, half = spectrum.shape
    factor = max(int(np.ceil(low / shape[0])), int(np.ceil((2 * half - 1) / shape[1])), 1)
    grid = shape[0] * factor, shape[1] * factor
    full = np.zeros((grid[0], grid[1] // 2 + 1), dtype=np.complex128)
    top = low // 2 + 1
    full[:top, :half] = spectrum[:top]
    full[grid[0] - low + top :, :half] = spectrum[top:]
    image = fft.irfft2(full, s=grid) * factor**2
    return image[::factor, ::factor]


def incoherent_image(
    atoms: Atoms,
    microscope: Microscope,
    shape: tuple[int, int],
    sampling: float | tuple[float, float],
    *,
    periodic: bool = False,
    cross_sections: dict[int, float] | None = None,
) -> np.ndarray:
    """Image of atoms by incoherent imaging, without noise.

    I(r) = Σ occ_i σ(Z_i) P(r - r_i). Atoms are placed exactly (through Fourier space), the
    heights z do not matter and columns add: there is no channelling but what occupancies hold, see
    `stemzoo.simulate.channelling`.

    Parameters
    ----------
    atoms : Atoms
        Pixel (0, 0) is the point x = 0, y = 0.
    microscope : Microscope
        The optics and the detector.
    shape : tuple of int
        (rows, columns).
    sampling : float or tuple of float
        Pixel size [Å/px], or (along rows y, along columns x).
    periodic : bool, default=False
        Whether the field repeats at its edges, as in a calculation on a supercell. When False,
        atoms up to 8 Å outside the field count and nothing wraps.
    cross_sections : dict of int to float, optional
        σ by atomic number [Å²], for those known from elsewhere; else `adf_cross_section`.

    Returns
    -------
    ndarray of shape (rows, columns)
        Fraction of the beam current that reaches the detector.

    Raises
    ------
    ValueError
        If shape or sampling are not positive, or a periodic field does not fit the cell.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010, sec. 5.4.
    Placement: J. A. Fessler, B. P. Sutton, IEEE Trans. Signal Process. 51, 560 (2003).

    Examples
    --------
    >>> atoms = Atoms([74], [[6.4, 6.4, 0.0]])
    >>> image = incoherent_image(atoms, Microscope(), (64, 64), 0.2)
    >>> tuple(int(i) for i in np.unravel_index(image.argmax(), image.shape))
    (32, 32)
    """
    sy, sx = (float(s) for s in np.broadcast_to(np.asarray(sampling, float), (2,)))
    rows, columns = (int(n) for n in shape)
    if min(rows, columns) < 1 or not min(sy, sx) > 0:
        raise ValueError(
            f"Expected a positive shape and sampling. Received: {tuple(shape)}, {sampling}"
        )
    if periodic:
        _check_cell(atoms, (rows * sy, columns * sx))
    pad_y, pad_x = (0, 0) if periodic else (int(np.ceil(MARGIN / s)) for s in (sy, sx))
    x, y = atoms.positions[:, 0] / sx, atoms.positions[:, 1] / sy
    sigma = _scattering(atoms, microscope, cross_sections or {})
    weights = sigma * atoms.occupancy / (sy * sx)
    if not periodic:
        near = (np.abs(x - (columns - 1) / 2) < (columns - 1) / 2 + pad_x) & (
            np.abs(y - (rows - 1) / 2) < (rows - 1) / 2 + pad_y
        )
        x, y, weights = x[near], y[near], weights[near]
    grid = (
        (rows, columns)
        if periodic
        else (
            fft.next_fast_len(rows + 2 * pad_y, real=True),
            fft.next_fast_len(columns + 2 * pad_x, real=True),
        )
    )
    extent = grid[0] * sy, grid[1] * sx
    image = _convolve(y + pad_y, x + pad_x, weights, microscope, grid, extent)
    return image[pad_y : pad_y + rows, pad_x : pad_x + columns]


def _scattering(atoms: Atoms, microscope: Microscope, given: dict[int, float]) -> np.ndarray:
    """Cross section of each atom [Å²]."""
    sigma = np.zeros(len(atoms))
    for Z in np.unique(atoms.numbers):
        sigma[atoms.numbers == Z] = (
            given[Z] if Z in given else adf_cross_section(int(Z), microscope)
        )
    return sigma


def _check_cell(atoms: Atoms, extent: tuple[float, float]) -> None:
    """Raise a ValueError unless a periodic field (y, x) [Å] is as large as the cell, if known."""
    if atoms.cell is None:
        return
    cell = atoms.cell[1], atoms.cell[0]
    if not np.allclose(cell, extent, rtol=5e-3):
        raise ValueError(
            f"A periodic field must be as large as the cell, {cell[0]:.4g} x {cell[1]:.4g} Å "
            f"(rows x columns); repeat the atoms or change shape or sampling. Received: "
            f"{extent[0]:.4g} x {extent[1]:.4g} Å"
        )
