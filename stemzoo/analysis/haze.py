"""The slow background of a crystal: what contamination adds to an image."""

from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_level import slow_part

# Hills of contamination are a little wider than a cell; columns must not be averaged away [cells].
_HILLS = 1.2


@dataclass(frozen=True, eq=False)
class Haze:
    """What lies under a crystal and changes over some cells.

    Parameters
    ----------
    values : ndarray of float32, shape (M, N)
        Brightness above that of the mean of the crystal, 0 outside of it.
    strength : float
        Its standard deviation in the crystal, in units of that of the rest: columns and noise.
    """

    values: np.ndarray
    strength: float

    @classmethod
    def of(cls, image: np.ndarray, crystal: np.ndarray, lattice: Lattice) -> "Haze":
        """Measure the haze of an image.

        Parameters
        ----------
        image : ndarray of float32, shape (M, N)
            The image.
        crystal : ndarray of bool, shape (M, N)
            Where the crystal is.
        lattice : Lattice
            Its lattice.

        Returns
        -------
        Haze

        Examples
        --------
        >>> Haze.of(image, mask.crystal, lattice).strength  # doctest: +SKIP
        1.4
        """
        slow, weight = slow_part(image, crystal, lattice, _HILLS)
        known = slow[crystal]
        fine = float(np.std(image[crystal] - known))
        strength = float(known.std()) / max(fine, float(np.finfo(np.float32).tiny))
        return cls(weight * (slow - known.mean()), strength)

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Subtract the haze from the image in which it was found."""
        return image - self.values
