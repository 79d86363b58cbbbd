"""Microscope sessions: distributions from which the conditions of each frame are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.distributions import Distribution, Uniform, draw
from stemzoo.simulate.materials import Material
from stemzoo.simulate.optics import Microscope
from stemzoo.simulate.scan import ScanDistortion

_FULL_TURN = Uniform(0.0, 2 * np.pi)


@dataclass(frozen=True)
class AcquisitionSession:
    """One microscope, one material, one day: what varies from frame to frame, and how much.

    Every condition is a distribution or a plain number. `draw` returns the conditions of one
    frame.

    Parameters
    ----------
    name : str
        Name of the session.
    material : str or Material
        Entry of `MATERIALS`, or a crystal of your own, see `Material.from_structure`.
    defects : mapping of str to float
        Probability of each point defect per column that could host it, see `make_specimen`.
    scenes : mapping of str to float
        Part of the frames that show each kind of `SCENES`; the rest shows one perfect crystal.
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
    line_shifts : tuple of tuple of float
        Measured shifts of the lines of scans along themselves [px]; the lines of a frame are
        shifted as a part of one of them, none where empty.
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
    row_gain : Distribution
        Flicker of the beam current from row to row, as a part of it, see `flicker`.
    row_offset : Distribution
        Flicker of the detector's zero, as a part of the mean signal.
    sway, sway_period : Distribution
        Shifts of lines to and fro, see `stemzoo.simulate.electronics.sway` [px, rows].
    hum, hum_period : Distribution
        Amplitude of a wave, as a part of the mean signal, and its period [px], see
        `stemzoo.simulate.electronics.hum`.
    gamma : Distribution
        See `respond`.
    median, flattening, wiener, sharpening : Distribution
        Filters of software, none at or below 0, in this order, see `stemzoo.simulate.software`.
    vacancy_contrast : Distribution
        Intensity of a column of two equal atoms that lost one, in units of the whole one, see
        `make_specimen`.
    jpeg : Distribution
        Quality of the JPEG that a frame is saved as, 1 to 100, which makes it one of 8 bits; none
        at or below 0, see `stemzoo.simulate.software.jpeg`.
    butterworth : Distribution
        Cutoff of the filter that follows the others [cycles/px], none at or below 0, see
        `stemzoo.simulate.software.butterworth`.
    channelling : Distribution
        Of the columns of thick crystals: 0 for atoms that scatter each by itself, 1 on a zone axis,
        see `stemzoo.simulate.channelling.channelling_weights`.

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> session = find_session("wse2-dayB")
    >>> frame = session.draw(np.random.default_rng(0))
    >>> type(frame.defocus)
    <class 'float'>
    """

    name: str
    material: str | Material
    defects: Mapping[str, float] = field(default_factory=dict)
    energy: float = 80e3
    semiangle_cutoff: float = 25.0
    inner: float = 63.0
    outer: float = 200.0
    thickness: int = 1
    bits: int = 0
    defocus_drift: float = 0.0
    C12_drift: float = 0.0
    line_shifts: tuple[tuple[float, ...], ...] = ()
    scenes: Mapping[str, float] = field(default_factory=dict)
    sampling: Distribution = ZOO_SAMPLING
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
    row_gain: Distribution = 0.0
    row_offset: Distribution = 0.0
    sway: Distribution = 0.0
    sway_period: Distribution = 26.0
    hum: Distribution = 0.0
    hum_period: Distribution = 13.0
    gamma: Distribution = 1.0
    median: Distribution = 0.0
    flattening: Distribution = 0.0
    wiener: Distribution = 0.0
    sharpening: Distribution = 0.0
    vacancy_contrast: Distribution = 0.5
    jpeg: Distribution = 0.0
    butterworth: Distribution = 0.0
    channelling: Distribution = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "defects", MappingProxyType(dict(self.defects)))
        object.__setattr__(self, "scenes", MappingProxyType(dict(self.scenes)))
        if sum(self.scenes.values()) > 1 + 1e-9:
            raise ValueError(
                f"Probabilities of scenes add up to 1 at most. Received: {dict(self.scenes)}"
            )

    def draw(self, rng: np.random.Generator, time: float = 0.5) -> "DrawnSession":
        """Draw the conditions of one frame.

        Parameters
        ----------
        rng : numpy.random.Generator
            Source of randomness.
        time : float
            When in the session the frame is taken, from 0 to 1; sets the slow drift.

        Returns
        -------
        DrawnSession
        """
        conditions = fields(AcquisitionSession)
        drawn = {
            f.name: draw(getattr(self, f.name), rng) for f in conditions if f.type is Distribution
        }
        drawn["defocus"] += self.defocus_drift * _slow_change(self.name + "/defocus", time)
        twofold = drawn["C12"] * np.exp(1j * drawn["azimuth_C12"])
        twofold += self.C12_drift * (
            _slow_change(self.name + "/a", time) + 1j * _slow_change(self.name + "/b", time)
        )
        drawn["C12"], drawn["azimuth_C12"] = float(abs(twofold)), float(np.angle(twofold))
        kept: dict[str, Any] = {f.name: getattr(self, f.name) for f in conditions}
        kept |= {"defocus_drift": 0.0, "C12_drift": 0.0, **drawn}
        if self.line_shifts:
            kept["line_shifts"] = (self.line_shifts[rng.integers(len(self.line_shifts))],)
        return DrawnSession(**kept)


@dataclass(frozen=True, kw_only=True)
class DrawnSession(AcquisitionSession):
    """The conditions of one frame: a session in which every condition is a number.

    Drawn from once more, its numbers stay.
    """

    sampling: float
    rotation: float
    strain_xx: float
    strain_yy: float
    strain_xy: float
    displacement: float
    metal_contrast: float
    defocus: float
    Cs: float
    C12: float
    C21: float
    C23: float
    azimuth_C12: float
    azimuth_C21: float
    azimuth_C23: float
    source_size: float
    focal_spread: float
    current: float
    dwell_time: float
    efficiency: float
    smoothing: float
    frames: float
    misregistration: float
    line_jitter: float
    drift_y: float
    drift_x: float
    curvature_y: float
    curvature_x: float
    flyback: float
    flyback_decay: float
    afterglow: float
    afterglow_decay: float
    contamination: float
    patchiness: float
    granularity: float
    read_noise: float
    gain: float
    offset: float
    brightness: float
    contrast: float
    row_gain: float
    row_offset: float
    sway: float
    sway_period: float
    hum: float
    hum_period: float
    gamma: float
    median: float
    flattening: float
    wiener: float
    sharpening: float
    vacancy_contrast: float
    jpeg: float
    butterworth: float
    channelling: float

    def microscope(self) -> Microscope:
        """Return the optics."""
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
        """Return the scan's error."""
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
