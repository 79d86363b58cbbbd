"""Simpler and wider sessions than a real one: by hand, without noise, and randomised."""

from collections.abc import Mapping
from dataclasses import replace

from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.distributions import LogUniform, Normal, Sometimes, Uniform
from stemzoo.simulate.materials import Material
from stemzoo.simulate.sessions import AcquisitionSession

# Electrons: the authors add Gaussian noise of 0.003 of the beam current, at 3745 to 4369 electrons
# per pixel.
_GAUSSIAN_NOISE = 12.0


def manual_noise(session: AcquisitionSession) -> AcquisitionSession:
    """Return the paper's hand-tuned noise model for the conditions of a session.

    Contamination, Poisson and Gaussian noise, image shear, source size, aberrations to second
    order, brightness and contrast; nothing of the detector's lag, line jitter, misregistered
    frames or curved drift. Simpler than the acquisition model on purpose.

    Parameters
    ----------
    session : AcquisitionSession
        Gives material, defects, scenes, detector angles, pixel size and dose.

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
        scenes=session.scenes,
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
        read_noise=_GAUSSIAN_NOISE,
        brightness=Normal(0.45, 0.05),
        contrast=Normal(0.8, 0.05),
    )


def noise_free(session: AcquisitionSession) -> AcquisitionSession:
    """Return the conditions of a session without noise, distortion or contamination.

    Parameters
    ----------
    session : AcquisitionSession
        Gives material, defects, scenes, detector angles and pixel size.

    Returns
    -------
    AcquisitionSession
        Named ``<session>-noise-free``; a perfect probe with a source of 1 Å, and so large a dose
        that counting noise does not show.
    """
    kept = ("material", "defects", "scenes", "energy", "semiangle_cutoff", "inner", "outer")
    return AcquisitionSession(
        name=session.name + "-noise-free",
        **{name: getattr(session, name) for name in kept},
        thickness=session.thickness,
        sampling=session.sampling,
        rotation=session.rotation,
        source_size=1.0,
        current=1e6,
        dwell_time=1.0,
    )


def randomised(
    name: str, material: str | Material, defects: Mapping[str, float], **changes
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
        "sampling": Uniform(ZOO_SAMPLING * 0.95, ZOO_SAMPLING * 1.05),
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


def any_microscope(session: AcquisitionSession, bits: int) -> AcquisitionSession:
    """Return a randomised session with what else real files have.

    Less dose, wider probes, more astigmatism; flicker of rows, swaying lines, hum, responses that
    are not linear, saturation, and what software does before it saves.

    Parameters
    ----------
    session : AcquisitionSession
        From `randomised`.
    bits : int
        8 or 16.

    Returns
    -------
    AcquisitionSession
        Named as the other one with ``any`` in place of ``randomised``.
    """
    dwell_time = session.dwell_time
    assert isinstance(dwell_time, LogUniform)  # as `randomised` makes it
    return replace(
        session,
        name=session.name.replace("randomised", "any"),
        bits=bits,
        dwell_time=LogUniform(dwell_time.low / 2, dwell_time.high),
        source_size=Uniform(0.6, 2.0),
        C12=Uniform(0, 60, power=2),
        row_gain=Sometimes(0.4, Uniform(0.02, 0.25)),
        row_offset=Sometimes(0.3, Uniform(0.02, 0.15)),
        sway=Sometimes(0.3, Uniform(0.3, 2.5)),
        sway_period=LogUniform(8, 150),
        hum=Sometimes(0.3, Uniform(0.05, 0.6)),
        hum_period=LogUniform(4, 80),
        gamma=LogUniform(0.4, 3.0),
        median=Sometimes(0.15, Uniform(2, 4)),
        flattening=Sometimes(0.2, LogUniform(12, 100)),
        wiener=Sometimes(0.15, LogUniform(0.3, 3)),
        sharpening=Sometimes(0.25, Uniform(0.3, 2)),
        brightness=Uniform(0.35, 0.6),
        contrast=Uniform(0.4, 1.4),
    )


def filtered(session: AcquisitionSession) -> AcquisitionSession:
    """Return a session of which software changes every frame, most of them strongly.

    Parameters
    ----------
    session : AcquisitionSession
        From `any_microscope`.

    Returns
    -------
    AcquisitionSession
        Named as the other one with ``filtered`` in place of ``any``; low and high passes, some of
        them as narrow as columns are wide, unsharp masks, Wiener filters and JPEG.
    """
    return replace(
        session,
        name=session.name.replace("any", "filtered"),
        smoothing=Uniform(0, 2.5, power=2),
        median=Sometimes(0.2, Uniform(2, 6)),
        flattening=Sometimes(0.6, LogUniform(4, 60)),
        wiener=Sometimes(0.25, LogUniform(0.3, 3)),
        sharpening=Sometimes(0.4, Uniform(0.3, 3)),
        butterworth=Sometimes(0.5, LogUniform(0.1, 0.4)),
        jpeg=Sometimes(0.4, Uniform(30, 95)),
    )


def contaminated(session: AcquisitionSession) -> AcquisitionSession:
    """Return a session in which contamination outshines the crystal in most frames.

    Parameters
    ----------
    session : AcquisitionSession
        From `randomised`.

    Returns
    -------
    AcquisitionSession
        Named as the other one with ``contaminated`` in place of ``randomised``.
    """
    return replace(
        session,
        name=session.name.replace("randomised", "contaminated"),
        contamination=Uniform(0.5, 4.0),
        patchiness=Uniform(0.3, 0.9),
        granularity=Uniform(0.0, 0.3),
    )
