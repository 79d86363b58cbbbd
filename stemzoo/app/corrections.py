"""What a visitor says of detections: this is none, this is another, here is one more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.inference.detections import Detections
from stemzoo.inference.second_witness import ColumnReadings


@dataclass(frozen=True)
class Edit:
    """One correction.

    Parameters
    ----------
    mark : int or None
        The mark that it is about; None for a new one.
    name : str or None
        What the mark is; None if it is no defect.
    row, column : float
        Where a new mark is [px].

    Examples
    --------
    >>> Edit(3, None), Edit(None, "se_vacancy", 10.0, 12.5)  # doctest: +ELLIPSIS
    (Edit(mark=3, name=None, ...), Edit(mark=None, name='se_vacancy', row=10.0, column=12.5))
    """

    mark: int | None
    name: str | None
    row: float = 0.0
    column: float = 0.0


@dataclass(frozen=True, eq=False)
class Corrected:
    """Detections after corrections.

    Parameters
    ----------
    detections : Detections
        All that are left, those of the detector first.
    marks : tuple of int
        Number of each: that of the detection, and for new ones the numbers after.
    removed, relabelled, added : int
        How many of each correction hold.
    """

    detections: Detections
    marks: tuple[int, ...]
    removed: int = 0
    relabelled: int = 0
    added: int = 0

    def words(self) -> str:
        """Say how much was corrected; empty where nothing was.

        Examples
        --------
        >>> Corrected(None, (), removed=2, added=1).words()
        'corrected by hand: 2 removed, 1 added'
        """
        parts = {"removed": self.removed, "relabelled": self.relabelled, "added": self.added}
        told = ", ".join(f"{count} {word}" for word, count in parts.items() if count)
        return f"corrected by hand: {told}" if told else ""


def correct(found: Detections, edits: Sequence[Edit]) -> Corrected:
    """Apply corrections to detections.

    Parameters
    ----------
    found : Detections
        What the detector found.
    edits : sequence of Edit
        In their order; later ones of a mark replace earlier ones.

    Returns
    -------
    Corrected
        New and renamed marks have neither score nor probability (NaN). Once anything is
        corrected, nothing is expected of the rest: densities are plain counts by the area.

    Raises
    ------
    ValueError
        If there is no such mark, a class is unknown, or a new mark lies outside of the image.

    Examples
    --------
    >>> found = Detections(np.array([[3.0, 4.0]]), ("a",), np.array([0.9]), 1.0, "", (64, 64))
    >>> correct(found, [Edit(0, None), Edit(None, "a", 9.0, 8.0)]).detections.positions.tolist()
    [[9.0, 8.0]]
    """
    known = dict(enumerate(found.classes))
    names: dict[int, str | None] = dict(known)
    places: list[tuple[float, float]] = []
    for edit in edits:
        _check(edit, found, names)
        mark = edit.mark
        if mark is None:
            mark = len(found) + len(places)
            places.append((edit.row, edit.column))
        names[mark] = edit.name
    kept = [mark for mark, name in names.items() if name is not None]
    own = np.array([mark for mark in kept if mark < len(found)], dtype=int)
    new = [mark for mark in kept if mark >= len(found)]
    unknown = np.full(len(new), np.nan)
    points = np.array([places[mark - len(found)] for mark in new], dtype=float).reshape(-1, 2)
    readings = found.readings
    if readings is not None:
        readings = ColumnReadings(
            np.concatenate([readings.intensity[own], unknown]),
            np.concatenate([readings.sigma[own], unknown]),
        )
    # What the detector says of a mark is of the class that it gave it.
    by_hand = np.array([names[mark] != known[mark] for mark in own.tolist()], dtype=bool)
    scores = np.where(by_hand, np.nan, np.asarray(found.scores, dtype=float)[own])
    likely = found.probability
    if likely is not None:
        likely = np.concatenate([np.where(by_hand, np.nan, likely[own]), unknown])
    corrected = replace(
        found,
        positions=np.concatenate([np.reshape(found.positions, (-1, 2))[own], points]),
        classes=tuple(str(names[mark]) for mark in kept),
        scores=np.concatenate([scores, unknown]),
        readings=readings,
        probability=likely,
    )
    result = Corrected(
        corrected,
        tuple(kept),
        removed=sum(names[mark] is None for mark in known),
        relabelled=sum(names[mark] not in (None, name) for mark, name in known.items()),
        added=len(new),
    )
    if not result.words():
        return result
    # Those that expect something of the image are about what the detector reported.
    notes = (*found.notes, result.words())
    return replace(result, detections=replace(corrected, counted={}, notes=notes))


def _check(edit: Edit, found: Detections, names: dict[int, str | None]) -> None:
    """See that a correction, which may come from anywhere, is one."""
    if edit.name is not None and edit.name not in found.counts():
        raise ValueError(f"Expected one of {', '.join(found.counts())}. Received: {edit.name!r}")
    if edit.mark is not None:
        if edit.mark not in names:
            raise ValueError(f"Expected a mark of the image. Received: number {edit.mark}")
        return
    inside = -0.5 <= edit.row < found.shape[0] - 0.5 and -0.5 <= edit.column < found.shape[1] - 0.5
    if edit.name is None or not inside:
        raise ValueError(
            f"Expected a defect at a place in the image. Received: {edit.name} at "
            f"({edit.row}, {edit.column})"
        )
