"""Point defects that a structure may have, proposed with probabilities, and files of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from stemzoo.io import write_json
from stemzoo.io.json_files import Field, read_json
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.elements import atomic_number, is_metal, scattering_strength
from stemzoo.simulate.materials import Material

# Elements that take each other's places, lightest first: groups of the periodic table.
_GROUPS = (
    *("Li Na K Rb Cs", "Be Mg Ca Sr Ba", "Sc Y La", "Ti Zr Hf", "V Nb Ta", "Cr Mo W", "Mn Re"),
    *("Fe Ru Os", "Co Rh Ir", "Ni Pd Pt", "Cu Ag Au", "Zn Cd Hg", "B Al Ga In Tl"),
    *("C Si Ge Sn Pb", "N P As Sb Bi", "O S Se Te", "F Cl Br I"),
)
# Per column that can host it (adatoms: per cell): often enough in a frame to learn from.
_VACANCY, _METAL_VACANCY, _ALL = 0.035, 0.01, 0.004
_SUBSTITUTION, _ANTISITE, _ADATOM = 0.004, 0.002, 0.001
_VISIBLE = 0.1  # of the strongest column
_MOST = 0.3  # columns that are defects in all, beyond which nothing tells what is usual
_FIELDS = {
    "structure": Field(str, high=200),
    "defects": Field(dict, high=200, required=True, items=Field(float, low=0.0, high=0.5)),
}


@dataclass(frozen=True)
class ProposedDefect:
    """A point defect that a structure may have.

    Parameters
    ----------
    name : str
        As `find_defect` reads it.
    probability : float
        Per column that can host it; of an adatom per cell.
    words : str
        What it is.
    contrast : float
        Intensity of the column, in units of the whole one; of an adatom on no column, of the
        strongest one.
    change : float
        By how much the intensity changes, in units of the strongest column.
    """

    name: str
    probability: float
    words: str
    contrast: float
    change: float

    @property
    def is_visible(self) -> bool:
        """Whether an image can show it: a tenth of the strongest column or more."""
        return abs(self.change) >= _VISIBLE


def propose_defects(material: Material) -> tuple[ProposedDefect, ...]:
    """Propose point defects of a structure.

    Parameters
    ----------
    material : Material
        The crystal. Of one that goes on along the beam, intensities are those of a single cell.

    Returns
    -------
    tuple of ProposedDefect
        Vacancies of one atom, and of all atoms of an element in a column; the next lighter and the
        next heavier element of the same group in its place; in compounds each element in the place
        of another one; an atom on top of the strongest column, and anywhere.

    Examples
    --------
    >>> from stemzoo.simulate import find_material
    >>> names = [defect.name for defect in propose_defects(find_material("mos2"))]
    >>> names[:4], names[-2:]
    (['mo_vacancy', 'cr_on_mo', 'w_on_mo', 's_on_mo'], ['mo_atop_mo', 'mo_adatom'])
    """
    columns = [*material.columns.values()]
    strongest = max(columns, key=scattering_strength)
    # Of each element, the column that it makes up most of stands for the others.
    hosts: dict[str, list[str]] = {}
    for symbol in dict.fromkeys(symbol for column in columns for symbol in column):
        hosts[symbol] = max(columns, key=lambda column: _share(symbol, column))
    unit = scattering_strength(strongest)
    # Vacancies of metals are rare, but where no others are seen.
    others = any(not is_metal(s) and scattering_strength([s]) >= _VISIBLE * unit for s in hosts)
    changes: list[_Change] = []
    for symbol, column in hosts.items():
        count = column.count(symbol)
        often = _METAL_VACANCY if is_metal(symbol) and others else _VACANCY
        changes.append(
            _Change(f"{symbol}_vacancy", often, f"one {symbol} missing", column, (symbol,))
        )
        if count > 1:
            name = "divacancy" if count == 2 else "column_vacancy"
            words = f"all {count} {symbol} of a column missing"
            changes.append(_Change(f"{symbol}_{name}", _ALL, words, column, (symbol,) * count))
        for other in _neighbours(symbol):
            words = f"{other} in place of {symbol}"
            name = f"{other}_on_{symbol}"
            changes.append(_Change(name, _SUBSTITUTION, words, column, (symbol,), other))
        for other in (other for other in hosts if other != symbol):
            words = f"antisite: {other} in place of {symbol}"
            name = f"{other}_on_{symbol}"
            changes.append(_Change(name, _ANTISITE, words, column, (symbol,), other))
    heavy = max(hosts, key=lambda symbol: (is_metal(symbol), atomic_number(symbol)))
    top = max(strongest, key=atomic_number)
    words = f"{heavy} on top of a {top} column"
    changes.append(_Change(f"{heavy}_atop_{top}", _ADATOM, words, strongest, (), heavy))
    found = {change.name.lower(): change.proposed(unit) for change in reversed(changes)}
    alone = scattering_strength([heavy]) / unit
    adatom = ProposedDefect(f"{heavy}_adatom".lower(), _ADATOM, f"{heavy} anywhere", alone, alone)
    return (*reversed(found.values()), adatom)


@dataclass(frozen=True)
class _Change:
    """A change of a column: which atoms go, and which one comes."""

    name: str
    probability: float
    words: str
    column: list[str]
    gone: tuple[str, ...]
    comes: str | None = None

    def proposed(self, unit: float) -> ProposedDefect:
        """Return it as a defect; `unit` is how the strongest column scatters."""
        left = Counter(self.column)
        left.subtract(self.gone)
        left.update([self.comes] if self.comes else [])
        whole, new = scattering_strength(self.column), scattering_strength([*left.elements()])
        contrast, change = new / whole, (new - whole) / unit
        return ProposedDefect(self.name.lower(), self.probability, self.words, contrast, change)


def defect_probabilities(material: Material) -> dict[str, float]:
    """Return the proposed defects that an image can show, as an `AcquisitionSession` takes them.

    Parameters
    ----------
    material : Material
        The crystal.

    Returns
    -------
    dict of str to float
    """
    return {d.name: d.probability for d in propose_defects(material) if d.is_visible}


def write_defects(path: str | PathLike, material: Material, defects: Mapping[str, float]) -> None:
    """Write defects to a JSON file, to be edited.

    Parameters
    ----------
    path : path-like
        The file.
    material : Material
        The crystal.
    defects : mapping of str to float
        Names with their probabilities.
    """
    write_json(Path(path), {"structure": material.name, "defects": dict(defects)})


def read_defects(path: str | PathLike, material: Material) -> dict[str, float]:
    """Read defects from a JSON file.

    Parameters
    ----------
    path : path-like
        ``{"defects": {"se_vacancy": 0.035}}``: names with a probability per column that can host
        it (of adatoms: per cell).
    material : Material
        The crystal, which must be able to have them.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        If the file holds something else, a name cannot be read or no column can host it, or
        probabilities are not between 0 and 0.5 or more than 0.3 together; the message names the
        file.

    Examples
    --------
    >>> read_defects("defects.json", find_material("wse2"))  # doctest: +SKIP
    {'se_vacancy': 0.035}
    """
    defects = read_json(Path(path), _FIELDS)["defects"]
    try:
        for name in defects:
            check_host(material, name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not defects or sum(defects.values()) > _MOST:
        raise ValueError(
            f"{path}: expected defects with probabilities of at most {_MOST} together. Received: "
            f"{len(defects)} of {sum(defects.values()):.3g}; lower them"
        )
    return {name.lower(): float(probability) for name, probability in defects.items()}


def check_host(material: Material, name: str) -> None:
    """See that a column of a material can host a defect.

    Parameters
    ----------
    material : Material
        The crystal.
    name : str
        See `find_defect`.

    Raises
    ------
    ValueError
        If the name cannot be read, or no column has enough atoms.
    """
    defect = find_defect(material, name)
    if defect.element is None:
        return
    most = max(column.count(defect.element) for column in material.columns.values())
    if material.layered and most < defect.count:
        raise ValueError(
            f"{name!r} takes {defect.count} atoms of {defect.element} from a column; drop it. "
            f"Received: {material.name}, whose columns hold {most} at most"
        )


def _neighbours(symbol: str) -> list[str]:
    """Return the next lighter and the next heavier element that take its place."""
    for group in _GROUPS:
        members = group.split()
        if symbol in members:
            at = members.index(symbol)
            return [members[i] for i in (at - 1, at + 1) if 0 <= i < len(members)]
    return []


def _share(symbol: str, column: list[str]) -> tuple[float, int]:
    """How much of a column's intensity is of an element, and how many atoms."""
    part = [other for other in column if other == symbol]
    return scattering_strength(part) / scattering_strength(column), len(part)
