"""Wide sessions, for detectors that should hold on any microscope: of any crystal."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from stemzoo.simulate.distributions import Distribution, LogUniform, Normal, Uniform
from stemzoo.simulate.materials import Material, find_material
from stemzoo.simulate.noise_models import any_microscope, contaminated, filtered, randomised
from stemzoo.simulate.proposed_defects import defect_probabilities
from stemzoo.simulate.sessions import AcquisitionSession

# What the wide sessions of a material have instead of those of a dichalcogenide: atoms that are
# near and light are imaged with a finer probe, more electrons and a lower inner angle, as in the
# paper; columns of crystals that repeat along the beam show a single atom where they are short.
_NEAR_AND_LIGHT = MappingProxyType(
    {
        "inner": 25.0,
        "current": 4.0,
        "metal_contrast": 1.0,
        "source_size": Uniform(0.4, 1.1),
        "defocus": Normal(0, 20),
    }
)
# Columns nearer than this need the finer probe [Å].
_NEAR = 1.6
# What a pair that lost one atom keeps: multislice gives 0.44, real images 0.49 to 0.59.
_VACANCY_CONTRAST = Uniform(0.42, 0.60)
# Crystals that go on along the beam, and slabs thicker than this [Å], from any tilt to none.
_THICK = 10.0
_CHANNELLING = Uniform(0.0, 1.0)
# What a detector meets beside one perfect crystal, and is not to mark.
_SCENES = MappingProxyType({"edge": 0.05, "hole": 0.05, "amorphous": 0.05, "adsorbates": 0.05})


def wide_sessions(
    material: str | Material, defects: Mapping[str, float]
) -> tuple[AcquisitionSession, ...]:
    """Return sessions with coarse and with fine pixels.

    Parameters
    ----------
    material : str or Material
        The crystal.
    defects : mapping of str to float
        Names with probabilities, see `make_specimen`.

    Returns
    -------
    tuple of AcquisitionSession
        ``<name>-randomised``, ``-randomised-fine``, ``-any`` and ``-any-fine``.
    """
    crystal = find_material(material)
    own = dict(_NEAR_AND_LIGHT) if crystal.column_spacing < _NEAR else {}
    thickness = (1, 1, 1, 1) if crystal.layered else (2, 3, 4, 5)
    coarse = randomised(f"{crystal.name}-randomised", material, defects, **own)
    # Finely sampled frames at a comparable dose per area, as many microscopes record them.
    fine = randomised(
        f"{crystal.name}-randomised-fine",
        material,
        defects,
        sampling=LogUniform(0.09, 0.15),
        dwell_time=LogUniform(20e-6, 1.5e-3),
        **own,
    )
    finest = Uniform(0.4, 1.4) if own else Uniform(0.6, 2.0)
    sessions = (
        coarse,
        fine,
        replace(any_microscope(coarse, bits=8), source_size=finest),
        replace(any_microscope(fine, bits=16), source_size=finest),
    )
    return tuple(replace(s, thickness=t) for s, t in zip(sessions, thickness, strict=True))


def hard_sessions(
    material: str | Material, defects: Mapping[str, float]
) -> tuple[AcquisitionSession, ...]:
    """Return sessions of images that software has changed, and of dirty specimens.

    Parameters
    ----------
    material : str or Material
        The crystal.
    defects : mapping of str to float
        Names with probabilities, see `make_specimen`.

    Returns
    -------
    tuple of AcquisitionSession
        ``<name>-filtered`` and ``<name>-contaminated``, with the coarse pixels of `wide_sessions`;
        a pair of atoms that lost one keeps a drawn part of its intensity, and a fifth of the frames
        show more than one perfect crystal.
    """
    coarse, _, any_coarse, _ = wide_sessions(material, defects)
    return tuple(
        replace(session, vacancy_contrast=_VACANCY_CONTRAST, scenes=_SCENES)
        for session in (filtered(any_coarse), contaminated(coarse))
    )


def structure_sessions(
    material: Material, defects: Mapping[str, float] | None = None
) -> tuple[AcquisitionSession, ...]:
    """Return wide sessions of a crystal of one's own.

    Parameters
    ----------
    material : Material
        The crystal.
    defects : mapping of str to float, optional
        Those that `propose_defects` names and an image shows, where not given.

    Returns
    -------
    tuple of AcquisitionSession
        As of `wide_sessions`; a pair of atoms that lost one keeps a drawn part of its intensity,
        and the columns of thick crystals channel the beam, from not at all to as on a zone axis.

    Examples
    --------
    >>> structure_sessions(find_material("mos2"))[1].name
    'mos2-randomised-fine'
    """
    chosen = defect_probabilities(material) if defects is None else dict(defects)
    found = wide_sessions(material, chosen)
    thick = not material.layered or material.cell[2] > _THICK
    strength: Distribution = _CHANNELLING if thick else 0.0
    return tuple(
        replace(session, vacancy_contrast=_VACANCY_CONTRAST, channelling=strength)
        for session in found
    )
