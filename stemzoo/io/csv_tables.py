"""Write tables with a header as CSV, in one step; read them back."""

import csv
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from stemzoo.io.writers import atomic_path


def write_csv(
    path: str | Path,
    columns: Sequence[str],
    rows: Iterable[Sequence],
    *,
    header: Sequence[str] = (),
) -> None:
    """Write a table, with lines of explanation above it.

    Parameters
    ----------
    path : str or Path
        The file to write.
    columns : sequence of str
        The names of the columns.
    rows : iterable of sequences
        One cell for each column; None becomes an empty cell.
    header : sequence of str, optional
        Lines written above the names, each after "# "; what cannot be printed, such as the end of
        a line in a file's name, is escaped.

    Raises
    ------
    ValueError
        If column names repeat or are missing, or a row has another length.

    Examples
    --------
    >>> write_csv("hits.csv", ["row", "column"], [(1.5, 2.0)], header=["in px"])  # doctest: +SKIP
    """
    columns = list(columns)
    _check_columns(path, columns)
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"# {_in_one_line(str(line))}\n" for line in header)
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        for number, row in enumerate(rows):
            _check_row(path, columns, row, number)
            table.writerow(row)


def read_csv(path: str | Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Read a table as `write_csv` writes it.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    header : list of str
        The lines above the names, without "# ".
    columns : dict of str to ndarray
        By name, in the order of the file: float if every cell is a number or empty (NaN) and not
        all are empty; otherwise str.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a table.

    Examples
    --------
    >>> header, columns = read_csv("hits.csv")  # doctest: +SKIP
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            header, line = [], file.readline()
            while line.startswith("#"):
                header.append(line[1:].removeprefix(" ").rstrip("\r\n"))
                line = file.readline()
            table = [row for row in csv.reader(chain([line], file), strict=True) if row]
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: expected a table. Received: no such file. Check the path."
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path}: expected a UTF-8 table of comma-separated values. Received: {error}. "
            "Save it as CSV (UTF-8)."
        ) from error
    names = table[0] if table else []
    _check_columns(path, names)
    for number, row in enumerate(table[1:]):
        _check_row(path, names, row, number)
    cells = zip(*table[1:], strict=True) if len(table) > 1 else [()] * len(names)
    return header, {name: _column(column) for name, column in zip(names, cells, strict=True)}


def _in_one_line(text: str) -> str:
    """Return text as Python writes it, with what a terminal acts on, or UTF-8 lacks, escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _check_columns(path: str | Path, columns: Sequence[str]) -> None:
    bad = not columns or len(set(columns)) < len(columns) or columns[0].startswith("#")
    if bad or not all(columns):
        raise ValueError(
            f"{path}: expected different column names, the first not beginning with '#'. "
            f"Received: {columns}. Give each column its own name."
        )


def _check_row(path: str | Path, columns: Sequence[str], row: Sequence, number: int) -> None:
    if len(row) != len(columns):
        raise ValueError(
            f"{path}: expected {len(columns)} cells in each row. Received: {len(row)} in row "
            f"{number} of the table. Correct that row."
        )


def _column(cells: Sequence[str]) -> np.ndarray:
    """Return the cells of a column as numbers, where all are; otherwise as text."""
    # float() takes "1389_2" for a number.
    if any(cells) and not any("_" in cell for cell in cells):
        try:
            return np.array([float(cell) if cell else np.nan for cell in cells])
        except ValueError:
            pass
    return np.array(cells, dtype=str)
