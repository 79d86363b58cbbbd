"""What happens between an ideal image and a recorded one: pure functions."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, signal

ELECTRONS_PER_PC = 6.241509e6  # electrons per picocoulomb (1 / e, CODATA 2018)


def shot_noise(image: np.ndarray, current: float, dwell_time: float, rng) -> np.ndarray:
    """Count electrons.

    Parameters
    ----------
    image : ndarray
        Fraction of the beam current that reaches the detector.
    current : float
        Beam current [pA].
    dwell_time : float
        Time per pixel, summed over all frames [s].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
        Electrons per pixel, Poisson distributed.

    Raises
    ------
    ValueError
        If current or dwell time are not positive.

    Examples
    --------
    >>> counts = shot_noise(np.full((64, 64), 0.01), 35, 20e-6, np.random.default_rng(0))
    >>> bool(43 < counts.mean() < 45)
    True
    """
    if not (current > 0 and dwell_time > 0):
        raise ValueError(
            f"current [pA] and dwell_time [s] must be positive. Received: {current}, {dwell_time}"
        )
    electrons = current * dwell_time * ELECTRONS_PER_PC
    return rng.poisson(np.clip(image, 0, None) * electrons).astype(np.float64)


def detector_signal(electrons, *, gain=1.0, offset=0.0, read_noise=0.0, rng) -> np.ndarray:
    """Turn electrons into a signal: gain · (electrons + read noise) + offset.

    Parameters
    ----------
    electrons : ndarray
        Electrons per pixel.
    gain : float
        Signal per electron.
    offset : float
        Signal of an empty detector.
    read_noise : float
        Standard deviation of Gaussian electronic noise [electrons].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray
    """
    noise = rng.normal(0, read_noise, np.shape(electrons)) if read_noise > 0 else 0.0
    return gain * (electrons + noise) + offset


def afterglow(image: np.ndarray, strength: float, decay: float = 0.5) -> np.ndarray:
    """Smear the signal along the fast scan axis as a slow scintillator does.

    A part `strength` of the light comes late: in the k-th pixel after its own, a fraction
    (1 - decay) decay^(k-1) of it. The sum is kept.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Signal; rows are scan lines.
    strength : float
        Late part, 0 to below 1.
    decay : float
        Ratio of the late light from one pixel to the next, 0 to below 1.

    Returns
    -------
    ndarray of shape (M, N)

    Raises
    ------
    ValueError
        If `strength` or `decay` is outside [0, 1).

    Examples
    --------
    >>> afterglow(np.array([[1.0, 0, 0, 0]]), 0.5, 0.5).tolist()
    [[0.5, 0.25, 0.125, 0.0625]]
    """
    if not (0 <= strength < 1 and 0 <= decay < 1):
        raise ValueError(f"strength and decay lie in [0, 1). Received: {strength}, {decay}")
    late = signal.lfilter([0.0, 1 - decay], [1.0, -decay], image, axis=1)
    return (1 - strength) * image + strength * late


@dataclass(frozen=True)
class ScanDistortion:
    """A slowly varying error of the scan: where the beam is, against where it should be.

    Pixel (r, c) of the distorted image shows the point (r, c) + displacement. With t from
    -1/2 (first row) to 1/2 (last row): rows · (drift t + curvature (t² - 1/12)), and along x
    the flyback error, flyback · exp(-c / flyback_decay).

    Parameters
    ----------
    drift : tuple of float
        Linear drift over the frame along (y, x), as a fraction of its height: shear and stretch.
    curvature : tuple of float
        The same for a drift that changes its speed.
    flyback : float
        Lag of the beam at the start of each line [px].
    flyback_decay : float
        Length over which it settles [px].
    """

    drift: tuple[float, float] = (0.0, 0.0)
    curvature: tuple[float, float] = (0.0, 0.0)
    flyback: float = 0.0
    flyback_decay: float = 20.0

    def displacement(self, points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Displacement (rows, columns) at pixels `points` (..., 2) of a frame of `shape` [px]."""
        t = points[..., 0] / shape[0] - 0.5
        slow = shape[0] * (
            t[..., None] * np.array(self.drift)
            + (t[..., None] ** 2 - 1 / 12) * np.array(self.curvature)
        )
        lag = self.flyback * np.exp(-np.clip(points[..., 1], 0, None) / self.flyback_decay)
        slow[..., 1] += lag
        return slow


def distort_points(points: np.ndarray, distortion: ScanDistortion, shape) -> np.ndarray:
    """Where points of the specimen appear in a distorted frame.

    Parameters
    ----------
    points : ndarray of shape (K, 2)
        Rows and columns in the undistorted frame [px].
    distortion : ScanDistortion
        The scan's error.
    shape : tuple of int
        Shape of the frame, to which the distortion refers.

    Returns
    -------
    ndarray of shape (K, 2)
        Solves p + displacement(p) = point by fixed-point iteration.

    Examples
    --------
    >>> shear = ScanDistortion(drift=(0.0, 0.02))
    >>> distort_points(np.array([[100.0, 50.0]]), shear, (100, 100)).tolist()
    [[100.0, 49.0]]
    """
    moved = np.array(points, dtype=np.float64)
    # Displacements change by at most 0.6 px per pixel (a flyback of 3 px that settles in 5 px).
    for _ in range(30):
        moved = points - distortion.displacement(moved, shape)
    return moved


def average_frames(
    image: np.ndarray,
    *,
    frames: int,
    misregistration: float,
    line_jitter: float,
    line_shifts: np.ndarray | None = None,
    rng,
) -> tuple[np.ndarray, np.ndarray]:
    """Average, in expectation, several frames with line jitter that are not quite in register.

    Each frame is shifted by a Gaussian error along y and x, and each of its lines by another one
    along x. Shifts are exact (by Fourier phases), so averaging phases averages frames.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Expected image of one perfect frame; its edges wrap, so it should have a margin.
    frames : int
        Number of frames.
    misregistration : float
        Standard deviation of the shift of a frame along each axis [px].
    line_jitter : float
        Standard deviation of the shift of a line [px].
    line_shifts : ndarray of shape (M,), optional
        How far the content of each line is shifted besides, the same in all frames [px].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    averaged : ndarray of shape (M, N)
    shift : ndarray of shape (M, 2)
        Mean displacement (rows, columns) of each row's content [px].

    Raises
    ------
    ValueError
        If `frames` is below 1.
    """
    if frames < 1:
        raise ValueError(f"frames is at least 1. Received: {frames}")
    rows, columns = image.shape
    y = rng.normal(0, misregistration, frames)
    x = rng.normal(0, misregistration, (frames, 1)) + rng.normal(0, line_jitter, (frames, rows))
    y, x = y - y.mean(), x - x.mean()  # the average frame defines the position
    if line_shifts is not None:
        x = x + line_shifts
    averaged = image
    if misregistration > 0 and frames > 1:
        ky = fft.fftfreq(rows)
        phase = np.exp(-2j * np.pi * np.outer(y, ky)).mean(0)
        averaged = fft.ifft(fft.fft(averaged, axis=0) * phase[:, None], axis=0).real
    if np.any(x):
        kx = fft.rfftfreq(columns)
        phase = sum(np.exp(-2j * np.pi * np.outer(shifts, kx)) for shifts in x) / frames
        averaged = fft.irfft(fft.rfft(averaged, axis=1) * phase, n=columns, axis=1)
    return averaged, np.column_stack([np.zeros(rows), x.mean(0)])


def _smooth_noise(shape, width: float, rng) -> np.ndarray:
    """Gaussian noise with a Gaussian correlation of `width` [px], mean 0 and variance 1."""
    ky, kx = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    k2 = ky[:, None] ** 2 + kx[None, :] ** 2
    spectrum = fft.rfft2(rng.standard_normal(shape)) * np.exp(-2 * np.pi**2 * width**2 * k2)
    field = fft.irfft2(spectrum, s=shape)
    return (field - field.mean()) / max(field.std(), np.finfo(float).tiny)


def contamination_field(
    shape, sampling: float, *, patchiness: float = 0.6, granularity: float = 0.15, rng
) -> np.ndarray:
    """Haze of carbon contamination: smooth hills over many scales with a fine grain.

    exp(patchiness · g) with g a sum of Gaussian random fields that are correlated over 6, 20, 60
    and 180 Å (the larger, the stronger), times a grain correlated over 0.5 Å, the size of an atom
    in the image.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns).
    sampling : float
        Pixel size [Å/px].
    patchiness : float
        Standard deviation of the logarithm of the haze.
    granularity : float
        Relative standard deviation of the grain.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (rows, columns)
        Positive, about 1 on average over many fields.

    Examples
    --------
    >>> haze = contamination_field((64, 64), 0.2, rng=np.random.default_rng(0))
    >>> bool((haze >= 0).all())
    True
    """
    # Correlations over 180 Å exceed most fields, so the field is drawn on a coarse, wide grid.
    coarse = 2.0  # [Å/px]; the shortest of these scales is 6 Å
    size = [int(np.ceil(n * sampling / coarse)) + 8 for n in shape]
    wide = [max(n, 360) for n in size]
    weights = np.array([0.5, 0.7, 1.0, 1.0])
    hills = sum(
        w * _smooth_noise(wide, scale / coarse, rng)[: size[0], : size[1]]
        for w, scale in zip(weights, (6.0, 20.0, 60.0, 180.0), strict=True)
    ) / np.sqrt(np.sum(weights**2))
    haze = np.exp(patchiness * hills - patchiness**2 / 2)
    places = np.meshgrid(*(np.arange(n) * sampling / coarse + 4 for n in shape), indexing="ij")
    haze = np.clip(ndimage.map_coordinates(haze, places, order=3), 0, None)
    grain = 1 + granularity * _smooth_noise(shape, 0.5 / sampling, rng)
    return haze * np.clip(grain, 0, None)


def quantise(image: np.ndarray, bits: int, *, brightness=0.45, contrast=0.8) -> np.ndarray:
    """Store an image as integers of 8 or 16 bits.

    The range from the 0.1 % to the 99.9 % quantile covers the part `contrast` of the scale, centred
    at `brightness`; what lies outside the scale saturates.

    Parameters
    ----------
    image : ndarray
        Signal.
    bits : int
        8 or 16.
    brightness, contrast : float
        As fractions of the scale.

    Returns
    -------
    ndarray of uint8 or uint16

    Raises
    ------
    ValueError
        If `bits` is neither 8 nor 16.
    """
    if bits not in (8, 16):
        raise ValueError(f"bits is 8 or 16. Received: {bits}")
    low, high = np.quantile(image, [0.001, 0.999])
    # The smallest float32 keeps the few bright pixels of an otherwise flat image finite.
    scaled = (image - (low + high) / 2) / max(high - low, np.finfo(np.float32).tiny)
    top = 2**bits - 1
    levels = np.rint(np.clip(brightness + contrast * scaled, 0, 1) * top)
    return levels.astype(np.uint8 if bits == 8 else np.uint16)
