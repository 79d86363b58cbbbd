"""From what somebody calls a defect to the class that a detector is to have."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo.io.grey import Refusal
from stemzoo.io.label_files import Labels
from stemzoo.io.label_tables import read_text_table
from stemzoo.simulate.defects import EDGE, defect_class
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.training_defects import TRAINING_DEFECTS

# A class of marks that are neither defects nor perfect crystal.
IGNORE = "ignore"
# What files call such marks; they need no mapping.
_DOUBTFUL = {IGNORE, "uncertain"}
_GENERAL = ("metal_dark", "bright", "dark", EDGE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class ClassMap:
    """What the classes of files of labels are called in a detector.

    Parameters
    ----------
    names : mapping of str to str
        Class by what files call it; the key "" is for marks that have no name.

    Examples
    --------
    >>> ClassMap({"V_Se": "se_vacancy", "other": "ignore"}).names["V_Se"]
    'se_vacancy'
    """

    names: Mapping[str, str]

    @classmethod
    def read(cls, text: str | None) -> "ClassMap":
        """Read what ``--classes`` takes: own=class pairs, one class, or a file of two columns.

        Parameters
        ----------
        text : str or None
            With None, classes keep their names.

        Returns
        -------
        ClassMap

        Raises
        ------
        ValueError
            If it is none of these.

        Examples
        --------
        >>> ClassMap.read("V_Se=se_vacancy,other=ignore").names
        {'V_Se': 'se_vacancy', 'other': 'ignore'}
        >>> ClassMap.read("se_vacancy").names
        {'': 'se_vacancy'}
        """
        if text is None:
            return cls({})
        if "=" not in text and Path(text).is_file():
            pairs = _pairs_of_file(Path(text))
        else:
            parts = [part for part in text.split(",") if part.strip()]
            pairs = [part.split("=") if "=" in part else ["", part] for part in parts]
        names = {}
        for pair in pairs:
            own, name = (pair[0].strip(), pair[-1].strip().lower())
            if len(pair) != 2 or not _NAME.fullmatch(name):
                raise ValueError(
                    "--classes expects own=class pairs such as V_Se=se_vacancy,other=ignore (names "
                    "of small letters, digits and _), one class for marks without names, or a file "
                    f"of two columns. Received: {'='.join(pair)!r}"
                )
            names[own] = name
        return cls(names)

    def applied(self, labels: Labels, path: Path | None, known: Sequence[str]) -> Labels:
        """Return labels with the names of classes; `IGNORE` for those to leave out.

        Parameters
        ----------
        labels : Labels
            As the file calls them.
        path : Path or None
            The file, for messages.
        known : sequence of str
            Classes that need no mapping, see `known_classes`.

        Returns
        -------
        Labels

        Raises
        ------
        ValueError
            If a name is no class, and no mapping tells what it is.
        """
        lower = {own.casefold(): name for own, name in self.names.items()}
        found: dict[str, str] = {}
        for own in dict.fromkeys(labels.classes):
            name = self.names.get(own) or lower.get(own.casefold())
            if name is None and own.casefold() in _DOUBTFUL:
                name = IGNORE
            elif name is None and own.casefold() in known:
                name = own.casefold()
            if name is not None:
                found[own] = name
        if unknown := [own for own in dict.fromkeys(labels.classes) if own not in found]:
            raise ValueError(_explained(path, unknown, known))
        names = tuple(found[own] for own in labels.classes)
        return Labels(labels.points, names, labels.source)


def _pairs_of_file(path: Path) -> list[list[str]]:
    """Read the two columns of a file, whose first row may be a pair or their names."""
    try:
        table = read_text_table(path)
    except Refusal as error:
        raise ValueError(f"{path}: {error}.") from error
    if len(table.names) != 2:
        raise ValueError(
            f"{path}: expected two columns, own and class. Received: {','.join(table.names)}. "
            "Write them as V_Se,se_vacancy."
        )
    rows = [list(row) for row in table.rows]
    heads = {"class", "stemzoo", "name", "to"}
    return rows if table.names[1].casefold() in heads else [list(table.names), *rows]


def _explained(path: Path | None, unknown: Sequence[str], known: Sequence[str]) -> str:
    names = f"{', '.join(known)}, a name of your own, or {IGNORE}"
    file = path or "labels"
    if unknown == [""]:
        return (
            f"{file}: expected to know what its marks are: it names no classes. Say it with "
            f"--classes {known[0]}; a class is one of {names}."
        )
    pairs = ",".join(f"{own}=CLASS" for own in unknown)
    return (
        f"{file}: expected names of classes. Received: {', '.join(map(repr, unknown))}. Say what "
        f"they are with --classes {pairs}, where CLASS is one of {names}."
    )


def known_classes(material: str) -> tuple[str, ...]:
    """Return the classes that detectors of a material may have, vacancies first.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> known_classes("wse2")
    ('se_vacancy', 'se_divacancy', 'metal_dark', 'bright', 'dark', 'edge')
    """
    crystal = find_material(material)
    lost = [f"{site.symbol.lower()}_vacancy" for site in crystal.sites]
    own = [defect_class(crystal, name) for name in TRAINING_DEFECTS.get(crystal.name, lost)]
    return tuple(dict.fromkeys([*own, *_GENERAL]))


def ordered(names: Iterable[str], material: str) -> tuple[str, ...]:
    """Return class names in the order of `known_classes`, those of one's own last.

    Examples
    --------
    >>> ordered(["mine", "bright", "se_vacancy"], "wse2")
    ('se_vacancy', 'bright', 'mine')
    """
    known = known_classes(material)
    place = {name: number for number, name in enumerate(known)}
    return tuple(sorted(set(names), key=lambda name: (place.get(name, len(known)), name)))


def counted(labels: Iterable[Labels]) -> dict[str, int]:
    """Count the labels of each class, those to ignore left out."""
    names = [name for one in labels for name in one.classes if name != IGNORE]
    unique, counts = np.unique(np.array(names, dtype=str), return_counts=True)
    return dict(zip(unique.tolist(), counts.tolist(), strict=True))
