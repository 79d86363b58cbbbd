"""Point defects as they were found in an image: which, where, how sure, and what of the image."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from stemzoo.inference.comparison import Match
from stemzoo.inference.expectation import ExpectedCount
from stemzoo.inference.second_witness import ColumnReadings
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.simulate.materials import Material

COLUMNS = ("row", "column", "x_nm", "y_nm", "class", "score", "intensity", "sigma", "probability")


@dataclass(frozen=True, eq=False)
class FoundDefects:
    """Point defects found in an image, as they are kept; `Detections` says what each part is."""

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
    def positions_nm(self) -> np.ndarray:
        """Return x and y of each defect [nm] from the centre of the first pixel; shape (K, 2)."""
        return self.positions[:, ::-1] * (self.sampling / 10)

    def select(self, name: str | None = None, threshold: float = 0.0) -> Self:
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
        >>> import stemzoo
        >>> place, score = np.array([[3.0, 4.0]]), np.array([0.9])
        >>> found = stemzoo.Detections(place, ("a",), score, 1.0, "", (64, 64))
        >>> found.columns()["x_nm"], found.columns()["probability"]
        (array([0.4]), array([nan]))
        """
        cells = list(zip(*self.rows(), strict=True)) or [()] * len(COLUMNS)
        return {
            name: np.array(values, dtype=object if name == "class" else float)
            for name, values in zip(COLUMNS, cells, strict=True)
        }
