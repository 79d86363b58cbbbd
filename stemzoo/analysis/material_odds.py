"""Odds of the materials of the table, by lattice constant and brightness of the sublattices."""

from collections.abc import Sequence

import numpy as np

from stemzoo.analysis.dark_columns import DarkColumns
from stemzoo.analysis.sublattices import Sublattices, expected_ratio, projected_columns
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material
from stemzoo.simulate.optics import Microscope
from stemzoo.simulate.scattering import AnnularDetector, adf_cross_section

# Standard deviations, all with the tails of Student's t (four degrees of freedom): of pixel sizes
# in files; of the measured ratio of sublattices, by aberrations (simulated sessions), more where
# they are equal; of the ratio that cross sections predict for two elements, relative (what
# simulation allows for).
_CALIBRATION = 0.015
_ABERRATIONS, _EQUAL_ABERRATIONS = 0.03, 0.08
_SCATTERING = 0.12
# Half-empty columns are the chalcogen's, but for these few, and no more surely than by this factor.
_STRAY, _SUREST = 3.0, 30.0
# Prior probability that a crystal of that symmetry is none of the table.
_OTHER = {6: 0.1, 4: 0.3, 2: 0.5}
_CONSTANTS = 2.0, 6.0  # between which the constants of other crystals are [Å]
_SAME = 0.02  # lattice constants that differ by less are not told apart
# Annular dark field as most use it, where the detector is not known.
_DETECTORS = (
    Microscope(energy=80e3, inner=63, outer=200),
    Microscope(energy=80e3, inner=40, outer=200),
    Microscope(energy=60e3, inner=80, outer=200),
    Microscope(energy=200e3, inner=80, outer=250),
)


def odds_of(
    materials: Sequence[Material],
    constant: float | None,
    sublattices: Sublattices | None,
    detector: AnnularDetector | None = None,
) -> np.ndarray:
    """Return the odds of materials, by what was measured.

    Parameters
    ----------
    materials : sequence of Material
        All K materials of the table of one symmetry.
    constant : float or None
        Measured lattice constant [Å].
    sublattices : Sublattices or None
        Measured brightness of the sublattices.
    detector : AnnularDetector, optional
        Energy [eV] and angles [mrad].

    Returns
    -------
    ndarray of shape (K + 1,)
        Not normalised; at the end those of all other crystals of that symmetry.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> materials = [find_material("graphene"), find_material("mos2")]
    >>> odds = odds_of(materials, 3.15, None)
    >>> (odds / odds.sum()).round(2).tolist()
    [0.0, 0.99, 0.01]
    """
    other = _OTHER[materials[0].symmetry]
    odds = np.full(len(materials) + 1, (1 - other) / len(materials))
    odds[-1] = other
    if constant is not None:
        away = [np.log(constant / m.lattice_constant) / _CALIBRATION for m in materials]
        odds[:-1] *= _student(np.array(away)) / _CALIBRATION
        odds[-1] /= np.log(_CONSTANTS[1] / _CONSTANTS[0])
    if sublattices is not None and np.isfinite(sublattices.ratio):
        odds[:-1] *= [_ratio_likelihood(m, sublattices, detector) for m in materials]
    return odds


def _student(x: np.ndarray) -> np.ndarray:
    """Density of Student's t with four degrees of freedom."""
    return 0.375 * (1 + x**2 / 4) ** -2.5


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
    density = _student((sublattices.ratio - expected) / width) / width
    # Of two equal sublattices, either may seem the stronger one: all is below 1.
    return float(np.mean(np.where(expected < 1, density, 2 * density)))


def chalcogen_side(material: Material) -> int:
    """Tell which sublattice the columns of two atoms are: 1 the weaker, -1 the stronger, 0 neither.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> [chalcogen_side(find_material(name)) for name in ("wse2", "mose2", "graphene")]
    [1, -1, 0]
    """
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


def side_odds(sides: np.ndarray, dark: DarkColumns) -> np.ndarray:
    """Return factors for the odds of materials, by where half-empty columns are.

    Parameters
    ----------
    sides : ndarray of int, shape (K,)
        The `chalcogen_side` of each.
    dark : DarkColumns
        What was counted.

    Returns
    -------
    ndarray of shape (K,)
        Neither of two equal sublattices holds more than the other.

    Examples
    --------
    >>> side_odds(np.array([1, -1, 0]), DarkColumns(weaker=9, stronger=1)).round(2).tolist()
    [3.0, 0.33, 0.33]
    """
    odds = ((dark.weaker + _STRAY) / (dark.stronger + _STRAY)) ** 2
    surely = np.log(np.clip(odds, 1 / _SUREST, _SUREST)) / 2
    return np.exp(np.where(sides == 0, -abs(surely), sides * surely))


def are_alike(material: Material, other: Material) -> bool:
    """Tell whether the brightness of sublattices cannot tell two materials, on any detector.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> are_alike(find_material("wse2"), find_material("mose2"))
    True
    >>> are_alike(find_material("ws2"), find_material("mos2"))
    False
    """
    a, b = (expected_ratio(m, _DETECTORS[0]) for m in (material, other))
    return bool(abs(a - b) <= 3 * _ratio_width(np.array(max(a, b))))


def what_decides(
    left: Sequence[Material], constant: float | None, detector: AnnularDetector | None = None
) -> tuple[str, ...]:
    """Name what would tell between the materials that are left.

    Parameters
    ----------
    left : sequence of Material
        Those that are possible.
    constant : float or None
        Measured lattice constant [Å].
    detector : AnnularDetector, optional
        Energy [eV] and angles [mrad], if they are known.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> what_decides([find_material("wse2"), find_material("graphene")], None)
    ('pixel size',)
    """
    if not left:
        return ()
    needed = []
    constants = [material.lattice_constant for material in left]
    if len(left) == 1 or max(constants) / min(constants) - 1 > _SAME:
        needed.append("pixel size" if constant is None else "a calibrated pixel size")
    for index, material in enumerate(left):
        for rival in left[:index]:
            if abs(material.lattice_constant / rival.lattice_constant - 1) > _SAME:
                continue
            by_angles = detector is None and not are_alike(material, rival)
            needed.append("detector angles" if by_angles else "elemental analysis")
    return tuple(dict.fromkeys(needed))
