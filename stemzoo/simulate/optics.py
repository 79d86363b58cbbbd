"""The microscope and its probe."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from scipy import fft

from stemzoo.simulate.scattering import electron_wavelength

# A coefficient C_nm[ab]: order n, multiplicity m; m = 0 has no direction.
_COEFFICIENT = re.compile(r"C([1-5])([0-6])([ab]?)$")
_FOCAL_NODES = 9


def _parse(name: str) -> tuple[int, int, str]:
    found = _COEFFICIENT.match(name)
    if found:
        order, fold = int(found[1]), int(found[2])
        is_symmetric = fold <= order + 1 and (order + fold) % 2 == 1
        if is_symmetric and bool(found[3]) == (fold > 0):
            return order, fold, found[3]
    raise ValueError(
        "An aberration is a Krivanek coefficient such as C10, C12a, C21b, C30 ... C56b. "
        f"Received: {name!r}"
    )


@dataclass(frozen=True)
class Microscope:
    """A scanning transmission electron microscope with an annular dark-field detector.

    Parameters
    ----------
    energy : float
        Beam energy [eV].
    semiangle_cutoff : float
        Probe-forming semi-angle [mrad].
    inner, outer : float
        Collection angles of the detector [mrad].
    aberrations : mapping of str to float
        Krivanek coefficients in Cartesian form [Å]: C10 (= -defocus), C12a, C12b, C21a, C21b,
        C23a, C23b, C30 (= Cs), C32a, ... C56b. Coefficients not named are zero.
    source_size : float
        Effective source size, FWHM of a Gaussian [Å].
    focal_spread : float
        FWHM of the Gaussian distribution of defocus [Å].

    Raises
    ------
    ValueError
        If a value is out of range or a coefficient does not exist.

    Examples
    --------
    >>> Microscope(energy=80e3, aberrations={"C12a": 10}).with_defocus(50).defocus
    50.0
    """

    energy: float = 80e3
    semiangle_cutoff: float = 25.0
    inner: float = 63.0
    outer: float = 200.0
    aberrations: Mapping[str, float] = field(default_factory=dict)
    source_size: float = 0.0
    focal_spread: float = 0.0

    def __post_init__(self):
        if not (self.energy > 0 and self.semiangle_cutoff > 0):
            raise ValueError(
                "energy [eV] and semiangle_cutoff [mrad] must be positive. Received: "
                f"{self.energy}, {self.semiangle_cutoff}"
            )
        if not 0 <= self.inner < self.outer:
            raise ValueError(
                f"Expected 0 <= inner < outer [mrad]. Received: {self.inner}, {self.outer}"
            )
        if self.source_size < 0 or self.focal_spread < 0:
            raise ValueError(
                "source_size and focal_spread [Å] must not be negative. Received: "
                f"{self.source_size}, {self.focal_spread}"
            )
        for name in self.aberrations:
            _parse(name)
        values = {name: float(value) for name, value in self.aberrations.items()}
        object.__setattr__(self, "aberrations", MappingProxyType(values))

    @property
    def wavelength(self) -> float:
        """Electron wavelength [Å]."""
        return electron_wavelength(self.energy)

    @property
    def defocus(self) -> float:
        """Defocus, positive for underfocus [Å]; -C10."""
        return 0.0 - self.aberrations.get("C10", 0.0)

    @property
    def Cs(self) -> float:  # noqa: N802 - the field's symbol
        """Third-order spherical aberration [Å]; C30."""
        return self.aberrations.get("C30", 0.0)

    @property
    def bandwidth(self) -> float:
        """Highest spatial frequency in an incoherent image, 2 α / λ [1/Å]."""
        return 2e-3 * self.semiangle_cutoff / self.wavelength

    def with_aberrations(self, **changes: float) -> "Microscope":
        """Return a copy with some coefficients changed [Å]."""
        return replace(self, aberrations={**self.aberrations, **changes})

    def with_defocus(self, defocus: float) -> "Microscope":
        """Return a copy with another defocus [Å], positive for underfocus."""
        return self.with_aberrations(C10=-defocus)


def aberration_function(microscope: Microscope, alpha: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Aberration function χ, a length [Å].

    χ = Σ α^(n+1) / (n+1) · (C_nma cos mφ + C_nmb sin mφ); C10 = -defocus.

    Parameters
    ----------
    microscope : Microscope
        Its `aberrations` are used.
    alpha : ndarray
        Angle to the optical axis [rad].
    phi : ndarray
        Azimuth [rad], broadcast against `alpha`.

    Returns
    -------
    ndarray

    References
    ----------
    O. L. Krivanek, N. Dellby, A. R. Lupini, Ultramicroscopy 78, 1 (1999).
    """
    chi = np.zeros(np.broadcast_shapes(alpha.shape, phi.shape))
    for name, value in microscope.aberrations.items():
        if value:
            order, fold, part = _parse(name)
            turn = np.sin(fold * phi) if part == "b" else np.cos(fold * phi)
            chi += value * alpha ** (order + 1) / (order + 1) * turn
    return chi


def _probe_on_grid(microscope: Microscope, ky: np.ndarray, kx: np.ndarray) -> np.ndarray:
    """|ψ|², sum 1, origin at (0, 0), without source size; sums over the focal spread."""
    k = np.hypot(ky[:, None], kx[None, :])
    inside = k <= microscope.semiangle_cutoff * 1e-3 / microscope.wavelength
    rows, columns = np.nonzero(inside)
    alpha = k[inside] * microscope.wavelength
    chi = aberration_function(microscope, alpha, np.arctan2(ky[rows], kx[columns]))
    nodes, weights = np.array([0.0]), np.array([1.0])
    if microscope.focal_spread > 0:
        nodes, weights = np.polynomial.hermite.hermgauss(_FOCAL_NODES)
        nodes = nodes * microscope.focal_spread / (2 * np.sqrt(np.log(2)))
    intensity = np.zeros(k.shape)
    for shift, weight in zip(nodes, weights / weights.sum(), strict=True):
        pupil = np.zeros(k.shape, dtype=np.complex128)
        phase = chi - shift * alpha**2 / 2
        pupil[inside] = np.exp(-2j * np.pi / microscope.wavelength * phase)
        # fft2, not ifft2: the other sign would invert the odd aberrations through the origin.
        psi = fft.fft2(pupil)
        intensity += weight * (psi.real**2 + psi.imag**2)
    return intensity / intensity.sum()


def transfer_function(
    microscope: Microscope, shape: tuple[int, int], extent: tuple[float, float]
) -> np.ndarray:
    """Optical transfer function of incoherent imaging on the half plane of `rfft2`.

    Parameters
    ----------
    microscope : Microscope
        The optics, source size included.
    shape : tuple of int
        Grid (rows, columns), fine enough that 2 α / λ lies below its Nyquist frequency.
    extent : tuple of float
        Size of the field (y, x) [Å].

    Returns
    -------
    ndarray of shape (rows, columns // 2 + 1)
        Complex; 1 at zero frequency and 0 beyond 2 α / λ.
    """
    ky = fft.fftfreq(shape[0], extent[0] / shape[0])
    kx = fft.fftfreq(shape[1], extent[1] / shape[1])
    transfer = fft.rfft2(_probe_on_grid(microscope, ky, kx))
    if microscope.source_size > 0:
        width = np.pi**2 * (microscope.source_size / 2) ** 2 / np.log(2)
        half = fft.rfftfreq(shape[1], extent[1] / shape[1])
        transfer *= np.exp(-width * ky**2)[:, None] * np.exp(-width * half**2)[None, :]
    return transfer


def probe_intensity(
    microscope: Microscope, shape: tuple[int, int], sampling: float | tuple[float, float]
) -> np.ndarray:
    """Intensity of the probe, source size included [1/Å²].

    Parameters
    ----------
    microscope : Microscope
        The optics.
    shape : tuple of int
        (rows, columns) of the result.
    sampling : float or tuple of float
        Pixel size [Å/px], or (along rows y, along columns x).

    Returns
    -------
    ndarray of shape (rows, columns)
        Centred on pixel (rows // 2, columns // 2); its integral is 1. The field is periodic: it
        should be several times wider than the probe.

    Raises
    ------
    ValueError
        If the pixels are too large for the band limit 2 α / λ of the probe.

    References
    ----------
    E. J. Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., Springer 2010, sec. 5.4.

    Examples
    --------
    >>> P = probe_intensity(Microscope(source_size=1.0), (96, 96), 0.2)
    >>> round(float(P.sum() * 0.2**2), 6)
    1.0
    """
    sy, sx = np.broadcast_to(np.asarray(sampling, float), (2,))
    if max(sy, sx) * microscope.bandwidth > 0.5:
        raise ValueError(
            f"The probe holds frequencies up to {microscope.bandwidth:.3f} / Å: pixels of at most "
            f"{0.5 / microscope.bandwidth:.3f} Å are needed. Received: sampling={sampling}"
        )
    extent = shape[0] * sy, shape[1] * sx
    probe = fft.irfft2(transfer_function(microscope, shape, extent), s=shape)
    return fft.fftshift(probe) / (sy * sx)
