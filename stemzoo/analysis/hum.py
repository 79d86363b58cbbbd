"""Waves that mains or stray fields add to a scan, measured between the reflections."""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.optimize import minimize

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.reflections import away_from_reflections, half_plane_indices
from stemzoo.analysis.robust_spread import row_medians
from stemzoo.analysis.spectrum import hann_window

_MOST = 6  # waves
_STRONG = 60.0  # times the median power around: noise exceeds that nowhere in 10^8 places
_LEAST = 0.01  # of the variance of the image
# Of a wave from every reflection: in units of the reciprocal lattice, and of the resolution of the
# spectrum, where the foot of a peak under a Hann window ends.
_AWAY, _FOOT = 0.12, 4.0
_SATELLITES = 0.1  # of reflections, by shifts of lines that repeat after ten lines or more [1/px]
_SATELLITE_REACH = 2  # largest index of reflections whose satellites are seen
_SAME = 0.03  # part by which the lengths of waves of one crystal differ at most
_EVEN = 0.5  # of the amplitude of a wave, in every quarter of the image
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

    def on(self, shape: tuple[int, int]) -> np.ndarray:
        """Return the wave over an image of some shape."""
        y, x = (2 * np.pi * k * np.arange(n) for k, n in zip(self.frequency, shape, strict=True))
        return self.amplitude * np.cos(y[:, None] + x[None, :] + self.phase)

    def redrawn(self, rng: np.random.Generator, columns: int, limit: float) -> "Wave":
        """Draw the wave that the same source gives another frame of lines of so many columns.

        Along a line it is what its frequency in time makes it, within a hundredth. What it gains
        from one line to the next is many periods and a part of one, and that part is another one
        whenever the frequency changes a little; but one that is slower than a line keeps it. Half
        of the draws lie within the frequencies that the crystal shows, up to a limit [1/px]: there
        hum passes for columns, while beyond any filter tells it from them.
        """
        down, along = self.frequency
        if abs(along) * columns > 1:
            down, along = rng.uniform(-0.5, 0.5), along * rng.normal(1, 0.01)
            if rng.random() < 0.5:
                down *= min(2 * limit, 1.0)
        phase = rng.uniform(0, 2 * np.pi)
        return Wave((float(down), float(along)), self.amplitude, float(phase))


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
    reflections is refined and taken out, while it stands out of its surroundings. Hum is everywhere
    in an image: a peak that a quarter of it lacks is another grain's. Nor are peaks of one length
    hum, which another layer's are, nor those with the frequency of a reflection along lines, which
    shifts of lines make.

    Examples
    --------
    >>> find_hum(image, lattice)  # doctest: +SKIP
    (Wave(frequency=(-0.2003, 0.0752), amplitude=812.1, phase=2.1),)
    """
    left = np.asarray(image, dtype=np.float64)
    left = left - left.mean()
    least = np.sqrt(2 * _LEAST * left.var())
    windows = _windows(left.shape)
    allowed = _between_reflections(left.shape, lattice)
    found: list[Wave] = []
    while len(found) < _MOST:
        spectrum = fft.rfft2((left * windows[0][:, None] * windows[1]).astype(np.float32))
        power = spectrum.real**2 + spectrum.imag**2
        background = _block_medians(power)
        if not (allowed & (power >= _STRONG * background)).any():
            break
        # Only peaks: the foot of a reflection is none.
        power[~allowed | (power < ndimage.maximum_filter(power, 5))] = 0.0
        row, column = np.unravel_index(power.argmax(), power.shape)
        if power[row, column] < _STRONG * background[row, column]:
            break
        start = (fft.fftfreq(left.shape[0])[row], fft.rfftfreq(left.shape[1])[column])
        wave = _refined(left, start, windows)
        if wave.amplitude < least:
            break
        moved = (np.array(wave.frequency) - start) * left.shape
        if max(abs(moved)) > 1 or not _is_everywhere(left, wave):
            down = abs(np.arange(len(power)) - row)
            down = np.minimum(down, len(power) - down)
            along = abs(np.arange(power.shape[1]) - column)
            allowed &= np.maximum(down[:, None], along) > _FOOT
            continue
        found.append(wave)
        left = left - wave.on(left.shape)
    lengths = np.array([np.hypot(*wave.frequency) for wave in found])
    return tuple(
        wave
        for wave, length in zip(found, lengths, strict=True)
        if np.count_nonzero(abs(lengths - length) < _SAME * length) == 1
    )


def _between_reflections(shape: tuple[int, int], lattice: Lattice) -> np.ndarray:
    """Places of half the spectrum at which there may be hum."""
    longest = np.hypot(*lattice.reciprocal.T).max()
    foot = _FOOT / (min(shape) * longest)
    allowed = away_from_reflections(shape, lattice) > max(_AWAY, foot)
    down, along = (half_plane_indices(_SATELLITE_REACH) @ lattice.reciprocal).T
    # Of each pair of opposites that in the half of the spectrum which is looked at.
    side = np.sign(along)
    for y, x in zip((side * down)[side != 0], (side * along)[side != 0], strict=True):
        rows = abs(fft.fftfreq(shape[0]) - y) < _SATELLITES
        columns = abs(np.arange(allowed.shape[1]) - x * shape[1]) <= 1
        allowed &= ~(rows[:, None] & columns)
    return allowed


def _is_everywhere(image: np.ndarray, wave: Wave) -> bool:
    """Tell whether each quarter of an image holds a wave."""
    quarters = (part for half in np.array_split(image, 2) for part in np.array_split(half, 2, 1))
    return all(
        abs(_amplitude(part, wave.frequency, _windows(part.shape))) > _EVEN * wave.amplitude
        for part in quarters
    )


def _windows(shape: tuple[int, int]) -> list[np.ndarray]:
    """Hann windows along rows and columns, each of unit sum."""
    windows = [hann_window(n) for n in shape]
    return [window / window.sum() for window in windows]


def _block_medians(power: np.ndarray) -> np.ndarray:
    """Median of the power in the block around each place."""
    rows, columns = (-(-n // _BLOCK) * _BLOCK for n in power.shape)
    padded = np.pad(power, ((0, rows - len(power)), (0, columns - power.shape[1])), mode="reflect")
    counts = rows // _BLOCK, columns // _BLOCK
    blocks = padded.reshape(counts[0], _BLOCK, counts[1], _BLOCK).swapaxes(1, 2)
    medians = row_medians(blocks.reshape(-1, _BLOCK**2)).reshape(counts)
    spread = medians.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)
    return spread[: power.shape[0], : power.shape[1]]


def _refined(image: np.ndarray, start: tuple[float, float], windows: list[np.ndarray]) -> Wave:
    """Find the frequency near the start at which the amplitude is largest."""
    size = np.array(image.shape)
    best = minimize(
        lambda bins: -abs(_amplitude(image, start + bins / size, windows)),
        np.zeros(2),
        method="Nelder-Mead",
        options={"initial_simplex": [[-0.3, -0.3], [0.3, 0], [0, 0.3]], "xatol": 1e-3},
    )
    frequency = start + best.x / size
    found = _amplitude(image, frequency, windows)
    down, along = map(float, frequency)
    return Wave((down, along), float(abs(found)), float(np.angle(found)))


def _amplitude(
    image: np.ndarray, frequency: np.ndarray | tuple[float, float], windows: list[np.ndarray]
) -> complex:
    """Complex amplitude of a wave under windows of unit sum."""
    y, x = (
        window * np.exp(-2j * np.pi * k * np.arange(len(window)))
        for window, k in zip(windows, frequency, strict=True)
    )
    # Parts by themselves: the image need not be copied to complex numbers.
    return 2 * complex(y @ (image @ x.real) + 1j * (y @ (image @ x.imag)))
