"""Waves that mains or stray fields add to a scan, measured between the reflections."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.optimize import minimize

from stemzoo.lattice import Lattice

_MOST = 6  # waves
_STRONG = 60.0  # times the median power around: noise exceeds that nowhere in 10^8 places
_LEAST = 0.01  # of the variance of the image
_AWAY = 0.12  # from every reflection, in units of the reciprocal lattice
_BLOCK = 32  # in which medians are taken [bins]


@dataclass(frozen=True)
class Wave:
    """A plane wave in an image, as a sine in time makes one.

    Parameters
    ----------
    frequency : tuple of float
        Along rows and columns of the array, in this order [1/px].
    amplitude : float
        In units of the image.
    phase : float
        At the first pixel [radians].
    """

    frequency: tuple[float, float]
    amplitude: float
    phase: float

    def over(self, shape: tuple[int, int]) -> np.ndarray:
        """Return the wave over an image of some shape."""
        y, x = (2 * np.pi * k * np.arange(n) for k, n in zip(self.frequency, shape, strict=True))
        return self.amplitude * np.cos(y[:, None] + x[None, :] + self.phase)

    def another(self, rng: np.random.Generator) -> "Wave":
        """Draw the wave that the same source gives another frame.

        Along a line it is what its frequency in time makes it, within a hundredth. What it gains
        from one line to the next is many periods and a part of one, and that part is another one
        whenever the frequency changes a little.
        """
        along = self.frequency[1] * rng.normal(1, 0.01)
        return Wave(
            (float(rng.uniform(-0.5, 0.5)), float(along)),
            self.amplitude,
            float(rng.uniform(0, 2 * np.pi)),
        )


def find_hum(image: np.ndarray, lattice: Lattice) -> tuple[Wave, ...]:
    """Find the waves that are neither lattice nor noise, strongest first.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    tuple of Wave
        Up to six; each makes a hundredth of the variance of the image or more.

    Notes
    -----
    One after the other, the strongest peak of the spectrum (Hann window) that lies away from all
    reflections is refined and taken out, while it stands out of its surroundings.

    Examples
    --------
    >>> find_hum(image, lattice)  # doctest: +SKIP
    (Wave(frequency=(-0.2003, 0.0752), amplitude=812.1, phase=2.1),)
    """
    left = np.asarray(image, dtype=np.float64)
    left = left - left.mean()
    least = np.sqrt(2 * _LEAST * left.var())
    windows = [np.hanning(n + 2)[1:-1] for n in left.shape]
    windows = [window / window.sum() for window in windows]
    allowed = _between_reflections(left.shape, lattice)
    found = []
    while len(found) < _MOST:
        power = abs(fft.rfft2(left * windows[0][:, None] * windows[1])) ** 2
        background = _block_medians(power)
        # Only peaks: the foot of a reflection is none.
        power[~allowed | (power < ndimage.maximum_filter(power, 5))] = 0.0
        row, column = np.unravel_index(power.argmax(), power.shape)
        if power[row, column] < _STRONG * background[row, column]:
            break
        start = (fft.fftfreq(left.shape[0])[row], fft.rfftfreq(left.shape[1])[column])
        wave = _refined(left, start, windows)
        if wave.amplitude < least:
            break
        found.append(wave)
        left = left - wave.over(left.shape)
    return tuple(found)


def _between_reflections(shape: tuple[int, int], lattice: Lattice) -> np.ndarray:
    """Places of half the spectrum that are away from all reflections."""
    y, x = fft.fftfreq(shape[0]), fft.rfftfreq(shape[1])
    indices = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1) @ lattice.vectors.T
    return np.hypot(*np.moveaxis(indices - np.rint(indices), -1, 0)) > _AWAY


def _block_medians(power: np.ndarray) -> np.ndarray:
    """Median of the power in the block around each place."""
    rows, columns = (-(-n // _BLOCK) * _BLOCK for n in power.shape)
    padded = np.pad(power, ((0, rows - len(power)), (0, columns - power.shape[1])), mode="reflect")
    blocks = padded.reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    medians = np.median(blocks, axis=(1, 3)).repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)
    return medians[: power.shape[0], : power.shape[1]]


def _refined(image: np.ndarray, start: tuple[float, float], windows) -> Wave:
    """Find the frequency near the start at which the amplitude is largest."""
    places = [np.arange(n) for n in image.shape]

    def amplitude(frequency) -> complex:
        y, x = (
            w * np.exp(-2j * np.pi * k * n)
            for w, k, n in zip(windows, frequency, places, strict=True)
        )
        return 2 * (y @ (image @ x))

    size = np.array(image.shape)
    best = minimize(
        lambda bins: -abs(amplitude(start + bins / size)),
        np.zeros(2),
        method="Nelder-Mead",
        options={"initial_simplex": [[-0.3, -0.3], [0.3, 0], [0, 0.3]], "xatol": 1e-3},
    )
    frequency = start + best.x / size
    found = amplitude(frequency)
    return Wave(tuple(map(float, frequency)), float(abs(found)), float(np.angle(found)))
