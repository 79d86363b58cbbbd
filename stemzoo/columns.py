"""Atom columns of an image: their ideal sites, their intensities, and which ones stand out.

No network is involved: sites come from the local phases of the lattice's spots, intensities from
one linear least-squares fit of Gaussians on a slowly varying background.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize, sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from stemzoo.lattice import Lattice, find_lattice
from stemzoo.simulate.materials import Material, atomic_number

# The first three shells of neighbours of the same kind in a hexagonal lattice.
NEIGHBOURS = 18

# Places of high symmetry in the primitive cell, equivalent ones together.
_PLACES = {
    6: (((0, 0),), ((1 / 3, 2 / 3),), ((2 / 3, 1 / 3),)),
    4: (((0, 0),), ((1 / 2, 1 / 2),), ((1 / 2, 0), (0, 1 / 2))),
}
# Innermost spots whose phases are equal at those places.
_SPOTS = {6: ((1, 0), (0, -1), (-1, 1)), 4: ((1, 0), (0, 1))}
# Standard deviation of the window in which phases are averaged, in lattice constants: a vacancy
# hardly moves them, and a distortion over some four cells is followed.
_WINDOW = 1.5
# Where the spots are weaker than this part of their median there is no crystal.
_FAINT = 0.3

# The background's knots lie this many nearest-neighbour distances apart: 11 Å in WSe2, where
# vacancies stand out best (of 4 to 30 Å).
_KNOTS = 5.7
# Gaussians are cut at this many standard deviations.
_REACH = 3.0
# Pixels within this many standard deviations of an edge do not count: columns beyond the edge shine
# there, and the background would have to take them up.
_EDGE = 2.0
# Keeps the columns of that strip finite; the others lose a thousandth.
_RIDGE = 1e-3
_WIDTHS = (0.15, 0.5)  # between which a width is sought, in nearest-neighbour distances
_SAMPLE = 20  # nearest-neighbour distances along each side of the part where it is sought


@dataclass(frozen=True, eq=False)
class LatticeSites:
    """Ideal sites of a crystal in an image.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of each projected column of atoms, complete or not [px].
    kinds : ndarray of str, shape (K,)
        Symbol of the heaviest element of each column, for instance ``"Se"``.
    lattice : Lattice
        The lattice of the whole image.
    """

    positions: np.ndarray
    kinds: np.ndarray
    lattice: Lattice


@dataclass(frozen=True, eq=False)
class ColumnFit:
    """Columns fitted at given positions.

    Parameters
    ----------
    intensities : ndarray of shape (K,)
        Integral of each column above its background [px² x intensity of a pixel].
    shifts : ndarray of shape (K, 2)
        From the position to the fitted centre, along rows and columns [px]; NaN for a column
        without intensity.
    width : float
        Standard deviation of the Gaussians [px].
    """

    intensities: np.ndarray
    shifts: np.ndarray
    width: float


def lattice_sites(
    image: np.ndarray,
    material: Material,
    *,
    lattice: Lattice | None = None,
    sampling: float | None = None,
) -> LatticeSites:
    """Find the ideal sites of all columns of a crystal.

    The phases of the innermost spots in a window around each place say where the lattice lies
    there, so that drift and other slow distortions are followed. Which sublattice is which is told
    by brightness: columns that scatter more are brighter.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image of one crystal; parts of it without a lattice get no sites.
    material : Material
        The crystal.
    lattice : Lattice, optional
        From `find_lattice`, which is called where it is not given.
    sampling : float, optional
        Expected pixel size [Å/px], for `find_lattice`.

    Returns
    -------
    LatticeSites

    Raises
    ------
    ValueError
        If no lattice is found, or the given one is not of this material's symmetry.

    References
    ----------
    Local phases of spots: M. J. Hÿtch, E. Snoeck, R. Kilaas, Ultramicroscopy 74, 131 (1998).

    Examples
    --------
    >>> sites = lattice_sites(image, find_material("wse2"))  # doctest: +SKIP
    >>> selenium = sites.positions[sites.kinds == "Se"]  # doctest: +SKIP
    """
    values = _checked_image(image)
    if lattice is None:
        lattice = find_lattice(values, material, sampling=sampling)
    if lattice.symmetry != material.symmetry:
        raise ValueError(
            f"Expected a lattice of {material.name}, of symmetry {material.symmetry}; find it with "
            f"the same material. Received: symmetry {lattice.symmetry}"
        )
    spots = _local_spots(values, lattice)
    origin, amplitude = _origin(spots, lattice), abs(spots).sum(axis=0)
    groups = [
        [
            _grown(np.array(place) @ lattice.vectors, origin, lattice, values.shape)
            for place in group
        ]
        for group in _PLACES[lattice.symmetry]
    ]
    groups.sort(key=lambda group: -np.mean([_brightness(values, at) for at in group]))
    columns = [at for group in groups for at in group]
    kinds = _column_kinds(material)
    positions = np.concatenate(columns[: len(kinds)])
    labels = np.concatenate(
        [np.full(len(at), kind) for at, kind in zip(columns, kinds, strict=False)]
    )
    keep = _interpolated(amplitude, positions, values.shape) > _FAINT * np.median(amplitude)
    return LatticeSites(positions[keep], labels[keep], lattice)


def lattice_shifts(image: np.ndarray, reference: np.ndarray, sites: LatticeSites) -> np.ndarray:
    """Find how far a lattice has moved from one image to another, near each site.

    Parameters
    ----------
    image, reference : ndarray of shape (M, N)
        Two images of the same crystal. Shifts below half a lattice spacing are told.
    sites : LatticeSites
        Of `reference`.

    Returns
    -------
    ndarray of shape (K, 2)
        Shift along rows and columns [px], smooth as sites of `lattice_sites` are.

    Raises
    ------
    ValueError
        If the images differ in shape or are not finite.

    Examples
    --------
    >>> shifts = lattice_shifts(image, reference, sites)  # doctest: +SKIP
    >>> positions = sites.positions + shifts  # doctest: +SKIP
    """
    values, before = _checked_image(image), _checked_image(reference)
    if values.shape != before.shape:
        raise ValueError(
            f"Expected two images of one shape. Received: {values.shape} and {before.shape}"
        )
    turned = _local_spots(values, sites.lattice) * _local_spots(before, sites.lattice).conj()
    return _interpolated(_origin(turned, sites.lattice, near=True), sites.positions, before.shape).T


def _local_spots(values, lattice):
    """Fourier coefficients of the spots in windows around the points of a coarse grid."""
    constant = np.sqrt(abs(np.linalg.det(lattice.vectors)) / np.sin(2 * np.pi / lattice.symmetry))
    windows = [_windows(n, _WINDOW * constant) for n in values.shape]
    vectors = np.array(_SPOTS[lattice.symmetry]) @ lattice.reciprocal
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


def _origin(spots, lattice, *, near=False):
    """Position of a place of high symmetry as seen from each point of a grid: (2, P, Q) [px].

    With I = Σ F exp(2πi g·(r - t)), the phase of spot g is arg F - 2π g·t; the spots of `_SPOTS`
    have one common arg F, which the pseudo-inverse drops. `near` takes the origin next to 0.
    """
    from skimage.restoration import unwrap_phase

    phases = np.array([unwrap_phase(np.angle(spot)) for spot in spots])
    if near:
        phases -= 2 * np.pi * np.rint(np.median(phases, axis=(1, 2), keepdims=True) / (2 * np.pi))
    vectors = np.array(_SPOTS[lattice.symmetry]) @ lattice.reciprocal
    return np.tensordot(np.linalg.pinv(vectors), phases, axes=1) / (-2 * np.pi)


def _windows(n, width):
    """Gaussian windows around equally spaced pixels from the first to the last, one a row."""
    pixels = np.arange(n)
    centres = np.linspace(0, n - 1, max(int(np.ceil(2 * n / width)), 2))
    window = np.exp(-((pixels - centres[:, None]) ** 2) / (2 * width**2))
    # Softly to zero at the edges, where a cut would let the other spots in.
    inward = np.minimum(pixels, pixels[::-1]) + 0.5
    window *= np.sin(np.pi / 2 * np.minimum(inward / (width / 2), 1)) ** 2
    return window / window.sum(axis=1, keepdims=True)


def _interpolated(grid, positions, shape):
    """Values (..., K) of a grid that spans the image, at positions (K, 2)."""
    scale = (np.array(grid.shape[-2:]) - 1) / (np.array(shape) - 1)
    places = (positions * scale).T
    if grid.ndim == 2:
        return ndimage.map_coordinates(grid, places, order=1, mode="nearest")
    return np.array([ndimage.map_coordinates(g, places, order=1, mode="nearest") for g in grid])


def _grown(offset, origin, lattice, shape):
    """All places of one kind in the image: r = origin(r) + offset + a lattice vector."""
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
        positions = ideal + _interpolated(origin, positions, shape).T
    return positions[((positions >= 0) & (positions <= np.array(shape) - 1)).all(axis=1)]


def _brightness(values, positions):
    return values[tuple(np.rint(positions).astype(int).T)].mean()


def _column_kinds(material):
    """Heaviest element of each column of the primitive cell, the strongest scatterer first.

    Incoherent scattering goes with about Z^1.7.
    """
    places = {}
    for site in material.sites:
        places.setdefault(site.position[:2], []).append(site.symbol)
    contents = sorted(places.values(), key=lambda c: -sum(atomic_number(s) ** 1.7 for s in c))
    cells = 2 if material.symmetry == 6 else 1  # an orthogonal cell holds two hexagonal ones
    return [max(content, key=atomic_number) for content in contents[::cells]]


def column_intensities(
    image: np.ndarray, positions: np.ndarray, *, width: float | None = None
) -> np.ndarray:
    """Measure the intensity of atom columns.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    positions : ndarray of shape (K, 2)
        Row and column of *all* columns [px]: one that is left out counts to its neighbours.
    width : float, optional
        Standard deviation of a column [px]; measured by `column_width` where not given.

    Returns
    -------
    ndarray of shape (K,)
        Integral of each column above its background.

    Raises
    ------
    ValueError
        As `fit_columns`.

    Examples
    --------
    >>> image = np.zeros((64, 64))
    >>> image[20:24, 30:34] = 1.0
    >>> column_intensities(image, [[21.5, 31.5], [21.5, 45.0]], width=1.5).round(1).tolist()
    [19.3, 0.0]
    """
    return fit_columns(image, positions, width=width).intensities


def fit_columns(
    image: np.ndarray, positions: np.ndarray, *, width: float | None = None
) -> ColumnFit:
    """Fit Gaussian columns of one width on a slowly varying background.

    All amplitudes and the background (bilinear between knots) are found at once by linear least
    squares, so columns do not count to their neighbours. Then the centres: for each column, the
    shift that the residual asks for to first order; exact for a lone Gaussian.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    positions : ndarray of shape (K, 2)
        Row and column of all columns [px], two at least.
    width : float, optional
        Standard deviation of a column [px]; measured by `column_width` where not given.

    Returns
    -------
    ColumnFit

    Raises
    ------
    ValueError
        If the image is not two-dimensional and finite, a position lies outside of it, or the width
        is not positive.
    """
    values, positions = _checked(image, positions)
    if width is None:
        width = column_width(values, positions)
    if not (np.isfinite(width) and width > 0):
        raise ValueError(f"The width is in pixels and positive. Received: {width}")
    edge = _edge(values, _EDGE * width)
    inner, places = _cut(values, edge), positions - edge
    columns, background, solution = _solved(inner, places, width)
    intensities, knots = np.split(solution, [len(positions)])
    residual = inner - (background @ knots + columns.T @ intensities).reshape(inner.shape)
    shifts = _shifts(columns, places, residual, intensities, width)
    return ColumnFit(intensities, shifts, float(width))


def column_width(image: np.ndarray, positions: np.ndarray) -> float:
    """Measure the width of the columns: of Gaussians, that which leaves the least residual.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    positions : ndarray of shape (K, 2)
        Row and column of all columns [px]; the middle part of the image is used.

    Returns
    -------
    float
        Standard deviation [px], between 0.15 and 0.5 of the distance of nearest neighbours.

    Raises
    ------
    ValueError
        As `fit_columns`.
    """
    values, positions = _checked(image, positions)
    near = _nearest_distance(positions)
    centre = np.median(positions, axis=0)
    half = _SAMPLE * near / 2
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    high = np.minimum(np.ceil(centre + half) + 1, values.shape).astype(int)
    part = values[low[0] : high[0], low[1] : high[1]]
    within = ((positions >= low) & (positions <= high - 1)).all(axis=1)
    if np.count_nonzero(within) < 2:  # scattered columns with none in their middle
        part, low, within = values, 0, slice(None)
    edge = _edge(part, near / 2)
    part, chosen = _cut(part, edge), positions[within] - low - edge

    def misfit(width):
        columns, background, solution = _solved(part, chosen, width)
        # The sum of squares that the fit takes away.
        return -solution @ _projected(part, columns, background)

    bounds = tuple(near * edge for edge in _WIDTHS)
    found = optimize.minimize_scalar(
        misfit, bounds=bounds, method="bounded", options={"xatol": 0.01 * near}
    )
    return float(found.x)


def _checked_image(image):
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(
            "Expected one image of shape (M, N) with finite pixels; select a channel, replace NaN. "
            f"Received: shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} not finite"
        )
    return values


def _checked(image, positions):
    values = _checked_image(image)
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) < 2:
        raise ValueError(
            "Expected positions of shape (K, 2), rows and columns of two or more columns. "
            f"Received: shape {positions.shape}"
        )
    outside = ~((positions >= -0.5) & (positions <= np.array(values.shape) - 0.5)).all(axis=1)
    if outside.any():
        raise ValueError(
            f"Expected positions in an image of shape {values.shape}; drop those outside. "
            f"Received: {np.count_nonzero(outside)} outside, the first at {positions[outside][0]}"
        )
    return values, positions


def _edge(values, width):
    return min(round(width), min(values.shape) // 4)


def _cut(values, edge):
    return values[edge : values.shape[0] - edge, edge : values.shape[1] - edge]


def _nearest_distance(positions):
    distance, _ = cKDTree(positions).query(positions, 2)
    near = float(np.median(distance[:, 1]))
    if not near > 0:
        raise ValueError("Expected one position for each column. Received: most of them twice")
    return near


def _solved(values, positions, width):
    """Gaussians (K, MN), background (MN, L), and the coefficients of both."""
    columns = _gaussians(positions, values.shape, width)
    background = _background(values.shape, _KNOTS * _nearest_distance(positions))
    mixed = columns @ background
    normal = sparse.block_array(
        [[columns @ columns.T, mixed], [mixed.T, background.T @ background]], format="csr"
    )
    # About unit diagonal, so that gradients converge in some 30 steps.
    norms = np.full(len(positions), 1 / (4 * np.pi * width**2)), normal.diagonal()[len(positions) :]
    scale = sparse.diags_array(1 / np.sqrt(np.concatenate(norms)))
    ridge = sparse.diags_array(np.repeat([_RIDGE, 1e-9], [len(n) for n in norms]))
    target = scale @ _projected(values, columns, background)
    solution, _ = cg(scale @ normal @ scale + ridge, target, rtol=1e-6, maxiter=500)
    return columns, background, scale @ solution


def _projected(values, columns, background):
    return np.concatenate([columns @ values.ravel(), background.T @ values.ravel()])


def _gaussians(positions, shape, width):
    """Gaussians of unit volume, one a row; the same square of pixels around each."""
    offsets = np.arange(-int(np.ceil(_REACH * width)), int(np.ceil(_REACH * width)) + 1)
    at = np.rint(positions).astype(np.int32)[:, :, None] + offsets.astype(np.int32)
    g = np.exp(-(((at - positions[:, :, None]) / width) ** 2) / 2) / (np.sqrt(2 * np.pi) * width)
    last = np.array(shape, dtype=np.int32)[:, None] - 1
    g[(at < 0) | (at > last)] = 0
    at = np.clip(at, 0, last)
    data = (g[:, 0, :, None] * g[:, 1, None, :]).ravel()
    pixels = (at[:, 0, :, None] * np.int32(shape[1]) + at[:, 1, None, :]).ravel()
    starts = np.arange(len(positions) + 1) * offsets.size**2
    return sparse.csr_array((data, pixels, starts), shape=(len(positions), shape[0] * shape[1]))


def _background(shape, step):
    """Bilinear functions of knots some `step` apart, a column each; four of them see a pixel."""
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


def _shifts(columns, positions, residual, intensities, width):
    """First-order (Gauss-Newton) shift of each column; <dg/dp, dg/dp> = 1 / (8π width⁴)."""
    pull = columns @ residual.ravel()
    rows, cols = (np.arange(n) for n in residual.shape)
    moments = [columns @ (residual * place).ravel() for place in (rows[:, None], cols)]
    strength = np.where(intensities > 0, intensities, np.nan)[:, None]
    return 8 * np.pi * width**2 * (np.stack(moments, axis=1) - positions * pull[:, None]) / strength


def column_contrast(
    intensities: np.ndarray,
    positions: np.ndarray,
    kinds: np.ndarray,
    *,
    neighbours: int = NEIGHBOURS,
) -> np.ndarray:
    """Compare each column with the nearest columns of its kind.

    Parameters
    ----------
    intensities : ndarray of shape (K,)
        From `column_intensities`.
    positions : ndarray of shape (K, 2)
        Row and column [px].
    kinds : ndarray of shape (K,)
        Columns with the same value are compared.
    neighbours : int
        How many; less than half of them may be defects.

    Returns
    -------
    ndarray of shape (K,)
        Intensity / median of the neighbours: 1 for a column like these, about 0.4 to 0.6 where one
        of two atoms is missing. Slow changes of brightness and contrast cancel.

    Raises
    ------
    ValueError
        If a kind has no more columns than `neighbours`.

    Examples
    --------
    >>> positions = np.stack(np.mgrid[:6, :6], axis=-1).reshape(-1, 2) * 16.0
    >>> intensities = np.where(np.arange(36) == 14, 50.0, 100.0)
    >>> column_contrast(intensities, positions, np.full(36, "Sr"))[13:16].tolist()
    [1.0, 0.5, 1.0]
    """
    intensities, kinds = np.asarray(intensities, dtype=np.float64), np.asarray(kinds)
    positions = np.asarray(positions, dtype=np.float64)
    contrast = np.full(len(intensities), np.nan)
    for kind in np.unique(kinds):
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen) <= neighbours:
            raise ValueError(
                f"Expected more than {neighbours} columns of a kind to compare with; take a larger "
                f"image or fewer neighbours. Received: {len(chosen)} columns of {kind!r}"
            )
        _, near = cKDTree(positions[chosen]).query(positions[chosen], neighbours + 1)
        level = np.median(intensities[chosen][near[:, 1:]], axis=1)
        contrast[chosen] = intensities[chosen] / np.where(level > 0, level, np.nan)
    return contrast
