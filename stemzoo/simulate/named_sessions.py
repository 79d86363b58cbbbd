"""The sessions that have a name."""

from dataclasses import replace
from types import MappingProxyType

from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.materials import Material, find_material, nearest_names, own_structure
from stemzoo.simulate.noise_models import manual_noise, noise_free
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.simulate.training_defects import TRAINING_DEFECTS
from stemzoo.simulate.wide_sessions import hard_sessions, structure_sessions, wide_sessions

# Rare point defects beside the vacancies that the sessions are about.
_RARE = MappingProxyType(
    {
        "se_divacancy": 0.001,
        "w_vacancy": 0.0005,
        "se_on_w": 0.0005,
        "w_on_se": 0.001,
        "w2_on_se": 0.001,
    }
)

# The paper states material, voltage, angles, current, dwell time, number of frames, pixel size,
# vacancies per image and information limit of each set. What it does not state (source size,
# aberrations, efficiency, lag, jitter, contamination) was fitted so that the radial power spectrum
# and the histogram of frames agree with the one patch of each set that its authors show
# (examples/reproduce/scripts/calibrate_sessions.py).
_ONE_FLAKE = AcquisitionSession(
    name="one-flake",
    material="wse2",
    strain_xx=Normal(0, 0.003),
    strain_yy=Normal(0, 0.003),
    strain_xy=Normal(0, 0.003),
    displacement=0.05,
    frames=10.0,
    dwell_time=20e-6,
    drift_y=Normal(0, 0.004),
    drift_x=Normal(0, 0.004),
    curvature_y=Normal(0, 0.002),
    curvature_x=Normal(0, 0.002),
    flyback=Uniform(0, 1),
    brightness=Normal(0.45, 0.03),
    contrast=Normal(0.75, 0.05),
    bits=16,
)

_DAY_A = replace(
    _ONE_FLAKE,
    name="wse2-dayA",
    material="wse2",
    defects={"se_vacancy": 0.0248, **_RARE},
    sampling=Normal(ZOO_SAMPLING, 0.001),
    rotation=Normal(0, 5),
    defocus=Normal(0, 8),
    defocus_drift=4.0,
    C12=Normal(18, 4, 0),
    C12_drift=8.0,
    C21=Normal(350, 60, 0),
    C23=Normal(350, 60, 0),
    source_size=Normal(0.72, 0.04),
    efficiency=Normal(0.3, 0.03),
    smoothing=0.36,
    afterglow=Normal(0.1, 0.02),
    misregistration=0.45,
    line_jitter=Normal(0.23, 0.04),
    contamination=Uniform(0.05, 0.6),
    patchiness=0.4,
    granularity=0.07,
    read_noise=1.3,
)

_DAY_B = replace(
    _ONE_FLAKE,
    name="wse2-dayB",
    material="wse2",
    defects={"se_vacancy": 0.0375, **_RARE},
    sampling=Normal(ZOO_SAMPLING, 0.001),
    rotation=Normal(30, 5),
    defocus=Normal(0, 12),
    defocus_drift=8.0,
    C12=Normal(16, 5, 0),
    C12_drift=10.0,
    C21=Normal(300, 80, 0),
    C23=Normal(300, 80, 0),
    source_size=Normal(0.9, 0.05),
    efficiency=Normal(0.12, 0.015),
    smoothing=0.5,
    afterglow=Normal(0.55, 0.04),
    misregistration=0.42,
    line_jitter=Normal(0.31, 0.05),
    contamination=Uniform(0.2, 1.0),
    patchiness=0.7,
    granularity=0.1,
    read_noise=1.0,
)

_GRAPHENE = replace(
    _ONE_FLAKE,
    name="graphene",
    material="graphene",
    defects={"c_vacancy": 0.002, "si_on_c": 0.001, "si_on_c2": 0.0005},
    inner=25.0,
    current=100.0,
    sampling=Normal(0.144, 0.001),
    rotation=Normal(0, 5),
    defocus=Normal(0, 8),
    defocus_drift=4.0,
    C12=Normal(20, 4, 0),
    C12_drift=8.0,
    C21=Normal(280, 60, 0),
    C23=Normal(280, 60, 0),
    source_size=Normal(0.65, 0.04),
    efficiency=Normal(0.26, 0.03),
    smoothing=0.7,
    afterglow=Normal(0.15, 0.03),
    misregistration=0.15,
    line_jitter=Normal(0.4, 0.05),
    contamination=Uniform(0.0, 0.2),
    patchiness=0.5,
    granularity=0.2,
    read_noise=4.0,
)

# No patch of the paper's SrTiO3 images is public: conditions as on day A, 12 nm thick.
_SRTIO3 = replace(
    _ONE_FLAKE,
    name="srtio3",
    material="srtio3",
    defects={"sr_vacancy": 0.01, "ti_vacancy": 0.01},
    thickness=30,
    sampling=Normal(0.17, 0.001),
    rotation=Normal(0, 5),
    defocus=Normal(0, 12),
    defocus_drift=6.0,
    C12=Normal(18, 4, 0),
    C12_drift=8.0,
    C21=Normal(350, 60, 0),
    C23=Normal(350, 60, 0),
    source_size=Normal(0.9, 0.05),
    efficiency=Normal(0.3, 0.03),
    smoothing=0.36,
    afterglow=Normal(0.2, 0.03),
    misregistration=0.45,
    line_jitter=Normal(0.3, 0.05),
    contamination=Uniform(0.05, 0.3),
    patchiness=0.4,
    granularity=0.07,
    read_noise=1.3,
)

# One model for both days, as in the paper: what a person would set by hand from its conditions.
_BY_HAND = AcquisitionSession(
    name="wse2", material="wse2", defects=TRAINING_DEFECTS["wse2"], dwell_time=20e-6
)

WIDE_SESSIONS = MappingProxyType(
    {name: wide_sessions(name, defects) for name, defects in TRAINING_DEFECTS.items()}
)
HARD_SESSIONS = MappingProxyType(
    {name: hard_sessions(name, defects) for name, defects in TRAINING_DEFECTS.items()}
)

SESSIONS = MappingProxyType(
    {
        session.name: session
        for session in (
            _DAY_A,
            _DAY_B,
            _GRAPHENE,
            _SRTIO3,
            manual_noise(_BY_HAND),
            noise_free(_BY_HAND),
            *(session for sessions in WIDE_SESSIONS.values() for session in sessions),
            *(session for sessions in HARD_SESSIONS.values() for session in sessions),
        )
    }
)


def find_session(name: str) -> AcquisitionSession:
    """Return a named session.

    Parameters
    ----------
    name : str
        Key of `SESSIONS`.

    Returns
    -------
    AcquisitionSession

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    """
    if name not in SESSIONS:
        near = ", ".join(nearest_names(name, SESSIONS))
        raise KeyError(f"Unknown session; expected one of {near}. Received: {name!r}")
    return SESSIONS[name]


def choose_session(name: str | None, material: str | Material | None) -> AcquisitionSession:
    """Return a session by its name, or one for a material.

    A material without a session of its own gets the manual noise model at the paper's dose, with a
    vacancy in 2 % of the columns of each element.

    Parameters
    ----------
    name : str or None
        Name of a session.
    material : str or Material or None
        Name of a material, or a crystal of your own.

    Returns
    -------
    AcquisitionSession

    Raises
    ------
    KeyError
        For an unknown name or material.
    ValueError
        If neither is given, or they contradict each other.
    """
    if name is None:
        if material is None:
            raise ValueError("Name a session or a material. Received: neither")
        crystal = find_material(material)
        wide = (*WIDE_SESSIONS.get(crystal.name, ()), *HARD_SESSIONS.get(crystal.name, ()))
        named = [s for s in SESSIONS.values() if s.material == crystal.name and s not in wide]
        if named:
            return named[0]
        if own_structure(crystal) is not None:
            return structure_sessions(crystal)[0]
        elements = sorted({site.symbol.lower() for site in crystal.sites})
        vacancies = {f"{element}_vacancy": 0.02 for element in elements}
        return manual_noise(AcquisitionSession(crystal.name, crystal.name, vacancies))
    session = find_session(name)
    if material is not None and session.material != str(material).lower():
        raise ValueError(
            f"Session {name} is of {session.material}. Received: material {str(material)!r}"
        )
    return session
