"""Intensities of the atom columns of an image, and which ones stand out.

No network is involved: intensities come from one linear least-squares fit of Gaussians on a slowly
varying background, see `stemzoo.analysis.column_model`.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.special import ndtri

from stemzoo.analysis.column_model import KNOTS, Background, ColumnModel, nearest_distance
from stemzoo.analysis.nearest_columns import NearestColumns
from stemzoo.analysis.robust_spread import row_medians
from stemzoo.analysis.sites import checked_image

# The first three shells of neighbours of the same kind in a hexagonal lattice.
NEIGHBOURS = 18
# Columns that tell how widely those around a place scatter, to a tenth: a circle of 3.4 nm in WSe2.
_CIRCLE = 100
# Pixels within this many standard deviations of an edge do not count: columns beyond the edge shine
# there, and the background would have to take them up.
_EDGE = 2.0
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
    image: np.ndarray,
    positions: np.ndarray,
    *,
    width: float | None = None,
    tolerance: float = 1e-6,
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
    tolerance : float
        Relative residual at which the search for the least squares stops.

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
    return fit_columns(image, positions, width=width, tolerance=tolerance).intensities


def fit_columns(
    image: np.ndarray,
    positions: np.ndarray,
    *,
    width: float | None = None,
    tolerance: float = 1e-6,
    knots: float = KNOTS,
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
    tolerance : float
        Relative residual at which the search for the least squares stops.
    knots : float
        Distance of the knots of the background, in those of nearest neighbours.

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
    inner, edge = _without_edges(values, _EDGE * width)
    within = positions - edge
    background = Background.of(inner.shape, within, knots)
    model = ColumnModel.fit(inner, within, width, tolerance=tolerance, background=background)
    return ColumnFit(model.intensities, model.shifts(inner), float(width))


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
    near = nearest_distance(positions)
    # The middle is enough, and quick.
    centre = np.median(positions, axis=0)
    half = _SAMPLE * near / 2
    low = np.maximum(np.floor(centre - half), 0).astype(int)
    high = np.minimum(np.ceil(centre + half) + 1, values.shape).astype(int)
    part = values[low[0] : high[0], low[1] : high[1]]
    within = ((positions >= low) & (positions <= high - 1)).all(axis=1)
    if np.count_nonzero(within) < 2:  # scattered columns with none in their middle
        part, low, within = values, 0, slice(None)
    part, edge = _without_edges(part, near / 2)
    chosen = positions[within] - low - edge
    background = Background.of(part.shape, chosen)
    found = optimize.minimize_scalar(
        lambda width: -ColumnModel.fit(part, chosen, width, background=background).explained,
        bounds=tuple(near * bound for bound in _WIDTHS),
        method="bounded",
        options={"xatol": 0.01 * near},
    )
    return float(found.x)


def _checked(image: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and the positions (K, 2) of its columns as float64."""
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


def _without_edges(values: np.ndarray, width: float) -> tuple[np.ndarray, int]:
    """Cut strips of a width [px] off an image, each at most a quarter of it; return the width."""
    edge = min(round(width), min(values.shape) // 4)
    return values[edge : values.shape[0] - edge, edge : values.shape[1] - edge], edge


def column_contrast(
    intensities: np.ndarray,
    positions: np.ndarray,
    kinds: np.ndarray,
    *,
    neighbours: int = NEIGHBOURS,
    nearest: NearestColumns | None = None,
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
    nearest : NearestColumns, optional
        Knows them, if the same columns were compared before.

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
    contrast, nearest = np.full(len(intensities), np.nan), nearest or NearestColumns()
    for kind in np.unique(kinds):
        chosen = np.flatnonzero(kinds == kind)
        if len(chosen) <= neighbours:
            raise ValueError(
                f"Expected more than {neighbours} columns of a kind to compare with; take a larger "
                f"image or fewer neighbours. Received: {len(chosen)} columns of {kind!r}"
            )
        own, values = positions[chosen], intensities[chosen]
        level = np.concatenate(
            [row_medians(values[near[:, 1:]]) for near in nearest.to(own, own, neighbours + 1)]
        )
        contrast[chosen] = values / np.where(level > 0, level, np.nan)
    return contrast


def spread_around(
    values: np.ndarray,
    positions: np.ndarray,
    places: np.ndarray,
    *,
    neighbours: int = _CIRCLE,
    nearest: NearestColumns | None = None,
) -> np.ndarray:
    """Measure how widely the values of the columns around some places scatter.

    Parameters
    ----------
    values : ndarray of shape (K,)
        Of columns, such as their contrast.
    positions : ndarray of shape (K, 2)
        Row and column of each [px].
    places : ndarray of shape (L, 2)
        Row and column [px].
    neighbours : int
        How many of the nearest columns count; all, where there are fewer.
    nearest : NearestColumns, optional
        Knows them, if the same columns were measured before.

    Returns
    -------
    ndarray of shape (L,)
        Standard deviation, from the median deviation: a few that stand out change little. Where
        contamination or noise vary over the image, that of the place.

    Examples
    --------
    >>> positions = np.stack(np.mgrid[:40, :40], axis=-1).reshape(-1, 2) * 1.0
    >>> values = np.random.default_rng(0).normal(1, np.where(positions[:, 1] < 20, 0.1, 0.4))
    >>> spread_around(values, positions, np.array([[20, 5], [20, 34]])).round(1).tolist()
    [0.1, 0.3]
    """
    count, found = min(neighbours, len(positions)), [np.zeros(0)]
    for near in (nearest or NearestColumns()).to(places, positions, count):
        around = values[near]
        away = abs(around - row_medians(around)[:, None])
        found.append(row_medians(away) / ndtri(0.75))
    return np.concatenate(found)
