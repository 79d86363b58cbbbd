"""Features of the tiles of an image: powers of reflections, of what is between, intensities."""

import numpy as np
from scipy import fft

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.reflections import nearest_reflections, ring_radius
from stemzoo.analysis.spectrum import SPOT, TILE, frequencies, hann_window, tile_starts

_CLEAR = 3.5  # [bins] from a reflection on, there is noise only
# Squared lengths of five shells of reflections, in units of the innermost.
_SHELLS = {6: (1, 3, 4, 7, 9), 4: (1, 2, 4, 5, 8)}
# Bands of frequency between reflections [1/px]; the first begins outside the zero frequency.
_BANDS = {
    "haze": (0.006, 0.02),
    "clumps": (0.02, 0.05),
    "noise_low": (0.05, 0.1),
    "noise_mid": (0.1, 0.25),
    "noise_high": (0.25, 0.5),
}
_SECTOR = np.radians(36)  # around rows and columns
_FLOOR = 1e-9


def tile_features(image: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Compute the features of tiles that overlap by half, or somewhat more.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Resampled and saturated as a network sees it.
    lattice : Lattice
        The lattice in that image.

    Returns
    -------
    ndarray of shape (R, C, 15)
        Of R x C tiles of 256² pixels, or less if the image is smaller: from "second_shell" to
        "tails" of `stemzoo.analysis.condition_features.FEATURES`, in that order.

    Raises
    ------
    ValueError
        If reflections are not apart from each other, or beyond the Nyquist frequency.
    """
    edge = min(TILE, *image.shape)
    shells = _shells(lattice)
    groups = _groups(edge, lattice, shells)
    # The other half is the same, except for the frequencies 0 and 1/2 along x.
    count = np.full(TILE // 2 + 1, 2.0)
    count[[0, -1]] = 1
    means = np.array([(mask * count).ravel() for mask in groups.values()], dtype=np.float32)
    means /= means.sum(axis=1, keepdims=True)
    window = hann_window(edge)
    window = np.outer(window, window) / (window**2).sum()
    rows, columns = (tile_starts(n, edge, round(2 * n / edge) - 1) for n in image.shape)
    tiles = [image[r : r + edge, c : c + edge] for r in rows for c in columns]
    values = []
    for tile in tiles:
        flat = tile - tile.mean(dtype=np.float64)
        flat = (flat / (flat.std() or 1.0)).astype(np.float32)
        spectrum = fft.rfft2(flat * window.astype(np.float32), s=(TILE, TILE))
        power = (spectrum.real**2 + spectrum.imag**2).ravel()
        # Not `means @ power`: its many threads wait for each other longer than they work.
        powers = np.einsum("gk,k->g", means, power) + _FLOOR
        powers = dict(zip(groups, powers, strict=True))
        low, tenth, middle, ninth, high = _quantiles(flat[::2, ::2], (0.01, 0.05, 0.5, 0.95, 0.99))
        reach, most = max(high - low, _FLOOR), max(ninth - tenth, _FLOOR)
        asymmetry, tails = (low + high - 2 * middle) / reach, np.log(reach / most)
        values.append([*_spectral(powers, shells), asymmetry, tails])
    return np.reshape(values, (len(rows), len(columns), -1))


def _quantiles(values: np.ndarray, parts: tuple[float, ...]) -> np.ndarray:
    """Do as `numpy.quantile`, of several parts of thousands of values in a third of the time."""
    ordered = np.sort(values, axis=None)
    places = np.array(parts) * (len(ordered) - 1)
    below = places.astype(int)
    above = np.minimum(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (places - below)


def _shells(lattice: Lattice) -> tuple[float, ...]:
    """Squared length of the last reflections of each of five shells.

    Those of a lattice of any shape are divided evenly; of the same material, they are the same.
    """
    if lattice.shape is None:
        return _SHELLS[lattice.symmetry]
    shown = lattice.squared_length(*np.array(lattice.shape.shown).T)
    lengths = np.unique(shown.round(3))
    if len(lengths) < 5:  # and those beyond, in which noise is seen
        finer = lattice.squared_length(*lattice.shape.half_plane(4 * lengths[-1]).T).round(3)
        lengths = np.append(lengths, np.unique(finer[finer > lengths[-1]])[: 5 - len(lengths)])
    return tuple(float(part[-1]) for part in np.array_split(lengths, 5))


def _groups(edge: int, lattice: Lattice, shells: tuple[float, ...]) -> dict[object, np.ndarray]:
    """Select the parts of the half spectrum of a tile whose mean powers are the raw features."""
    y, x = frequencies((TILE, TILE))
    if lattice.shape is None:
        indices, away = nearest_reflections(y, x, lattice)
        norm = lattice.squared_length(indices[..., 0], indices[..., 1])
    else:
        norm, away = _nearest_shown(y, x, lattice, shells)
    # Resolution of the window: bins of an unpadded tile.
    away = abs(away) * edge
    distance = np.hypot(*np.moveaxis(away, -1, 0))
    groups: dict[object, np.ndarray] = {n: (norm == n) & (distance <= SPOT) for n in shells}
    # Jitter of lines smears the innermost reflections along them.
    for name, along, across in (("y", 0, 1), ("x", 1, 0)):
        beside = (away[..., along] > _CLEAR) & (away[..., along] < 6) & (away[..., across] <= 1.5)
        groups["beside", name] = beside & (norm == shells[0])
    ring = ring_radius(lattice)
    groups |= _between((distance > _CLEAR) | (norm == 0), y, x, 1.5 / edge)
    low, high = ring * np.sqrt(shells[-2:])
    fine = (np.hypot(y, x) > 0.9 * low) & (np.hypot(y, x) < 1.1 * high)
    groups["fine shells"] = fine & (distance > _CLEAR)
    if not all(group.any() for group in groups.values()):
        raise ValueError(
            "Expected reflections that are apart from each other and below the Nyquist frequency, "
            f"to judge the conditions of an image; use a larger one. Received: {edge} px, "
            f"innermost reflections at {ring:.3f} 1/px"
        )
    return groups


def _nearest_shown(
    y: np.ndarray, x: np.ndarray, lattice: Lattice, shells: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Shell (M, N) of the nearest reflection that an image shows, 0 for none; offset (M, N, 2).

    Of lattices with large cells all reflections, most of them faint, would leave nothing between.
    """
    assert lattice.shape is not None
    shown = np.array(lattice.shape.shown)
    # And those of shells beyond, in which noise is seen.
    finer = lattice.shape.half_plane(shells[-1] + 0.01)
    beyond = lattice.squared_length(*finer.T) > lattice.squared_length(*shown.T).max() + 0.01
    shown = np.concatenate([shown, finer[beyond]])
    shown = np.concatenate([[[0, 0]], shown, -shown])
    spots = shown @ lattice.reciprocal
    grid = np.stack(np.broadcast_arrays(y, x), axis=-1)
    away = np.full(grid.shape, np.inf)
    nearest = np.zeros(grid.shape[:2], dtype=int)
    for k, spot in enumerate(spots):
        step = grid - spot
        closer = (step**2).sum(axis=-1) < (away**2).sum(axis=-1)
        away[closer], nearest[closer] = step[closer], k
    ends = np.array([0.0, *shells, np.inf])
    lengths = lattice.squared_length(*shown.T).round(3)
    return ends[np.searchsorted(ends, lengths)][nearest], away


def _between(
    rest: np.ndarray, y: np.ndarray, x: np.ndarray, axis: float
) -> dict[object, np.ndarray]:
    """Divide what is between reflections into bands, sectors, and what is near an axis.

    `rest` is where no reflection is (M, N // 2 + 1), y and x are the frequencies there and `axis`
    is how far from an axis a streak reaches [1/px].
    """
    radius, angle = np.hypot(y, x), np.arctan2(abs(y), x)
    groups: dict[object, np.ndarray] = {
        name: rest & (radius >= a) & (radius < b) for name, (a, b) in _BANDS.items()
    }
    fine = rest & (radius > _BANDS["noise_mid"][0])
    on_row, on_column = abs(y) <= axis, abs(x) <= axis
    for name, sector in (("x", angle < _SECTOR), ("y", angle > np.pi / 2 - _SECTOR)):
        sector = sector & ~on_row & ~on_column
        for band in ("noise_mid", "noise_high"):
            groups[band, name] = sector & groups[band]
        groups["fine", name] = sector & fine
    return groups | {"row streaks": fine & on_column, "column streaks": fine & on_row}


def _spectral(power: dict[object, float], shells: tuple[float, ...]) -> list[float]:
    """Features of a power spectrum, from the mean power in each of the groups of `_groups`."""
    first, second, third, *fine = (power[n] for n in shells)
    lattice = first + second + third

    def contrast(a: object, b: object) -> float:
        return (power[a] - power[b]) / (power[a] + power[b])

    return [
        *np.log([second / first, third / first, sum(fine) / power["fine shells"]]),
        *np.log([power[name] / lattice for name in _BANDS]),
        contrast(("noise_mid", "y"), ("noise_mid", "x")),
        contrast(("noise_high", "y"), ("noise_high", "x")),
        contrast("row streaks", ("fine", "y")),
        contrast("column streaks", ("fine", "x")),
        contrast(("beside", "y"), ("beside", "x")),
    ]
