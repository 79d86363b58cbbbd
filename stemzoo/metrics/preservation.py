"""Whether a translated simulation still shows the vacancies that its labels name.

No network judges: the intensity of each column is compared with its neighbours', in the translated
image, at sites known from the simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.columns import column_contrast, fit_columns
from stemzoo.analysis.sites import LatticeSites, lattice_shifts, lattice_sites
from stemzoo.metrics.noise_correction import NoiseCorrected, correct_for_noise
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.materials import Material, find_material

MOVED = 0.5  # [Å]: displacements above it make a label invalid
_ON_SITE = 0.6  # [Å]: how far a label may lie from its site
# A kind of columns this bright, of the brightest kind, is bright enough to be located.
_BRIGHT = 0.25
_ROUND = 13  # a column and its nearest neighbours of any kind: whose shift is averaged
# A Gaussian this far off, in its widths, loses 4 % of its intensity.
_OFF_CENTRE = 0.4


@dataclass(frozen=True, eq=False)
class Preservation:
    """How the labelled vacancies of one or more simulations came through a translation.

    Those of several images are added with ``+``; the threshold is then that of all together.

    Parameters
    ----------
    vacancies : ndarray of shape (V,)
        Contrast (see `column_contrast`) of the sites that are labelled as vacancies, in the
        translated image.
    intact : ndarray of shape (I,)
        Contrast of the sites of the same kind without a label.
    displacements : ndarray of shape (V,)
        How far the columns around each labelled vacancy lie from where the simulation has
        them [Å].

    Examples
    --------
    >>> found = Preservation(np.full(200, 0.5), np.full(4000, 1.0), np.full(200, 0.1))
    >>> found.removed_per_1000, found.moved_per_1000
    (0.0, 0.0)
    """

    vacancies: np.ndarray
    intact: np.ndarray
    displacements: np.ndarray

    def __add__(self, other: "Preservation") -> "Preservation":
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Preservation(*(np.concatenate(pair) for pair in pairs))

    @property
    def sites(self) -> int:
        """Number of judged sites, labelled or intact."""
        return len(self.vacancies) + len(self.intact)

    @property
    def labelled(self) -> int:
        """Number of judged sites that are labelled as vacancies."""
        return len(self.vacancies)

    @property
    def threshold(self) -> float:
        """Contrast half-way between the medians of labelled and intact sites; NaN without them."""
        if not len(self.vacancies) or not len(self.intact):
            return float("nan")
        return float(np.median(self.vacancies) + np.median(self.intact)) / 2

    @property
    def contrast(self) -> float:
        """Median contrast of the labelled sites: 1 for a full column; NaN without them."""
        return float(np.median(self.vacancies)) if len(self.vacancies) else float("nan")

    @property
    def best_f1(self) -> float:
        """F1 of the labelled sites at the cut that tells them best from intact ones.

        How much of the labels the image holds, wherever the two kinds of columns lie; NaN without
        labelled sites.

        Examples
        --------
        >>> Preservation(np.array([0.4, 0.6, 0.9]), np.array([0.7, 1.0]), np.zeros(3)).best_f1
        0.8571428571428571
        """
        if not len(self.vacancies):
            return float("nan")
        cuts = np.concatenate([self.vacancies, self.intact])
        hits, wrong = (
            np.searchsorted(np.sort(values), cuts, side="right")
            for values in (self.vacancies, self.intact)
        )
        return float((2 * hits / (hits + wrong + len(self.vacancies))).max())

    @property
    def removed(self) -> int:
        """Labelled vacancies that measure as full columns."""
        return int(np.count_nonzero(self.vacancies > self.threshold))

    @property
    def invented(self) -> int:
        """Intact sites that measure as vacancies."""
        return int(np.count_nonzero(self.intact < self.threshold))

    @property
    def moved(self) -> int:
        """Labelled vacancies whose surroundings moved by more than 0.5 Å."""
        return int(np.count_nonzero(self.displacements > MOVED))

    @property
    def removed_per_1000(self) -> float:
        """Removed ones per 1,000 labelled vacancies; NaN without any."""
        return _per_1000(self.removed, self.labelled)

    @property
    def invented_per_1000(self) -> float:
        """Invented ones per 1,000 intact sites; NaN where there is no threshold."""
        return _per_1000(self.invented, len(self.intact) if self.labelled else 0)

    @property
    def moved_per_1000(self) -> float:
        """Moved ones per 1,000 labelled vacancies; NaN without any."""
        return _per_1000(self.moved, self.labelled)

    def noise_corrected(self) -> NoiseCorrected:
        """Tell vacancies that were removed or invented from misread ones: `correct_for_noise`."""
        return correct_for_noise(self.vacancies, self.intact, self.threshold)


def label_preservation(
    simulated: LabelledImage, translated: np.ndarray, *, label: str | None = None, border: float = 5
) -> Preservation:
    """Measure whether the vacancies of a simulation are still there in its translation.

    Parameters
    ----------
    simulated : LabelledImage
        From `simulate_session`.
    translated : ndarray of shape (M, N)
        Its translation, pixel by pixel.
    label : str, optional
        Class of the vacancies; the first class of the frame that is one, where not given.
    border : float
        Sites nearer to an edge than this are left out [Å].

    Returns
    -------
    Preservation

    Raises
    ------
    ValueError
        As `point_preservation`; if the frame has no class of vacancies.

    Notes
    -----
    The floor of the measurement is ``label_preservation(frame, frame.image)`` for frames of the
    session that the translation imitates: there all labels are true. In frames of day A nothing is
    misread; in those of day B up to 13 removed and 25 invented in 1,000.

    Examples
    --------
    >>> translated = stemzoo.translate(frame.image, model)  # doctest: +SKIP
    >>> label_preservation(frame, translated).removed_per_1000  # doctest: +SKIP
    """
    label = label or next((name for name in simulated.classes if name.endswith("_vacancy")), None)
    if label is None:
        raise ValueError(
            "Expected a frame with a class of single vacancies; name another one. "
            f"Received: {', '.join(simulated.classes) or 'no classes'}"
        )
    return point_preservation(
        simulated.clean,
        translated,
        simulated.points,
        simulated.labels(),
        material=find_material(simulated.conditions.material),
        sampling=simulated.sampling,
        label=label,
        border=border,
    )


def point_preservation(
    simulated: np.ndarray,
    translated: np.ndarray,
    points: np.ndarray,
    labels: Sequence[str],
    *,
    material: Material,
    sampling: float,
    label: str,
    border: float = 5,
) -> Preservation:
    """Do as `label_preservation`, for an image with labelled points.

    Sites are those of the simulation's lattice. In the translated image they follow the mean shift
    of the columns around them before their intensities are measured. A labelled vacancy's
    displacement is that of the three (square lattice: four) nearest bright columns, averaged.

    Parameters
    ----------
    simulated, translated : ndarray of shape (M, N)
        A noise-free simulation and its translation.
    points : ndarray of shape (P, 2)
        Row and column of every defect [px].
    labels : sequence of str
        Class of each defect.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].
    label : str
        The class to judge, for instance ``"se_vacancy"``. Sites with other labels are left out.
    border : float
        Sites nearer to an edge than this are left out [Å].

    Returns
    -------
    Preservation

    Raises
    ------
    ValueError
        If the images differ in shape or hold NaN, if the simulation shows no lattice, if `label`
        is no defect of a column of the material, or if labels do not lie on sites.
    """
    host = find_defect(material, label).element
    if host is None:
        raise ValueError(f"Expected a defect of a column of {material.formula}. Received: {label}")
    if np.shape(simulated) != np.shape(translated):
        raise ValueError(
            f"Expected a translation of the simulation's shape {np.shape(simulated)}; translate at "
            f"the simulation's sampling. Received: shape {np.shape(translated)}"
        )
    sites = lattice_sites(simulated, material, sampling=sampling)
    state = _site_states(sites, points, labels, label, host, sampling, material)
    shifts, intensities = _followed(simulated, translated, sites)
    contrast = column_contrast(intensities, sites.positions, sites.kinds)
    around = _bright_neighbours(sites, intensities, 3 if material.symmetry == 6 else 4)
    displacement = np.hypot(*_weighted_mean(shifts, intensities, around).T) * sampling
    far = (sites.positions >= border / sampling) & (
        sites.positions <= np.array(np.shape(simulated)) - 1 - border / sampling
    )
    judged = far.all(axis=1) & (sites.kinds == host) & np.isfinite(contrast)
    vacancy, intact = judged & (state == 1), judged & (state == 0)
    return Preservation(contrast[vacancy], contrast[intact], displacement[vacancy])


def _site_states(
    sites: LatticeSites,
    points: np.ndarray,
    labels: Sequence[str],
    label: str,
    host: str,
    sampling: float,
    material: Material,
) -> np.ndarray:
    """0 for an intact site, 1 for a labelled vacancy, 2 for one that cannot be judged: (K,)."""
    state = np.zeros(len(sites.positions), dtype=int)
    points, chosen = np.reshape(points, (-1, 2)), np.array(labels, dtype=str) == label
    hosts = np.flatnonzero(sites.kinds == host)
    distance, index = cKDTree(sites.positions[hosts]).query(points[chosen])
    on_site = distance * sampling < _ON_SITE
    if np.count_nonzero(on_site) < 0.8 * len(on_site):
        raise ValueError(
            f"Expected labels on {host} sites of the simulation; check points and sampling. "
            f"Received: {np.count_nonzero(~on_site)} of {len(on_site)} farther than {_ON_SITE} Å"
        )
    state[hosts[index[on_site]]] = 1
    # Other defects change the columns next to them: an adatom, or an atom between two columns.
    reach = material.lattice_constant / 2 / sampling
    for near in cKDTree(sites.positions).query_ball_point(points[~chosen], reach):
        state[near] = 2
    return state


def _followed(
    simulated: np.ndarray, translated: np.ndarray, sites: LatticeSites
) -> tuple[np.ndarray, np.ndarray]:
    """Shift (K, 2) [px] and intensity (K,) of each column in the translated image."""
    positions = sites.positions
    _, near = cKDTree(positions).query(positions, _ROUND)
    last = np.array(np.shape(translated)) - 1
    places = np.clip(positions + lattice_shifts(translated, simulated, sites), 0, last)
    fit = fit_columns(translated, places)
    local = _weighted_mean(fit.shifts, fit.intensities, near)
    # Where columns have moved against the lattice around them.
    if abs(local).max() > _OFF_CENTRE * fit.width:
        places = np.clip(places + local, 0, last)
        fit = fit_columns(translated, places, width=fit.width)
    return places - positions + fit.shifts, fit.intensities


def _weighted_mean(shifts: np.ndarray, intensities: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Mean shift (G, 2) of the columns of each group (G, C); the brighter one, the surer."""
    weight = np.where(np.isfinite(shifts).all(axis=1), np.clip(intensities, 0, None), 0)
    weighted = np.nan_to_num(shifts) * weight[:, None]
    total = np.maximum(weight[groups].sum(axis=1), np.finfo(float).tiny)
    return weighted[groups].sum(axis=1) / total[:, None]


def _bright_neighbours(sites: LatticeSites, intensities: np.ndarray, n: int) -> np.ndarray:
    """Index (K, n), for each column, of the nearest other columns of a bright kind."""
    levels = {kind: np.median(intensities[sites.kinds == kind]) for kind in np.unique(sites.kinds)}
    top = max(levels.values())
    # In an inverted image no kind is bright: the least dark one then.
    least = min(_BRIGHT * top, top)
    bright = np.flatnonzero([levels[kind] >= least for kind in sites.kinds])
    _, near = cKDTree(sites.positions[bright]).query(sites.positions, n + 1)
    near = bright[near]
    itself = near[:, :1] == np.arange(len(near))[:, None]
    return np.where(itself, near[:, 1:], near[:, :n])


def _per_1000(count: int, total: int) -> float:
    return 1000 * count / total if total else float("nan")
