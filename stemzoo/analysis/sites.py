"""Ideal sites of the atom columns of a crystal in an image.

They come from the local phases of the lattice's spots; no network is involved.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.structure_match import match_structure
from stemzoo.simulate.materials import Material, atomic_number

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
# Spots of a lattice of any shape that are used, and the finest that pixels show [1/px].
_MOST, _NYQUIST = 12, 0.47
# Where the spots are weaker than this part of their median there is no crystal.
_FAINT = 0.3


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
    values = checked_image(image)
    if lattice is None:
        lattice = find_lattice(values, material, sampling=sampling)
    if lattice.symmetry != material.symmetry:
        raise ValueError(
            f"Expected a lattice of {material.name}, of symmetry {material.symmetry}; find it with "
            f"the same material. Received: symmetry {lattice.symmetry}"
        )
    if lattice.shape is not None:
        return _sites_of_structure(values, material, lattice)
    vectors = _spots(lattice) @ lattice.reciprocal
    spots = _local_spots(values, lattice, vectors)
    origin, amplitude = _origin(spots, vectors), abs(spots).sum(axis=0)
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


def _sites_of_structure(values: np.ndarray, material: Material, lattice: Lattice) -> LatticeSites:
    """Do as `lattice_sites` for a lattice of any shape: its structure says where columns are."""
    assert lattice.shape is not None
    shown = np.array(lattice.shape.shown)
    vectors = shown @ lattice.reciprocal
    chosen = (abs(vectors) < _NYQUIST).all(axis=1)
    shown, vectors = shown[chosen][:_MOST], vectors[chosen][:_MOST]
    spots = _local_spots(values, lattice, vectors)
    # Two of them say where the lattice lies at each place, all together where the cell begins.
    pair = [(shown == index).all(axis=1).argmax() for index in _spots(lattice)]
    origin = _origin(spots[pair], vectors[pair])
    coherent = spots * np.exp(2j * np.pi * np.tensordot(vectors, origin, axes=1))
    found = match_structure(material, shown, coherent.mean(axis=(1, 2)))
    amplitude = abs(spots[pair]).sum(axis=0)
    places = [
        _grown(place @ lattice.vectors, origin, lattice, values.shape) for place in found.places
    ]
    positions = np.concatenate(places)
    kinds = np.repeat(found.kinds, [len(at) for at in places])
    keep = _interpolated(amplitude, positions, values.shape) > _FAINT * np.median(amplitude)
    return LatticeSites(positions[keep], kinds[keep], lattice)


def _spots(lattice: Lattice) -> np.ndarray:
    """Return indices (S, 2) of strong spots whose phases say where the lattice lies."""
    if lattice.shape is None:
        return np.array(_SPOTS[lattice.symmetry])
    first, *others = lattice.shape.shown
    second = next(g for g in others if g[0] * first[1] != g[1] * first[0])
    return np.array([first, second])


def lattice_shifts(image: np.ndarray, reference: np.ndarray, sites: LatticeSites) -> np.ndarray:
    """Find how far a lattice has moved from one image to another, near each site.

    Parameters
    ----------
    image, reference : ndarray of shape (M, N)
        Two images of the same crystal. Shifts below half a lattice spacing are told, others but for
        a lattice vector.
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
    values, before = checked_image(image), checked_image(reference)
    if values.shape != before.shape:
        raise ValueError(
            f"Expected two images of one shape. Received: {values.shape} and {before.shape}"
        )
    vectors = _spots(sites.lattice) @ sites.lattice.reciprocal
    first = _local_spots(before, sites.lattice, vectors)
    turned = _local_spots(values, sites.lattice, vectors) * first.conj()
    return _interpolated(_origin(turned, vectors, near=True), sites.positions, before.shape).T


def _local_spots(values: np.ndarray, lattice: Lattice, vectors: np.ndarray) -> np.ndarray:
    """Fourier coefficients (S, P, Q) of spots (S, 2) in windows around points of a coarse grid."""
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


def _origin(spots: np.ndarray, vectors: np.ndarray, *, near: bool = False) -> np.ndarray:
    """Position of a place of high symmetry as seen from each point of a grid: (2, P, Q) [px].

    With I = Σ F exp(2πi g·(r - t)), the phase of spot g is arg F - 2π g·t; the spots of `_SPOTS`
    have one common arg F, which the pseudo-inverse drops; of two spots of a lattice of any shape
    it moves the place. `near` takes the origin next to 0.
    """
    from skimage.restoration import unwrap_phase

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


def _interpolated(grid: np.ndarray, positions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Values (..., K) of a grid that spans the image, at positions (K, 2)."""
    scale = (np.array(grid.shape[-2:]) - 1) / (np.array(shape) - 1)
    places = (positions * scale).T
    if grid.ndim == 2:
        return ndimage.map_coordinates(grid, places, order=1, mode="nearest")
    return np.array([ndimage.map_coordinates(g, places, order=1, mode="nearest") for g in grid])


def _grown(
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
        positions = ideal + _interpolated(origin, positions, shape).T
    return positions[((positions >= 0) & (positions <= np.array(shape) - 1)).all(axis=1)]


def _brightness(values: np.ndarray, positions: np.ndarray) -> float:
    """Mean of an image at the pixels next to positions (K, 2)."""
    return values[tuple(np.rint(positions).astype(int).T)].mean()


def _column_kinds(material: Material) -> list[str]:
    """Heaviest element of each column of the primitive cell, the strongest scatterer first.

    Incoherent scattering goes with about Z^1.7.
    """
    places: dict[tuple[float, float], list[str]] = {}
    for site in material.sites:
        places.setdefault(site.position[:2], []).append(site.symbol)
    contents = sorted(places.values(), key=lambda c: -sum(atomic_number(s) ** 1.7 for s in c))
    cells = 2 if material.symmetry == 6 else 1  # an orthogonal cell holds two hexagonal ones
    return [max(content, key=atomic_number) for content in contents[::cells]]


def checked_image(image: np.ndarray) -> np.ndarray:
    """Return an image as float64.

    Parameters
    ----------
    image : array_like of shape (M, N)
        Any real type.

    Returns
    -------
    ndarray of float64, shape (M, N)

    Raises
    ------
    ValueError
        If it is not two-dimensional and finite.
    """
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(
            "Expected one image of shape (M, N) with finite pixels; select a channel, replace NaN. "
            f"Received: shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} not finite"
        )
    return values
