"""How measured images differ from clean simulations: contrast transfer, noise, response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.reflections import (
    half_plane_reflections,
    innermost_frequency,
    nearest_reflection,
    power_at,
    power_between,
)
from stemzoo.analysis.scan_errors import ScanErrors, find_scan_errors
from stemzoo.analysis.signal_and_noise import (
    NoiseLevels,
    Parts,
    background_part,
    even_contrast,
    find_background,
    standardise,
)
from stemzoo.analysis.spectrum import (
    MARGIN,
    SPOT,
    TILE,
    filter_and_crop,
    frequencies,
    tile_power,
    with_margins,
)
from stemzoo.preprocessing import rescale
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import Material

# Of atoms, by heat [Å, standard deviation]: it puts power between the reflections that is no noise
# in the intensities of columns.
DISPLACEMENT = 0.05
_SEEN = 2.0  # a spot is seen that is this many times stronger than the noise in it
_LEAST_NOISE = 0.1  # of what is between the reflections
_ROUNDS = 3  # see `find_appearance`: later ones change little, and take real images too far
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

        lattice = self._lattice(clean)
        white = rng.standard_normal([n + 2 * MARGIN for n in clean.shape])
        y, x = frequencies(white.shape)
        fine = 1 - background_part(y, x, self.innermost)
        noise = filter_and_crop(white, np.sqrt(self._noise_at(y, x)) * fine)
        rows, columns = (
            _crop(have, want, rng) for have, want in zip(self.image.shape, clean.shape, strict=True)
        )
        slow = self.background[rows, columns]
        room = [(0, want - have) for want, have in zip(clean.shape, slow.shape, strict=True)]
        seen = lattice + np.pad(slow, room, mode="symmetric")
        seen = match_histograms(seen, self.signal[rows, columns])
        seen += self.levels.at(seen) * noise / noise.std()
        for wave in hum:
            seen += wave.on(seen.shape)
        # What is no normal noise: skew, saturated pixels.
        return match_histograms(seen, self.image[rows, columns]).astype(np.float32)

    def before_response(self, clean: np.ndarray) -> np.ndarray:
        """Give the signal the values that a clean simulation has before the response.

        Parameters
        ----------
        clean : ndarray of shape (M, N)
            A clean simulation.

        Returns
        -------
        ndarray
            Of the shape of the signal, of unit variance.
        """
        from skimage.exposure import match_histograms

        lattice = np.random.default_rng(0).permutation(self._lattice(clean).ravel())
        values = np.resize(lattice, self.background.shape) + self.background
        return standardise(match_histograms(self.signal, values))

    def without(self, own: np.ndarray, unit: float) -> "Appearance":
        """Take from the noise what displaced columns of simulations have already."""
        y, x = frequencies((TILE, TILE))
        own = fft.ifftshift(own)[:, : TILE // 2 + 1] * self.transfer(y, x) ** 2 * unit
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
        places = np.hypot(*frequencies((TILE, TILE)))
        bins = np.rint(places * TILE).astype(int).ravel()
        profile = np.bincount(bins, self.noise.ravel()) / np.bincount(bins)
        inner = profile[round(self.innermost * TILE)]
        fall = np.sqrt(np.minimum(profile / inner, 1.0))
        fall[round(self.innermost * TILE) :] = 1.0
        return smooth * np.interp(radius * TILE, np.arange(len(fall)), fall)

    def _lattice(self, clean: np.ndarray) -> np.ndarray:
        """Blur a clean simulation, of unit variance then, without what is slow in it."""
        padded = with_margins(rescale(clean))
        y, x = frequencies(padded.shape)
        fine = 1 - background_part(y, x, self.innermost)
        lattice = filter_and_crop(padded, self.transfer(y, x) * fine)
        return lattice / lattice.std()

    def _noise_at(self, y, x) -> np.ndarray:
        rows = np.rint(y * TILE).astype(int) % TILE
        return self.noise[rows, np.rint(x * TILE).astype(int)]


def _crop(have: int, want: int, rng: np.random.Generator) -> slice:
    first = int(rng.integers(max(have - want, 0) + 1))
    return slice(first, first + want)


def find_appearance(
    image: np.ndarray, material: Material, sampling: float, *, largest: int = 2048
) -> Appearance:
    """Compare a measured image with a clean simulation.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].
    largest : int
        Edge of the middle of a larger image that is measured [px]: more takes time and tells
        nothing new.

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
    function of the frequency. The values that the simulation then has, with the background of the
    image, tell the response of the detector, which is undone before all of this is measured again.
    Scan errors are undone, and edges and the defects that stand out left out (see `Parts`).
    """
    image = middle(np.asarray(image), largest)
    scaled = rescale(image)
    errors = find_scan_errors(scaled, material, sampling)
    scaled = errors.undo(scaled)
    lattice = find_lattice(scaled, material, sampling=sampling)
    clean = _clean_image(material, sampling, lattice.rotation)
    simulated = find_lattice(clean, material, sampling=sampling)
    ideal = tile_power(rescale(clean))
    spots = half_plane_reflections(lattice, _FINEST)
    spots = spots[(abs(spots) < 0.5 - SPOT / TILE).all(axis=1)]
    expected = np.array([power_at(ideal, nearest_reflection(spot, simulated)) for spot in spots])
    hot = _clean_image(material, sampling, lattice.rotation, displacement=DISPLACEMENT)
    own = power_between(tile_power(rescale(hot)), simulated)
    parts = Parts.of(scaled, lattice)
    signal = parts.signal
    linear = even_contrast(signal, innermost_frequency(lattice))
    found = _appearance(parts, linear, lattice, spots, expected)
    for _ in range(_ROUNDS - 1):
        found = _appearance(parts, found.before_response(clean), lattice, spots, expected)
    found = found.without(own, signal.var())
    return replace(found, image=image[parts.inner], errors=errors)


def _appearance(
    parts: Parts, linear: np.ndarray, lattice: Lattice, spots: np.ndarray, expected: np.ndarray
) -> Appearance:
    """Compare an image without errors of the scan with the power of a clean simulation at spots.

    `linear` is the signal before the response of the detector, of unit variance.
    """
    signal = parts.signal
    power = tile_power(linear)
    noise = power_between(tile_power(parts.without_defects), lattice) / parts.intact.mean()
    # The part of the noise that is left in the signal.
    floor = np.array([power_at(noise, spot) for spot in spots]) / signal.var()
    strength = np.array([power_at(power, spot) for spot in spots]) - floor
    seen = (strength > _SEEN * floor) & (expected > 0)
    if np.count_nonzero(seen) < 3:
        raise ValueError(
            "Expected three or more reflections of the lattice above the noise. Received: "
            f"{np.count_nonzero(seen)}"
        )
    radii = np.hypot(*spots[seen].T)
    innermost, limit = float(radii.min()), float(radii.max())
    terms = _terms(spots[seen, 0], spots[seen, 1], limit)
    target = 0.5 * np.log(strength[seen] / expected[seen])
    # A little ridge: two shells of reflections leave the fourth power open.
    normal = terms.T @ terms + np.diag([0, *[1e-2] * (terms.shape[1] - 1)])
    slow = find_background(linear, innermost)
    return Appearance(
        coefficients=np.linalg.solve(normal, terms.T @ target),
        innermost=innermost,
        limit=limit,
        noise=fft.ifftshift(noise)[:, : TILE // 2 + 1],
        levels=parts.levels,
        rotation=lattice.rotation,
        image=parts.image,
        signal=signal,
        background=slow / (linear - slow).std(),
    )


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
    shape = (2 * TILE, 2 * TILE)
    session = replace(session, defects={}, displacement=displacement)
    return simulate_frame(session, shape, rng=np.random.default_rng(0)).image
