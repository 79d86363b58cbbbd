"""Whether an image shows one lattice, grains that lie side by side, or layers over each other."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask, crystal_mask
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.reflections import away_from_reflections, ring_radius
from stemzoo.simulate.materials import MATERIALS, Material
from stemzoo.simulate.projected_lattice import symmetry_operations

_CLEAR = 0.12  # from a reflection on, in reciprocal lattice vectors: there is nothing of it
_APART = 0.1  # rotation [rad] or strain, by which another lattice differs from the first
_SECOND = 0.5  # least confidence in another lattice
_SHARE = 0.03  # of the image, which another grain must cover
_OVERLAP = 0.5  # of the second: it lies over the first


@dataclass(frozen=True, eq=False)
class Arrangement:
    """How the lattices of an image lie.

    Parameters
    ----------
    lattices : tuple of Lattice
        All that were found, the most prominent first; others have the same symmetry.
    words : str
        "no lattice", "one crystal", "grains" (side by side) or "layers" (over each other: moiré).
    overlap : ndarray of bool, shape (M, N), or None
        Where both lattices are.
    """

    lattices: tuple[Lattice, ...] = ()
    words: str = "no lattice"
    overlap: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Number of lattices."""
        return len(self.lattices)

    @property
    def second_layer(self) -> np.ndarray | None:
        """Where another layer lies over the first, shape (M, N); None without one."""
        return self.overlap if self.words == "layers" else None


def find_arrangement(
    image: np.ndarray, lattice: Lattice, mask: CrystalMask, material: Material | None = None
) -> Arrangement:
    """Look for a second lattice.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values.
    lattice : Lattice
        The most prominent lattice.
    mask : CrystalMask
        Where it is.
    material : Material, optional
        One that has such a lattice; needed for those of no high symmetry.

    Returns
    -------
    Arrangement
    """
    one = Arrangement((lattice,), "one crystal")
    measured = max(float(mask.valid.mean()), 1e-9)
    shape = image.shape
    away = away_from_reflections(shape, lattice)
    spectrum = fft.rfft2((image - image.mean()).astype(np.float32))
    rest = fft.irfft2(spectrum * np.minimum((away / _CLEAR) ** 4, 1), s=shape)
    if material is None:
        material = next(m for m in MATERIALS.values() if m.symmetry == lattice.symmetry)
    # Of the same crystal: within a few per cent of the same spacing.
    spacing = material.spacing
    try:
        other = find_lattice(
            rest,
            replace(material, spacing=spacing),
            sampling=spacing * ring_radius(lattice),
            min_confidence=_SECOND,
        )
    except ValueError:
        return one
    if other.shape is not None and other.spots_found < other.spots_expected / 2:
        return one  # weak reflections of the first that are taken for strong ones of another
    if lattice_difference(lattice, other) < _APART:
        return one  # what is left of a lattice that ends, or is distorted
    second = crystal_mask(np.ma.masked_array(rest, ~mask.valid), other)
    if second.share < _SHARE * measured:
        return one
    # A layer that is turned may have been taken for an island.
    first = mask.crystal if mask.islands is None else mask.crystal | mask.islands
    common = second.crystal & first
    over = common.mean() > _OVERLAP * second.share
    return Arrangement((lattice, other), "layers" if over else "grains", common)


def lattice_difference(lattice: Lattice, other: Lattice) -> float:
    """Tell how much a lattice must be turned or strained to become another of its symmetry.

    Parameters
    ----------
    lattice, other : Lattice
        The two.

    Returns
    -------
    float
        Of a rotation, its angle [rad].
    """
    if lattice.shape is not None:
        # The same spots may be counted from others.
        changes = [np.linalg.inv(m).T for m in symmetry_operations(lattice.shape.metric)]
        spots = [(change @ lattice.reciprocal)[0] for change in changes]
        nearest = min(np.linalg.norm(other.reciprocal[0] - spot) for spot in spots)
        return float(nearest / np.linalg.norm(lattice.reciprocal[0]))
    turn = 2 * np.pi / lattice.symmetry
    angles = np.arange(lattice.symmetry) * turn
    # Any spot of the innermost ring may be the first.
    first, away = lattice.reciprocal[0], []
    for angle in angles:
        turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        away.append(np.linalg.norm(other.reciprocal[0] @ turned - first))
    return float(min(away) / np.linalg.norm(first))
