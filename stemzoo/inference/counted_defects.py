"""How many defects an image holds: by area, by site, and with what is missed or false."""

from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.sublattices import projected_columns
from stemzoo.inference.expectation import (
    NOTHING,
    Expectation,
    ExpectedCount,
    count_interval,
    expect,
)
from stemzoo.inference.found_defects import FoundDefects
from stemzoo.metrics.estimate import Estimate
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import find_material


@dataclass(frozen=True, eq=False)
class CountedDefects(FoundDefects):
    """Defects with how many there are likely to be, in all and per nm² or site."""

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
        >>> import stemzoo
        >>> points, scores = np.array([[3.0, 4.0], [8.0, 1.0]]), np.array([0.9, 0.6])
        >>> found = stemzoo.Detections(points, ("a", "a"), scores, 1.0, "given", (100, 100))
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
            if found is None:
                continue
            if found.reported and found.is_poor:
                poor.append(
                    f"{name} F1 {found.f1.value:.2f} ({found.f1.low:.2f} to {found.f1.high:.2f}; "
                    f"precision {found.precision.value:.2f}, recall {found.recall.value:.2f})"
                )
            elif found.is_enough and not found.reported:
                poor.append(f"{name}, none reported where about {found.expected:.0f} are likely")
        if not poor:
            return None
        return (
            f"many errors are to be expected in this image: {', '.join(poor)}; check some by eye, "
            "raise --threshold (threshold=) for fewer false ones, or take a better image (more "
            "dose, several frames averaged by stemzoo align)"
        )

    def _check_class(self, name: str) -> None:
        if name not in (counts := self.counts()):
            raise KeyError(f"Expected one of {', '.join(counts)}. Received: {name!r}")
