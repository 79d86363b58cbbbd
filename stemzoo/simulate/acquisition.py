"""What adds to an ideal image until it is recorded, apart from the scan: pure functions."""

import numpy as np
from scipy import fft, ndimage

ELECTRONS_PER_PC = 6.241509e6  # electrons per picocoulomb (1 / e, CODATA 2018)


def shot_noise(
    image: np.ndarray, current: float, dwell_time: float, rng: np.random.Generator
) -> np.ndarray:
    """Count electrons.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Fraction of the beam current that reaches the detector.
    current : float
        Beam current [pA].
    dwell_time : float
        Time per pixel, summed over all frames [s].
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (M, N)
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


def detector_signal(
    electrons: np.ndarray,
    *,
    gain: float = 1.0,
    offset: float = 0.0,
    read_noise: float = 0.0,
    rng: np.random.Generator,
) -> np.ndarray:
    """Turn electrons into a signal: gain · (electrons + read noise) + offset.

    Parameters
    ----------
    electrons : ndarray of shape (M, N)
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
    ndarray of shape (M, N)
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
    from scipy.signal import lfilter  # slow to import, and needed in simulations only

    late = lfilter([0.0, 1 - decay], [1.0, -decay], image, axis=1)
    return (1 - strength) * image + strength * late


def _smooth_noise(shape: tuple[int, int], width: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise with a Gaussian correlation of `width` [px], mean 0 and variance 1."""
    ky, kx = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    k2 = ky[:, None] ** 2 + kx[None, :] ** 2
    spectrum = fft.rfft2(rng.standard_normal(shape)) * np.exp(-2 * np.pi**2 * width**2 * k2)
    field = fft.irfft2(spectrum, s=shape)
    return (field - field.mean()) / max(field.std(), np.finfo(float).tiny)


def contamination_field(
    shape: tuple[int, int],
    sampling: float,
    *,
    patchiness: float = 0.6,
    granularity: float = 0.15,
    rng: np.random.Generator,
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
    wide = max(size[0], 360), max(size[1], 360)
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


def quantise(
    image: np.ndarray, bits: int, *, brightness: float = 0.45, contrast: float = 0.8
) -> np.ndarray:
    """Store an image as integers of 8 or 16 bits.

    The range from the 0.1 % to the 99.9 % quantile covers the part `contrast` of the scale, centred
    at `brightness`; what lies outside the scale saturates.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Signal.
    bits : int
        8 or 16.
    brightness, contrast : float
        As fractions of the scale.

    Returns
    -------
    ndarray of uint8 or uint16, shape (M, N)

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
