"""Microscope sessions: distributions from which the conditions of each frame are drawn."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

import numpy as np

from stemzoo.simulate.acquisition import ScanDistortion
from stemzoo.simulate.distributions import Distribution, LogUniform, Normal, Uniform, draw
from stemzoo.simulate.optics import Microscope

_FULL_TURN = Uniform(0.0, 2 * np.pi)


@dataclass(frozen=True)
class AcquisitionSession:
    """One microscope, one material, one day: what varies from frame to frame, and how much.

    Every condition is a distribution or a plain number. `draw` returns the conditions of one
    frame: a session in which every condition is a number.

    Parameters
    ----------
    name, material : str
        Name of the session; entry of `MATERIALS`.
    defects : mapping of str to float
        Probability of each point defect per column that could host it, see `make_specimen`.
    energy, semiangle_cutoff, inner, outer : float
        As in `Microscope`: eV and mrad.
    thickness : int
        Cells along the beam.
    bits : int
        8, 16, or 0 for floating-point frames.
    sampling : Distribution
        Pixel size [Å/px].
    rotation : Distribution
        Of the crystal [degrees].
    strain_xx, strain_yy, strain_xy : Distribution
        Of the crystal.
    displacement : Distribution
        Standard deviation of the displacement of each atom [Å].
    metal_contrast : Distribution
        Factor on the cross section of the material's metal, for what incoherent imaging leaves out
        (residual channelling, tilt, the response of the detector).
    defocus, Cs : Distribution
        -C10 and C30 [Å].
    C12, C21, C23 : Distribution
        Magnitudes of twofold astigmatism, axial coma and threefold astigmatism [Å]; their
        azimuths are uniform.
    defocus_drift, C12_drift : float
        Standard deviation of a slow change of the mean defocus and of C12a, C12b over the
        session [Å].
    source_size, focal_spread : Distribution
        FWHM [Å].
    current : Distribution
        Beam current [pA].
    dwell_time : Distribution
        Time per pixel, summed over the frames [s].
    efficiency : Distribution
        Part of the electrons on the detector that count, its detective quantum efficiency.
    smoothing : Distribution
        Gaussian that stands for the interpolation when frames are registered; it smooths the noise
        as well [px].
    frames : Distribution
        Number of averaged frames (rounded).
    misregistration, line_jitter : Distribution
        Standard deviations [px], see `average_frames`.
    drift_y, drift_x, curvature_y, curvature_x, flyback, flyback_decay : Distribution
        See `ScanDistortion`.
    afterglow, afterglow_decay : Distribution
        See `stemzoo.simulate.acquisition.afterglow`.
    contamination : Distribution
        Mean haze, as a fraction of the mean signal of the clean crystal.
    patchiness, granularity : Distribution
        See `contamination_field`.
    read_noise, gain, offset : Distribution
        See `detector_signal`.
    brightness, contrast : Distribution
        See `quantise`.

    Examples
    --------
    >>> session = find_session("wse2-dayB")
    >>> frame = session.draw(np.random.default_rng(0))
    >>> type(frame.defocus)
    <class 'float'>
    """

    name: str
    material: str
    defects: Mapping[str, float] = field(default_factory=dict)
    energy: float = 80e3
    semiangle_cutoff: float = 25.0
    inner: float = 63.0
    outer: float = 200.0
    thickness: int = 1
    bits: int = 0
    defocus_drift: float = 0.0
    C12_drift: float = 0.0
    sampling: Distribution = 0.2074
    rotation: Distribution = Uniform(0.0, 360.0)
    strain_xx: Distribution = 0.0
    strain_yy: Distribution = 0.0
    strain_xy: Distribution = 0.0
    displacement: Distribution = 0.01
    metal_contrast: Distribution = 1.0
    defocus: Distribution = 0.0
    Cs: Distribution = 0.0
    C12: Distribution = 0.0
    C21: Distribution = 0.0
    C23: Distribution = 0.0
    azimuth_C12: Distribution = _FULL_TURN
    azimuth_C21: Distribution = _FULL_TURN
    azimuth_C23: Distribution = _FULL_TURN
    source_size: Distribution = 0.0
    focal_spread: Distribution = 0.0
    current: Distribution = 35.0
    dwell_time: Distribution = 20e-6
    efficiency: Distribution = 1.0
    smoothing: Distribution = 0.0
    frames: Distribution = 1.0
    misregistration: Distribution = 0.0
    line_jitter: Distribution = 0.0
    drift_y: Distribution = 0.0
    drift_x: Distribution = 0.0
    curvature_y: Distribution = 0.0
    curvature_x: Distribution = 0.0
    flyback: Distribution = 0.0
    flyback_decay: Distribution = 20.0
    afterglow: Distribution = 0.0
    afterglow_decay: Distribution = 0.5
    contamination: Distribution = 0.0
    patchiness: Distribution = 0.6
    granularity: Distribution = 0.15
    read_noise: Distribution = 0.0
    gain: Distribution = 1.0
    offset: Distribution = 0.0
    brightness: Distribution = 0.45
    contrast: Distribution = 0.8

    def __post_init__(self):
        object.__setattr__(self, "defects", MappingProxyType(dict(self.defects)))

    def draw(self, rng: np.random.Generator, time: float = 0.5) -> "AcquisitionSession":
        """Draw the conditions of one frame.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        time : float
            When in the session the frame is taken, from 0 to 1; sets the slow drift.

        Returns
        -------
        AcquisitionSession
            Every condition is a float.
        """
        drawn = {
            f.name: draw(getattr(self, f.name), rng) for f in fields(self) if f.type is Distribution
        }
        drawn["defocus"] += self.defocus_drift * _slow_change(self.name + "/defocus", time)
        twofold = drawn["C12"] * np.exp(1j * drawn["azimuth_C12"])
        twofold += self.C12_drift * (
            _slow_change(self.name + "/a", time) + 1j * _slow_change(self.name + "/b", time)
        )
        drawn["C12"], drawn["azimuth_C12"] = float(abs(twofold)), float(np.angle(twofold))
        return replace(self, defocus_drift=0.0, C12_drift=0.0, **drawn)

    def microscope(self) -> Microscope:
        """Return the optics of a drawn frame."""
        aberrations = {"C10": -self.defocus, "C30": self.Cs}
        for name in ("C12", "C21", "C23"):
            magnitude, azimuth = getattr(self, name), getattr(self, "azimuth_" + name)
            aberrations[name + "a"] = magnitude * np.cos(azimuth)
            aberrations[name + "b"] = magnitude * np.sin(azimuth)
        return Microscope(
            energy=self.energy,
            semiangle_cutoff=self.semiangle_cutoff,
            inner=self.inner,
            outer=self.outer,
            aberrations=aberrations,
            source_size=self.source_size,
            focal_spread=self.focal_spread,
        )

    def distortion(self) -> ScanDistortion:
        """Return the scan's error of a drawn frame."""
        return ScanDistortion(
            drift=(self.drift_y, self.drift_x),
            curvature=(self.curvature_y, self.curvature_x),
            flyback=self.flyback,
            flyback_decay=self.flyback_decay,
        )


def _slow_change(seed: str, time: float) -> float:
    """Smooth random function of time with unit variance; the same for the same seed."""
    rng = np.random.default_rng(list(seed.encode()))
    periods, phases = rng.uniform(0.6, 3.0, 3), rng.uniform(0, 2 * np.pi, 3)
    return float(np.sqrt(2 / 3) * np.sum(np.cos(2 * np.pi * time / periods + phases)))


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


def manual_noise(session: AcquisitionSession) -> AcquisitionSession:
    """Return the paper's hand-tuned noise model for the conditions of a session.

    Contamination, Poisson and Gaussian noise, image shear, source size, aberrations to second
    order, brightness and contrast; nothing of the detector's lag, line jitter, misregistered
    frames or curved drift. Simpler than the acquisition model on purpose.

    Parameters
    ----------
    session : AcquisitionSession
        Gives material, defects, detector angles, pixel size and dose.

    Returns
    -------
    AcquisitionSession
        Named ``<session>-manual``.

    References
    ----------
    A. Khan et al., npj Comput. Mater. 9, 85 (2023), Methods; amplitudes of the aberrations as in
    the authors' parameter file.
    """
    return AcquisitionSession(
        name=session.name + "-manual",
        material=session.material,
        defects=session.defects,
        energy=session.energy,
        semiangle_cutoff=session.semiangle_cutoff,
        inner=session.inner,
        outer=session.outer,
        thickness=session.thickness,
        sampling=session.sampling,
        rotation=session.rotation,
        defocus=Normal(0, 10),
        Cs=Normal(3e3, 5e3),
        C12=Normal(10, 10, 0),
        C21=Normal(300, 600, 0),
        C23=Normal(250, 500, 0),
        source_size=Normal(1.0, 0.05, 0),
        current=session.current,
        dwell_time=session.dwell_time,
        drift_x=Normal(0, 0.01),
        drift_y=Normal(0, 0.01),
        contamination=Uniform(0.0, 0.5),
        patchiness=0.4,
        granularity=0.0,
        read_noise=1.5,
        brightness=Normal(0.45, 0.05),
        contrast=Normal(0.8, 0.05),
    )


def noise_free(session: AcquisitionSession) -> AcquisitionSession:
    """Return the conditions of a session without noise, distortion or contamination.

    Parameters
    ----------
    session : AcquisitionSession
        Gives material, defects, detector angles and pixel size.

    Returns
    -------
    AcquisitionSession
        Named ``<session>-noise-free``; a perfect probe with a source of 1 Å, and so large a dose
        that counting noise does not show.
    """
    kept = ("material", "defects", "energy", "semiangle_cutoff", "inner", "outer", "thickness")
    return AcquisitionSession(
        name=session.name + "-noise-free",
        **{name: getattr(session, name) for name in kept},
        sampling=session.sampling,
        rotation=session.rotation,
        source_size=1.0,
        current=1e6,
        dwell_time=1.0,
    )


def randomised(
    name: str, material: str, defects: Mapping[str, float], **changes
) -> AcquisitionSession:
    """Return a wide session, for detectors that should hold on any microscope.

    Parameters
    ----------
    name, material, defects
        As in `AcquisitionSession`.
    **changes
        Conditions that differ from the wide ones.

    Returns
    -------
    AcquisitionSession
    """
    wide = {
        "sampling": Uniform(0.2074 * 0.95, 0.2074 * 1.05),
        "strain_xx": Normal(0, 0.003),
        "strain_yy": Normal(0, 0.003),
        "strain_xy": Normal(0, 0.003),
        "displacement": Uniform(0.01, 0.07),
        "metal_contrast": Uniform(0.85, 1.3),
        "defocus": Normal(0, 30),
        "Cs": Normal(0, 5e3),
        "C12": Uniform(0, 30),
        "C21": Uniform(0, 600),
        "C23": Uniform(0, 600),
        "source_size": Uniform(0.6, 1.5),
        "current": 1.0,
        "dwell_time": LogUniform(64e-6, 4.8e-3),
        "smoothing": Uniform(0, 0.7),
        "frames": Uniform(1, 10),
        "misregistration": Uniform(0, 0.6),
        "line_jitter": Uniform(0, 0.6),
        "drift_y": Normal(0, 0.02),
        "drift_x": Normal(0, 0.02),
        "curvature_y": Normal(0, 0.01),
        "curvature_x": Normal(0, 0.01),
        "flyback": Uniform(0, 3, power=2),
        "flyback_decay": Uniform(5, 40),
        "afterglow": Uniform(0, 0.65),
        "afterglow_decay": Uniform(0.2, 0.7),
        "contamination": Uniform(0, 1.5, power=2),
        "patchiness": Uniform(0.2, 0.8),
        "granularity": Uniform(0.0, 0.4),
        "read_noise": Uniform(0, 4),
    }
    return AcquisitionSession(name=name, material=material, defects=defects, **{**wide, **changes})


# Frequent enough in every frame to learn from, single vacancies the most frequent.
_TRAINING_DEFECTS = MappingProxyType(
    {
        "se_vacancy": 0.035,
        "se_divacancy": 0.004,
        "w_vacancy": 0.004,
        "v_on_w": 0.012,
        "mo_on_w": 0.004,
        "se_on_w": 0.002,
        "w_on_se": 0.002,
        "w2_on_se": 0.001,
        "te_on_se": 0.002,
        "w_adatom": 0.001,
    }
)

# The paper states material, voltage, angles, current, dwell time, number of frames, pixel size,
# vacancies per image and information limit of each set. What it does not state (source size,
# aberrations, efficiency, lag, jitter, contamination) was fitted so that the radial power spectrum
# and the histogram of frames agree with the one patch of each set that its authors show
# (examples/calibrate_sessions.py).
_ONE_FLAKE = MappingProxyType(
    {
        "strain_xx": Normal(0, 0.003),
        "strain_yy": Normal(0, 0.003),
        "strain_xy": Normal(0, 0.003),
        "displacement": 0.05,
        "frames": 10.0,
        "dwell_time": 20e-6,
        "drift_y": Normal(0, 0.004),
        "drift_x": Normal(0, 0.004),
        "curvature_y": Normal(0, 0.002),
        "curvature_x": Normal(0, 0.002),
        "flyback": Uniform(0, 1),
        "brightness": Normal(0.45, 0.03),
        "contrast": Normal(0.75, 0.05),
        "bits": 16,
    }
)

_DAY_A = AcquisitionSession(
    name="wse2-dayA",
    material="wse2",
    defects={"se_vacancy": 0.0248, **_RARE},
    sampling=Normal(0.2074, 0.001),
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
    **_ONE_FLAKE,
)

_DAY_B = AcquisitionSession(
    name="wse2-dayB",
    material="wse2",
    defects={"se_vacancy": 0.0375, **_RARE},
    sampling=Normal(0.2074, 0.001),
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
    **_ONE_FLAKE,
)

_GRAPHENE = AcquisitionSession(
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
    **_ONE_FLAKE,
)

# No patch of the paper's SrTiO3 images is public: conditions as on day A, 12 nm thick.
_SRTIO3 = AcquisitionSession(
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
    **_ONE_FLAKE,
)

# One model for both days, as in the paper: what a person would set by hand from its conditions.
_BY_HAND = AcquisitionSession(
    name="wse2", material="wse2", defects={"se_vacancy": 0.031, **_RARE}, dwell_time=20e-6
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
            randomised("wse2-randomised", "wse2", _TRAINING_DEFECTS),
            # Finely sampled frames at a comparable dose per area, as many microscopes record them.
            randomised(
                "wse2-randomised-fine",
                "wse2",
                _TRAINING_DEFECTS,
                sampling=LogUniform(0.09, 0.15),
                dwell_time=LogUniform(20e-6, 1.5e-3),
            ),
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
        near = difflib.get_close_matches(name, SESSIONS, n=3) or sorted(SESSIONS)
        raise KeyError(f"Unknown session; expected one of {', '.join(near)}. Received: {name!r}")
    return SESSIONS[name]


def choose_session(name: str | None, material: str | None) -> AcquisitionSession:
    """Return a session by its name, or the first one of a material.

    Parameters
    ----------
    name : str or None
        Name of a session.
    material : str or None
        Name of a material.

    Returns
    -------
    AcquisitionSession

    Raises
    ------
    KeyError
        For an unknown name, or a material without a session.
    ValueError
        If neither is given, or they contradict each other.
    """
    if name is None and material is None:
        raise ValueError("Name a session or a material. Received: neither")
    if name is None:
        of_material = [s for s in SESSIONS.values() if s.material == material.lower()]
        if not of_material:
            materials = sorted({s.material for s in SESSIONS.values()})
            raise KeyError(
                f"Sessions exist for {', '.join(materials)}. Received: material {material!r}"
            )
        return of_material[0]
    session = find_session(name)
    if material is not None and session.material != material.lower():
        raise ValueError(
            f"Session {name} is of {session.material}. Received: material {material!r}"
        )
    return session
