"""The crystal lattice of an image, measured from the spots of its power spectrum."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stemzoo.analysis.cell import Cell, Lattice, distortion, ideal_second
from stemzoo.analysis.spectrum_peaks import (
    WEAK_PEAK,
    SpectrumPeaks,
    find_spectrum_peaks,
    noise_evidence,
)
from stemzoo.io.image_checks import MIN_SIDE
from stemzoo.io.pixel_size import LATTICE_RANGE
from stemzoo.simulate.materials import Material, find_material
from stemzoo.simulate.projected_lattice import LatticeShape, cell_index

MIN_CONFIDENCE = 0.4
SAMPLING_TOLERANCE = 0.2
# Drift and scan errors of real images reach 0.09: pixels a fifth longer along rows than columns.
MAX_STRAIN = 0.15
MIN_CELLS = 3  # fringes across the shorter side, below which spots merge with the haze
_SEEDS = 60  # strongest peaks that are tried as spots of a cell
_STRONG = 4  # reflections of a lattice of any shape, two of which they are tried as
# Of the pattern around the origin that is judged, in units of the innermost ring. A sublattice must
# be betrayed by spots inside its own ring (0.58 or 0.71 of it), and two shells more tell a crystal
# from chance spots.
_INNER, _OUTER = 0.5, 2.15
_FARTHEST = 1.1 * _OUTER  # as a ring may grow a little when it is refined
_EQUAL = 0.05  # scores that differ by less are equal


def find_lattice(
    image: np.ndarray,
    material: Material,
    *,
    sampling: float | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    peaks: SpectrumPeaks | None = None,
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
    peaks : SpectrumPeaks, optional
        All peaks of the image, see `all_peaks`, if other lattices are looked for in it, too.

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
    unless every spot of the innermost ring (of the two innermost of a square lattice; of one of
    another shape, enough of those that an image shows to tell its cell) is there:

    * p bounds the chance that noise makes such a ring: (number of possible rings) times
      exp(-n e), with e the evidence of the weakest of the n independent spots;
    * s is the share of the significant peaks (weighted by amplitude, between 0.5 and 2.15 times
      the ring) that lie on lattice points whose reflections are not extinct, and c the share of
      the area that would pass for such.

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
    if peaks is None:
        image = _checked(image)
    low, high = LATTICE_RANGE
    if sampling is not None:
        if not (np.isfinite(sampling) and sampling > 0):
            raise ValueError(f"Expected a sampling above 0 Å/px. Received: sampling={sampling}")
        low, high = sampling * (1 - SAMPLING_TOLERANCE), sampling * (1 + SAMPLING_TOLERANCE)
    spacing = material.spacing
    rings = max(low / spacing, MIN_CELLS / min(image.shape)), min(high / spacing, 0.5)
    shapes = _shapes(material)
    farthest = max(_FARTHEST, *(1.1 * _outer(shape) for shape in shapes))
    limit = farthest * rings[1]
    peaks = find_spectrum_peaks(image, limit) if peaks is None else peaks.within(limit)
    cells = [
        cell for shape in shapes for cell in _candidates(peaks, material.symmetry, shape, *rings)
    ]
    scores = [_confidence(cell, peaks) for cell in cells]
    best = max(scores, default=0.0)
    lattice = None
    if best >= min_confidence:
        # Of equals the larger cell: its ring is there, only too weak to weigh in the score.
        equals = [c for c, s in zip(cells, scores, strict=True) if s > best - _EQUAL]
        chosen = min(equals, key=lambda cell: cell.area)
        lattice = _describe(_refined(chosen, peaks), peaks, spacing)
        best = lattice.confidence
    if lattice is None or best < min_confidence:
        raise ValueError(
            f"No {material.name} lattice found: expected a confidence of at least "
            f"{min_confidence} for {low:.3g} to {high:.3g} Å/px; state the sampling, or check the "
            f"material. Received: an image of shape {image.shape}, confidence {best:.2f}"
        )
    return lattice


def all_peaks(image: np.ndarray) -> SpectrumPeaks:
    """Find the peaks of all frequencies, for `find_lattice` of several materials in one image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        As of `find_lattice`.

    Returns
    -------
    SpectrumPeaks

    Raises
    ------
    ValueError
        If the image has the wrong shape, or holds infinities or NaN.

    Examples
    --------
    >>> peaks = all_peaks(image)  # doctest: +SKIP
    >>> find_lattice(image, find_material("wse2"), peaks=peaks)  # doctest: +SKIP
    """
    return find_spectrum_peaks(_checked(image), 0.5)


def _checked(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.ndim != 2 or min(image.shape) < MIN_SIDE:
        raise ValueError(
            f"Expected one image of shape (M, N), {MIN_SIDE} px or more a side; select a channel "
            f"or a larger region. Received: shape {image.shape}"
        )
    image = image.astype(np.float64)
    if not np.isfinite(image).all():
        raise ValueError(
            "Expected finite pixels; replace NaN and infinite ones. "
            f"Received: {np.count_nonzero(~np.isfinite(image))} of them"
        )
    return image


def _shapes(material: Material) -> list[LatticeShape | None]:
    """Shapes that a material's lattice may have, which for an oblique one are two mirror images."""
    shape = material.shape
    if shape is None or shape.is_mirrored_alike():
        return [shape]
    return [shape, shape.mirrored()]


def _outer(shape: LatticeShape | None) -> float:
    """How far the judged pattern reaches, in units of the innermost ring."""
    if shape is None:
        return _OUTER
    return max(
        _OUTER, 1.05 * float(np.sqrt(shape.squared_length(*np.array(shape.required).T)).max())
    )


def _candidates(
    peaks: SpectrumPeaks, symmetry: int, shape: LatticeShape | None, low: float, high: float
) -> list[Cell]:
    """Cells whose ring radius lies between low and high [1/px] and two of whose spots are peaks."""
    if shape is not None:
        return _shaped_candidates(peaks, shape, low, high)
    z = peaks.position
    seeds = z[(abs(z) > 0.9 * low) & (abs(z) < 2 * high)][:_SEEDS]
    # Every peak with every other one and with the opposites, which the half spectrum leaves out.
    first, second = (g.ravel() for g in np.meshgrid(seeds, np.concatenate([seeds, -seeds])))
    alpha, beta = distortion(first, second, symmetry)
    keep = abs(alpha) * MAX_STRAIN > abs(beta)
    alpha, beta = alpha[keep], beta[keep]
    # The two peaks may also belong to the second ring, of a cell whose first one is weak.
    turn = np.exp(1j * np.pi / symmetry) / np.sqrt(3 if symmetry == 6 else 2)
    alpha = np.concatenate([alpha, alpha * turn])
    beta = np.concatenate([beta, beta * np.conj(turn)])
    radius = np.sqrt(abs(alpha) ** 2 - abs(beta) ** 2)
    keep = (radius > low) & (radius < high)
    ideal = ideal_second(symmetry)
    return [
        Cell(a + b, a * ideal + b * np.conj(ideal), symmetry)
        for a, b in zip(alpha[keep], beta[keep], strict=True)
    ]


def _shaped_candidates(
    peaks: SpectrumPeaks, shape: LatticeShape, low: float, high: float
) -> list[Cell]:
    """As `_candidates`, of a lattice of any shape: every two peaks as two strong reflections."""
    z = peaks.position
    strong = np.array(shape.shown[:_STRONG])
    lengths = np.sqrt(shape.squared_length(*strong.T))
    inside = (abs(z) > 0.9 * low * lengths.min()) & (abs(z) < 1.1 * high * lengths.max())
    seeds = z[inside][:_SEEDS]
    one, other = (g.ravel() for g in np.meshgrid(seeds, np.concatenate([seeds, -seeds])))
    cells: dict[tuple[int, ...], Cell] = {}
    for i, j in zip(*np.triu_indices(len(strong), 1), strict=True):
        matrix = strong[[i, j]].astype(float)
        if abs(np.linalg.det(matrix)) < 0.5:
            continue
        first, second = np.linalg.inv(matrix) @ np.array([one, other])
        alpha, beta = distortion(first, second, 2, shape)
        radius = np.sqrt(np.maximum(abs(alpha) ** 2 - abs(beta) ** 2, 0))
        keep = (abs(alpha) * MAX_STRAIN > abs(beta)) & (radius > low) & (radius < high)
        for a, b in zip(first[keep], second[keep], strict=True):
            # Cells that agree within half the resolution are one.
            ends = np.array([a.real, a.imag, b.real, b.imag])
            sides = np.array([peaks.shape[1], peaks.shape[0]] * 2)
            cells.setdefault(tuple(np.rint(2 * ends * sides).astype(int)), Cell(a, b, 2, shape))
    return list(cells.values())


def _significant(cell: Cell, peaks: SpectrumPeaks) -> tuple[np.ndarray, float]:
    """Which peaks (P,) of the judged pattern are not expected from noise, and its area [bins]."""
    inner, outer = (cell.ring * edge for edge in (_INNER, _outer(cell.shape)))
    size = np.pi / 2 * (outer**2 - inner**2) * np.prod(peaks.shape)
    r = abs(peaks.position)
    strong = noise_evidence(peaks.strength) > np.log(size) + 2
    return (r > inner) & (r < outer) & strong, size


def _confidence(cell: Cell, peaks: SpectrumPeaks) -> float:
    """Score a cell by the pattern that it predicts; the Notes of `find_lattice` say how."""
    h, k, on = cell.index(peaks)
    spots = cell.required_spots if cell.shape is None else cell.shape.shown
    required = []
    for a, b in spots:
        hit = on & (((h == a) & (k == b)) | ((h == -a) & (k == -b)))
        required.append(peaks.strength[hit].max(initial=0.0))
    choices = 1
    if cell.shape is not None:
        # Haze may hide any of them: those that are there must tell the cell.
        required = _strongest_that_span(required, spots)
        choices = len(spots) ** len(required)
    if min(required) < WEAK_PEAK:
        return 0.0
    significant, size = _significant(cell, peaks)
    bins = cell.area * np.prod(peaks.shape)
    spot = np.pi * cell.spot_radius(peaks.shape) ** 2
    # Ways to choose the ring: its first spot anywhere, its second within the strain that is
    # allowed; each further one must be where these two say.
    trials = size * max(1, 3 * np.pi * MAX_STRAIN**2 * bins) * spot ** (len(required) - 2)
    noise = min(1.0, choices * trials * np.exp(-len(required) * noise_evidence(min(required))))
    weight = np.sqrt(peaks.strength) * significant
    if not weight.any():
        return 0.0
    if cell.shape is not None:
        on = on & ~cell.shape.is_extinct(h, k)
    share, chance = weight[on].sum() / weight.sum(), min(0.5, spot / bins)
    shape = max(0.0, 1 - (cell.strain / MAX_STRAIN) ** 2)
    return float((1 - noise) * shape * max(0.0, (share - chance) / (1 - chance)))


def _strongest_that_span(
    strengths: Sequence[float], spots: Sequence[tuple[int, int]]
) -> list[float]:
    """Strengths of the strongest spots that generate the lattice of all; one of 0 if none do."""
    whole, chosen, found = cell_index(spots), [], []
    for i in np.argsort(-np.array(strengths), kind="stable"):
        if strengths[i] < WEAK_PEAK:
            break
        chosen.append(spots[i])
        found.append(strengths[i])
        if cell_index(chosen) == whole:
            return found
    return [0.0]


def _refined(cell: Cell, peaks: SpectrumPeaks) -> Cell:
    """Fit the cell to its spots up to twice the ring, strong ones weighing more; three rounds."""
    for _ in range(3):
        h, k, on = cell.index(peaks)
        norm = cell.squared_length(h, k)
        farthest = 4 if cell.shape is None else _outer(cell.shape) ** 2
        use = on & ((norm <= 1) | ((norm <= farthest) & _significant(cell, peaks)[0]))
        # Beyond 1000 the lattice's own distortion limits a position, not noise.
        weight = np.sqrt(np.minimum(peaks.strength[use], 1000))
        indices = np.stack([h[use], k[use]], axis=1) * weight[:, None]
        if cell.shape is not None and np.linalg.matrix_rank(indices) < 2:
            break  # spots on one line, which do not tell the other vector
        target = peaks.position[use] * weight
        first, second = np.linalg.lstsq(indices.astype(complex), target, rcond=None)[0]
        cell = replace(cell, first=complex(first), second=complex(second))
    return cell


def _describe(cell: Cell, peaks: SpectrumPeaks, spacing: float) -> Lattice:
    """Turn a cell into the lattice of a crystal with some spacing of the innermost planes [Å]."""
    reciprocal = np.array([[z.imag, z.real] for z in (cell.first, cell.second)])
    h, k, on = cell.index(peaks)
    found = on & _significant(cell, peaks)[0]
    # A pair of opposites once, whichever of the two is the peak.
    pairs = {max((a, b), (-a, -b)) for a, b in zip(h[found], k[found], strict=True)}
    if cell.shape is None:
        h, k = np.ogrid[-3:4, -3:4]
    else:
        shown = np.array(cell.shape.shown)
        h, k = np.concatenate([shown, -shown, [[0, 0]]]).T
    points = h * cell.first + k * cell.second
    inside = np.maximum(abs(points.real), abs(points.imag)) < 0.5
    inside &= cell.squared_length(h, k) < _outer(cell.shape) ** 2
    return Lattice(
        sampling=float(spacing * cell.ring),
        vectors=np.linalg.inv(reciprocal).T,
        reciprocal=reciprocal,
        symmetry=cell.symmetry,
        rotation=float(cell.rotation % (360 / cell.symmetry)),
        strain=float(cell.strain),
        confidence=_confidence(cell, peaks),
        spots_found=2 * len(pairs),
        spots_expected=int(np.count_nonzero(inside)) - 1,  # without the origin
        shape=cell.shape,
    )


def find_rotation(
    images: Sequence[np.ndarray], material: str | Material, sampling: float
) -> tuple[float, float] | None:
    """Measure the orientation of the lattices of some images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str or Material
        The crystal.
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
    angles, period = np.array(rotations), 360.0 / crystal.symmetry
    turns = np.exp(2j * np.pi * angles / period)
    middle = np.angle(turns.mean()) * period / (2 * np.pi)
    away = (angles - middle + period / 2) % period - period / 2
    return float(middle), max(float(away.std()), 1.0)
