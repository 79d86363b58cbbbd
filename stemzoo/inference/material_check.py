"""Whether an image shows the material that a detector was trained for."""

from dataclasses import dataclass

from stemzoo.analysis.identification import POSSIBLE, Identification
from stemzoo.simulate.materials import find_material

# Probability below which a material is refused, where the pixel size is not known: aberrations and
# noise then change more than half of what there is to go by.
_REFUSED_BLINDLY = 0.01
# Probability of the material, and of those with its lattice, below which a result is doubtful.
_SURE = 0.5
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
        A refusal where the material has a probability below 0.05 (0.01 where the pixel size is not
        known) and others together have more than 0.5; a doubt where it and those with its lattice
        together have less than 0.5; a note where one of another lattice has 0.05 or more. Nothing
        without a lattice, which is no question of the material.

    Examples
    --------
    >>> check_material(stemzoo.identify(image, 0.2), "wse2").refusal  # doctest: +SKIP
    'the image shows graphene (probability 0.98), no wse2'
    """
    if not found.candidates:
        return MaterialCheck()
    probability = found.probability(material)
    others = [c for c in found.candidates if c.material != material and c.probability >= POSSIBLE]
    named = " or ".join(f"{c.material} (probability {c.probability:.2f})" for c in others)
    decides = f"; {' and '.join(found.deciding)} would tell" if found.deciding else ""
    least = _REFUSED_BLINDLY if found.lattice_constant is None else POSSIBLE
    if probability < least and sum(c.probability for c in others) > _SURE:
        return MaterialCheck(refusal=f"the image shows {named}, no {material}{decides}")
    like_it = sum(c.probability for c in found.candidates if _is_alike(c.material, material))
    if like_it < _SURE:
        rather = named or f"none of the known materials (probability {found.other:.2f})"
        return MaterialCheck(
            doubt=f"the image rather shows {rather} than {material} ({probability:.2f}){decides}"
        )
    # Those with the same lattice are possible in nearly every image: `stemzoo.identify` tells.
    different = any(not _is_alike(c.material, material) for c in others)
    return MaterialCheck(note=f"may be {named}, too{decides}" if different else None)


def _is_alike(one: str, other: str) -> bool:
    """Whether only the brightness of the columns tells two materials apart."""
    a, b = find_material(one), find_material(other)
    return a.symmetry == b.symmetry and abs(a.lattice_constant / b.lattice_constant - 1) < _ALIKE
