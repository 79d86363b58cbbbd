"""Features of an image that tell how it was recorded, and that need no labels."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.reflections import nearest_reflections, ring_radius, squared_length
from stemzoo.analysis.spectrum import check_sampling, frequencies, hann_window, tile_starts
from stemzoo.io import check_image
from stemzoo.preprocessing import resample, saturate
from stemzoo.simulate.materials import find_material

# In fewer pixels, at the pixel size of the weights, reflections are not apart from each other [px].
MIN_DESCRIBED_SIDE = 128
# Features are medians over tiles of this edge [px], so that they do not depend on the size.
_TILE = 256
# The lattice is measured, and an image described, in this much of its middle [px].
_LATTICE_MIDDLE = 1024
_DESCRIBED_MIDDLE = 2048
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


@dataclass(frozen=True)
class Feature:
    """A feature of an image.

    Parameters
    ----------
    name : str
        Its name.
    tolerance : float
        Standard deviation that is of no consequence. It is added to that of the training frames, so
        that images are not told apart by what no network minds.
    more, less : str
        What a higher and a lower value mean. ``{ratio}`` stands for the ratio of amplitudes,
        ``{part}`` for the relative change.
    """

    name: str
    tolerance: float
    more: str
    less: str


def _power(name: str, tolerance: float, what: str) -> Feature:
    """Return a feature that is the natural log of a power."""
    more, less = (f"{what} {{ratio:.1f}} x {change}" for change in ("stronger", "weaker"))
    return Feature(name, tolerance, more, less)


FEATURES = (
    Feature(
        "spacing", 0.03, "stated pixels {part:.0%} too small", "stated pixels {part:.0%} too large"
    ),
    Feature("strain", 0.04, "lattice more distorted", "lattice less distorted"),
    # Relative to the innermost reflections.
    _power("second_shell", 0.5, "second reflections"),
    _power("third_shell", 0.5, "third reflections"),
    # Relative to the noise between them.
    _power("fine_shells", 0.5, "fine reflections against noise"),
    # Between reflections, relative to the three innermost shells.
    _power("haze", 1.0, "haze"),
    _power("clumps", 0.5, "clumps of 20 to 50 px"),
    _power("noise_low", 0.4, "blotches of 10 to 20 px"),
    _power("noise_mid", 0.4, "noise of 4 to 10 px"),
    _power("noise_high", 0.4, "noise of 2 to 4 px"),
    # (a - b) / (a + b) of two powers.
    Feature("smear_mid", 0.1, "noise more smeared along rows", "noise less smeared along rows"),
    Feature(
        "smear_high",
        0.1,
        "fine noise more smeared along rows",
        "fine noise less smeared along rows",
    ),
    Feature("row_streaks", 0.25, "streaks along rows", "no streaks along rows"),
    Feature("column_streaks", 0.25, "streaks along columns", "no streaks along columns"),
    Feature("jitter", 0.3, "jitter of the scan lines", "jitter across the scan lines"),
    # Of the intensities in a tile.
    Feature("asymmetry", 0.1, "more skewed to bright pixels", "less skewed to bright pixels"),
    Feature("tails", 0.05, "more extreme intensities", "fewer extreme intensities"),
)


@dataclass(frozen=True, eq=False)
class ConditionFeatures:
    """Features of one image.

    Parameters
    ----------
    tiles : ndarray of shape (R, C, F)
        The `FEATURES` of overlapping tiles; NaN where the image shows no lattice.
    area : float
        Of the image, in tiles.
    """

    tiles: np.ndarray
    area: float

    @property
    def features(self) -> np.ndarray:
        """Return the features of the image, the medians over its tiles; shape (F,)."""
        return medians(self.tiles)

    @property
    def has_lattice(self) -> bool:
        """Whether the lattice of the material was found."""
        return bool(np.isfinite(self.tiles).all())


NO_LATTICE = ConditionFeatures(np.full((1, 1, len(FEATURES)), np.nan), 1.0)


def find_condition_features(
    image: np.ndarray,
    material: str,
    target: float,
    *,
    sampling: float | None = None,
    lattice: Lattice | None = None,
) -> ConditionFeatures:
    """Describe the conditions that an image was recorded under.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image; its middle 2048² pixels are used.
    material : str
        Entry of `MATERIALS`, whose lattice is looked for.
    target : float
        Pixel size at which the image is described, that of the weights [Å/px].
    sampling : float, optional
        Pixel size of the image [Å/px]; measured from the lattice where not given.
    lattice : Lattice, optional
        Lattice of the material in the image, if it was found before: finding it takes half of the
        time.

    Returns
    -------
    ConditionFeatures
        Of NaN if no lattice of the material is found.

    Raises
    ------
    ValueError
        If the image cannot be analysed, or has fewer than 128 pixels along a side at that pixel
        size.
    KeyError
        For an unknown material.

    Notes
    -----
    Brightness, contrast and orientation have no effect. Power spectra are those of the resampled,
    saturated image that a network sees, in tiles of 256² pixels under a Hann window. Reflections
    are 2.5 bins around the lattice points, noise is what lies 3.5 bins or further from all of them.

    Examples
    --------
    >>> find_condition_features(image, "wse2", 0.2074).features.shape  # doctest: +SKIP
    (17,)
    """
    check_image(image, "image")
    if sampling is not None:
        check_sampling(sampling)
    image = np.asarray(image)
    lattice = lattice or middle_lattice(image, material, sampling)
    if lattice is None:
        return NO_LATTICE
    used = lattice.sampling if sampling is None else sampling
    seen = saturate(resample(middle(image, _DESCRIBED_MIDDLE), used, target))
    if min(seen.shape) < MIN_DESCRIBED_SIDE:
        raise ValueError(
            f"Expected at least {MIN_DESCRIBED_SIDE} px a side at {target:.4g} Å/px, to judge the "
            "conditions of an image; use a larger one. "
            f"Received: {seen.shape[0]} x {seen.shape[1]} px"
        )
    facts = [np.log(lattice.sampling / used), lattice.strain]
    tiles = _describe_tiles(seen, lattice.resampled(used, target))
    facts = np.broadcast_to(facts, (*tiles.shape[:2], 2))
    return ConditionFeatures(np.concatenate([facts, tiles], axis=-1), seen.size / _TILE**2)


def middle_lattice(
    image: np.ndarray, material: str, sampling: float | None = None
) -> Lattice | None:
    """Find the lattice of a material in the middle 1024² pixels of an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    material : str
        Entry of `MATERIALS`.
    sampling : float, optional
        Pixel size of the image [Å/px], if known.

    Returns
    -------
    Lattice or None
        None if there is none.

    Raises
    ------
    ValueError
        For an impossible pixel size.
    KeyError
        For an unknown material.
    """
    if sampling is not None:
        check_sampling(sampling)
    crystal = find_material(material)
    try:
        return find_lattice(middle(image, _LATTICE_MIDDLE), crystal, sampling=sampling)
    except ValueError:
        return None


def middle(image: np.ndarray, edge: int) -> np.ndarray:
    """Return the middle of an image, at most edge² pixels."""
    top, left = (max(n - edge, 0) // 2 for n in image.shape)
    return image[top : top + edge, left : left + edge]


def medians(tiles: np.ndarray) -> np.ndarray:
    """Return the median of each feature over tiles (..., F)."""
    return np.median(tiles.reshape(-1, tiles.shape[-1]), axis=0)


def _describe_tiles(image: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Features (R, C, F - 2) of tiles that overlap by half, or somewhat more."""
    edge = min(_TILE, *image.shape)
    groups = _groups(edge, lattice)
    # The other half is the same, except for the frequencies 0 and 1/2 along x.
    count = np.full(_TILE // 2 + 1, 2.0)
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
        spectrum = fft.rfft2(flat * window.astype(np.float32), s=(_TILE, _TILE))
        power = (spectrum.real**2 + spectrum.imag**2).ravel()
        # Not `means @ power`: its many threads wait for each other longer than they work.
        powers = np.einsum("gk,k->g", means, power) + _FLOOR
        values.append(
            _spectral(dict(zip(groups, powers, strict=True)), lattice.symmetry) + _shape(flat)
        )
    return np.reshape(values, (len(rows), len(columns), -1))


def _groups(edge: int, lattice: Lattice) -> dict[object, np.ndarray]:
    """Select the parts of the half spectrum of a tile whose mean powers are the raw features."""
    y, x = frequencies((_TILE, _TILE))
    indices, away = nearest_reflections(y, x, lattice)
    symmetry = lattice.symmetry
    norm = squared_length(*np.moveaxis(indices, -1, 0), symmetry)
    # Resolution of the window: bins of an unpadded tile.
    away = abs(away) * edge
    distance = np.hypot(*np.moveaxis(away, -1, 0))
    groups = {n: (norm == n) & (distance <= 2.5) for n in _SHELLS[symmetry]}
    for name, along, across in (("y", 0, 1), ("x", 1, 0)):
        beside = (away[..., along] > 3.5) & (away[..., along] < 6) & (away[..., across] <= 1.5)
        groups["beside", name] = beside & (norm == 1)
    ring = ring_radius(lattice)
    groups |= _between((distance > 3.5) | (norm == 0), y, x, 1.5 / edge)
    low, high = ring * np.sqrt(_SHELLS[symmetry][-2:])
    fine = (np.hypot(y, x) > 0.9 * low) & (np.hypot(y, x) < 1.1 * high)
    groups["fine shells"] = fine & (distance > 3.5)
    if not all(group.any() for group in groups.values()):
        raise ValueError(
            "Expected reflections that are apart from each other and below the Nyquist frequency, "
            f"to judge the conditions of an image; use a larger one. Received: {edge} px, "
            f"innermost reflections at {ring:.3f} 1/px"
        )
    return groups


def _between(rest: np.ndarray, y, x, axis: float) -> dict[object, np.ndarray]:
    """Divide what is between reflections into bands, sectors, and what is near an axis."""
    radius, angle = np.hypot(y, x), np.arctan2(abs(y), x)
    groups = {name: rest & (radius >= a) & (radius < b) for name, (a, b) in _BANDS.items()}
    fine = rest & (radius > _BANDS["noise_mid"][0])
    on_row, on_column = abs(y) <= axis, abs(x) <= axis
    for name, sector in (("x", angle < _SECTOR), ("y", angle > np.pi / 2 - _SECTOR)):
        sector = sector & ~on_row & ~on_column
        for band in ("noise_mid", "noise_high"):
            groups[band, name] = sector & groups[band]
        groups["fine", name] = sector & fine
    return groups | {"row streaks": fine & on_column, "column streaks": fine & on_row}


def _spectral(power: dict, symmetry: int) -> list[float]:
    """Compute the features of a power spectrum, in the order of `FEATURES`."""
    first, second, third, *fine = (power[n] for n in _SHELLS[symmetry])
    lattice = first + second + third

    def contrast(a, b):
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


def _shape(tile: np.ndarray) -> list[float]:
    """Compute the features of a histogram."""
    low, tenth, middle, ninth, high = np.quantile(tile[::2, ::2], (0.01, 0.05, 0.5, 0.95, 0.99))
    reach, most = max(high - low, _FLOOR), max(ninth - tenth, _FLOOR)
    return [(low + high - 2 * middle) / reach, np.log(reach / most)]
