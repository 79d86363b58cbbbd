"""Defects that were found in an image, as arrays, counts, densities and a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stemzoo.analysis.sublattices import projected_columns
from stemzoo.inference.comparison import Match
from stemzoo.inference.expectation import (
    FEWEST,
    LEAST_F1,
    NOTHING,
    Expectation,
    ExpectedCount,
    count_interval,
    expect,
)
from stemzoo.inference.exports import (
    data_frame,
    detection_facts,
    hyperspy_markers,
    napari_layers,
    shown_figure,
)
from stemzoo.inference.second_witness import ColumnReadings
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.metrics.estimate import Estimate
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.materials import Material, atomic_number, find_material


@dataclass(frozen=True, eq=False)
class Detections:
    """Point defects found in an image, the most certain first.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column in the input image [px], sub-pixel.
    classes : tuple of str
        Class of each.
    scores : ndarray of shape (K,)
        Mean class probability around each, 0 to 1.
    sampling : float
        Pixel size of the input image [Å/px].
    sampling_source : str
        Where the pixel size comes from.
    shape : tuple of int
        Shape of the input image.
    model_classes : tuple of str
        Classes that the model knows, in its order.
    model : str
        Name of the model.
    threshold : float
        Lowest probability that was reported; lowest score, where there are no probabilities.
    tta : bool
        Whether the probabilities are means over the 8 rotations and flips.
    match : Match or None
        How the image fits the frames that the model was trained on; None where that is not known.
    crystal : SeenCrystal or None
        Where the crystal is: defects are reported there only.
    notes : tuple of str
        What of the image was left out or turned, and why.
    doubts : tuple of str
        Why the result should not be trusted, each with the next step.
    readings : ColumnReadings or None
        What a column fit measures at each place; None where there was none.
    material : str or Material or None
        Material of the crystal.
    probability : ndarray of shape (K,), or None
        That each is a defect of its class, by score and column; None if the weights are not
        calibrated.
    counted : mapping of str to ExpectedCount
        How many defects of each class the whole image is likely to hold; empty if the weights are
        not calibrated.
    undone : tuple of str
        What the scan did to the image and was undone before it was looked at, and how strong it
        was.
    model_source : str
        Why it was this model: "given", or what the image shows.

    Examples
    --------
    >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
    >>> found = Detections(points, ("se_vacancy", "w_vacancy"), scores, 0.2, "given", (64, 64))
    >>> found.select(threshold=0.7).counts()
    {'se_vacancy': 1}
    """

    positions: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    sampling: float
    sampling_source: str
    shape: tuple[int, int]
    model_classes: tuple[str, ...] = ()
    model: str = ""
    threshold: float = 0.0
    tta: bool = False
    match: Match | None = None
    crystal: SeenCrystal | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    readings: ColumnReadings | None = None
    material: str | Material | None = None
    probability: np.ndarray | None = None
    counted: Mapping[str, ExpectedCount] = field(default_factory=dict)
    undone: tuple[str, ...] = ()
    model_source: str = "given"

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return each defect as a dict of `COLUMNS`, so that ``pandas.DataFrame(found)`` works."""
        return (dict(zip(COLUMNS, row, strict=True)) for row in self.rows())

    @property
    def intensity(self) -> np.ndarray:
        """Return the intensity of the column at each, 1 for a full one of its sublattice; (K,).

        NaN where there is no lattice, or no column is near.
        """
        return self._readings.intensity

    @property
    def sigma(self) -> np.ndarray:
        """Return how many standard deviations each is above a full column; shape (K,).

        Negative below one. The standard deviation is that of the intact columns of the sublattice
        around it, noise included. NaN as for `intensity`.
        """
        return self._readings.sigma

    @property
    def _readings(self) -> ColumnReadings:
        return ColumnReadings.unknown(len(self)) if self.readings is None else self.readings

    @property
    def details(self) -> dict[str, object]:
        """Return how the defects were found, by name."""
        return {
            "model": self.model,
            "classes": self.model_classes,
            "threshold": self.threshold,
            "tta": self.tta,
            "match": self.match,
        }

    @property
    def trusted(self) -> bool:
        """Whether nothing is known that makes the result doubtful."""
        return not self.doubts

    @property
    def area_nm2(self) -> float:
        """Return the area in which defects were looked for [nm²]."""
        share = 1.0 if self.crystal is None else self.crystal.mask.share
        return share * self.shape[0] * self.shape[1] * (self.sampling / 10) ** 2

    @property
    def sites(self) -> dict[str, int]:
        """Return how many columns of each sublattice the searched area holds.

        By the heaviest element of each; empty where the lattice is not known.
        """
        seen = self.crystal
        if self.material is None or seen is None or seen.pixel_size.lattice is None:
            return {}
        material = find_material(self.material)
        cell = abs(float(np.linalg.det(seen.pixel_size.lattice.vectors)))
        if material.symmetry == 6:
            cell *= 2  # the table's orthogonal cell holds two hexagonal ones
        cells = seen.mask.share * self.shape[0] * self.shape[1] / cell
        kinds = [max(column, key=atomic_number) for column in projected_columns(material)]
        return {kind: round(cells * kinds.count(kind)) for kind in dict.fromkeys(kinds)}

    def sites_of(self, name: str) -> int:
        """Return how many columns may hold a defect of a class; 0 where that is not known.

        Those of the element that a vacancy lacks; of the metal for ``"metal_dark"``; all for
        classes that may be anywhere.
        """
        sites = self.sites
        if not sites or self.material is None:
            return 0
        material = find_material(self.material)
        try:
            host = find_defect(material, name).element
        except ValueError:  # a class of several defects
            host = material.sites[0].symbol if name == "metal_dark" else None
        return sites.get(host, 0) if host is not None else sum(sites.values())

    def density(self, name: str, *, per: str = "nm2") -> Estimate:
        """Return how many defects of a class there are per nm² of crystal, or per site.

        Parameters
        ----------
        name : str
            The class.
        per : str
            ``"nm2"``, or ``"site"``: per column that may hold one, see `sites_of`.

        Returns
        -------
        Estimate
            With the interval that holds the true density of randomly placed defects with 95 %
            probability. Of calibrated weights, expected misses and false ones are corrected for,
            and the interval includes what is not known of them. NaN per site where the lattice is
            not known.

        Raises
        ------
        KeyError
            If the model does not know the class.
        ValueError
            If `per` is neither.

        Examples
        --------
        >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
        >>> found = Detections(points, ("a", "a"), scores, 1.0, "given", (100, 100))
        >>> print(found.density("a"))  # 2 in 100 nm²
        Estimate(value=0.02, low=0.0024, high=0.0722)
        """
        self._check_class(name)
        if per not in ("nm2", "site"):
            raise ValueError(f"Expected per='nm2' or per='site'. Received: {per!r}")
        unit: float = self.area_nm2 if per == "nm2" else self.sites_of(name)
        if not unit > 0:
            return Estimate(float("nan"), float("nan"), float("nan"))
        count = self.counted.get(name)
        value = self.counts()[name] if count is None else count.total
        ends = count_interval(value, 0.0 if count is None else count.uncertainty)
        digits = 4 if per == "nm2" else 6
        return Estimate(*(round(float(n / unit), digits) for n in (value, *ends)))

    def expectation(self, name: str) -> Expectation | None:
        """Return the precision and recall to expect of a class in this image.

        Parameters
        ----------
        name : str
            The class.

        Returns
        -------
        Expectation or None
            None if the weights are not calibrated.

        Raises
        ------
        KeyError
            If the model does not know the class.

        Examples
        --------
        >>> found.expectation("se_vacancy").recall  # doctest: +SKIP
        Estimate(value=0.93, low=0.9, high=0.96)
        """
        parts = self.hits_and_misses(name)
        return None if parts is None else expect(*parts)

    def hits_and_misses(
        self, name: str | None = None
    ) -> tuple[int, ExpectedCount, ExpectedCount] | None:
        """Return how many are reported, and how many true ones are likely there and elsewhere.

        Parameters
        ----------
        name : str, optional
            The class; all together where not given.

        Returns
        -------
        tuple of int, ExpectedCount, ExpectedCount
            None if the weights are not calibrated.

        Raises
        ------
        KeyError
            If the model does not know the class.
        """
        if name is not None:
            self._check_class(name)
        names = [one for one in self.counted if name in (None, one)]
        if not names or self.probability is None:
            return None
        reported, hits, misses = 0, NOTHING, NOTHING
        for one in names:
            own = np.array([label == one for label in self.classes], dtype=bool)
            true = ExpectedCount.of(self.probability[own], self.counted[one].spread)
            reported, hits = reported + int(own.sum()), hits + true
            misses = misses + (self.counted[one] - true)
        return reported, hits, misses

    def warning_of_errors(self) -> str | None:
        """Say in one line which classes are likely to be found badly; None if none is."""
        poor = []
        for name in self.counted:
            found = self.expectation(name)
            if found is None or max(found.expected, found.reported) < FEWEST:
                continue
            if found.f1.value < LEAST_F1 and found.reported:
                poor.append(
                    f"{name} F1 {found.f1.value:.2f} ({found.f1.low:.2f} to {found.f1.high:.2f}; "
                    f"precision {found.precision.value:.2f}, recall {found.recall.value:.2f})"
                )
            elif not found.reported:
                poor.append(f"{name}, none reported where about {found.expected:.0f} are likely")
        if not poor:
            return None
        return (
            f"many errors are to be expected in this image: {', '.join(poor)}; check some by eye, "
            "raise --threshold (threshold=) for fewer false ones, or take a better image (more "
            "dose, several frames added up)"
        )

    def _check_class(self, name: str) -> None:
        if name not in (counts := self.counts()):
            raise KeyError(f"Expected one of {', '.join(counts)}. Received: {name!r}")

    @property
    def positions_nm(self) -> np.ndarray:
        """Return x and y of each defect [nm] from the centre of the first pixel; shape (K, 2)."""
        return self.positions[:, ::-1] * (self.sampling / 10)

    def select(self, name: str | None = None, threshold: float = 0.0) -> "Detections":
        """Keep one class, or all, from a probability on, or a score where there is none.

        Parameters
        ----------
        name : str, optional
            Class to keep.
        threshold : float
            Lowest probability to keep; lowest score, where there are no probabilities.

        Returns
        -------
        Detections
        """
        likely = self.scores if self.probability is None else self.probability
        keep = ~(likely < threshold)
        if name is not None:
            keep &= np.array([label == name for label in self.classes], dtype=bool)
        index = np.flatnonzero(keep)
        return replace(
            self,
            positions=self.positions[index],
            classes=tuple(self.classes[i] for i in index),
            scores=self.scores[index],
            readings=None if self.readings is None else self.readings[index],
            probability=None if self.probability is None else self.probability[index],
        )

    def counts(self) -> dict[str, int]:
        """Count the defects of each class, in the order of `model_classes` where given."""
        names = self.model_classes or dict.fromkeys(self.classes)
        return {name: self.classes.count(name) for name in names}

    def rows(self) -> list[list]:
        """Return the table of `COLUMNS`, one list a defect; None stands for NaN."""
        unknown = np.full(len(self), np.nan)
        likely = unknown if self.probability is None else self.probability
        known = (np.round(values, 3).tolist() for values in (self.intensity, self.sigma, likely))
        return [
            [
                *(round(float(r), 3), round(float(c), 3), round(float(x), 4), round(float(y), 4)),
                *(k, s, *(None if np.isnan(value) else value for value in measured)),
            ]
            for (r, c), (x, y), k, s, *measured in zip(
                self.positions,
                self.positions_nm,
                self.classes,
                np.round(self.scores.astype(float), 4).tolist(),
                *known,
                strict=True,
            )
        ]

    def columns(self) -> dict[str, np.ndarray]:
        """Return the table of `COLUMNS` by column: text for the class, else float, perhaps NaN.

        Examples
        --------
        >>> found = Detections(np.array([[3.0, 4.0]]), ("a",), np.array([0.9]), 1.0, "", (64, 64))
        >>> found.columns()["x_nm"], found.columns()["probability"]
        (array([0.4]), array([nan]))
        """
        cells = list(zip(*self.rows(), strict=True)) or [()] * len(COLUMNS)
        return {
            name: np.array(values, dtype=object if name == "class" else float)
            for name, values in zip(COLUMNS, cells, strict=True)
        }

    def to_frame(self) -> Any:
        """Return the table of `COLUMNS` as a pandas DataFrame, one row a defect.

        Returns
        -------
        pandas.DataFrame
            What ``pandas.read_csv`` makes of the table that `stemzoo detect` writes.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed; the message says how to get it.

        Examples
        --------
        >>> found.to_frame().groupby("class").score.mean()  # doctest: +SKIP
        """
        return data_frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the defects and how they were found, as JSON holds it.

        Returns
        -------
        dict
            What `stemzoo.inference.exports.detections_schema` describes, entry by entry.

        Examples
        --------
        >>> found = Detections(np.array([[3.0, 4.0]]), ("a",), np.array([0.9]), 1.0, "", (64, 64))
        >>> found.to_dict()["counts"], found.to_dict()["detections"][0]["x_nm"]
        ({'a': 1}, 0.4)
        """
        return {**detection_facts(self), "detections": list(self)}

    def to_napari(self, image: Any = None) -> list[tuple[Any, dict[str, Any], str]]:
        """Return the defects as layers of napari, one a class: rings in pixels of the image.

        Parameters
        ----------
        image : ndarray of shape (M, N), optional
            The image, as a layer below them.

        Returns
        -------
        list of (data, options, kind)
            Layer data tuples; the table's columns are features of the points. napari is not
            imported.

        Examples
        --------
        >>> for layer in found.to_napari(image):  # doctest: +SKIP
        ...     viewer.add_layer(napari.layers.Layer.create(*layer))
        """
        return napari_layers(self, image)

    def to_hyperspy_markers(self, signal: Any = None) -> list[Any]:
        """Return the defects as markers of HyperSpy: circles of 1.1 Å radius, a set for a class.

        Parameters
        ----------
        signal : hyperspy.signals.Signal2D, optional
            The signal that was looked at: the markers are in its axes. Without it they are in nm
            from the centre of the first pixel.

        Returns
        -------
        list of hyperspy.api.plot.markers.Circles
            For ``signal.add_marker``; none of classes that were not found.

        Raises
        ------
        ModuleNotFoundError
            If HyperSpy is not installed.
        ValueError
            If the signal is of another shape.

        Examples
        --------
        >>> found = stemzoo.detect(signal)  # doctest: +SKIP
        >>> signal.add_marker(found.to_hyperspy_markers(signal), permanent=True)  # doctest: +SKIP
        """
        return hyperspy_markers(self, signal)

    def plot(self, image: Any = None, *, axes: Any = None) -> Any:
        """Draw the defects over their image, with a scale bar and a legend.

        Parameters
        ----------
        image : what `stemzoo.detect` takes, optional
            The image; where not given, as the detector saw it (flicker and hum undone, columns
            bright).
        axes : matplotlib.axes.Axes, optional
            Where to draw; in a figure of its own where not given, which notebooks show.

        Returns
        -------
        matplotlib.figure.Figure
            Rings are vectors: ``savefig("scan.pdf")`` is sharp at any size.

        Raises
        ------
        ValueError
            If there is no image, or it is of another shape.

        Examples
        --------
        >>> found.plot().savefig("scan.pdf")  # doctest: +SKIP
        """
        return shown_figure(self, image, axes)


COLUMNS = ("row", "column", "x_nm", "y_nm", "class", "score", "intensity", "sigma", "probability")
