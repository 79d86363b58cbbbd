"""How well images without their lattice agree at a shift: what tells lattice vectors apart.

A perfect crystal looks the same after a lattice vector. Contamination, edges and all else that is
coarser than the lattice does not.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

# The lattice is smoothed away by a Gaussian of this width, slow shading by the difference from a
# wider one [lattice constants].
_FINE, _COARSE = 0.6, 4.0
# Pixels for a lattice constant that are kept, and radius that is left out around defects.
_PIXELS, _AROUND = 4, 1.0
# Fewer pixels of both images than this part of one say nothing.
_LEAST_OVERLAP = 0.2
MOST_CORRELATION = 0.99


@dataclass(frozen=True, eq=False)
class CoarseImage:
    """An image without its lattice, in coarse pixels, zero where nothing is to be compared.

    Parameters
    ----------
    values : ndarray of shape (P, Q)
        What is coarser than the lattice and finer than shading.
    known : ndarray of float, shape (P, Q)
        1 where it is compared, 0 elsewhere.
    block : int
        Edge of its pixels [px of the image].
    """

    values: np.ndarray
    known: np.ndarray
    block: int

    @classmethod
    def of(cls, image: np.ndarray, period: float, defects: np.ndarray) -> "CoarseImage":
        """Take the lattice out of an image.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            Finite values.
        period : float
            Lattice constant [px].
        defects : ndarray of shape (K, 2)
            Row and column of defects [px], which are left out: they are another witness.

        Returns
        -------
        CoarseImage
        """
        block = max(int(period / _PIXELS), 1)
        rows, columns = (n // block for n in image.shape)
        part = np.asarray(image[: rows * block, : columns * block], dtype=np.float32)
        small = part.reshape(rows, block, columns, block).mean(axis=(1, 3))
        width = period / block
        values = ndimage.gaussian_filter(small, _FINE * width, mode="nearest")
        values -= ndimage.gaussian_filter(values, _COARSE * width, mode="nearest")
        # Flicker of rows stays where it is while the specimen moves.
        values -= np.median(values, axis=1, keepdims=True)
        # Next to the edges, columns that are cut in two leave a pattern with the lattice's period.
        edge = min(int(np.ceil(3 * _FINE * width)), min(small.shape) // 4)
        known = np.pad(np.ones([n - 2 * edge for n in small.shape], np.float32), edge)
        grid = np.moveaxis(np.indices(small.shape), 0, -1).reshape(-1, 2)
        if len(defects):
            from scipy.spatial import cKDTree

            places = (np.reshape(defects, (-1, 2)) - (block - 1) / 2) / block
            away = cKDTree(places).query(grid, distance_upper_bound=_AROUND * width)[0]
            known[np.isfinite(away).reshape(known.shape)] = 0
        mean = np.average(values, weights=known) if known.any() else 0.0
        values = (values - mean) * known
        return cls(values, known, block)


def image_evidence(now: CoarseImage, before: CoarseImage, shifts: np.ndarray) -> np.ndarray:
    """Weigh shifts of one image against another by their correlation.

    Parameters
    ----------
    now, before : CoarseImage
        Two images of one shape.
    shifts : ndarray of shape (C, 2)
        By which the content of `now` may lie farther along rows and columns than in `before` [px].

    Returns
    -------
    ndarray of shape (C,)
        Logarithm of the likelihood ratio of two Gaussian fields with the correlation r that is
        found, and without: -n/2 log(1 - r²) with n independent pixels, 0 where r is negative or
        the overlap is small.

    References
    ----------
    n of two correlated fields: M. S. Bartlett, J. R. Stat. Soc. 98, 536 (1935), whose sum over lags
    of the product of both autocorrelations is the number of pixels for an independent one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> whole = rng.random((200, 200))
    >>> one, other = (CoarseImage.of(whole[k : k + 150, :150], 8.0, []) for k in (0, 16))
    >>> evidence = image_evidence(one, other, np.array([[16.0, 0.0], [0.0, 0.0], [8.0, 0.0]]))
    >>> int(evidence.argmax())
    0
    """
    shape = tuple(fft.next_fast_len(2 * n, real=True) for n in now.values.shape)

    def spectrum(values: np.ndarray) -> np.ndarray:
        return fft.rfft2(values, shape)

    def back(spectra: np.ndarray) -> np.ndarray:
        return fft.irfft2(spectra, shape)

    one, other = spectrum(now.values), spectrum(before.values)
    known, past = spectrum(now.known), spectrum(before.known)
    overlap = back(known * past.conj())
    power = back(spectrum(now.values**2) * past.conj())
    power = power * back(known * spectrum(before.values**2).conj())
    r = back(one * other.conj()) / np.sqrt(np.maximum(power, np.finfo(np.float32).tiny))
    apart = pixels_apart(one, other, shape)
    if apart is None:
        return np.zeros(len(shifts))
    places = np.rint(shifts / now.block).astype(int)
    at = tuple((places % shape).T)
    r = np.clip(r[at], 0, MOST_CORRELATION)
    evidence = -overlap[at] / apart / 2 * np.log1p(-(r**2))
    inside = (abs(places) < now.values.shape).all(axis=1)
    return np.where(inside & (overlap[at] > _LEAST_OVERLAP * now.known.size), evidence, 0.0)


def pixels_apart(one: np.ndarray, other: np.ndarray, shape: tuple[int, ...]) -> float | None:
    """Count the pixels for an independent one, by the autocorrelations of two images.

    Parameters
    ----------
    one, other : ndarray
        Half of their spectra.
    shape : tuple of int
        Of the images with zeros around them.

    Returns
    -------
    float or None
        1 or more, see `image_evidence`; None if one of them is even.
    """
    alike = [fft.irfft2(abs(part) ** 2, shape) for part in (one, other)]
    if not (alike[0][0, 0] > 0 and alike[1][0, 0] > 0):
        return None
    return max(float(np.sum(alike[0] / alike[0][0, 0] * (alike[1] / alike[1][0, 0]))), 1.0)
