"""Whether an image shows the material that a detector was trained for."""

from dataclasses import dataclass

from stemzoo.analysis.identification import POSSIBLE, Identification

# Probability below which a material is refused, where the pixel size is not known: aberrations and
# noise then change more than half of what there is to go by.
_REFUSED_BLINDLY = 0.01


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
        known); a doubt where another one is more
        probable; a note where another one has a probability of 0.05 or more. Nothing without a
        lattice, which is no question of the material.

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
    if probability < (_REFUSED_BLINDLY if found.lattice_constant is None else POSSIBLE):
        shown = named or f"none of the known materials (probability {found.other:.2f})"
        return MaterialCheck(refusal=f"the image shows {shown}, no {material}{decides}")
    if others and others[0].probability > probability:
        return MaterialCheck(
            doubt=f"the image rather shows {named} than {material} ({probability:.2f}){decides}"
        )
    return MaterialCheck(note=f"may be {named}, too{decides}" if others else None)
