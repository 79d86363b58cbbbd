"""The crystal lattice of an image, measured from the spots of its power spectrum.

Positions in the spectrum are complex numbers here, column frequency + i row frequency [1/px], and
a cell is a pair (p, q) of them. A distorted cell is an ideal one under z -> alpha z + beta conj(z):
abs(beta)/abs(alpha) measures the distortion, the phase of alpha is the rotation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from stemzoo.analysis.spectrum import SURROUNDINGS, log_background, windowed_power
from stemzoo.simulate.materials import Material, find_material

MIN_CONFIDENCE = 0.4
PLAUSIBLE_SAMPLING = (0.03, 0.6)  # [Å/px]
SAMPLING_TOLERANCE = 0.2
# Drift and scan errors of real images reach 0.09: pixels a fifth longer along rows than columns.
MAX_STRAIN = 0.15
MIN_SIZE = 64  # [px]
MIN_CELLS = 3  # fringes across the shorter side, below which spots merge with the haze
_WEAK_PEAK = 5.0  # of the background; noise exceeds it in 0.8 % of all places
_SEEDS = 60


# In units of the innermost ring. A sublattice must be betrayed by spots inside its own ring (0.58
# or 0.71 of it), and two shells more tell a crystal from chance spots.
_NEAR = (0.5, 2.15)
_FARTHEST = 1.1 * _NEAR[1]  # as a ring may grow a little when it is refined


@dataclass(frozen=True)
class Lattice:
    """A crystal lattice as found in an image.

    Parameters
    ----------
    sampling : float
        Pixel size [Å/px], from the area of the unit cell: shear does not bias it.
    vectors : ndarray of shape (2, 2)
        Two lattice vectors, (row, column) each [px].
    reciprocal : ndarray of shape (2, 2)
        Two of the innermost spots, (row, column) each [1/px]; ``vectors @ reciprocal.T`` is the
        unit matrix (no factor 2π).
    symmetry : int
        Number of spots of the innermost ring: 6 (hexagonal) or 4 (square).
    rotation : float
        Angle from the column axis to the nearest lattice row of the undistorted lattice, positive
        towards increasing rows, in [0, 360 / symmetry) [degrees].
    strain : float
        Departure from the ideal shape, at equal area: the lattice is longer by this fraction along
        one direction and shorter by it across.
    confidence : float
        In [0, 1]; `find_lattice` says how it is computed.
    spots_found, spots_expected : int
        Significant spots, and all spots of the lattice, within 2.15 times the innermost ring.
    """

    sampling: float
    vectors: np.ndarray
    reciprocal: np.ndarray
    symmetry: int
    rotation: float
    strain: float
    confidence: float
    spots_found: int
    spots_expected: int


@dataclass(frozen=True)
class _Peaks:
    """Local maxima of half a power spectrum, strongest first, and the shape of the image [px]."""

    position: np.ndarray
    strength: np.ndarray
    shape: tuple[int, int]

    def bins(self, z):
        """Frequencies in units of the resolution of the spectrum."""
        return np.hypot(z.real * self.shape[1], z.imag * self.shape[0])


def find_lattice(
    image: np.ndarray,
    material: Material,
    *,
    sampling: float | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Lattice:
    """Find the lattice of a crystal in an image, and from it the pixel size.

    The peaks of the power spectrum are compared with their surroundings, along rows and columns
    too, so that neither haze nor line noise counts. Every pair of peaks that could span the
    innermost ring is scored by the whole pattern it predicts, and the best is refined by least
    squares on all of its spots.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least 64 px and three lattice planes on each side.
    material : Material
        The crystal; its spacing and symmetry are used.
    sampling : float, optional
        Expected pixel size [Å/px]: search within 20 % of it, instead of from 0.03 to 0.6 Å/px.
    min_confidence : float
        Least `confidence`; a lower one lets a distorted lattice pass, where other images of the
        session show what to expect.

    Returns
    -------
    Lattice

    Raises
    ------
    ValueError
        If the image has the wrong shape, holds infinities or NaN, or if no lattice is found
        (confidence below `min_confidence`).

    Notes
    -----
    confidence = (1 - p) (1 - (strain / 0.15)²) (s - c) / (1 - c), each factor at least 0, and 0
    unless every spot of the innermost ring (of the two innermost of a square lattice) is there:

    * p bounds the chance that noise makes such a ring: (number of possible rings) times
      exp(-n e), with e the evidence of the weakest of the n independent spots;
    * s is the share of the significant peaks (weighted by amplitude, between 0.5 and 2.15 times
      the ring) that lie on lattice points, and c the share of the area that would pass for such.

    It is near 1 for one crystal, and about 0.5 for the larger of two equal grains. A sublattice
    scores less as it leaves spots unexplained; a superlattice has no innermost ring. A periodic
    scene (a chessboard or a wall of bricks, taken for a square crystal) has a lattice and may pass;
    nor can a wrong material be told if its symmetry fits.

    Examples
    --------
    >>> lattice = find_lattice(image, find_material("wse2"))  # doctest: +SKIP
    >>> lattice.sampling, lattice.confidence  # doctest: +SKIP
    (0.0953, 0.99)
    """
    image = _checked(image)
    low, high = PLAUSIBLE_SAMPLING
    if sampling is not None:
        if not (np.isfinite(sampling) and sampling > 0):
            raise ValueError(f"Expected a sampling above 0 Å/px. Received: sampling={sampling}")
        low, high = sampling * (1 - SAMPLING_TOLERANCE), sampling * (1 + SAMPLING_TOLERANCE)
    order, spacing = material.symmetry, material.spacing
    rings = max(low / spacing, MIN_CELLS / min(image.shape)), min(high / spacing, 0.5)
    peaks = _find_peaks(image, _FARTHEST * rings[1])
    cells = _candidates(peaks, order, *rings)
    scores = [_confidence(cell, peaks, order) for cell in cells]
    best = max(scores, default=0.0)
    lattice = None
    if best >= min_confidence:
        # Of equals the larger cell: its ring is there, only too weak to weigh in the score.
        equals = [c for c, s in zip(cells, scores, strict=True) if s > best - 0.05]
        lattice = _describe(_refined(min(equals, key=_area), peaks, order), peaks, material)
        best = lattice.confidence
    if best < min_confidence:
        raise ValueError(
            f"No {material.name} lattice found: expected a confidence of at least "
            f"{min_confidence} for {low:.3g} to {high:.3g} Å/px; state the sampling, or check the "
            f"material. Received: an image of shape {image.shape}, confidence {best:.2f}"
        )
    return lattice


def _checked(image):
    image = np.asarray(image)
    if image.ndim != 2 or min(image.shape) < MIN_SIZE:
        raise ValueError(
            f"Expected one image of shape (M, N), {MIN_SIZE} px or more a side; select a channel "
            f"or a larger region. Received: shape {image.shape}"
        )
    image = image.astype(np.float64)
    if not np.isfinite(image).all():
        raise ValueError(
            "Expected finite pixels; replace NaN and infinite ones. "
            f"Received: {np.count_nonzero(~np.isfinite(image))} of them"
        )
    return image


def _find_peaks(image, limit):
    """Find the peaks of the power spectrum up to a frequency [1/px] along rows and columns."""
    shape = tuple(fft.next_fast_len(max(n, 256)) for n in image.shape)
    padding = tuple(p / n for p, n in zip(shape, image.shape, strict=True))
    power = windowed_power(image, shape)
    least = 1e-9 * power.mean() + np.finfo(np.float32).tiny
    reach = [min(int(np.ceil(limit * n)), n // 2 - 1) for n in shape]
    margins = [round(max(SURROUNDINGS) * p) + 1 for p in padding]
    # Bins from the centre; of columns one half, as the other is the same by symmetry.
    rows, columns = (
        np.arange(first - margin, last + margin + 1)
        for first, last, margin in zip((-reach[0], 0), reach, margins, strict=True)
    )
    at = np.ix_(*((n // 2 + bins) % n for n, bins in zip(shape, (rows, columns), strict=True)))
    log_power = np.log(power[at] + least)
    strength = log_power - log_background(log_power, padding)
    size = [2 * round(p) + 1 for p in padding]
    peak = ndimage.maximum_filter(log_power, size, mode="wrap") == log_power
    peak &= strength > np.log(_WEAK_PEAK)
    inner = tuple(slice(margin, -margin) for margin in margins)
    at = tuple(
        index + margin for index, margin in zip(np.nonzero(peak[inner]), margins, strict=True)
    )
    y = rows[at[0]] + _vertex(log_power, at)
    x = columns[at[1]] + _vertex(log_power.T, at[::-1])
    z = x / shape[1] + 1j * y / shape[0]
    strength = np.exp(strength[at])
    order = np.argsort(-strength)
    return _Peaks(z[order], strength[order], image.shape)


def _vertex(values, at):
    """Offset of the vertex of the parabola through three neighbours along the first axis."""
    index, rest = at
    below, here, above = (values[index + step, rest] for step in (-1, 0, 1))
    return (below - above) / (2 * np.minimum(below - 2 * here + above, -1e-9))


def _evidence(strength):
    """-log of the chance of a peak this strong in noise.

    Power over its mean, when that is estimated from some 60 independent neighbours, follows an
    F(2, 120) distribution.
    """
    return 60 * np.log1p(strength / 60)


def _second(order):
    """Second vector of the ideal cell whose first is 1."""
    return np.exp(1j * np.pi / 3) if order == 6 else 1j


def _ring(order):
    """Return the indices of the spots that must be there, one of each opposite pair.

    The innermost ring; of a square lattice the second one too, as bricks, blocks of compressed
    pictures and the like have two spots at right angles.
    """
    return ((1, 0), (0, 1), (-1, 1)) if order == 6 else ((1, 0), (0, 1), (-1, 1), (1, 1))


def _area(cell):
    p, q = cell
    return abs((p.conjugate() * q).imag)


def _affine(p, q, order):
    e = _second(order)
    alpha = (q - p * np.conj(e)) / (e - np.conj(e))
    return alpha, p - alpha


def _strain(cell, order):
    long, short = (abs(z) for z in _affine(*cell, order))
    return np.sqrt((long + short) / max(long - short, 1e-9)) - 1


def _candidates(peaks, order, low, high):
    """Cells whose ring radius lies between low and high [1/px] and two of whose spots are peaks."""
    z = peaks.position
    seeds = z[(abs(z) > 0.9 * low) & (abs(z) < 2 * high)][:_SEEDS]
    p, q = (g.ravel() for g in np.meshgrid(seeds, np.concatenate([seeds, -seeds])))
    alpha, beta = _affine(p, q, order)
    keep = abs(alpha) * MAX_STRAIN > abs(beta)
    alpha, beta = alpha[keep], beta[keep]
    # The two peaks may also belong to the second ring, of a cell whose first one is weak.
    turn = np.exp(1j * np.pi / order) / np.sqrt(3 if order == 6 else 2)
    alpha = np.concatenate([alpha, alpha * turn])
    beta = np.concatenate([beta, beta * np.conj(turn)])
    radius = np.sqrt(abs(alpha) ** 2 - abs(beta) ** 2)
    keep = (radius > low) & (radius < high)
    e = _second(order)
    return [(a + b, a * e + b * np.conj(e)) for a, b in zip(alpha[keep], beta[keep], strict=True)]


def _indexed(cell, peaks):
    """Index the peaks: nearest lattice point (h, k) each, and whether it is near enough."""
    p, q = cell
    z = peaks.position
    signed = (p * np.conj(q)).imag
    h = np.rint((z * np.conj(q)).imag / signed)
    k = np.rint(-(z * np.conj(p)).imag / signed)
    tolerance = _tolerance(cell, peaks)
    near = peaks.bins(z - h * p - k * q) < tolerance
    return h, k, near & ((h != 0) | (k != 0))


def _tolerance(cell, peaks):
    """Radius of a spot [bins]: the resolution, or a little more if the lattice varies."""
    return max(1.2, 0.04 * min(peaks.shape) * np.sqrt(_area(cell)))


def _significant(cell, peaks, order):
    """Whether a peak belongs to the pattern's surroundings and is not expected from noise there."""
    radius = np.sqrt(_area(cell) / _second(order).imag)
    inner, outer = (radius * edge for edge in _NEAR)
    size = np.pi / 2 * (outer**2 - inner**2) * np.prod(peaks.shape)
    r = abs(peaks.position)
    return (r > inner) & (r < outer) & (_evidence(peaks.strength) > np.log(size) + 2), size


def _confidence(cell, peaks, order):
    h, k, on = _indexed(cell, peaks)
    ring = []
    for a, b in _ring(order):
        hit = on & (((h == a) & (k == b)) | ((h == -a) & (k == -b)))
        ring.append(peaks.strength[hit].max(initial=0.0))
    if min(ring) < _WEAK_PEAK:
        return 0.0
    significant, size = _significant(cell, peaks, order)
    bins = _area(cell) * np.prod(peaks.shape)
    spot = np.pi * _tolerance(cell, peaks) ** 2
    trials = size * max(1, 3 * np.pi * MAX_STRAIN**2 * bins) * spot ** (len(ring) - 2)
    noise = min(1.0, trials * np.exp(-len(ring) * _evidence(min(ring))))
    weight = np.sqrt(peaks.strength) * significant
    if not weight.any():
        return 0.0
    share, chance = weight[on].sum() / weight.sum(), min(0.5, spot / bins)
    shape = max(0.0, 1 - (_strain(cell, order) / MAX_STRAIN) ** 2)
    return float((1 - noise) * shape * max(0.0, (share - chance) / (1 - chance)))


def _refined(cell, peaks, order):
    """Fit the cell to its spots up to twice the ring, strong ones weighing more; three rounds."""
    for _ in range(3):
        h, k, on = _indexed(cell, peaks)
        radius = abs(h + k * _second(order))
        use = on & ((radius < 1.1) | ((radius < 2.1) & _significant(cell, peaks, order)[0]))
        # Beyond 1000 the lattice's own distortion limits a position, not noise.
        weight = np.sqrt(np.minimum(peaks.strength[use], 1000))
        indices = np.stack([h[use], k[use]], axis=1) * weight[:, None]
        target = peaks.position[use] * weight
        p, q = np.linalg.lstsq(indices.astype(complex), target, rcond=None)[0]
        cell = complex(p), complex(q)
    return cell


def _describe(cell, peaks, material):
    order, e = material.symmetry, _second(material.symmetry)
    alpha, _ = _affine(*cell, order)
    reciprocal = np.array([[z.imag, z.real] for z in cell])
    # The lattice rows run across the spots: 30 degrees from one, in a hexagonal lattice.
    rotation = np.degrees(np.angle(alpha)) - (30 if order == 6 else 0)
    h, k, on = _indexed(cell, peaks)
    found = on & _significant(cell, peaks, order)[0]
    pairs = zip(h[found], k[found], strict=True)
    spots = {max((a, b), (-a, -b)) for a, b in pairs}
    n = np.arange(-3, 4)
    points = n[:, None] * cell[0] + n * cell[1]
    radius = abs(n[:, None] + n * e)
    inside = (np.maximum(abs(points.real), abs(points.imag)) < 0.5) & (radius < _NEAR[1])
    return Lattice(
        sampling=float(material.spacing * np.sqrt(_area(cell) / e.imag)),
        vectors=np.linalg.inv(reciprocal).T,
        reciprocal=reciprocal,
        symmetry=order,
        rotation=float(rotation % (360 / order)),
        strain=float(_strain(cell, order)),
        confidence=_confidence(cell, peaks, order),
        spots_found=2 * len(spots),
        spots_expected=int(np.count_nonzero(inside)) - 1,
    )


def find_rotation(
    images: Sequence[np.ndarray], material: str, sampling: float
) -> tuple[float, float] | None:
    """Measure the orientation of the lattices of some images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Their pixel size [Å/px].

    Returns
    -------
    pair of float, or None
        Mean and standard deviation, at least 1 [degrees]; None where fewer than half of the images
        show a lattice.

    Raises
    ------
    KeyError
        For an unknown material.
    """
    crystal = find_material(material)
    rotations = []
    for image in images:
        try:
            rotations.append(find_lattice(image, crystal, sampling=sampling).rotation)
        except ValueError:
            continue
    if 2 * len(rotations) < len(images):
        return None
    return _spread(np.array(rotations), 360.0 / crystal.symmetry)


def _spread(angles: np.ndarray, period: float) -> tuple[float, float]:
    """Mean and spread of angles that repeat with a period [degrees]."""
    turns = np.exp(2j * np.pi * angles / period)
    middle = np.angle(turns.mean()) * period / (2 * np.pi)
    away = (angles - middle + period / 2) % period - period / 2
    return float(middle), max(float(away.std()), 1.0)
