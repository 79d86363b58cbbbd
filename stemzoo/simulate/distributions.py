"""Distributions from which the conditions of frames are drawn."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Normal:
    """Gaussian with `mean` and `std`, clipped from below at `low`."""

    mean: float
    std: float
    low: float = -np.inf

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one value."""
        return float(max(rng.normal(self.mean, self.std), self.low))


@dataclass(frozen=True)
class Uniform:
    """Uniform between `low` and `high`; a `power` above 1 favours values near `low`."""

    low: float
    high: float
    power: float = 1.0

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one value."""
        return self.low + (self.high - self.low) * float(rng.random()) ** self.power


@dataclass(frozen=True)
class LogUniform:
    """Uniform in the logarithm between `low` and `high`, both positive."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one value."""
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))


@dataclass(frozen=True)
class Sometimes:
    """Zero but in a part of the frames, whose values are drawn from `values`."""

    part: float
    values: Uniform | LogUniform

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one value."""
        return self.values.draw(rng) if float(rng.random()) < self.part else 0.0


Distribution = Normal | Uniform | LogUniform | Sometimes | float


def draw(distribution: Distribution, rng: np.random.Generator) -> float:
    """Draw one value; a plain number stands for itself.

    Parameters
    ----------
    distribution : Normal, Uniform, LogUniform, Sometimes or float
        What to draw from.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    float

    Examples
    --------
    >>> draw(3.0, np.random.default_rng(0))
    3.0
    """
    if isinstance(distribution, (int, float)):
        return float(distribution)
    return distribution.draw(rng)
