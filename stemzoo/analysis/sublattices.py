"""How bright the sublattices of a crystal are, and whether its columns are bright or dark.

Products of three Fourier coefficients whose frequencies add up to zero do not depend on where the
crystal is, so that they are averaged over an image with all its distortions.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.local_reflections import LocalReflections, ReducedImage
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material
from stemzoo.simulate.projected_lattice import LatticeShape
from stemzoo.simulate.scattering import AnnularDetector, adf_cross_section

_WINDOW = 2.5  # standard deviation of the windows, in lattice constants
_PARTS = 8  # of the places in an image, between which the scatter is taken
# Sine of the phase of a product, above which it tells which sublattice is where; of means over this
# many places; and the part of the crystal with the opposite sign from which on that is a grain.
_TELLS, _SMOOTH, _GRAIN = 0.25, 2.0, 0.03
_RING = {6: ((1, 0), (0, 1), (-1, 1), (-1, 0), (0, -1), (1, -1)), 4: ((1, 0), (0, 1), (-1, 0))}


@dataclass(frozen=True)
class Sublattices:
    """Brightness of the sublattices of a crystal in an image.

    Parameters
    ----------
    ratio : float
        Intensity of the weaker of the two sublattices of a hexagonal crystal over that of the
        stronger one; NaN for other crystals.
    error : float
        Standard error, from the scatter in the image: of the noise, not of aberrations.
    contrast : float
        1 where columns are bright, -1 where they are dark (an inverted or bright-field image);
        in between where the second ring of reflections cannot be seen.
    mirrored : float
        Part of the crystal in which the sublattices have changed places, at most a half: a grain
        that is turned by 60 degrees, whose lattice is the same.
    """

    ratio: float
    error: float
    contrast: float
    mirrored: float = 0.0


def find_sublattices(image: np.ndarray, crystal: np.ndarray, lattice: Lattice) -> Sublattices:
    """Measure how bright the sublattices of a crystal are.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    crystal : ndarray of bool, shape (M, N)
        Where it shows the crystal, see `crystal_mask`.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    Sublattices

    Notes
    -----
    With intensities a and b ≤ a of the two sublattices, the reflections of the innermost ring are
    F = a + b exp(±2πi/3), those of the second ring a + b. The product of three of the first whose
    frequencies add up to zero has the phase 3 arg F, from 0 for b = 0 to 180° for b = a, whatever
    the resolution is; odd aberrations change it. It has the other sign where the sublattices have
    changed places; such grains, if smaller than the rest, are left out. The product of two
    neighbours of the first ring
    and the conjugate of their sum, in the second, is positive, and negative in an inverted image.

    Examples
    --------
    >>> find_sublattices(image, mask.crystal, lattice)  # doctest: +SKIP
    Sublattices(ratio=0.72, error=0.01, contrast=1.0)
    """
    cell = lattice.period
    reduced = ReducedImage.of(np.ma.getdata(image), crystal, lattice)
    del image  # the caller may have no use for it
    local = LocalReflections.of(reduced, lattice, _WINDOW * cell)
    inside = local.weight > 0.5 * local.weight.max()
    mirrored = _mirror_grain(local, inside) if lattice.symmetry == 6 else np.zeros_like(inside)
    share = float(mirrored.sum() / inside.sum())
    inside &= ~mirrored
    spots = {}
    for (h, k), values in zip(local.indices.tolist(), local.coefficients, strict=True):
        spots[h, k], spots[-h, -k] = values[inside], values[inside].conj()
    if lattice.shape is not None:
        return Sublattices(np.nan, np.nan, _shaped_contrast(spots, lattice.shape))
    ring = _RING[lattice.symmetry]
    second = [
        spots[g] * spots[h] * spots[-g[0] - h[0], -g[1] - h[1]]
        for g, h in zip(ring, (*ring[1:], ring[0]), strict=True)
        if (g[0] + h[0], g[1] + h[1]) in spots
    ]
    contrast = 0.0
    if second:
        product = np.sum(second, axis=0)
        contrast = float(product.mean().real / max(abs(product).mean(), 1e-30))
    if lattice.symmetry != 6:
        return Sublattices(np.nan, np.nan, contrast)
    # An inverted image has the opposite of each product.
    sign = np.sign(contrast) or 1.0
    products = [sign * spots[1, 0] * spots[-1, 1] * spots[0, -1]]
    double = [
        spots[h, k] ** 2 * spots[-2 * h, -2 * k] for h, k in ring[::2] if (2 * h, 2 * k) in spots
    ]
    if double:
        products.append(sign * np.mean(double, axis=0))
    splits = [[part.mean() for part in np.array_split(p, _PARTS)] for p in products]
    parts = [_ratio(list(split)) for split in zip(*splits, strict=True)]
    return Sublattices(
        _ratio([product.mean() for product in products]),
        float(np.std(parts) / np.sqrt(_PARTS)),
        contrast,
        share,
    )


def _shaped_contrast(spots: dict[tuple[int, int], np.ndarray], shape: LatticeShape) -> float:
    """Sign of the contrast: products of three reflections against those of the structure."""
    known: dict[tuple[int, int], complex] = {}
    for (h, k), amplitude in zip(shape.shown, shape.amplitudes, strict=True):
        known[h, k], known[-h, -k] = amplitude, amplitude.conjugate()
    total, size = 0.0, 1e-30
    used = [spot for spot in spots if spot in known]
    for index, one in enumerate(used):
        for other in used[:index]:
            third = (-one[0] - other[0], -one[1] - other[1])
            if third in spots and third in known:
                product = (spots[one] * spots[other] * spots[third]).mean()
                # Seen from the other side all have the conjugate: real parts stay.
                expected = (known[one] * known[other] * known[third]).real
                total += product.real * expected
                size += abs(product) * abs(expected)
    return float(total / size)


def _mirror_grain(local: LocalReflections, inside: np.ndarray) -> np.ndarray:
    """Places (P, Q) where the sublattices lie as in the smaller part of the image."""
    spots = dict(zip(map(tuple, local.indices.tolist()), local.coefficients, strict=True))
    product = np.where(inside, spots[1, 0] * spots[1, -1].conj() * spots[0, 1].conj(), 0)
    size = ndimage.gaussian_filter(abs(product), _SMOOTH)
    sine = ndimage.gaussian_filter(product.imag, _SMOOTH) / np.maximum(size, 1e-30)
    signs = [inside & (sine < -_TELLS), inside & (sine > _TELLS)]
    smaller = min(signs, key=np.count_nonzero)
    if np.count_nonzero(smaller) < _GRAIN * np.count_nonzero(inside):
        return np.zeros_like(inside)
    return inside & (sine < 0) if smaller is signs[0] else inside & (sine > 0)


def _ratio(products: list[complex]) -> float:
    """Ratio of two sublattices from the phases of triple products."""
    phase = np.angle(sum(p / max(abs(p), 1e-30) for p in products))
    tangent = np.tan(abs(phase) / 3)
    return float(tangent / (np.sqrt(3) / 2 + tangent / 2))


def expected_ratio(material: Material, detector: AnnularDetector) -> float:
    """Return the ratio of the sublattices of a hexagonal crystal that scattering predicts.

    Parameters
    ----------
    material : Material
        A crystal with two columns in its primitive cell.
    detector : AnnularDetector
        Energy [eV] and angles [mrad], for instance a `stemzoo.simulate.Microscope`.

    Returns
    -------
    float
        Weaker over stronger, see `Sublattices`.

    Examples
    --------
    >>> from stemzoo.simulate import Microscope, find_material
    >>> microscope = Microscope(energy=80e3, inner=63, outer=200)
    >>> round(expected_ratio(find_material("mos2"), microscope), 2)
    0.43
    """
    strengths = [
        sum(adf_cross_section(atomic_number(symbol), detector) for symbol in column)
        for column in projected_columns(material)
    ]
    return min(strengths) / max(strengths)


def projected_columns(material: Material) -> list[list[str]]:
    """Return the elements of the columns of a cell, seen along the beam.

    Parameters
    ----------
    material : Material
        A crystal.

    Returns
    -------
    list of list of str
        Symbols of the atoms of each column.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> projected_columns(find_material("mos2"))[:2]
    [['Mo'], ['S', 'S']]
    """
    columns: dict[tuple[float, float], list[str]] = {}
    for site in material.sites:
        x, y, _ = site.position
        columns.setdefault((round(x, 3), round(y, 3)), []).append(site.symbol)
    return list(columns.values())
