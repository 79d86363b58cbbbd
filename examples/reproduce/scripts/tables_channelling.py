"""Tables of how the columns of thick crystals scatter."""

from dataclasses import dataclass

import numpy as np
from table_blocks import block, results

from stemzoo.io.tables import table
from stemzoo.simulate import Microscope, adf_cross_section
from stemzoo.simulate.channelling import channelling_weights

HIGH, LOW = "63 to 200 mrad", "25 to 200 mrad"
SOURCE = "0.8"  # FWHM [Å]
RANGE = 462.0  # of the exponential alone, fitted to the same columns
CONTENTS = {"Sr": (38,), "TiO": (8, 22), "Si": (14,), "Ga": (31,)}
VACANCY_OF = {"srtio3": "Sr", "si-110": "Si", "gan-110": "Ga"}


@dataclass(frozen=True)
class Column:
    """A kind of column of a measured crystal.

    Parameters
    ----------
    run : str
        Crystal and voltage.
    symbol : str
        Kind of column.
    detector : str
        Angles.
    """

    run: str
    symbol: str
    detector: str = HIGH

    @property
    def period(self) -> float:
        """Along the beam [Å]."""
        return results("channelling")[self.run]["period"]

    @property
    def energy(self) -> float:
        """Of the electrons [eV]."""
        return 1e3 * float(self.run.split(", ")[1].removesuffix(" kV"))

    @property
    def measured(self) -> np.ndarray:
        """Contrast over the darkest place of the image, for each number of periods."""
        found = results("channelling")[self.run]["detectors"][self.detector][SOURCE]
        return np.array(found[self.symbol]) - np.array(found["background"])

    def weights(self) -> np.ndarray:
        """Channelling of its atoms."""
        charges = np.tile(CONTENTS[self.symbol], len(self.measured))
        density = sum(CONTENTS[self.symbol]) / self.period
        order = np.arange(len(charges))
        return channelling_weights(np.zeros_like(charges), order, charges, np.array([density]))

    def intensity(self, model: str) -> np.ndarray:
        """Return what a model says for each number of periods, on the scale that fits best."""
        content = CONTENTS[self.symbol]
        inner, outer = (float(a) for a in self.detector.removesuffix(" mrad").split(" to "))
        scope = Microscope(energy=self.energy, inner=inner, outer=outer)
        charges = np.tile(content, len(self.measured))
        passed = np.cumsum(charges) - charges
        weights = {
            "sum": np.ones(len(charges)),
            "exponential": np.exp(-passed / RANGE),
            "model": self.weights(),
        }[model]
        sigma = np.array([adf_cross_section(int(Z), scope) for Z in charges])
        found = np.cumsum(sigma * weights)[len(content) - 1 :: len(content)]
        return found * (found @ self.measured) / (found @ found)

    def error(self, model: str) -> str:
        """Root of the mean squared error, in parts of the mean intensity."""
        wrong = self.intensity(model) - self.measured
        return f"{100 * np.sqrt(np.mean(wrong**2)) / self.measured.mean():.1f} %"


def columns(detector: str = HIGH) -> list[Column]:
    """All columns that were measured but those of light atoms, which do not stand out."""
    return [
        Column(run, symbol, detector)
        for run, found in results("channelling").items()
        for symbol in CONTENTS
        if symbol in found.get("detectors", {}).get(detector, {}).get(SOURCE, {})
    ]


@block
def channelling() -> str:
    """Errors of the plain sum and of both models, by column and detector."""
    rows = []
    for detector in (HIGH, LOW):
        for one in columns(detector):
            known = "fitted" if one.run in ("srtio3, 80 kV", "si-110, 80 kV") else "predicted"
            rows.append(
                (
                    f"{one.run}, {one.symbol}",
                    detector,
                    f"{one.period * len(one.measured) / 10:.1f} nm",
                    *(one.error(model) for model in ("sum", "exponential")),
                    f"**{one.error('model')}**" + (f", {known}" if detector == HIGH else ""),
                )
            )
    head = ("column", "detector", "up to", "plain sum", "exponential", "`channelling_weights`")
    return table(head, rows)


@block
def channelling_by_thickness() -> str:
    """Intensity against the number of periods, in units of a single one."""
    numbers = (1, 3, 5, 10, 15, 20, 25, 30)
    rows = []
    for one in columns():
        measured = one.measured
        model = one.intensity("model")
        cells = [
            f"{measured[n - 1] / measured[0]:.1f} ({model[n - 1] / measured[0]:.1f})"
            if n <= len(measured)
            else "-"
            for n in numbers
        ]
        rows.append((f"{one.run}, {one.symbol}", *cells))
    return table(("column", *map(str, numbers)), rows)


@block
def channelling_vacancies() -> str:
    """Loss of a column by one of its atoms, in parts of it, by the depth of the atom."""
    rows = []
    for run, found in results("channelling").items():
        if "vacancies" not in found:
            continue
        one = Column(run, VACANCY_OF[run.split(",")[0]])
        numbers = list(found["vacancies"])
        weights = one.weights()
        for count in (3, 5, 10, 20, 30):
            lost = [
                f"{found['vacancies'][n][count - 1] / one.measured[count - 1]:.2f}"
                if int(n) <= count
                else "-"
                for n in numbers
            ]
            last = weights[count - 1] / weights[:count].sum()
            rows.append((f"{one.symbol}, {count}", *lost, f"{last:.2f}", f"{1 / count:.2f}"))
    named = [f"atom {n}" for n in numbers]
    return table(("column, atoms", *named, "`channelling_weights`", "plain sum"), rows)
