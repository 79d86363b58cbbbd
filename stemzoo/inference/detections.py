"""Defects that were found in an image, as arrays, counts, densities and a table."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri

from stemzoo.inference.matching import Match
from stemzoo.inference.second_witness import ColumnReadings
from stemzoo.inference.seen_crystal import SeenCrystal
from stemzoo.metrics.estimate import Estimate


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
        Lowest score that was reported.
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
    model_source: str = "given"

    def __len__(self) -> int:
        return len(self.classes)

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
        in this image, noise included. NaN as for `intensity`.
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

    def density(self, name: str) -> Estimate:
        """Return how many defects of a class there are per nm² of crystal.

        Parameters
        ----------
        name : str
            The class.

        Returns
        -------
        Estimate
            With the interval that holds the true density of randomly placed defects with 95 %
            probability. Missed defects and false ones are not corrected for.

        Raises
        ------
        KeyError
            If the model does not know the class.

        References
        ----------
        F. Garwood, Biometrika 28, 437 (1936): exact interval of a Poisson mean.

        Examples
        --------
        >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
        >>> found = Detections(points, ("a", "a"), scores, 1.0, "given", (100, 100))
        >>> print(found.density("a"))  # 2 in 100 nm²
        Estimate(value=0.02, low=0.0024, high=0.0722)
        """
        counts = self.counts()
        if name not in counts:
            raise KeyError(f"Expected one of {', '.join(counts)}. Received: {name!r}")
        count, area = counts[name], self.area_nm2
        low = chdtri(2 * count, 0.975) / 2 if count else 0.0
        high = chdtri(2 * count + 2, 0.025) / 2
        return Estimate(*(round(float(n / area), 4) for n in (count, low, high)))

    @property
    def positions_nm(self) -> np.ndarray:
        """Return x and y of each defect [nm] from the centre of the first pixel; shape (K, 2)."""
        return self.positions[:, ::-1] * (self.sampling / 10)

    def select(self, name: str | None = None, threshold: float = 0.0) -> "Detections":
        """Keep one class, or all, from a score on.

        Parameters
        ----------
        name : str, optional
            Class to keep.
        threshold : float
            Lowest score to keep.

        Returns
        -------
        Detections
        """
        keep = self.scores >= threshold
        if name is not None:
            keep &= np.array([label == name for label in self.classes], dtype=bool)
        index = np.flatnonzero(keep)
        return replace(
            self,
            positions=self.positions[index],
            classes=tuple(self.classes[i] for i in index),
            scores=self.scores[index],
            readings=None if self.readings is None else self.readings[index],
        )

    def counts(self) -> dict[str, int]:
        """Count the defects of each class, in the order of `model_classes` where given."""
        names = self.model_classes or dict.fromkeys(self.classes)
        return {name: self.classes.count(name) for name in names}

    def rows(self) -> list[list]:
        """Return the table of `COLUMNS`, one list a defect; None stands for NaN."""
        known = (np.round(values, 3).tolist() for values in (self.intensity, self.sigma))
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


COLUMNS = ("row", "column", "x_nm", "y_nm", "class", "score", "intensity", "sigma")
