"""Whether a translated simulation still shows the vacancies that its labels name.

No network judges: the intensity of each column is compared with its neighbours', in the translated
image, at sites known from the simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import optimize
from scipy.spatial import cKDTree
from scipy.special import ndtr

from stemzoo.columns import (
    LatticeSites,
    column_contrast,
    fit_columns,
    lattice_shifts,
    lattice_sites,
)
from stemzoo.simulate.dataset import LabelledImage
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.materials import Material, find_material

MOVED = 0.5  # [Å]: displacements above it make a label invalid

_ON_SITE = 0.6  # [Å]: how far a label may lie from its site
# A kind of columns this bright, of the brightest kind, is bright enough to be located.
_BRIGHT = 0.25
_ROUND = 13  # a column and its nearest neighbours of any kind: whose shift is averaged
# A Gaussian this far off, in its widths, loses 4 % of its intensity.
_OFF_CENTRE = 0.4
_ROUNDS = 200
# Below this separation no one can tell which class a column belongs to.
_APART = 1.0
_LIKELY = 1.92  # half of the 95 % quantile of chi-squared with one degree of freedom


@dataclass(frozen=True)
class NoiseCorrected:
    """What is left of removed and invented vacancies when the noise is accounted for.

    Parameters
    ----------
    separation : float
        d' of the measurement: distance of the means of the classes (vacancy, full) over the
        root mean square of their standard deviations.
    noise_removed_per_1000, noise_invented_per_1000 : float
        Misread by noise alone: the part of each class beyond the threshold.
    removed_per_1000, invented_per_1000 : float
        Part of the labelled vacancies that belong to the full columns, and of the intact sites that
        belong to the vacancies.
    removed_interval, invented_interval : tuple of float
        Of these, with 95 % confidence.
    """

    separation: float
    noise_removed_per_1000: float
    noise_invented_per_1000: float
    removed_per_1000: float
    invented_per_1000: float
    removed_interval: tuple[float, float]
    invented_interval: tuple[float, float]


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

    @property
    def median_displacement(self) -> float:
        """Median of `displacements` [Å]; NaN without any."""
        return float(np.median(self.displacements)) if self.labelled else float("nan")

    @property
    def max_displacement(self) -> float:
        """Largest of `displacements` [Å]; NaN without any."""
        return float(self.displacements.max()) if self.labelled else float("nan")

    def noise_corrected(self) -> NoiseCorrected:
        """Tell vacancies that were removed or invented from misread ones.

        Labelled and intact sites are taken for mixtures of the same two normal distributions, one
        of vacancies and one of full columns; all that is unknown is found by maximum likelihood
        (EM). A column that noise has brought beyond the threshold still lies within its class, one
        that the translation has changed lies in the middle of the other.

        Returns
        -------
        NoiseCorrected
            NaN where a class has fewer than ten sites or, but for `separation`, where that is
            below 1.

        Notes
        -----
        Noise that differs from place to place gives a class tails, which count as changed: up to 4
        in 1,000 removed and 2.5 invented in hazy frames of day B, whose labels are all true. So
        compare with the session's own frames, see `label_preservation`.
        """
        if min(len(self.vacancies), len(self.intact)) < 10:
            return _unknown(float("nan"))
        means, widths, parts = _fit_mixture(self.vacancies, self.intact)
        separation = (means[1] - means[0]) / np.sqrt(np.mean(widths**2))
        if separation < _APART:
            return _unknown(float(separation))
        beyond = ndtr(-abs(self.threshold - means) / widths)
        ranges = [
            _interval(values, means, widths, own, parts[own])
            for own, values in enumerate((self.vacancies, self.intact))
        ]
        return NoiseCorrected(
            float(separation), *(float(1000 * x) for x in (*beyond, *parts)), *ranges
        )


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


def _site_states(sites: LatticeSites, points, labels, label, host, sampling, material):
    """0 for an intact site, 1 for a labelled vacancy, 2 for one that cannot be judged."""
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


def _followed(simulated, translated, sites):
    """Shift and intensity of each column in the translated image."""
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


def _weighted_mean(shifts, intensities, groups):
    """Mean shift of the columns of each group; the brighter a column, the surer its shift."""
    weight = np.where(np.isfinite(shifts).all(axis=1), np.clip(intensities, 0, None), 0)
    weighted = np.nan_to_num(shifts) * weight[:, None]
    total = np.maximum(weight[groups].sum(axis=1), np.finfo(float).tiny)
    return weighted[groups].sum(axis=1) / total[:, None]


def _bright_neighbours(sites, intensities, n):
    """Index, for each column, of the n nearest other columns of a bright kind."""
    levels = {kind: np.median(intensities[sites.kinds == kind]) for kind in np.unique(sites.kinds)}
    top = max(levels.values())
    # In an inverted image no kind is bright: the least dark one then.
    least = min(_BRIGHT * top, top)
    bright = np.flatnonzero([levels[kind] >= least for kind in sites.kinds])
    _, near = cKDTree(sites.positions[bright]).query(sites.positions, n + 1)
    near = bright[near]
    itself = near[:, :1] == np.arange(len(near))[:, None]
    return np.where(itself, near[:, 1:], near[:, :n])


def _per_1000(count, total):
    return 1000 * count / total if total else float("nan")


def _unknown(separation):
    nan = float("nan")
    return NoiseCorrected(separation, nan, nan, nan, nan, (nan, nan), (nan, nan))


def _densities(values, means, widths):
    z = (values[:, None] - means) / widths
    # Not below what 8 sigma give: beyond, no class explains a value, and none should be blamed.
    return np.exp(-np.minimum(z**2, 64) / 2) / widths


def _fit_mixture(vacancies, intact):
    """Means and widths of both classes, and which part of each set belongs to the other class."""
    sets = (vacancies, intact)
    means = np.array([np.median(values) for values in sets])
    widths = np.array([1.4826 * np.median(abs(v - m)) for v, m in zip(sets, means, strict=True)])
    # Noise-free columns are all alike; a class keeps some width so that its density is finite.
    narrow = 0.01 * abs(means[1] - means[0]) + 1e-9
    widths = np.maximum(widths, narrow)
    parts = np.array([0.01, 0.01])
    for _ in range(_ROUNDS):
        shares = []  # probability of each value to be of class 0 and of class 1
        for own, values in enumerate(sets):
            prior = np.array([1 - parts[own], parts[own]])[:: 1 if own == 0 else -1]
            joint = _densities(values, means, widths) * prior
            shares.append(joint / joint.sum(axis=1, keepdims=True))
        before, parts = parts, np.array([shares[0][:, 1].mean(), shares[1][:, 0].mean()])
        share, values = np.concatenate(shares), np.concatenate(sets)[:, None]
        total = share.sum(axis=0)
        means = (share * values).sum(axis=0) / total
        widths = np.sqrt((share * (values - means) ** 2).sum(axis=0) / total)
        widths = np.maximum(widths, narrow)
        if abs(parts - before).max() < 1e-6:
            break
    return means, widths, parts


def _interval(values, means, widths, own, part):
    """Parts per 1,000 of the other class whose log-likelihood is within 1.92 of the best one."""
    density = _densities(values, means, widths)

    def excess(p):
        return np.log((1 - p) * density[:, own] + p * density[:, 1 - own]).sum() - least

    least = 0.0
    least = excess(part) - _LIKELY
    edge = 1e-9  # keeps the logarithm finite where a class explains nothing
    low = optimize.brentq(excess, edge, part) if excess(edge) < 0 else 0.0
    high = optimize.brentq(excess, part, 1 - edge) if excess(1 - edge) < 0 else 1.0
    return 1000 * low, 1000 * high
