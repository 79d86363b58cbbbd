"""Whether an image shows the structure that a detector of one's own was trained for."""

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.sites import lattice_sites
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.simulate.materials import Material

_MIDDLE = 1024  # [px]: as much of the middle of an image is compared
_LEAST = 0.5  # part of it that must be crystal, for the comparison to mean something


def structure_doubts(seen: SeenCrystal, structure: Material | None) -> tuple[str, ...]:
    """Say why an image may show another crystal than a structure.

    Parameters
    ----------
    seen : SeenCrystal
        The image.
    structure : Material or None
        The crystal; None where it is one of the table, which `check_material` compares.

    Returns
    -------
    tuple of str
        Each with the next step; none if nothing is known that makes a result doubtful.
    """
    lattice = seen.pixel_size.lattice
    if structure is None or lattice is None or not seen.has_lattice:
        return ()
    if lattice.shape is None:
        return ()
    part = middle(seen.image.data, _MIDDLE)
    if seen.mask.crystal.mean() < _LEAST:
        return ()
    try:
        lattice_sites(part, structure, lattice=lattice)
    except ValueError as error:
        return (" ".join(str(error).split()),)
    return ()
