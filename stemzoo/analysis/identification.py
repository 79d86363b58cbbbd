"""Which crystal an image shows: from symmetry, lattice constant and the sublattices' brightness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.crystal_mask import CrystalMask, crystal_mask
from stemzoo.analysis.dark_columns import DarkColumns, find_dark_columns
from stemzoo.analysis.lattice import all_peaks, find_lattice
from stemzoo.analysis.lattice_count import Arrangement, find_arrangement
from stemzoo.analysis.material_odds import chalcogen_side, odds_of, side_odds, what_decides
from stemzoo.analysis.reflections import ring_radius
from stemzoo.analysis.spectrum_peaks import SpectrumPeaks
from stemzoo.analysis.sublattices import Sublattices, find_sublattices
from stemzoo.analysis.valid_pixels import ValidPixels, filled, find_valid_pixels
from stemzoo.io import Image
from stemzoo.io.any_image import as_image
from stemzoo.simulate.materials import MATERIALS, Material, find_material
from stemzoo.simulate.scattering import AnnularDetector

ACCEPTED = 0.9  # probability from which on a material is taken for granted
POSSIBLE = 0.05  # probability below which it is not worth a word
# Edge of an image that is large, and of the middle of it that is asked instead [px].
LARGE_SIDE, _MIDDLE = 4096, 2048

_ALONE = 0.2  # part of the crystal without a second layer, for that to be an island
_LATTICE_FIELD = 2048  # [px]: a lattice is looked for in this much of the middle of an image
# Confidence from which on a hexagonal or square lattice is taken: laid over one of no high symmetry
# it reaches 0.66 at most, where the right one reaches 0.97; and what that one needs.
_HIGH_SYMMETRY, _SHAPED = 0.7, 0.9
# Materials whose lattices fit nearly as well as the best one are candidates, too.
_AS_GOOD = 0.05


@dataclass(frozen=True)
class Candidate:
    """A crystal that an image may show.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    probability : float
        That it is this one.
    sampling : float
        Pixel size that the lattice has if it is [Å/px].
    """

    material: str
    probability: float
    sampling: float


@dataclass(frozen=True, eq=False)
class Identification:
    """Which crystal an image shows, and what that rests on.

    Parameters
    ----------
    candidates : tuple of Candidate
        The materials of the table, most probable first; none without a lattice.
    other : float
        Probability that it is none of these.
    mask : CrystalMask
        Where the image shows that lattice.
    lattice : Lattice or None
        Lattice of the image, with the pixel size of the first candidate.
    lattice_constant : float or None
        At the stated pixel size [Å]; None where that is not known.
    sublattices : Sublattices or None
        Ratio of the brightness of its sublattices, and sign of the contrast.
    dark_columns : DarkColumns
        Half-empty columns of each; zeros where they were not needed.
    arrangement : Arrangement
        Number of lattices, and how they lie: one crystal, grains, or layers (moiré).
    deciding : tuple of str
        What would tell between the candidates that are left, for instance ``"pixel size"``.
    pixels : ValidPixels or None
        Which pixels were measured, whatever the size of the lattice.
    """

    candidates: tuple[Candidate, ...]
    other: float
    mask: CrystalMask
    lattice: Lattice | None = None
    lattice_constant: float | None = None
    sublattices: Sublattices | None = None
    dark_columns: DarkColumns = DarkColumns()
    arrangement: Arrangement = Arrangement()
    deciding: tuple[str, ...] = ()
    pixels: ValidPixels | None = None

    @property
    def material(self) -> str | None:
        """Name of the material, where it is probable enough (0.9) to be taken for granted."""
        best = self.candidates[0] if self.candidates else None
        return best.material if best and best.probability >= ACCEPTED else None

    @property
    def possible(self) -> tuple[str, ...]:
        """Names of the materials that it may be (probability of 0.05 or more)."""
        return tuple(c.material for c in self.candidates if c.probability >= POSSIBLE)

    @property
    def is_inverted(self) -> bool:
        """Whether columns are dark: as in bright field, or an inverted picture."""
        return self.sublattices is not None and self.sublattices.contrast < -0.5

    @property
    def mirrored(self) -> float:
        """Part of the crystal that is a grain turned by 60 degrees, whose lattice is the same."""
        return self.sublattices.mirrored if self.sublattices else 0.0

    def probability(self, material: str) -> float:
        """Return the probability of a material; 0 without a lattice."""
        name = find_material(material).name
        return sum(c.probability for c in self.candidates if c.material == name)

    def lattice_of(self, material: str | Material) -> Lattice | None:
        """Return the lattice with the pixel size that a material gives it.

        Parameters
        ----------
        material : str or Material
            Entry of `MATERIALS`, or a crystal of your own.

        Returns
        -------
        Lattice or None
            As `find_lattice` would; None where there is none of that symmetry.
        """
        crystal = find_material(material)
        if self.lattice is None or self.lattice.symmetry != crystal.symmetry:
            return None
        shape = self.lattice.shape
        if shape is not None and crystal.shape not in (shape, shape.mirrored()):
            return None
        return replace(self.lattice, sampling=crystal.spacing * ring_radius(self.lattice))

    def report(self) -> dict[str, object]:
        """Return what was found, as JSON can hold it; lengths in pm."""
        ratio = self.sublattices.ratio if self.sublattices else np.nan
        return {
            "material": self.material,
            "candidates": [
                {
                    "material": c.material,
                    "probability": round(c.probability, 3),
                    "pixel_size_pm": round(c.sampling * 100, 3),
                }
                for c in self.candidates
            ],
            "other": round(self.other, 3),
            "lattice_constant_pm": self.lattice_constant and round(self.lattice_constant * 100, 1),
            "sublattice_ratio": round(ratio, 3) if np.isfinite(ratio) else None,
            "inverted": self.is_inverted,
            "turned_by_60_degrees": round(self.mirrored, 3),
            "lattices": self.arrangement.count,
            "arrangement": self.arrangement.words,
            "crystal_share": round(self.mask.share, 4),
            "left_out": list(self.mask.reasons),
            "would_decide": list(self.deciding),
        }


def identify(
    image: np.ndarray | Image,
    sampling: float | None = None,
    *,
    detector: AnnularDetector | None = None,
) -> Identification:
    """Tell which crystal an image shows.

    Parameters
    ----------
    image : Image, or ndarray or masked array of shape (M, N)
        An image; masked pixels and NaN are left out.
    sampling : float, optional
        Pixel size [Å/px], instead of that of the `Image`; it may be off by some per cent.
    detector : AnnularDetector, optional
        Energy [eV] and angles [mrad] that the image was recorded with, for instance
        ``Microscope(energy=80e3, inner=63, outer=200)``.

    Returns
    -------
    Identification

    Raises
    ------
    ValueError
        If the image is not two-dimensional or smaller than 64 px, or the pixel size not positive.

    Notes
    -----
    Bayes' rule with equal priors of all materials of the lattice's symmetry, and a tenth (square:
    three tenths, neither: a half) for all others. The lattice constant is compared with that of
    each material (Student's t with four degrees of freedom, width 1.5 %, as files state pixel
    sizes). So is, of hexagonal and square lattices, the ratio of the sublattices' brightness with
    what scattering into the detector predicts, or where that is not known into four common ones
    (width 12 % of the ratio, and 0.03 of aberrations).
    Where WSe2 and MoSe2 are left, whose chalcogen columns are the weaker and the stronger ones,
    half-empty columns are counted on both sublattices: most are vacancies of the chalcogen.

    Examples
    --------
    >>> found = identify(image, sampling=0.0953)  # doctest: +SKIP
    >>> found.candidates[0].material, found.deciding  # doctest: +SKIP
    ('wse2', ('elemental analysis',))
    """
    known = as_image(image)
    sampling, image = known.sampling if sampling is None else sampling, known.data
    if sampling is not None and not (np.isfinite(sampling) and sampling > 0):
        raise ValueError(f"Expected a sampling above 0 Å/px. Received: sampling={sampling}")
    pixels = find_valid_pixels(image)
    whole = filled(image, pixels.mask)
    lattices = _any_lattice(whole)
    if not lattices:
        nothing = CrystalMask(pixels.mask, np.zeros_like(pixels.mask), pixels.reasons)
        return Identification((), 1.0, mask=nothing, pixels=pixels)
    if lattices[0].shape is None:
        found = _identified(image, whole, lattices[0], sampling, detector)
    else:
        found = _identified_by_shape(image, whole, lattices, sampling)
    return replace(found, pixels=pixels)


def identify_middle(image: Image) -> Identification:
    """Tell which crystal an image shows, or the middle of a large one, which is enough.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.

    Returns
    -------
    Identification
        Of all pixels, or of the middle 2048² where a side has more than 4096: all of them would
        take much memory.

    Raises
    ------
    ValueError
        As `identify`.

    Examples
    --------
    >>> identify_middle(read_image("scan.tif")).material  # doctest: +SKIP
    'wse2'
    """
    large = max(image.data.shape) > LARGE_SIDE
    return identify(middle(image.data, _MIDDLE) if large else image.data, image.sampling)


def _identified(
    image: np.ndarray,
    whole: np.ndarray,
    lattice: Lattice,
    sampling: float | None,
    detector: AnnularDetector | None,
) -> Identification:
    """Weigh the materials of a lattice; `whole` is the image without gaps."""
    mask = crystal_mask(image, lattice)
    arrangement = find_arrangement(whole, lattice, mask)
    mask = _without_layer(mask, arrangement)
    sublattices = find_sublattices(whole, mask.crystal, lattice) if mask.crystal.any() else None
    materials = [m for m in MATERIALS.values() if m.symmetry == lattice.symmetry]
    ring = ring_radius(lattice)
    constant = None
    if sampling is not None:
        constant = sampling / ring * materials[0].lattice_constant / materials[0].spacing
    odds, dark = odds_of(materials, constant, sublattices, detector), DarkColumns()
    sides = np.array([chalcogen_side(m) for m in materials])
    shares = odds / odds.sum()
    # Columns of several layers tell nothing.
    if (
        sublattices is not None
        and arrangement.second_layer is None
        and all(shares[:-1][sides == side].sum() >= POSSIBLE for side in (-1, 1))
    ):
        sign = np.sign(sublattices.contrast) or 1.0
        twin = sublattices.mirrored > 0
        dark = find_dark_columns(sign * whole, mask, lattice, mirrored=twin)
        odds[:-1] *= side_odds(sides, dark)
        shares = odds / odds.sum()
    candidates = [
        Candidate(material.name, float(share), float(material.spacing * ring))
        for material, share in zip(materials, shares, strict=False)
    ]
    candidates.sort(key=lambda candidate: -candidate.probability)
    return Identification(
        tuple(candidates),
        float(shares[-1]),
        mask=mask,
        lattice=replace(lattice, sampling=candidates[0].sampling),
        lattice_constant=constant,
        sublattices=sublattices,
        dark_columns=dark,
        arrangement=arrangement,
        deciding=_deciding(candidates, constant, detector),
    )


def _identified_by_shape(
    image: np.ndarray, whole: np.ndarray, lattices: Sequence[Lattice], sampling: float | None
) -> Identification:
    """Weigh the materials whose lattices, of no high symmetry, fit: the best one first."""
    lattice = lattices[0]
    mask = crystal_mask(image, lattice)
    materials = [_material_of(other) for other in lattices]
    constants = [
        None if sampling is None else float(material.lattice_constant * sampling / other.sampling)
        for material, other in zip(materials, lattices, strict=True)
    ]
    each = [odds_of([m], constant, None) for m, constant in zip(materials, constants, strict=True)]
    # The prior of these materials is that of one, in equal parts.
    odds = np.append(np.array(each)[:, 0] / len(materials), each[0][1])
    shares = odds / odds.sum()
    candidates = [
        Candidate(material.name, float(share), float(other.sampling))
        for material, share, other in zip(materials, shares, lattices, strict=False)
    ]
    candidates.sort(key=lambda candidate: -candidate.probability)
    return Identification(
        tuple(candidates),
        float(shares[-1]),
        mask=mask,
        lattice=lattice,
        lattice_constant=constants[0],
        sublattices=find_sublattices(whole, mask.crystal, lattice) if mask.crystal.any() else None,
        arrangement=find_arrangement(whole, lattice, mask, materials[0]),
        deciding=_deciding(candidates, sampling, None),
    )


def _any_lattice(image: np.ndarray) -> tuple[Lattice, ...]:
    """Lattices that explain the spectrum of an image: a hexagonal or square one, or of any shape.

    Of the latter all that fit nearly as well as the best one, which comes first.
    """
    part = middle(image, _LATTICE_FIELD)
    peaks, found = all_peaks(part), []
    for symmetry in (6, 4):
        # Any spacing: the lattice is looked for over a wide range of pixel sizes.
        spacing = np.median([m.spacing for m in MATERIALS.values() if m.symmetry == symmetry])
        material = next(m for m in MATERIALS.values() if m.symmetry == symmetry)
        found += _lattices(part, replace(material, spacing=float(spacing)), peaks)
    best = max(found, key=lambda lattice: lattice.confidence, default=None)
    if best is not None and best.confidence >= _HIGH_SYMMETRY:
        return (best,)
    shaped = [x for m in MATERIALS.values() if m.symmetry == 2 for x in _lattices(part, m, peaks)]
    shaped.sort(key=lambda lattice: -lattice.confidence)
    if shaped and shaped[0].confidence >= _SHAPED:
        return tuple(x for x in shaped if x.confidence > shaped[0].confidence - _AS_GOOD)
    return () if best is None else (best,)


def _lattices(image: np.ndarray, material: Material, peaks: SpectrumPeaks) -> list[Lattice]:
    """Return the lattice of a material in an image, if there is one."""
    try:
        return [find_lattice(image, material, peaks=peaks)]
    except ValueError as error:
        if "lattice found" not in str(error):
            raise
        return []


def _material_of(lattice: Lattice) -> Material:
    """Return the material of the table that has a lattice of this shape, or its mirror image."""
    assert lattice.shape is not None  # as of those that are given
    shapes = (lattice.shape, lattice.shape.mirrored())
    return next(m for m in MATERIALS.values() if m.shape in shapes)


def _without_layer(mask: CrystalMask, arrangement: Arrangement) -> CrystalMask:
    """Leave out an island of another layer, where there is crystal without it."""
    if arrangement.second_layer is None:
        return mask
    alone = mask.crystal & ~arrangement.second_layer
    if alone.sum() < _ALONE * mask.crystal.sum() or alone.sum() == mask.crystal.sum():
        return mask
    words = f"{(mask.crystal & ~alone).mean():.1%} of the image: another layer"
    return CrystalMask(mask.valid, alone, (*mask.reasons, words), mask.islands)


def _deciding(
    candidates: Sequence[Candidate], constant: float | None, detector: AnnularDetector | None
) -> tuple[str, ...]:
    """Name what would tell between the candidates that are left."""
    left = [find_material(c.material) for c in candidates if c.probability >= POSSIBLE]
    accepted = candidates[0].probability >= ACCEPTED
    return () if accepted else what_decides(left, constant, detector)
