"""Ideal sites of the atom columns of a crystal in an image.

They come from the local phases of the lattice's spots; no network is involved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.domains import Domains, find_domains
from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.local_phases import grown, interpolated, local_spots, on_grid, origin_of
from stemzoo.analysis.structure_match import match_structure
from stemzoo.simulate.elements import atomic_number, scattering_strength
from stemzoo.simulate.materials import Material

# Places of high symmetry in the primitive cell, equivalent ones together.
_PLACES = {
    6: (((0, 0),), ((1 / 3, 2 / 3),), ((2 / 3, 1 / 3),)),
    4: (((0, 0),), ((1 / 2, 1 / 2),), ((1 / 2, 0), (0, 1 / 2))),
}

# Innermost spots whose phases are equal at those places.
_SPOTS = {6: ((1, 0), (0, -1), (-1, 1)), 4: ((1, 0), (0, 1))}
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
    domains : Domains or None
        Where the sublattices have changed places; None in a single crystal.
    """

    positions: np.ndarray
    kinds: np.ndarray
    lattice: Lattice
    domains: Domains | None = None


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
    by brightness: columns that scatter more are brighter; of a hexagonal crystal domain by domain,
    see `find_domains`, as in mirror twins sublattices have changed places.

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
    spots = local_spots(values, lattice, vectors)
    origin, amplitude = origin_of(spots, vectors), abs(spots).sum(axis=0)
    groups = [
        [grown(np.array(place) @ lattice.vectors, origin, lattice, values.shape) for place in group]
        for group in _PLACES[lattice.symmetry]
    ]
    groups.sort(key=lambda group: -np.mean([_brightness(values, at) for at in group]))
    columns = [at for group in groups for at in group]
    kinds = _column_kinds(material)
    least = _FAINT * np.median(amplitude)
    if lattice.symmetry == 6:
        places = [at[interpolated(amplitude, at, values.shape) > least] for at in columns]
        domains = find_domains(values, places, kinds, lattice.period)
        if domains is not None:
            found = _sites_of_domains(values, lattice, domains, kinds, amplitude)
            return LatticeSites(*found, lattice, domains)
    positions = np.concatenate(columns[: len(kinds)])
    labels = np.concatenate(
        [np.full(len(at), kind) for at, kind in zip(columns, kinds, strict=False)]
    )
    keep = interpolated(amplitude, positions, values.shape) > least
    return LatticeSites(positions[keep], labels[keep], lattice)


def _sites_of_domains(
    values: np.ndarray,
    lattice: Lattice,
    domains: Domains,
    kinds: Sequence[str],
    amplitude: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (K, 2) and kinds (K,) of columns, domain by domain, where the lattice is seen."""
    least = _FAINT * np.median(amplitude)
    vectors = _spots(lattice) @ lattice.reciprocal
    # Without slow brightness, whose cut at the border of a domain would look like spots.
    flat = values - ndimage.gaussian_filter(values, lattice.period)
    columns: list[list[np.ndarray]] = [[] for _ in kinds]
    for domain in domains.masks(values.shape):
        soft = ndimage.gaussian_filter(domain.astype(np.float32), lattice.period / 4)
        spots = local_spots(flat * soft, lattice, vectors)
        origin = origin_of(spots, vectors, known=on_grid(domain, spots.shape[1:]))
        places = []
        for ((first, second),) in _PLACES[6]:
            offset = np.array([first, second]) @ lattice.vectors
            at = grown(offset, origin, lattice, values.shape)
            inside = domain[tuple(np.rint(at).astype(int).T)]
            places.append(at[inside & (interpolated(amplitude, at, values.shape) > least)])
        places.sort(key=lambda at: -_brightness(values, at))
        for known, at in zip(columns, places, strict=False):
            known.append(at)
    positions = [np.concatenate(known) for known in columns]
    return np.concatenate(positions), np.repeat(kinds, [len(at) for at in positions])


def _sites_of_structure(values: np.ndarray, material: Material, lattice: Lattice) -> LatticeSites:
    """Do as `lattice_sites` for a lattice of any shape: its structure says where columns are."""
    assert lattice.shape is not None
    shown = np.array(lattice.shape.shown)
    vectors = shown @ lattice.reciprocal
    chosen = (abs(vectors) < _NYQUIST).all(axis=1)
    shown, vectors = shown[chosen][:_MOST], vectors[chosen][:_MOST]
    spots = local_spots(values, lattice, vectors)
    # Two of them say where the lattice lies at each place, all together where the cell begins.
    pair = [(shown == index).all(axis=1).argmax() for index in _spots(lattice)]
    origin = origin_of(spots[pair], vectors[pair])
    coherent = spots * np.exp(2j * np.pi * np.tensordot(vectors, origin, axes=1))
    found = match_structure(material, shown, coherent.mean(axis=(1, 2)))
    amplitude = abs(spots[pair]).sum(axis=0)
    places = [
        grown(place @ lattice.vectors, origin, lattice, values.shape) for place in found.places
    ]
    positions = np.concatenate(places)
    kinds = np.repeat(found.kinds, [len(at) for at in places])
    keep = interpolated(amplitude, positions, values.shape) > _FAINT * np.median(amplitude)
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
    first = local_spots(before, sites.lattice, vectors)
    turned = local_spots(values, sites.lattice, vectors) * first.conj()
    return interpolated(origin_of(turned, vectors, near=True), sites.positions, before.shape).T


def _brightness(values: np.ndarray, positions: np.ndarray) -> float:
    """Mean of an image at the pixels next to positions (K, 2)."""
    return values[tuple(np.rint(positions).astype(int).T)].mean()


def _column_kinds(material: Material) -> list[str]:
    """Heaviest element of each column of the primitive cell, the strongest scatterer first.

    Incoherent scattering goes with about Z^1.7.
    """
    contents = sorted(material.columns.values(), key=scattering_strength, reverse=True)
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
