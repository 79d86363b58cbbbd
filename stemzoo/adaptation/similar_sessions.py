"""Sessions whose frames are like one measured image: drawn from wide ones, the nearest kept."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from stemzoo.analysis.condition_features import FEATURES, find_condition_features
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.sessions import AcquisitionSession, DrawnSession

# Edge of the frames that are compared, at 0.2074 Å/px [px]: a tile of the features.
_EDGE = 272
# Pixel sizes vary by so much around that of the image.
_CALIBRATION = 0.02


def sessions_like(
    image: np.ndarray,
    sampling: float,
    sessions: Sequence[AcquisitionSession],
    *,
    rng: np.random.Generator,
    draws: int = 64,
    kept: int = 8,
) -> tuple[AcquisitionSession, ...]:
    """Narrow wide sessions to conditions under which frames look like an image.

    Conditions are drawn from the sessions, a frame of each is simulated at the pixel size of the
    image, and those are kept whose frames are nearest in the features that `stemzoo.match`
    compares: sharpness, noise and its colour, haze, streaks, jitter.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image of the sessions' material.
    sampling : float
        Its pixel size [Å/px].
    sessions : sequence of AcquisitionSession
        Wide sessions of one material.
    rng : numpy.random.Generator
        Source of randomness.
    draws, kept : int
        How many conditions are tried, and kept.

    Returns
    -------
    tuple of AcquisitionSession
        Of any orientation, nearest first.

    Raises
    ------
    ValueError
        If the image shows no lattice of the material, or is too small to compare.

    References
    ----------
    Approximate Bayesian computation by rejection: J. K. Pritchard et al., Mol. Biol. Evol. 16, 1791
    (1999).

    Examples
    --------
    >>> sessions_like(image, 0.2, wide, rng=rng)[0].dwell_time  # doctest: +SKIP
    0.0004
    """
    material = sessions[0].material
    known = find_condition_features(image, material, ZOO_SAMPLING, sampling=sampling)
    if not known.has_lattice:
        raise ValueError(
            f"Expected an image of {material} to draw conditions like its own (--like). Received: "
            "one in which its lattice is not found; check material and pixel size."
        )
    tolerances = np.array([feature.tolerance for feature in FEATURES])
    edge = round(_EDGE * ZOO_SAMPLING / sampling)
    tried: list[tuple[float, int, DrawnSession]] = []
    for k in range(draws):
        session = replace(sessions[k % len(sessions)], sampling=sampling)
        drawn = session.draw(rng)
        frame = simulate_frame(drawn, (edge, edge), rng=rng)
        features = find_condition_features(frame.image, material, ZOO_SAMPLING, sampling=sampling)
        if features.has_lattice:
            away = (features.features - known.features) / tolerances
            tried.append((float(np.abs(away).mean()), k, drawn))
    if not tried:
        raise ValueError(
            f"Expected frames at {sampling:.4g} Å/px to show the lattice; check the pixel size of "
            f"the image (--pixel-size). Received: none of {draws} that does"
        )
    nearest = sorted(tried)[:kept]
    return tuple(_wider(drawn, sampling, number) for number, (_, _, drawn) in enumerate(nearest))


def _wider(drawn: DrawnSession, sampling: float, number: int) -> AcquisitionSession:
    """Let vary what is not a condition of the microscope."""
    same = {f.name: getattr(drawn, f.name) for f in fields(AcquisitionSession)}
    same |= {
        "name": f"{drawn.name}-like-{number}",
        "rotation": Uniform(0.0, 360.0),
        "sampling": Uniform(sampling * (1 - _CALIBRATION), sampling * (1 + _CALIBRATION)),
        **{f"strain_{axes}": Normal(0, 0.003) for axes in ("xx", "yy", "xy")},
    }
    return AcquisitionSession(**same)
