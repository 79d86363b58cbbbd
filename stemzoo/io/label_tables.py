"""Tables of text that other programs and people write: any delimiter, decimal commas, notes."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo.io.grey import Refusal

LARGEST = 50_000_000  # bytes: no table of marks is larger

_DELIMITERS = "\t;,"
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*$")


@dataclass(frozen=True)
class TextTable:
    """A table of text cells under one row of names.

    Parameters
    ----------
    notes : tuple of str
        Lines above the names, without "#".
    names : tuple of str
        Names of the columns, as the file spells them.
    rows : tuple of tuple of str
        As many cells each.
    """

    notes: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self, column: int) -> tuple[str, ...]:
        """Return the cells of a column, by its number."""
        return tuple(row[column].strip() for row in self.rows)

    def numbers(self, column: int) -> np.ndarray:
        """Return a column of numbers, by its number.

        Raises
        ------
        Refusal
            If a cell is none; it is named.
        """
        values = np.empty(len(self.rows))
        for line, cell in enumerate(self.text(column)):
            decimal = cell.replace(",", ".") if _DECIMAL_COMMA.match(cell) else cell
            try:
                values[line] = float(decimal)
            except ValueError:
                values[line] = np.nan
            if not np.isfinite(values[line]):
                raise Refusal(
                    f"numbers in the column {self.names[column]!r}",
                    f"{cell!r} in row {line + 1} below the names",
                    "Correct that cell",
                )
        return values


def read_text_table(path: Path) -> TextTable:
    """Read a table whose cells are separated by tabs, semicolons or commas.

    Parameters
    ----------
    path : Path
        The file: UTF-8, UTF-16 with its mark, or Windows-1252.

    Returns
    -------
    TextTable

    Raises
    ------
    Refusal
        If it is no table with one name for each column.
    OSError
        If it cannot be read.
    """
    lines = _text(path).splitlines()
    first = next((i for i, line in enumerate(lines) if not _is_note(line)), len(lines))
    notes = tuple(line.lstrip("#").strip() for line in lines[:first] if line.strip())
    body = [line for line in lines[first:] if line.strip()]
    if not body:
        raise Refusal("a table with names above it", "an empty file", "Save it once more")
    # Names hold none of the three, so that the one there is separates them.
    delimiter = max(_DELIMITERS, key=body[0].count)
    rows = list(csv.reader(body, delimiter=delimiter, skipinitialspace=True))
    names = tuple(name.strip() for name in rows[0])
    if all(_is_number(name) for name in names if name):
        raise Refusal(
            "names above the columns, such as row,column,class",
            f"numbers in the first row, {body[0].strip()[:60]!r}",
            "Write the names above it",
        )
    return TextTable(notes, names, tuple(_cells(row, names, n) for n, row in enumerate(rows[1:])))


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Refusal("a table of at most 50 MB", "a larger one", "Leave out what are no labels")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise Refusal("a table of text", "a file that holds none", "Export it as CSV")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _is_note(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _cells(row: list[str], names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return the cells of a row, one for each name; empty ones at its end do not count."""
    while len(row) > len(names) and not row[-1].strip():
        row = row[:-1]
    if len(row) != len(names):
        why = (
            " (with decimal commas, separate cells by semicolons)" if len(row) > len(names) else ""
        )
        raise Refusal(
            f"{len(names)} cells in each row{why}",
            f"{len(row)} in row {number + 1} below the names",
            "Correct that row",
        )
    return tuple(row)
