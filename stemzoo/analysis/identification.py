"""Which crystal an image shows: from symmetry, lattice constant and the sublattices' brightness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask, crystal_mask
from stemzoo.analysis.dark_columns import DarkColumns, find_dark_columns
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.lattice_count import Arrangement, find_arrangement
from stemzoo.analysis.reflections import ring_radius
from stemzoo.analysis.sublattices import (
    Sublattices,
    expected_ratio,
    find_sublattices,
    projected_columns,
)
from stemzoo.analysis.valid_pixels import filled, find_valid_pixels
from stemzoo.simulate.materials import MATERIALS, Material, atomic_number, find_material
from stemzoo.simulate.optics import Microscope
from stemzoo.simulate.scattering import AnnularDetector, adf_cross_section

ACCEPTED = 0.9  # probability from which on a material is taken for granted
POSSIBLE = 0.05  # probability below which it is not worth a word

# Standard deviations, all with the tails of Student's t: of pixel sizes in files; of the measured
# ratio of sublattices, by aberrations (simulated sessions), more where the sublattices are equal;
# of the ratio that cross sections predict for two elements, relative (what simulation allows for).
_CALIBRATION = 0.015
_ABERRATIONS, _EQUAL_ABERRATIONS = 0.03, 0.08
_SCATTERING = 0.12
_FREEDOM = 4
# Half-empty columns are the chalcogen's, but for these few, and no more surely than by this factor.
_STRAY, _SUREST = 3.0, 30.0
# Prior probability that a crystal of that symmetry is none of the table.
_OTHER = {6: 0.1, 4: 0.3}
_CONSTANTS = 2.0, 6.0  # between which the constants of other crystals are [Å]
_ALONE = 0.2  # part of the crystal without a second layer, for that to be an island
_SAME = 0.02  # lattice constants that differ by less are not told apart
# Annular dark field as most use it, where the detector is not known.
_DETECTORS = (
    Microscope(energy=80e3, inner=63, outer=200),
    Microscope(energy=80e3, inner=40, outer=200),
    Microscope(energy=60e3, inner=80, outer=200),
    Microscope(energy=200e3, inner=80, outer=250),
)
_LATTICE_FIELD = 2048  # [px]: a lattice is looked for in this much of the middle of an image


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
    mask : CrystalMask
        Where the image shows that lattice.
    deciding : tuple of str
        What would tell between the candidates that are left, for instance ``"pixel size"``.
    """

    candidates: tuple[Candidate, ...]
    other: float
    lattice: Lattice | None
    lattice_constant: float | None
    sublattices: Sublattices | None
    dark_columns: DarkColumns
    arrangement: Arrangement
    mask: CrystalMask
    deciding: tuple[str, ...]

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

    def probability(self, material: str) -> float:
        """Return the probability of a material; 0 without a lattice."""
        name = find_material(material).name
        return sum(c.probability for c in self.candidates if c.material == name)

    def lattice_of(self, material: str) -> Lattice | None:
        """Return the lattice with the pixel size that a material gives it.

        Parameters
        ----------
        material : str
            Entry of `MATERIALS`.

        Returns
        -------
        Lattice or None
            As `find_lattice` would; None where there is none of that symmetry.
        """
        crystal = find_material(material)
        if self.lattice is None or self.lattice.symmetry != crystal.symmetry:
            return None
        return replace(self.lattice, sampling=crystal.spacing * ring_radius(self.lattice))


def identify(
    image: np.ndarray,
    sampling: float | None = None,
    *,
    detector: AnnularDetector | None = None,
) -> Identification:
    """Tell which crystal an image shows.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N)
        An image; masked pixels and NaN are left out.
    sampling : float, optional
        Pixel size [Å/px]; it may be off by some per cent.
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
    three tenths) for all others. The lattice constant is compared with that of each material
    (Student's t with four degrees of freedom, width 1.5 %, as files state pixel sizes). So is the
    ratio of the sublattices' brightness with what scattering into the detector predicts, or where
    that is not known into four common ones (width 12 % of the ratio, and 0.03 of aberrations).
    Where WSe2 and MoSe2 are left, whose chalcogen columns are the weaker and the stronger ones,
    half-empty columns are counted on both sublattices: most are vacancies of the chalcogen.

    Examples
    --------
    >>> found = identify(image, sampling=0.0953)  # doctest: +SKIP
    >>> found.candidates[0].material, found.deciding  # doctest: +SKIP
    ('wse2', ('detector angles',))
    """
    if sampling is not None and not (np.isfinite(sampling) and sampling > 0):
        raise ValueError(f"Expected a sampling above 0 Å/px. Received: sampling={sampling}")
    pixels = find_valid_pixels(image)
    whole = filled(image, pixels.mask)
    lattice = _any_lattice(whole)
    if lattice is None:
        nothing = CrystalMask(pixels.mask, np.zeros_like(pixels.mask), pixels.reasons)
        return Identification(
            *((), 1.0, None, None, None), DarkColumns(), Arrangement(), nothing, ()
        )
    mask = crystal_mask(image, lattice)
    arrangement = find_arrangement(whole, lattice, mask)
    mask = _without_layer(mask, arrangement)
    sublattices = find_sublattices(image, mask.crystal, lattice) if mask.crystal.any() else None
    ring = ring_radius(lattice)
    materials = [m for m in MATERIALS.values() if m.symmetry == lattice.symmetry]
    constant = None
    if sampling is not None:
        constant = sampling / ring * materials[0].lattice_constant / materials[0].spacing
    odds = _odds(materials, constant, sublattices, detector)
    dark = DarkColumns()
    sides = np.array([_weaker_chalcogen(m) for m in materials])
    shares = odds / odds.sum()
    if sublattices and all(shares[:-1][sides == side].sum() >= POSSIBLE for side in (-1, 1)):
        sign = np.sign(sublattices.contrast) or 1.0
        dark = find_dark_columns(sign * whole, mask, lattice)
        surely = _weaker_log_odds(dark) / 2
        # Neither of two equal sublattices holds more of them than the other.
        odds[:-1] *= np.exp(np.where(sides == 0, -abs(surely), sides * surely))
        shares = odds / odds.sum()
    candidates = sorted(
        (
            Candidate(material.name, float(share), float(material.spacing * ring))
            for material, share in zip(materials, shares, strict=False)
        ),
        key=lambda candidate: -candidate.probability,
    )
    return Identification(
        candidates=tuple(candidates),
        other=float(shares[-1]),
        lattice=replace(lattice, sampling=candidates[0].sampling),
        lattice_constant=constant,
        sublattices=sublattices,
        dark_columns=dark,
        arrangement=arrangement,
        mask=mask,
        deciding=_deciding(candidates, constant, detector),
    )


def _any_lattice(image: np.ndarray) -> Lattice | None:
    """Hexagonal or square lattice of an image, the one that explains more of its spectrum."""
    top, left = (max(n - _LATTICE_FIELD, 0) // 2 for n in image.shape)
    part = image[top : top + _LATTICE_FIELD, left : left + _LATTICE_FIELD]
    found = []
    for symmetry in (6, 4):
        # Any spacing: the lattice is looked for over a wide range of pixel sizes.
        spacing = np.median([m.spacing for m in MATERIALS.values() if m.symmetry == symmetry])
        material = next(m for m in MATERIALS.values() if m.symmetry == symmetry)
        try:
            found.append(find_lattice(part, replace(material, spacing=float(spacing))))
        except ValueError as error:
            if "lattice found" not in str(error):
                raise
    return max(found, key=lambda lattice: lattice.confidence, default=None)


def _without_layer(mask: CrystalMask, arrangement: Arrangement) -> CrystalMask:
    """Leave out an island of another layer, where there is crystal without it."""
    if arrangement.overlap is None:
        return mask
    alone = mask.crystal & ~arrangement.overlap
    if alone.sum() < _ALONE * mask.crystal.sum() or alone.sum() == mask.crystal.sum():
        return mask
    words = f"{(mask.crystal & ~alone).mean():.1%} of the image: another layer, or another grain"
    return CrystalMask(mask.valid, alone, (*mask.reasons, words))


def _odds(
    materials: Sequence[Material],
    constant: float | None,
    sublattices: Sublattices | None,
    detector: AnnularDetector | None,
) -> np.ndarray:
    """Odds of materials of one symmetry, and at the end of all others."""
    other = _OTHER[materials[0].symmetry]
    odds = np.full(len(materials) + 1, (1 - other) / len(materials))
    odds[-1] = other
    if constant is not None:
        away = [np.log(constant / m.lattice_constant) / _CALIBRATION for m in materials]
        odds[:-1] *= stats.t.pdf(away, _FREEDOM) / _CALIBRATION
        odds[-1] /= np.log(_CONSTANTS[1] / _CONSTANTS[0])
    if sublattices is not None and np.isfinite(sublattices.ratio):
        odds[:-1] *= [_ratio_likelihood(m, sublattices, detector) for m in materials]
    return odds


def _ratio_width(expected: np.ndarray) -> np.ndarray:
    """Return how well the ratio of sublattices is predicted and measured, but for noise."""
    different = np.hypot(_ABERRATIONS, _SCATTERING * expected)
    return np.where(expected < 1, different, _EQUAL_ABERRATIONS)


def _ratio_likelihood(
    material: Material, sublattices: Sublattices, detector: AnnularDetector | None
) -> float:
    """Density of a measured ratio of the brightness of sublattices."""
    detectors = _DETECTORS if detector is None else (detector,)
    expected = np.array([expected_ratio(material, d) for d in detectors])
    width = np.hypot(_ratio_width(expected), sublattices.error)
    density = stats.t.pdf((sublattices.ratio - expected) / width, _FREEDOM) / width
    # Of two equal sublattices, either may seem the stronger one: all is below 1.
    return float(np.mean(np.where(expected < 1, density, 2 * density)))


def _weaker_chalcogen(material: Material) -> int:
    """1 if the columns of two atoms are the weaker ones, -1 if the stronger ones, 0 if neither."""
    columns = projected_columns(material)
    pairs = [c for c in columns if len(c) == 2]
    single = [c for c in columns if len(c) == 1]
    if material.symmetry != 6 or not pairs:
        return 0
    pair, lone = (
        sum(adf_cross_section(atomic_number(symbol), _DETECTORS[0]) for symbol in kinds[0])
        for kinds in (pairs, single)
    )
    return 1 if pair < lone else -1


def _weaker_log_odds(dark: DarkColumns) -> float:
    """Log odds that the chalcogen is on the weaker sublattice, by where half-empty columns are."""
    odds = ((dark.weaker + _STRAY) / (dark.stronger + _STRAY)) ** 2
    return float(np.log(np.clip(odds, 1 / _SUREST, _SUREST)))


def _deciding(
    candidates: Sequence[Candidate], constant: float | None, detector: AnnularDetector | None
) -> tuple[str, ...]:
    """Name what would tell between the candidates that are left."""
    left = [find_material(c.material) for c in candidates if c.probability >= POSSIBLE]
    if candidates[0].probability >= ACCEPTED or not left:
        return ()
    needed = []
    constants = [material.lattice_constant for material in left]
    if len(left) == 1 or max(constants) / min(constants) - 1 > _SAME:
        needed.append("pixel size" if constant is None else "a calibrated pixel size")
    for index, material in enumerate(left):
        for rival in left[:index]:
            if abs(material.lattice_constant / rival.lattice_constant - 1) > _SAME:
                continue
            a, b = (expected_ratio(m, _DETECTORS[0]) for m in (material, rival))
            apart = abs(a - b) > 3 * float(_ratio_width(np.array(max(a, b))))
            needed.append("detector angles" if apart and detector is None else "elemental analysis")
    return tuple(dict.fromkeys(needed))
