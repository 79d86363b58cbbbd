"""Whether an image shows the material that a detector was trained for."""

from collections.abc import Sequence
from dataclasses import dataclass

from stemzoo.analysis.identification import POSSIBLE, Candidate, Identification
from stemzoo.analysis.material_odds import odds_of
from stemzoo.simulate.materials import find_material

# A material is refused where symmetry and lattice constant alone leave those with its lattice less
# than this, all that is known leaves them less than POSSIBLE, and others have more than _SURE.
_ANOTHER_LATTICE = 0.15
# Probability of those with its lattice below which a result is doubtful.
_SURE = 0.5
# Of those with its lattice, the part below which a material is doubtful: aberrations, noise and the
# detector's angles change the brightness of columns, too.
_UNLIKELY = 0.25
_ALIKE = 0.02  # lattice constants that differ by less are not told apart


@dataclass(frozen=True)
class MaterialCheck:
    """What the crystal in an image says of a detector's material.

    Parameters
    ----------
    refusal : str or None
        Why the detector must not be used; None if it may.
    doubt : str or None
        Why its result is doubtful.
    note : str or None
        What else the crystal may be.
    """

    refusal: str | None = None
    doubt: str | None = None
    note: str | None = None


def check_material(found: Identification, material: str) -> MaterialCheck:
    """Compare what an image shows with the material of a detector.

    Parameters
    ----------
    found : Identification
        From `stemzoo.identify`.
    material : str
        Material of the detector.

    Returns
    -------
    MaterialCheck
        A refusal where the lattice is another one: where symmetry and lattice constant (if the
        pixel size is known) leave the material, and those of its lattice, a probability below 0.15,
        and all that is known less than 0.05, and others more than 0.5. A doubt where all that is
        known speaks for another lattice, or makes another material of the same lattice three times
        as probable; a note where another may be it, too. Nothing without a lattice, which is no
        question of the material.

    Examples
    --------
    >>> check_material(stemzoo.identify(image, 0.2), "wse2").refusal  # doctest: +SKIP
    'the image shows graphene (probability 0.98), no wse2'
    """
    if not found.candidates:
        return MaterialCheck()
    material = find_material(material).name
    others = [c for c in found.candidates if c.material != material and c.probability >= POSSIBLE]
    different = [c for c in others if not have_one_lattice(c.material, material)]
    decides = f"; {_in_words(found.deciding)} would tell" if found.deciding else ""
    probability = found.probability(material)
    alike = sum(c.probability for c in found.candidates if have_one_lattice(c.material, material))
    another = _lattice_share(found, material) < _ANOTHER_LATTICE and alike < POSSIBLE
    if another and sum(c.probability for c in different) > _SURE:
        return MaterialCheck(refusal=f"the image shows {_named(different)}, no {material}{decides}")
    if alike < _SURE:
        none = f"none of the known materials (probability {found.other:.2f})"
        rather = _named(different) or none
        return MaterialCheck(
            doubt=f"the image rather shows {rather} than {material} ({probability:.2f}){decides}"
        )
    if probability < _UNLIKELY * alike:
        decides = _in_words(found.deciding or ("elemental analysis",))
        return MaterialCheck(
            doubt=f"may be {_named(others)} rather than {material} ({probability:.2f}), which only "
            f"the brightness of the columns tells apart; {decides} would decide"
        )
    may_be = others if found.material is None else different
    notes = [f"may be {_named(may_be)}, too{decides}"] if may_be else []
    if found.mirrored:
        notes.append(
            f"{found.mirrored:.0%} of the crystal is turned by 60 degrees (a mirror twin, or a "
            "second layer)"
        )
    return MaterialCheck(note="; ".join(notes) or None)


def have_one_lattice(one: str, other: str) -> bool:
    """Whether only the brightness of the columns tells two materials apart.

    Examples
    --------
    >>> have_one_lattice("wse2", "mose2"), have_one_lattice("wse2", "mos2")
    (True, False)
    """
    a, b = find_material(one), find_material(other)
    return a.symmetry == b.symmetry and abs(a.lattice_constant / b.lattice_constant - 1) < _ALIKE


def _lattice_share(found: Identification, material: str) -> float:
    """Probability of a material and those with its lattice, by the lattice alone."""
    materials = [find_material(c.material) for c in found.candidates]
    odds = odds_of(materials, found.lattice_constant, None)
    alike = [have_one_lattice(m.name, material) for m in materials]
    return float(odds[:-1][alike].sum() / odds.sum())


def _named(candidates: Sequence[Candidate]) -> str:
    """Return materials with their probabilities."""
    return " or ".join(f"{c.material} (probability {c.probability:.2f})" for c in candidates)


def _in_words(deciding: Sequence[str]) -> str:
    """Return what would decide, with the option that takes it."""
    option = " (--pixel-size PM, sampling=)"
    return " and ".join(f"{what}{option if 'pixel size' in what else ''}" for what in deciding)
