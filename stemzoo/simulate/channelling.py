"""Channelling: what atoms deep in a column scatter, in units of what each does alone."""

import numpy as np

# Fitted to multislice calculations of SrTiO3 [001] and Si [110] (80 kV, 25 mrad, 63 to 200 mrad,
# source 0.8 Å); GaN [110] was predicted.
_RISE = 0.195  # [Å]
_PERIOD = 149.0  # [Å^(1/2)]
_RANGE = 410.0


def channelling_weights(
    columns: np.ndarray,
    depths: np.ndarray,
    numbers: np.ndarray,
    densities: np.ndarray,
    strength: float = 1.0,
) -> np.ndarray:
    """Return what the atoms of columns scatter, in units of what each does alone.

    Each atom is a lens that focuses the beam onto the column, and scatters a part of it away. With
    q the nuclear charge that the beam has passed in the column, and ρ the charge per length of the
    column [1/Å], an atom scatters w times what it does alone:

    w = 1 + s [exp(-q / 410) (1 + A sin²(πq / Q)) - 1], A = 0.195 Å ρ, Q = 149 sqrt(ρ Å)

    The oscillation is that of the beam's intensity at a column with one bound (1s) state [1]_, the
    exponential what is scattered out of it [2]_. Where an atom is missing, those below are met one
    atom earlier [3]_.

    Parameters
    ----------
    columns : ndarray of int, shape (A,)
        Column of each atom, 0 to C - 1.
    depths : ndarray of shape (A,)
        Its distance from the entrance face [Å]; only the order counts.
    numbers : ndarray of int, shape (A,)
        Its atomic number.
    densities : ndarray of shape (C,)
        Nuclear charge per length of each column without defects [1/Å].
    strength : float
        s: 0 for atoms that scatter each by itself, 1 for a crystal on its zone axis; tilted ones
        are between.

    Returns
    -------
    ndarray of shape (A,)

    Raises
    ------
    ValueError
        If the strength is not between 0 and 1.

    Notes
    -----
    For 80 kV and detectors that begin at 2.5 times the probe's semi-angle or farther out. Nearer to
    it, a thick column's signal is no sum over its atoms: it falls where atoms are added.

    References
    ----------
    .. [1] P. Geuens, D. Van Dyck, Ultramicroscopy 93, 179 (2002).
    .. [2] S. J. Pennycook, D. E. Jesson, Ultramicroscopy 37, 14 (1991).
    .. [3] K. H. W. van den Bos et al., Phys. Rev. Lett. 116, 246101 (2016).

    Examples
    --------
    A column of strontium in SrTiO3 [001]: atoms 1, 6, 16 and 31 from the entrance face.

    >>> atoms = np.arange(31)
    >>> weights = channelling_weights(
    ...     np.zeros(31, dtype=int), 3.905 * atoms, np.full(31, 38), np.array([38 / 3.905])
    ... )
    >>> weights[[0, 5, 15, 30]].round(2).tolist()
    [1.0, 1.73, 0.45, 0.18]
    """
    if not 0 <= strength <= 1:
        raise ValueError(
            "The strength of channelling lies between 0 (none) and 1 (on a zone axis). "
            f"Received: {strength}"
        )
    order = np.lexsort((depths, columns))
    charge, owner = numbers[order].astype(np.float64), columns[order]
    above = np.cumsum(charge) - charge
    passed = np.empty(len(order))
    passed[order] = above - above[np.searchsorted(owner, owner)]
    density = densities[columns]
    rise = _RISE * density * np.sin(np.pi * passed / (_PERIOD * density**0.5)) ** 2
    return 1 + strength * (np.exp(-passed / _RANGE) * (1 + rise) - 1)
