"""The response of a detector or of a file's grey levels, measured from the lattice."""

from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_level import CrystalLevel
from stemzoo.preprocessing import average_blocks

# Pixels per cell at least, of the coarser image in which exponents are tried.
_PIXELS = 8.0
_STEP, _STEPS = 1.4, 4  # from one exponent that is tried to the next, and how many
# Blurred columns have a skewness of 1.1 at most if the response is linear, and of 1.5 or more if it
# is the square. Lattices are also clearer, by this much, for a response nearer to the linear one.
_SKEWED, _BETTER = 1.3, 1.05
# They are clearest for an exponent a little above that, as noise and haze are then weaker.
_LINEAR = 1.15
_DARK = 1e-3  # of the scale: darker pixels count as black
_ENDS = (0.1, 99.9)  # percentiles of the crystal that are taken for black and white


@dataclass(frozen=True)
class Response:
    """How grey levels follow the signal: as a power of it.

    Parameters
    ----------
    gamma : float
        The power.
    black, white : float
        Where the scale begins, and where signal and grey level are the same, in units of the image.
    """

    gamma: float
    black: float
    white: float

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Make the grey levels follow the signal linearly.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            The image in which the response was found.

        Returns
        -------
        ndarray of float32, shape (M, N)

        Examples
        --------
        >>> Response(2.0, 10.0, 20.0).undo(np.array([[10.0, 12.5, 20.0]])).tolist()
        [[10.0, 15.0, 20.0]]
        """
        span = self.white - self.black
        signal = np.maximum((image - self.black) / span, 0) ** (1 / self.gamma)
        return (self.black + span * signal).astype(np.float32)


def find_response(image: np.ndarray, crystal: np.ndarray, lattice: Lattice) -> Response | None:
    """Measure the response that an image was recorded with.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values, bright columns.
    crystal : ndarray of bool, shape (M, N)
        Where its crystal is.
    lattice : Lattice
        Its lattice.

    Returns
    -------
    Response or None
        None where it is linear, or steeper for dark columns than for bright ones, which detectors
        bear, and where the lattice is not clearer for another one.

    Notes
    -----
    Incoherent images are linear in what they show: haze adds to a lattice. A response that is not
    linear mixes the two, and noise with both, so that there is more between the reflections.

    Examples
    --------
    >>> find_response(image, mask.crystal, lattice)  # doctest: +SKIP
    Response(gamma=2.1, black=1022.0, white=60123.0)
    """
    block = max(int(np.hypot(*lattice.vectors.T).min() / _PIXELS), 1)
    coarse = average_blocks(image, block, np.float32)
    inside = average_blocks(crystal, block) > 0.99
    if not inside.any():
        return None
    lattice = lattice.resampled(1, block)
    black, white = (float(value) for value in np.percentile(coarse[inside], _ENDS))
    if not white > black:
        return None
    deviations = coarse[inside] - coarse[inside].mean()
    squares = deviations * deviations
    # Skewness; `scipy.stats` has it, too, but takes a third of a second to import. A third power of
    # floats takes a hundred times as long as two products.
    if np.mean(squares * deviations) / np.mean(squares) ** 1.5 < _SKEWED:
        return None
    level = CrystalLevel.of(coarse, inside, lattice)
    logarithm = np.log(np.maximum((coarse - black) / (white - black), _DARK))
    contrasts: dict[float, float] = {}
    for exponent in _STEP ** -np.arange(_STEPS + 1.0):
        signal = np.exp(np.float32(exponent) * logarithm)
        flat = level.weight * (signal - signal[inside].mean())
        contrasts[float(exponent)] = level.spectrum.contrast(flat)
        if contrasts[float(exponent)] < max(contrasts.values()):
            break
    best = max(contrasts, key=lambda exponent: contrasts[exponent])
    if contrasts[best] < _BETTER * contrasts[1.0]:
        return None
    return Response(_LINEAR / _vertex(contrasts, best), black, white)


def _vertex(contrasts: dict[float, float], best: float) -> float:
    """Exponent of the largest contrast, by a parabola through the best one and its neighbours."""
    if not min(contrasts) < best < max(contrasts):
        return best
    exponents = np.log([*contrasts])
    near = np.argsort(abs(exponents - np.log(best)))[:3]
    values = np.log([*contrasts.values()])[near]
    bend, slope, _ = np.polyfit(exponents[near], values, 2)
    return float(np.exp(-slope / (2 * bend))) if bend < 0 else best
