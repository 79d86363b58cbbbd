"""Wide sessions for a crystal of one's own."""

from collections.abc import Mapping
from dataclasses import replace

from stemzoo.simulate.distributions import LogUniform, Normal, Uniform
from stemzoo.simulate.materials import Material, atomic_number
from stemzoo.simulate.noise_models import randomised
from stemzoo.simulate.proposed_defects import defect_probabilities
from stemzoo.simulate.sessions import AcquisitionSession

# Elements lighter than this scatter so little that they are imaged with a lower inner angle.
_LIGHT = 13
# What a pair that lost one atom keeps: multislice gives 0.44, real images 0.49 to 0.59.
_VACANCY_CONTRAST = Uniform(0.42, 0.60)
# Cells along the beam of a crystal that goes on: a few, where single atoms still tell.
_CELLS = (2, 4)


def structure_sessions(
    material: Material, defects: Mapping[str, float] | None = None
) -> tuple[AcquisitionSession, ...]:
    """Return sessions for a detector that should hold on any microscope.

    Parameters
    ----------
    material : Material
        The crystal.
    defects : mapping of str to float, optional
        Names with probabilities, see `make_specimen`; those that `propose_defects` names and an
        image shows, where not given.

    Returns
    -------
    tuple of AcquisitionSession
        With coarse and with fine pixels, ``<name>-randomised`` and ``<name>-randomised-fine``.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> [session.name for session in structure_sessions(find_material("mos2"))]
    ['mos2-randomised', 'mos2-randomised-fine']
    """
    chosen = defect_probabilities(material) if defects is None else dict(defects)
    light = all(atomic_number(site.symbol) < _LIGHT for site in material.sites)
    own: dict[str, object] = {"vacancy_contrast": _VACANCY_CONTRAST}
    if light:  # as the paper images graphene: more electrons, a finer probe
        own |= {
            "inner": 25.0,
            "current": 4.0,
            "metal_contrast": 1.0,
            "source_size": Uniform(0.4, 1.1),
            "defocus": Normal(0, 20),
        }
    coarse = randomised(f"{material.name}-randomised", material, chosen, **own)
    # Finely sampled frames at a comparable dose per area, as many microscopes record them.
    fine = randomised(
        f"{material.name}-randomised-fine",
        material,
        chosen,
        sampling=LogUniform(0.09, 0.15),
        dwell_time=LogUniform(20e-6, 1.5e-3),
        **own,
    )
    cells = (1, 1) if material.layered else _CELLS
    return replace(coarse, thickness=cells[0]), replace(fine, thickness=cells[1])
