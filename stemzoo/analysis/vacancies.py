"""Which columns are vacancies, by the intensity of each against its neighbours'."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from stemzoo.analysis.columns import column_contrast, column_intensities
from stemzoo.analysis.robust_spread import median_deviation
from stemzoo.analysis.scan_errors import find_scan_errors
from stemzoo.analysis.sites import lattice_sites
from stemzoo.preprocessing import normal_scores
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.materials import Material

_BORDER = 5.0  # [Å]: columns nearer to an edge are not judged
_COLUMNS = 30  # of fewer no one can tell what is usual
_ROUNDS = 200
# Contrast of a column without one of its atoms, to begin with, and between what it is sought.
_VACANCY, _LOWEST, _HIGHEST = 0.6, 0.2, 0.9
_FEWEST, _MOST = 0.001, 0.1  # part of the columns that are vacancies


@dataclass(frozen=True, eq=False)
class ColumnEvidence:
    """How likely each column of an image is a vacancy, by its intensity.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column [px] of the columns that may be one.
    probability : ndarray of shape (K,)
        That it is.
    separation : float
        Distance of vacancies from full columns in standard deviations.
    sampling : float
        Pixel size [Å/px].
    """

    positions: np.ndarray
    probability: np.ndarray
    separation: float
    sampling: float


def column_evidence(
    images: Sequence[np.ndarray], material: Material, label: str, sampling: float
) -> list[ColumnEvidence | None]:
    """Tell from the intensities of columns which are vacancies.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Images of one session.
    material : Material
        The crystal.
    label : str
        Class of the vacancies, for instance ``"se_vacancy"``.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    list of ColumnEvidence or None
        None for an image without a lattice, and where there are too few columns.

    Notes
    -----
    The contrasts of all columns of a kind (see `column_contrast`) are taken for a mixture of two
    normal distributions of one width, full columns around 1 and few vacancies below, which
    expectation maximisation finds: no labels are needed, but vacancies must be rare and stand out.
    Pixels first get the values of a normal distribution by their rank, so that a detector whose
    response is not linear changes nothing; shifts of lines and hum are undone before.
    """
    host = find_defect(material, label).element
    if host is None:
        raise ValueError(f"Expected a class of vacancies. Received: {label!r}")
    # Sorting and Fourier transforms leave the interpreter free; more threads need more memory.
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda image: _columns(image, material, host, sampling), images))
    if sum(len(contrast) for _, contrast in found) < _COLUMNS:
        return [None] * len(found)
    probability, separation = _mixture(np.concatenate([contrast for _, contrast in found]))
    ends = np.cumsum([len(contrast) for _, contrast in found])[:-1]
    parts = np.split(probability, ends)
    return [
        ColumnEvidence(positions, part, separation, sampling) if len(part) else None
        for (positions, _), part in zip(found, parts, strict=True)
    ]


def _columns(
    image: np.ndarray, material: Material, host: str, sampling: float
) -> tuple[np.ndarray, np.ndarray]:
    """Position and contrast of the columns of an element; none without a lattice."""
    try:
        errors = find_scan_errors(image, material, sampling)
        ranked = normal_scores(errors.undo(image))
        sites = lattice_sites(ranked, material, sampling=sampling)
        intensities = column_intensities(ranked, sites.positions)
        contrast = column_contrast(intensities, sites.positions, sites.kinds)
    except ValueError:  # no lattice, or too few columns
        return np.zeros((0, 2)), np.zeros(0)
    judged = away_from_edges(sites.positions, image.shape, sampling)
    judged &= (sites.kinds == host) & np.isfinite(contrast)
    return errors.move(sites.positions[judged]), contrast[judged]


def away_from_edges(positions: np.ndarray, shape: tuple[int, int], sampling: float) -> np.ndarray:
    """Tell which positions are not near an edge."""
    room = _BORDER / sampling
    inside = (positions >= room) & (positions <= np.array(shape) - 1 - room)
    return np.asarray(inside.all(axis=1))


def _mixture(contrast: np.ndarray) -> tuple[np.ndarray, float]:
    """Probability of each contrast to be a vacancy's, and how well these stand apart."""
    full = float(np.median(contrast))
    width = median_deviation(contrast)
    vacancy, part = _VACANCY * full, 0.02
    for _ in range(_ROUNDS):
        log_odds = np.log(part / (1 - part)) + (
            (contrast - full) ** 2 - (contrast - vacancy) ** 2
        ) / (2 * width**2)
        likely = expit(log_odds)
        before = vacancy
        mean = (likely * contrast).sum() / max(likely.sum(), 1e-9)
        vacancy = float(np.clip(mean, _LOWEST * full, _HIGHEST * full))
        part = float(np.clip(likely.mean(), _FEWEST, _MOST))
        if abs(vacancy - before) < 1e-6:
            break
    return likely, (full - vacancy) / width
