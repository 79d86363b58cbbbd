"""How measured images differ from clean simulations: contrast transfer, noise, response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy import fft, ndimage

from stemzoo.adaptation.hum import Wave
from stemzoo.adaptation.reflections import away_from_reflections, half_plane_reflections
from stemzoo.adaptation.scan_errors import ScanErrors, find_scan_errors
from stemzoo.description import middle
from stemzoo.lattice import Lattice, find_lattice, windowed_power
from stemzoo.preprocessing import normal_scores, rescale
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import Material

_LARGEST = 2048  # [px]: more takes time and tells nothing new
_TILE = 256  # [px], in which spectra are measured
_MARGIN = 48  # [px]
_SPOT = 2.5  # radius of a spot [bins of a tile]
_SEEN = 2.0  # a spot is seen that is this many times stronger than the noise in it
_SMOOTH = 1.5  # of the noise [bins of a tile]
_LEAST_NOISE = 0.05  # of the mean variance
_SHOT = (-0.5, 1.0)  # below 0 where the detector's response makes bright parts less noisy
_TELLING = 0.05  # unevenness that is more than chance
_PERIODIC = 0.12  # from a reflection, in units of the reciprocal lattice
_EDGE = 16  # [px]: Fourier filters wrap around
_SLOW = 1.2  # width of the filter that tells background from lattice [its spacings]
_FINEST = 9  # squared length of the finest reflections, in units of the innermost


@dataclass(frozen=True, eq=False)
class Appearance:
    """What makes a clean simulation look like one measured image.

    Parameters
    ----------
    coefficients : ndarray of shape (C,)
        Of the log of the contrast transfer, see `_terms`.
    innermost, limit : float
        Frequencies from which and up to which the transfer was measured [1/px].
    noise : ndarray of shape (256, 129)
        Power of what is between the reflections, zero frequency first.
    rotation : float
        Of the lattice [degrees].
    image : ndarray of shape (M, N)
        The measured image, whose histogram stands for the response of the detector.
    background : ndarray of shape (M, N)
        What is slow in it, in standard deviations of what is not, see `_background`.
    errors : ScanErrors
        Of the scan of the image, after `rescale`.
    shot : float
        Part of the noise whose variance is proportional to the signal, see `_shot_part`; negative
        where bright parts are less noisy.
    """

    coefficients: np.ndarray
    innermost: float
    limit: float
    noise: np.ndarray
    rotation: float
    image: np.ndarray
    background: np.ndarray
    errors: ScanErrors = ScanErrors()
    shot: float = 0.0

    def apply(
        self, clean: np.ndarray, rng: np.random.Generator, hum: Sequence[Wave] = ()
    ) -> np.ndarray:
        """Make a clean simulation look like the measured image.

        Parameters
        ----------
        clean : ndarray of shape (M, N)
            A clean simulation, its lines shifted as those of the image.
        rng : numpy.random.Generator
            Source of the noise.
        hum : sequence of Wave
            To add.

        Returns
        -------
        ndarray of float32, shape (M, N)
        """
        from skimage.exposure import match_histograms

        # Fourier filters wrap around: mirrored margins keep one edge from the other.
        padded = np.pad(rescale(clean), _MARGIN, mode="symmetric")
        y, x = fft.fftfreq(padded.shape[0])[:, None], fft.rfftfreq(padded.shape[1])[None]
        signal = fft.rfft2(padded) * self.transfer(y, x)
        white = rng.standard_normal(padded.shape) * np.sqrt(self._variance(clean))
        noise = fft.rfft2(white) * np.sqrt(self._noise_at(y, x))
        fine = 1 - _slow_part(y, x, self.innermost)
        seen = fft.irfft2((signal + noise) * fine, s=padded.shape)
        seen = seen[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        width = max(seen.std(), 1e-12)
        for wave in hum:
            seen += wave.over(seen.shape)
        rows, columns = (
            _crop(have, want, rng) for have, want in zip(self.image.shape, clean.shape, strict=True)
        )
        slow = self.background[rows, columns]
        room = [(0, want - have) for want, have in zip(clean.shape, slow.shape, strict=True)]
        seen = seen / width + np.pad(slow, room, mode="symmetric")
        return match_histograms(seen, self.image[rows, columns]).astype(np.float32)

    def transfer(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the contrast transfer at frequencies along rows and columns [1/px].

        Below the innermost reflections, where nothing is measured, it falls as the noise does: a
        filter after the detector acts on both. Where the noise rises, by contamination, it stays.
        """
        smooth = np.exp(_terms(y, x, self.limit) @ self.coefficients)
        radius = np.hypot(y, x)
        places = np.hypot(fft.fftfreq(_TILE)[:, None], fft.rfftfreq(_TILE))
        bins = np.rint(places * _TILE).astype(int).ravel()
        profile = np.bincount(bins, self.noise.ravel()) / np.bincount(bins)
        inner = profile[round(self.innermost * _TILE)]
        fall = np.sqrt(np.minimum(profile / inner, 1.0))
        fall[round(self.innermost * _TILE) :] = 1.0
        return smooth * np.interp(radius * _TILE, np.arange(len(fall)), fall)

    def _variance(self, clean: np.ndarray) -> np.ndarray:
        """Relative variance of the noise, over the padded image."""
        electrons = np.clip(clean, 0, None).astype(np.float64)
        relative = electrons / max(electrons.mean(), 1e-12)
        variance = np.maximum(1 + self.shot * (relative - 1), _LEAST_NOISE)
        return np.pad(variance / variance.mean(), _MARGIN, mode="symmetric")

    def _noise_at(self, y, x) -> np.ndarray:
        rows = np.rint(y * _TILE).astype(int) % _TILE
        return self.noise[rows, np.rint(x * _TILE).astype(int)]


def _crop(have: int, want: int, rng: np.random.Generator) -> slice:
    first = int(rng.integers(max(have - want, 0) + 1))
    return slice(first, first + want)


def find_appearance(image: np.ndarray, material: Material, sampling: float) -> Appearance:
    """Compare a measured image with a clean simulation.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    Appearance

    Raises
    ------
    ValueError
        If the image shows no lattice of the material, or too few reflections.

    Notes
    -----
    Spectra are means over tiles of 256² pixels under a Hann window. The noise is what is between
    the reflections. At each reflection the power above the noise, over that of a clean simulation
    of the same orientation, is the squared contrast transfer; its logarithm is fitted by a smooth
    function of the frequency. All of this is measured with the errors of the scan undone, on the
    middle 2048² pixels of a larger image.
    """
    image = middle(np.asarray(image), _LARGEST)
    scaled = rescale(image)
    errors = find_scan_errors(scaled, material, sampling)
    scaled = errors.undo(scaled)
    lattice = find_lattice(scaled, material, sampling=sampling)
    clean = _clean_image(material, sampling, lattice.rotation)
    own = find_lattice(clean, material, sampling=sampling)
    power, ideal = _mean_power(scaled), _mean_power(rescale(clean))
    noise = _between(power, lattice)
    spots = half_plane_reflections(lattice, _FINEST)
    spots = spots[(abs(spots) < 0.5 - _SPOT / _TILE).all(axis=1)]
    strength = np.array([_at(power - noise, spot) for spot in spots])
    floor = np.array([_at(noise, spot) for spot in spots])
    expected = np.array([_at(ideal, _nearest(spot, own)) for spot in spots])
    seen = (strength > _SEEN * floor) & (expected > 0)
    if np.count_nonzero(seen) < 3:
        raise ValueError(
            f"Expected three or more reflections of {material.name} above the noise. Received: "
            f"{np.count_nonzero(seen)}"
        )
    radii = np.hypot(*spots[seen].T)
    innermost, limit = float(radii.min()), float(radii.max())
    terms = _terms(*spots[seen].T, limit)
    target = 0.5 * np.log(strength[seen] / expected[seen])
    # A little ridge: two shells of reflections leave the fourth power open.
    normal = terms.T @ terms + np.diag([0, *[1e-2] * (terms.shape[1] - 1)])
    coefficients = np.linalg.solve(normal, terms.T @ target)
    half = fft.ifftshift(noise)[:, : _TILE // 2 + 1]
    slow = _background(scaled, innermost)
    even = Appearance(coefficients, innermost, limit, half, lattice.rotation, scaled, slow)
    shot = _shot_part(even, lattice, material, sampling)
    return replace(even, image=image, errors=errors, shot=shot)


def _background(image: np.ndarray, innermost: float) -> np.ndarray:
    """Return what is slower in an image than its lattice, in standard deviations of the rest.

    Contamination is no stationary noise, and takes its share of the contrast. Ranks tell how much,
    before the response of the detector.
    """
    ranked = normal_scores(image)
    padded = np.pad(ranked, _MARGIN, mode="symmetric")
    y, x = fft.fftfreq(padded.shape[0])[:, None], fft.rfftfreq(padded.shape[1])[None]
    slow = fft.irfft2(fft.rfft2(padded) * _slow_part(y, x, innermost), s=padded.shape)
    slow = slow[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return slow / (ranked - slow).std()


def _slow_part(y: np.ndarray, x: np.ndarray, innermost: float) -> np.ndarray:
    """Transfer of a Gaussian filter that leaves nothing of a lattice."""
    return np.exp(-2 * (np.pi * _SLOW / innermost) ** 2 * (y**2 + x**2))


def _shot_part(even: Appearance, lattice: Lattice, material: Material, sampling: float) -> float:
    """Find the part of the noise whose variance is proportional to the signal.

    It is the one with which simulations are as uneven in noise as the image is, taken for linear
    between simulations without such noise and with no other; none where these hardly differ.
    """
    # With defects, which are no part of what is periodic.
    clean = _clean_image(material, sampling, lattice.rotation, perfect=False)
    own = find_lattice(clean, material, sampling=sampling)
    wanted = _unevenness(even.image, lattice)
    none, full = (
        _unevenness(replace(even, shot=shot).apply(clean, np.random.default_rng(0)), own)
        for shot in (0.0, 1.0)
    )
    if full - none < _TELLING:
        return 0.0
    return float(np.clip((wanted - none) / (full - none), *_SHOT))


def _unevenness(image: np.ndarray, lattice: Lattice) -> float:
    """Covariance of the noise's square with what is periodic, both standardised."""
    image = rescale(image).astype(np.float64)
    near = away_from_reflections(image.shape, lattice) < _PERIODIC
    spectrum = fft.rfft2(image)
    inner = (slice(_EDGE, -_EDGE),) * 2
    periodic = fft.irfft2(spectrum * near, s=image.shape)[inner]
    noise = fft.irfft2(spectrum * ~near, s=image.shape)[inner] ** 2
    covariance = np.mean((periodic - periodic.mean()) * noise)
    return float(covariance / max(periodic.std() * noise.mean(), 1e-12))


def _terms(y: np.ndarray, x: np.ndarray, limit: float) -> np.ndarray:
    """Even polynomials of the frequency up to a limit: isotropic, and of two directions."""
    radius = np.hypot(y, x)
    shrink = limit / np.maximum(radius, limit)
    y, x = y * shrink / limit, x * shrink / limit
    squared = x**2 + y**2
    return np.stack([np.ones_like(squared), squared, squared**2, x**2 - y**2, 2 * x * y], axis=-1)


def _clean_image(
    material: Material, sampling: float, rotation: float, *, perfect: bool = True
) -> np.ndarray:
    session = domain_session(material.name, sampling, (rotation, 0.0))
    if perfect:
        session = replace(session, defects={})
    # Wider than a tile, so that the lattice is found well.
    return simulate_frame(session, (2 * _TILE, 2 * _TILE), rng=np.random.default_rng(0)).image


def _mean_power(image: np.ndarray) -> np.ndarray:
    """Mean power of tiles that overlap by half, zero frequency in the middle."""
    edge = min(_TILE, *image.shape)
    starts = (
        np.rint(np.linspace(0, n - edge, max(2 * n // edge - 1, 1))).astype(int)
        for n in image.shape
    )
    tiles = [image[r : r + edge, c : c + edge] for r, c in product(*starts)]
    # Powers of tiles in units of the whole image's variance.
    powers = [windowed_power(tile, (_TILE, _TILE)) * tile.var() for tile in tiles]
    return np.mean(powers, axis=0)


def _nearest(spot: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Return the reflection of a lattice that is nearest to a frequency."""
    return np.rint(lattice.vectors @ spot) @ lattice.reciprocal


def _at(power: np.ndarray, spot: np.ndarray) -> float:
    """Sum of the power around a frequency."""
    row, column = np.rint(spot * _TILE).astype(int) + _TILE // 2
    reach = int(np.ceil(_SPOT))
    return float(power[row - reach : row + reach + 1, column - reach : column + reach + 1].sum())


def _between(power: np.ndarray, lattice: Lattice) -> np.ndarray:
    """Power of what is between the reflections, smoothed a little and continued into them."""
    y, x = (fft.fftshift(fft.fftfreq(_TILE)) for _ in range(2))
    grid = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    indices = grid @ lattice.vectors.T
    away = np.hypot(*np.moveaxis((indices - np.rint(indices)) @ lattice.reciprocal, -1, 0)) * _TILE
    clear = ((away > _SPOT + 1.5) | (np.rint(indices) == 0).all(axis=-1)).astype(float)
    parts = [
        ndimage.gaussian_filter(part, _SMOOTH, mode="wrap", truncate=4)
        for part in (power * clear, clear)
    ]
    return parts[0] / np.maximum(parts[1], 1e-9)
