"""Intensities of the atom columns of an image, and which ones stand out.

No network is involved: intensities come from one linear least-squares fit of Gaussians on a slowly
varying background.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from stemzoo.analysis.sites import checked_image

# The first three shells of neighbours of the same kind in a hexagonal lattice.
NEIGHBOURS = 18
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


def _checked(image, positions):
    values = checked_image(image)
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
