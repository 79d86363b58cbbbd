"""Measures of the power spectrum of an image.

All spectra are those of the image with mean 0 and standard deviation 1 under a Hann window w,
abs(FT(w x))² / sum(w²): white noise has a mean power of 1 whatever the size of the image, and
neither brightness nor contrast matters.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.reflections import (
    half_plane_indices,
    nearest_reflections,
    ring_radius,
)
from stemzoo.analysis.spectrum import (
    POWER_FLOOR,
    centred_frequencies,
    check_sampling,
    image_power,
)
from stemzoo.analysis.spectrum_peaks import log_background
from stemzoo.simulate.materials import Material

_FALSE_ALARM = 0.01  # chance that noise makes the limit too fine
_MAX_GAP = 4  # shells in a row that may be too weak to be seen


def power_spectrum_bands(image: np.ndarray, lattice: Lattice) -> dict[str, float]:
    """Return how the power divides between haze, lattice and the rest.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values that are not all equal.
    lattice : Lattice
        The lattice of this image.

    Returns
    -------
    dict of str to float
        Fractions that add up to 1: ``"low"``, below half the innermost ring (contamination);
        ``"bragg"``, within 2 bins (or 4 % of the ring, if more) of the other lattice points;
        ``"rest"`` (noise, distortion, defects).

    Raises
    ------
    ValueError
        If the image is not two-dimensional, not finite, or constant.

    Examples
    --------
    >>> power_spectrum_bands(image, find_lattice(image, material))  # doctest: +SKIP
    {'low': 0.11, 'bragg': 0.62, 'rest': 0.27}
    """
    power = image_power(image)
    rows, columns = centred_frequencies(power.shape)
    _, away = nearest_reflections(rows, columns, lattice)
    ring = ring_radius(lattice)
    low = np.hypot(rows, columns) < ring / 2
    radius = max(2.0, 0.04 * ring * min(power.shape))
    bragg = np.hypot(away[..., 0] * power.shape[0], away[..., 1] * power.shape[1]) <= radius
    parts = {"low": low, "bragg": bragg & ~low, "rest": ~bragg & ~low}
    total = power.sum()
    return {name: float(power[part].sum() / total) for name, part in parts.items()}


def information_limit(
    image: np.ndarray,
    sampling: float,
    *,
    material: Material | None = None,
    lattice: Lattice | None = None,
) -> float:
    """Return the spacing of the finest reflections that stand out of the power spectrum.

    Reflections of one length make a shell. A shell counts as seen if two independent ones of it
    (not a pair of opposites) stand out of their surroundings.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image of a crystal.
    sampling : float
        Pixel size [Å/px].
    material : Material, optional
        The crystal, whose lattice is looked for.
    lattice : Lattice, optional
        The lattice of this image, if it is known already.

    Returns
    -------
    float
        Spacing [Å] of the outermost shell seen. It can take the spacings of the crystal's shells
        only: for WSe2 2.84, 1.64, 1.42, 1.07, 0.95, 0.82, 0.79, 0.71, 0.65, 0.62 Å and so on.

    Raises
    ------
    ValueError
        If there is no lattice, or no shell is seen; if neither material nor lattice is given.

    Notes
    -----
    A spot is the highest of 3 x 3 bins around the lattice point; r is its power over that of its
    surroundings (`stemzoo.analysis.spectrum_peaks.log_background`). In noise r exceeds a value with
    probability p = 9 (1 + r/60)^-60 at most (an F distribution; 9 bins to choose from), and the
    second highest of a shell of m independent spots with probability m(m-1)/2 p². A shell is seen
    when that is below 0.01 / (number of shells up to the Nyquist frequency): one image in a hundred
    gets a limit that is too fine by chance. Two spots are asked for as a single one may be line
    noise or a scan artefact; for the same reason the search ends after four shells in a row that
    are not seen (some reflections of a crystal are weak, so that one unseen shell is not the end).

    A larger field of view makes spots sharper against the noise and the limit finer: compare
    images of one size. Clipped intensities add harmonics, which look like information.

    Examples
    --------
    >>> information_limit(image, 0.0953, material=find_material("wse2"))  # doctest: +SKIP
    0.947
    """
    check_sampling(sampling)
    if lattice is None:
        if material is None:
            raise ValueError("Expected a material or a lattice. Received: neither")
        lattice = find_lattice(image, material, sampling=sampling)
    norm, ratio = reflection_ratios(image, lattice, ndimage.maximum_filter)
    shells = [n for n in np.unique(norm) if np.count_nonzero(norm == n) > 1]
    finest, unseen = 0, 0
    for n in shells:
        r = np.sort(ratio[norm == n])
        chance = math.comb(len(r), 2) * (9 * (1 + r[-2] / 60) ** -60.0) ** 2
        finest, unseen = (n, 0) if chance < _FALSE_ALARM / len(shells) else (finest, unseen + 1)
        if unseen == _MAX_GAP:
            break
    if finest == 0:
        raise ValueError(
            "Expected a shell of reflections with two spots above the background; use a larger or "
            f"less noisy region. Received: none among the innermost of {len(shells)} shells"
        )
    return float(sampling / (ring_radius(lattice) * np.sqrt(finest)))


def reflection_ratios(
    image: np.ndarray, lattice: Lattice, smooth: Callable[..., np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far reflections stand out of the power spectrum.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values that are not all equal.
    lattice : Lattice
        The lattice of this image.
    smooth : callable
        What is taken of the 3 x 3 bins around a lattice point: `scipy.ndimage.maximum_filter` or
        `scipy.ndimage.uniform_filter`.

    Returns
    -------
    norm : ndarray of int, shape (G,)
        Squared length of reflections up to the Nyquist frequency, in units of the innermost; of a
        pair of opposites one.
    ratio : ndarray of shape (G,)
        Their power over that of their surroundings.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, not finite, or constant.
    """
    power = image_power(image)
    log_power = np.log(np.maximum(power, POWER_FLOOR))
    ratio = np.exp(log_power - log_background(log_power))
    ratio = smooth(ratio, 3, mode="wrap")
    indices = half_plane_indices(int(1 / ring_radius(lattice)) + 1)
    points = indices @ lattice.reciprocal
    # The 3 x 3 bins lie within the spectrum.
    inside = (abs(points) < 0.5 - 1.5 / np.array(power.shape)).all(axis=1)
    rows, columns = np.rint(points[inside] * power.shape).astype(int).T
    at = rows + power.shape[0] // 2, columns + power.shape[1] // 2
    h, k = indices[inside].T
    return lattice.squared_length(h, k), ratio[at]
