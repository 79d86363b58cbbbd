"""Domains of one lattice in which the sublattices of a hexagonal crystal have changed places.

Mirror twins (turned by 60 degrees) and domains that are shifted by a part of the cell have the
reflections of the crystal. What differs is which of the three places of full symmetry in the cell
holds which column, and which holds none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import ndimage

from stemzoo.analysis.robust_spread import median_deviation

# Standard deviation of the window in which the brightness of the places is averaged [cells].
_WINDOW = 2.5
# A domain is as large as this part of the crystal, and as so many cells.
_SHARE, _CELLS = 0.03, 30
# In half of a domain its order explains so much of what it would if there were nothing else, and
# stands out by so many standard deviations.
_CLEAR, _SURE = 0.6, 5.0
# Places with fewer cells around them than this part of the usual are not asked.
_FILLED = 0.3


@dataclass(frozen=True, eq=False)
class Domains:
    """Where in an image the sublattices lie in which order.

    Parameters
    ----------
    labels : ndarray of int, shape (P, Q)
        Index of the domain in each square of a grid, 0 for the largest one.
    step : float
        Edge of the squares [px].
    """

    labels: np.ndarray
    step: float

    def __len__(self) -> int:
        return int(self.labels.max()) + 1

    def masks(self, shape: tuple[int, int], scale: float = 1.0) -> tuple[np.ndarray, ...]:
        """Return where each domain is, as bool of a shape.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.
        scale : float
            Edge of a pixel of the masks, in pixels of the image.

        Returns
        -------
        tuple of ndarray of bool, of that shape

        Examples
        --------
        >>> left, right = Domains(np.array([[0, 1]]), 2.5).masks((1, 5))
        >>> left[0].tolist()
        [True, True, True, False, False]
        """
        places = []
        for n, known in zip(shape, self.labels.shape, strict=True):
            middle = ((np.arange(n) + 0.5) * scale - 0.5) / self.step - 0.5
            places.append(np.clip(middle, 0, known - 1))
        rows, columns = places
        parts = np.array(
            [
                _interpolated((self.labels == k).astype(np.float32), rows, columns)
                for k in range(len(self))
            ]
        )
        nearest = parts.argmax(axis=0)
        return tuple(nearest == k for k in range(len(self)))


def find_domains(
    values: np.ndarray,
    places: Sequence[np.ndarray],
    kinds: Sequence[str],
    cell: float,
) -> Domains | None:
    """Find domains that differ in which place of the cell holds which column.

    Parameters
    ----------
    values : ndarray of shape (M, N)
        An image.
    places : sequence of ndarray of shape (K, 2)
        Row and column of each place of full symmetry in the crystal [px], equivalent ones together.
    kinds : sequence of str
        Names of the columns, the strongest scatterer first; places beyond these hold none.
    cell : float
        Lattice constant [px].

    Returns
    -------
    Domains or None
        None for a single crystal, and where noise does not allow to tell.

    Notes
    -----
    The mean brightness of each place over some cells around is compared with that of all orders of
    the sublattices. An order that explains a part of the crystal better than those of the domains
    that are known (by five standard deviations) makes a domain, until there is none.
    """
    shape = np.array([max(int(np.ceil(n / cell)), 1) for n in values.shape])
    means, noise, known = _local_means(values, places, shape, cell)
    if np.count_nonzero(known) < 2 * _CELLS:
        return None
    heights = np.sort(means, axis=0)[::-1]
    usual = np.median(heights[:, known], axis=1)
    names = [*kinds, *[""] * (len(places) - len(kinds))]
    usual = np.array([usual[[other == name for other in names]].mean() for name in names])
    orders = list(
        {tuple(names[r] for r in o): o for o in permutations(range(len(places)))}.values()
    )
    expected = np.array([usual[list(order)] for order in orders])
    likeness = np.tensordot(expected, means, axes=1)
    # From the order that is the best one at most places.
    chosen = [int(np.bincount(likeness[:, known].argmax(axis=0)).argmax())]
    while True:
        others = set(range(len(orders))) - set(chosen)
        found = {k: _size(likeness, expected, k, chosen, noise, known) for k in others}
        if not any(found.values()):
            break
        chosen.append(max(found, key=lambda k: found[k]))
    # What explained two of them somehow, before they were known, is at most a seam between them.
    for k in tuple(chosen):
        if len(chosen) > 1 and not _size(likeness, expected, k, chosen, noise, known):
            chosen.remove(k)
    if len(chosen) < 2:
        return None
    labels = ndimage.median_filter(likeness[chosen].argmax(axis=0), 3, mode="nearest")
    sizes = [np.count_nonzero(known & (labels == k)) for k in range(len(chosen))]
    order = np.argsort(sizes, kind="stable")[::-1]
    return Domains(np.argsort(order)[labels], cell)


def _local_means(
    values: np.ndarray, places: Sequence[np.ndarray], shape: np.ndarray, cell: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """Brightness of each place (G, P, Q) less their mean, its noise, and where it is known."""
    means, known, scatter = [], np.ones(shape, bool), []
    for at in places:
        seen = ndimage.map_coordinates(values, at.T, order=1, mode="nearest")
        index = np.ravel_multi_index(
            tuple(np.minimum((at // cell).astype(int), shape - 1).T), tuple(shape)
        )
        count, total = (
            ndimage.gaussian_filter(
                np.bincount(index, weights, shape.prod()).reshape(shape), _WINDOW, mode="constant"
            )
            for weights in (np.ones(len(at)), seen)
        )
        mean = total / np.maximum(count, 1e-9)
        known &= count > _FILLED * np.median(count)
        scatter.append(median_deviation(seen - mean.ravel()[index]))
        means.append(mean)
    found = np.array(means)
    # As many cells as a window of this width averages over.
    noise = float(np.mean(scatter)) / np.sqrt(4 * np.pi * _WINDOW**2)
    return found - found.mean(axis=0), noise, known


def _size(
    likeness: np.ndarray,
    expected: np.ndarray,
    order: int,
    domains: Sequence[int],
    noise: float,
    known: np.ndarray,
) -> int:
    """Size of the largest domain in which an order explains the crystal clearly best; 0 if none."""
    others = [k for k in domains if k != order]
    gain = likeness[order] - likeness[others].max(axis=0)
    change = min(float(((expected[order] - expected[k]) ** 2).sum()) for k in others)
    least = max(_CLEAR * change / 2, _SURE * noise * np.sqrt(change))
    parts, _ = ndimage.label(known & (gain > 0))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    large = np.flatnonzero(sizes > max(_SHARE * np.count_nonzero(known), _CELLS))
    clear = [sizes[k] for k in large if np.median(gain[parts == k]) > least]
    return int(max(clear, default=0))


def _interpolated(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of a grid at rows and columns, bilinearly."""
    weights = []
    for at, known in zip((rows, columns), values.shape, strict=True):
        weights.append(np.maximum(1 - abs(at[:, None] - np.arange(known)), 0).astype(np.float32))
    return weights[0] @ values @ weights[1].T
