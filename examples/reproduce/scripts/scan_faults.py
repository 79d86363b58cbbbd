"""What a bad scan, detector or file does to a frame: the development group for corrections.

Nothing here is shared with `stemzoo.simulate`. Corrections were chosen on these conditions, so what
they do on others is another question.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

Fault = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def course(rows: int, memory: float, rng: np.random.Generator) -> np.ndarray:
    """Random values (M,) of variance 1, each like the one before by `memory`."""
    values = rng.normal(size=rows)
    for i in range(1, rows):
        values[i] = memory * values[i - 1] + np.sqrt(1 - memory**2) * values[i]
    return values


def still(image: np.ndarray) -> np.ndarray:
    """No row (M,) is shifted."""
    return np.zeros(len(image))


@dataclass(frozen=True)
class Flicker:
    """Gain of rows, rms, offset of rows [mean brightness], and a black level [the same]."""

    gain: float = 0.0
    offset: float = 0.0
    memory: float = 0.0
    black: float = 0.0

    def __call__(self, image, rng):
        """Return the image with its fault, and how far each row is shifted [px]."""
        gain = np.exp(self.gain * course(len(image), self.memory, rng))
        offset = self.offset * course(len(image), self.memory, rng) + self.black
        bad = image * gain[:, None] + image.mean() * offset[:, None]
        return bad, still(image)


@dataclass(frozen=True)
class Hum:
    """A wave along the rows: amplitude [standard deviations of the image] and period [px]."""

    amplitude: float
    period: float

    def __call__(self, image, rng):
        """Return the image with its fault, and how far each row is shifted [px]."""
        y, x = np.indices(image.shape)
        turns = x / self.period + rng.uniform(-0.5, 0.5) * y + rng.random()
        bad = image + self.amplitude * image.std() * np.cos(2 * np.pi * turns)
        return bad, still(image)


@dataclass(frozen=True)
class Shifts:
    """Rows shifted along themselves, rms [px]: a sine, or a random course."""

    rms: float
    memory: float | None = None

    def __call__(self, image, rng):
        """Return the image with its fault, and how far each row is shifted [px]."""
        n = len(image)
        if self.memory is None:
            turns = np.arange(n) / rng.uniform(6, 40) + rng.random()
            shifts = np.sqrt(2) * self.rms * np.sin(2 * np.pi * turns)
        else:
            shifts = self.rms * course(n, self.memory, rng)
        y, x = np.indices(image.shape).astype(float)
        places = [y, x - shifts[:, None]]
        return ndimage.map_coordinates(image, places, order=3, mode="nearest"), shifts


@dataclass(frozen=True)
class Response:
    """A detector's gamma, and percentiles beyond which it is dark or saturates."""

    gamma: float = 1.0
    dark: float = 0.0
    full: float = 100.0

    def __call__(self, image, rng):
        """Return the image with its fault, and how far each row is shifted [px]."""
        low, high = np.percentile(image, [self.dark, self.full])
        seen = np.clip(image, low, high) if self.dark else np.clip(image, 0, high)
        return (seen / max(high, 1e-9)) ** self.gamma, still(image)


@dataclass(frozen=True)
class Several:
    """One fault after the other."""

    faults: tuple[Fault, ...]

    def __call__(self, image, rng):
        """Return the image with its faults, and how far each row is shifted [px]."""
        total = still(image)
        for fault in self.faults:
            image, shifts = fault(image, rng)
            total += shifts
        return image, total


FAULTS: dict[str, Fault] = {
    "none": Flicker(),
    "row gain 3 %": Flicker(gain=0.03),
    "row gain 8 %": Flicker(gain=0.08),
    "row gain 15 %": Flicker(gain=0.15),
    "row gain 24 %": Flicker(gain=0.24),
    "row gain 30 %": Flicker(gain=0.30),
    "row gain 20 %, over 5 rows": Flicker(gain=0.2, memory=0.8),
    "row gain 20 %, black level": Flicker(gain=0.2, black=1.0),
    "row offset 5 %": Flicker(offset=0.05),
    "row offset 15 %": Flicker(offset=0.15),
    "row offset 30 %": Flicker(offset=0.30),
    "row offset 20 %, over 5 rows": Flicker(offset=0.2, memory=0.8),
    "row gain and offset 12 %": Flicker(gain=0.12, offset=0.12),
    "hum 0.3, 9 px": Hum(0.3, 9.3),
    "hum 0.7, 17 px": Hum(0.7, 17.0),
    "hum 1.0, 31 px": Hum(1.0, 31.0),
    "lines shifted 1 px, sine": Shifts(1.0),
    "lines shifted 2 px, sine": Shifts(2.0),
    "lines shifted 2 px, over 5 rows": Shifts(2.0, 0.8),
    "lines shifted 1 px, each": Shifts(1.0, 0.0),
    "gamma 0.4": Response(gamma=0.4),
    "gamma 0.7": Response(gamma=0.7),
    "gamma 1.5": Response(gamma=1.5),
    "gamma 2.2": Response(gamma=2.2),
    "gamma 3": Response(gamma=3.0),
    "saturated above 85 %": Response(full=85.0),
    "dark below 40 %": Response(dark=40.0),
    "row gain 20 %, gamma 2": Several((Flicker(gain=0.2), Response(gamma=2.0))),
    "row gain 20 %, lines 1 px": Several((Flicker(gain=0.2), Shifts(1.0))),
}


def stored(image: np.ndarray) -> np.ndarray:
    """Store an image as 16 bits, with room at both ends."""
    low, high = np.quantile(image, [0.001, 0.999])
    values = 0.07 + 0.86 * (image - low) / (high - low)
    return np.rint(65535 * np.clip(values, 0, 1)).astype(np.uint16)
