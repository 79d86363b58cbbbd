"""How measured images differ from clean simulations: contrast transfer, noise, response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy import fft, ndimage

from stemzoo.adaptation.held_out import HeldOut, cut_patches
from stemzoo.adaptation.hum import Wave
from stemzoo.adaptation.reflections import half_plane_reflections
from stemzoo.adaptation.scan_errors import ScanErrors, find_scan_errors
from stemzoo.adaptation.signal_and_noise import NoiseLevels, Parts
from stemzoo.description import middle
from stemzoo.lattice import Lattice, find_lattice, windowed_power
from stemzoo.preprocessing import normal_scores, rescale
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import Material

# Of atoms, by heat [Å, standard deviation]: it puts power between the reflections that is no noise
# in the intensities of columns.
DISPLACEMENT = 0.05
_LARGEST = 2048  # [px]: more takes time and tells nothing new
_TILE = 256  # [px], in which spectra are measured
_MARGIN = 48  # [px]
_SPOT = 2.5  # radius of a spot [bins of a tile]
_SEEN = 2.0  # a spot is seen that is this many times stronger than the noise in it
_SMOOTH = 1.5  # of the noise [bins of a tile]
_LEAST_NOISE = 0.1  # of what is between the reflections
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
    levels : NoiseLevels
        How strong it is where the signal is dark or bright.
    rotation : float
        Of the lattice [degrees].
    image : ndarray of shape (M, N)
        The measured image.
    signal : ndarray of shape (M, N)
        Without its noise, see `find_signal`: its histogram stands for the response of the detector.
    background : ndarray of shape (M, N)
        What is slow in it before that response, in standard deviations of what is not.
    errors : ScanErrors
        Of the scan of the image, after `rescale`.
    """

    coefficients: np.ndarray
    innermost: float
    limit: float
    noise: np.ndarray
    levels: NoiseLevels
    rotation: float
    image: np.ndarray
    signal: np.ndarray
    background: np.ndarray
    errors: ScanErrors = ScanErrors()

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
        fine = 1 - _slow_part(y, x, self.innermost)
        lattice = _filtered(padded, self.transfer(y, x) * fine)
        white = rng.standard_normal(padded.shape)
        noise = _filtered(white, np.sqrt(self._noise_at(y, x)) * fine)
        rows, columns = (
            _crop(have, want, rng) for have, want in zip(self.image.shape, clean.shape, strict=True)
        )
        slow = self.background[rows, columns]
        room = [(0, want - have) for want, have in zip(clean.shape, slow.shape, strict=True)]
        seen = lattice / lattice.std() + np.pad(slow, room, mode="symmetric")
        seen = match_histograms(seen, self.signal[rows, columns])
        seen += self.levels.at(seen) * noise / noise.std()
        for wave in hum:
            seen += wave.over(seen.shape)
        # What is no normal noise: skew, saturated pixels.
        return match_histograms(seen, self.image[rows, columns]).astype(np.float32)

    def without(self, own: np.ndarray, unit: float) -> "Appearance":
        """Take from the noise what displaced columns of simulations have already."""
        y, x = fft.fftfreq(_TILE)[:, None], fft.rfftfreq(_TILE)
        own = fft.ifftshift(own)[:, : _TILE // 2 + 1] * self.transfer(y, x) ** 2 * unit
        noise = np.maximum(self.noise - own, _LEAST_NOISE * self.noise)
        part = np.sqrt(noise.sum() / self.noise.sum())
        return replace(self, noise=noise, levels=replace(self.levels, rms=part * self.levels.rms))

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

    def _noise_at(self, y, x) -> np.ndarray:
        rows = np.rint(y * _TILE).astype(int) % _TILE
        return self.noise[rows, np.rint(x * _TILE).astype(int)]


def _filtered(padded: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Filter an image in Fourier space and cut off its margins."""
    filtered = fft.irfft2(fft.rfft2(padded) * response, s=padded.shape)
    return filtered[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


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
    function of the frequency. This is done twice, with the signal as it is and with the values of a
    normal distribution by its rank, where a response of the detector that is far from linear does
    not matter; the one that makes frames more like the image is returned. All of this is measured
    with the errors of the scan undone, without edges and without the defects that stand out (see
    `Parts`), on the middle 2048² pixels of a larger image.
    """
    image = middle(np.asarray(image), _LARGEST)
    scaled = rescale(image)
    errors = find_scan_errors(scaled, material, sampling)
    scaled = errors.undo(scaled)
    lattice = find_lattice(scaled, material, sampling=sampling)
    clean = _clean_image(material, sampling, lattice.rotation)
    simulated = find_lattice(clean, material, sampling=sampling)
    ideal = _mean_power(rescale(clean))
    spots = half_plane_reflections(lattice, _FINEST)
    spots = spots[(abs(spots) < 0.5 - _SPOT / _TILE).all(axis=1)]
    expected = np.array([_at(ideal, _nearest(spot, simulated)) for spot in spots])
    hot = _clean_image(material, sampling, lattice.rotation, displacement=DISPLACEMENT)
    own = _between(_mean_power(rescale(hot)), simulated)
    parts = Parts.of(scaled, lattice)
    signal = parts.signal
    found = [
        _appearance(parts, linear, lattice, spots, expected).without(own, signal.var())
        for linear in ((signal - signal.mean()) / signal.std(), normal_scores(signal))
    ]
    edge = min(_TILE // 2, *scaled.shape)
    held = HeldOut((), cut_patches(scaled, edge))
    frames = (one.apply(hot, np.random.default_rng(0)) for one in found)
    plain, ranked = (held.agreement(cut_patches(frame, edge)) for frame in frames)
    best = found[1] if plain.is_beaten_by(ranked, times=1.0) else found[0]
    return replace(best, image=image[parts.inner], errors=errors)


def _appearance(
    parts: Parts, linear: np.ndarray, lattice: Lattice, spots: np.ndarray, expected: np.ndarray
) -> Appearance:
    """Compare an image without errors of the scan with the power of a clean simulation at spots.

    `linear` is the signal before the response of the detector, of unit variance.
    """
    signal = parts.signal
    power = _mean_power(linear)
    noise = _between(_mean_power(parts.without_defects), lattice) / parts.intact.mean()
    # The part of the noise that is left in the signal.
    floor = np.array([_at(noise, spot) for spot in spots]) / signal.var()
    strength = np.array([_at(power, spot) for spot in spots]) - floor
    seen = (strength > _SEEN * floor) & (expected > 0)
    if np.count_nonzero(seen) < 3:
        raise ValueError(
            "Expected three or more reflections of the lattice above the noise. Received: "
            f"{np.count_nonzero(seen)}"
        )
    radii = np.hypot(*spots[seen].T)
    innermost, limit = float(radii.min()), float(radii.max())
    terms = _terms(*spots[seen].T, limit)
    target = 0.5 * np.log(strength[seen] / expected[seen])
    # A little ridge: two shells of reflections leave the fourth power open.
    normal = terms.T @ terms + np.diag([0, *[1e-2] * (terms.shape[1] - 1)])
    slow = ndimage.gaussian_filter(linear, _SLOW / innermost, mode="reflect")
    return Appearance(
        coefficients=np.linalg.solve(normal, terms.T @ target),
        innermost=innermost,
        limit=limit,
        noise=fft.ifftshift(noise)[:, : _TILE // 2 + 1],
        levels=parts.levels,
        rotation=lattice.rotation,
        image=parts.image,
        signal=signal,
        background=slow / (linear - slow).std(),
    )


def _slow_part(y: np.ndarray, x: np.ndarray, innermost: float) -> np.ndarray:
    """Transfer of a Gaussian filter that leaves nothing of a lattice."""
    return np.exp(-2 * (np.pi * _SLOW / innermost) ** 2 * (y**2 + x**2))


def _terms(y: np.ndarray, x: np.ndarray, limit: float) -> np.ndarray:
    """Even polynomials of the frequency up to a limit: isotropic, and of two directions."""
    radius = np.hypot(y, x)
    shrink = limit / np.maximum(radius, limit)
    y, x = y * shrink / limit, x * shrink / limit
    squared = x**2 + y**2
    return np.stack([np.ones_like(squared), squared, squared**2, x**2 - y**2, 2 * x * y], axis=-1)


def _clean_image(
    material: Material, sampling: float, rotation: float, displacement: float = 0.0
) -> np.ndarray:
    """Simulate an image without defects."""
    session = domain_session(material.name, sampling, (rotation, 0.0))
    # Wider than a tile, so that the lattice is found well.
    shape = (2 * _TILE, 2 * _TILE)
    session = replace(session, defects={}, displacement=displacement)
    return simulate_frame(session, shape, rng=np.random.default_rng(0)).image


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
