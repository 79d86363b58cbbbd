"""A figure with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A figure and how sure it is.

    Parameters
    ----------
    value : float
        The figure.
    low, high : float or None
        Ends of its 95 % interval; None where there is none.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval; NaN where there is none."""
        low, high = (float("nan") if end is None else end for end in (self.low, self.high))
        return low, high

    @classmethod
    def from_bootstrap(cls, value: float, resampled: Sequence[float] | np.ndarray) -> "Estimate":
        """Return a figure with the interval that holds 95 % of the values of a bootstrap.

        Parameters
        ----------
        value : float
            The figure of the whole sample.
        resampled : sequence of float
            The figure of samples that are drawn anew with replacement; those that cannot be told
            (NaN) do not count.

        Returns
        -------
        Estimate

        References
        ----------
        B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, chapter 13 (percentile
        intervals), Chapman & Hall 1993.

        Examples
        --------
        >>> Estimate.from_bootstrap(50.0, range(101))
        Estimate(value=50.0, low=2.5, high=97.5)
        """
        low, high = np.nanquantile(resampled, [0.025, 0.975])
        return cls(float(value), float(low), float(high))
