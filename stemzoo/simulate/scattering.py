"""How strongly an atom scatters into an annular dark-field detector."""

from functools import lru_cache
from threading import Lock
from typing import Protocol

import numpy as np
from scipy.special import exp1, j0

# Physical constants in the units of the field (CODATA 2018).
HC = 12398.41984  # Planck constant times speed of light [eV Å]
REST_ENERGY = 510998.95  # of the electron [eV]
COULOMB = 14.39964  # e / (4 pi eps0) [V Å]

# The first question fills the table of form factors; another thread would find it half full.
_TABLE = Lock()


def electron_wavelength(energy: float) -> float:
    """Relativistic wavelength of the electron [Å].

    Parameters
    ----------
    energy : float
        Kinetic energy [eV].

    Returns
    -------
    float
        λ = hc / sqrt(E (2 m c² + E)).

    Raises
    ------
    ValueError
        If the energy is not positive.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010, eq. (2.5).

    Examples
    --------
    >>> round(electron_wavelength(80e3), 6)
    0.041757
    """
    if not energy > 0:
        raise ValueError(f"energy is in eV and positive. Received: {energy}")
    return float(HC / np.sqrt(energy * (2 * REST_ENERGY + energy)))


def interaction_parameter(energy: float) -> float:
    """Interaction parameter σ_e of the phase grating [rad / (V Å)].

    Parameters
    ----------
    energy : float
        Kinetic energy [eV].

    Returns
    -------
    float
        σ_e = 2π / (λ E) · (m c² + E) / (2 m c² + E).

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010, eq. (5.6).
    """
    ratio = (REST_ENERGY + energy) / (2 * REST_ENERGY + energy)
    return 2 * np.pi / (electron_wavelength(energy) * energy) * ratio


def projected_potential(Z: int, r: np.ndarray) -> np.ndarray:
    """Projected electrostatic potential of a free atom [V Å].

    Mott-Bethe turns the X-ray form factor f_x(s) = Σ a_i exp(-b_i s²) + c into
    v_z(r) = e Σ a_i E1(4π² r² / b_i), because Z - f_x vanishes at s = 0.

    Parameters
    ----------
    Z : int
        Atomic number, 1 to 98.
    r : ndarray
        Distance from the atom's axis [Å], positive.

    Returns
    -------
    ndarray
        Same shape as `r`.

    Raises
    ------
    ValueError
        If there is no form factor for `Z`.

    References
    ----------
    Form factors: D. Waasmaier, A. Kirfel, Acta Cryst. A 51, 416 (1995), as in `periodictable`.
    """
    from periodictable import cromermann, elements

    if not 1 <= Z <= 98:
        raise ValueError(f"Form factors exist for Z = 1 to 98. Received: Z = {Z}")
    with _TABLE:
        formula = cromermann.getCMformula(elements[Z].symbol)
    potential = np.zeros_like(r, dtype=np.float64)
    for a, b in zip(formula.a, formula.b, strict=True):
        if b > 1e-6:  # a term with b = 0 is a point charge at the nucleus and vanishes at r > 0
            potential += a * exp1(4 * np.pi**2 * r**2 / b)
    return COULOMB * potential


def _panels(edges: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre quadrature on consecutive intervals."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    return ((edges[:-1, None] + half) + half * nodes).ravel(), (half * weights).ravel()


@lru_cache(maxsize=1024)
def _cross_section(Z: int, energy: float, inner: float, outer: float) -> float:
    wavelength = electron_wavelength(energy)
    # The potential is steep near the nucleus and J0 oscillates far from it: panels that grow
    # from 1e-5 Å up to 0.15 Å, then stay that wide to 6 Å (about one period of J0 at 5 / Å).
    edges = np.concatenate([np.geomspace(1e-5, 0.15, 14), np.linspace(0.15, 6.0, 40)[1:]])
    r, dr = _panels(edges, 12)
    theta, dtheta = _panels(np.linspace(inner, outer, 9) * 1e-3, 8)
    phase = interaction_parameter(energy) * projected_potential(Z, r)
    transmitted = np.sin(phase) + 1j * (1 - np.cos(phase))
    amplitude = j0(2 * np.pi / wavelength * np.outer(theta, r)) @ (transmitted * r * dr)
    amplitude *= 2 * np.pi / wavelength
    return float(2 * np.pi * np.sum(np.abs(amplitude) ** 2 * theta * dtheta))


class AnnularDetector(Protocol):
    """What a cross section depends on; a `Microscope` has it: energy [eV], angles [mrad]."""

    @property
    def energy(self) -> float:
        """Energy of the electrons [eV]."""

    @property
    def inner(self) -> float:
        """Inner angle of the detector [mrad]."""

    @property
    def outer(self) -> float:
        """Outer angle of the detector [mrad]."""


def adf_cross_section(Z: int, microscope: AnnularDetector) -> float:
    """Elastic cross section of one atom into the annular detector [Å²].

    The Molière (phase-grating) amplitude
    f(k) = (2π/λ) ∫ J0(2πkr) [sin(σ_e v_z) + i (1 - cos(σ_e v_z))] r dr, integrated over the
    detector as σ = 2π ∫ |f(θ/λ)|² θ dθ. The first Born approximation would overestimate
    tungsten by 1.7 at 80 keV.

    Parameters
    ----------
    Z : int
        Atomic number, 1 to 98.
    microscope : Microscope
        Its `energy`, `inner` and `outer` are used.

    Returns
    -------
    float
        Values are cached for the process.

    Raises
    ------
    ValueError
        If there is no form factor for `Z`.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010, eq. (5.18).

    Examples
    --------
    >>> from stemzoo.simulate import Microscope
    >>> round(adf_cross_section(74, Microscope(energy=80e3, inner=63, outer=200)), 3)
    0.04
    """
    return _cross_section(int(Z), microscope.energy, microscope.inner, microscope.outer)
