"""Tables of any kind from text files: the first row names the columns, and each column holds numbers or words."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.data.numbers import NUMBER
from discrete_ed.data.text_tables import MISSING_CELLS, delimiter_of, read_rows
from discrete_ed.errors import InputError
from discrete_ed.tables.optional import pandas
from discrete_ed.tables.recognition import LARGEST_WHOLE
from discrete_ed.tables.spelling import LEADING_ZERO, check_points, decimal_points, reading_of

if TYPE_CHECKING:
    from pandas import DataFrame

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".data")
WHOLE = re.compile(r"[+-]?\d{1,18}")


def read_frame(path: str | Path, *, words: Collection[str] = (), like: DataFrame | None = None) -> DataFrame:
    """A table of any kind from a text file, as a data frame: one row on each line, and names in the first row.

    Cells are separated as in `read_table`. A column whose cells are all numbers becomes a column of numbers (of whole
    ones, if all are), and any other column is one of words; so is one with leading zeros, such as 007. Decimal commas
    are read in files whose cells are separated by semicolons or tabs. Missing cells are empty, or NA, NaN, null, None
    or ?. A first column without a name that numbers the rows is left out with a warning.

    Args:
        path: a file that ends in .csv, .tsv, .txt or .data. Read any other file with pandas.
        words: names of columns whose cells are words even if some of them are spelled like numbers.
        like: a table that was read before; its columns of words are columns of words here, whatever their spelling, and
            one row is enough.

    Raises:
        InputError: the file can't be read; its first row doesn't name the columns; rows differ in length; fewer than
            two rows; a column mixes numbers and words, or spells numbers with signs for groups, money or per cent.

    Warns:
        UserWarning: cells are taken as missing, by what is written in them; decimal commas are read, or points that may
            separate thousands; a first column that numbers the rows, or rows without any cell, are left out.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.csv").write_text("sex,age\\nf,31\\nm,\\nf,44\\n")
    ...     frame = read_frame(f"{folder}/mine.csv")
    >>> frame["sex"].tolist(), frame["age"].tolist()
    (['f', 'm', 'f'], [31.0, nan, 44.0])
    """
    path = Path(path)
    if path.suffix.lower() not in TEXT_ENDINGS:
        raise InputError(
            f"{path}: expected a text table ({', '.join(TEXT_ENDINGS)}), got {path.suffix or 'no ending'}; read it "
            "with pandas, and write it with to_csv(index=False)"
        )
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: expected a readable table, but it is not a regular file")
    head, rows, lines = _rows(path)
    least = 2 if like is None else 1  # what a column is was seen before
    if head is None or len(rows) < least:
        wanted = "two rows" if like is None else "one row"
        raise InputError(f"{path}: expected names of columns and at least {wanted}, got {len(rows)} rows")
    names = [name.strip() for name in head]
    names[0] = names[0].lstrip("# ") or names[0]
    _warn_of_empty_rows(path)
    columns = np.array(rows, dtype=object).T.reshape(len(names), len(rows))
    _check_names(path, names, columns)
    cells = {k: _with_minus(columns[k]) for k in range(len(names))}
    if delimiter_of(path) in (";", "\t"):
        spelled = cells
        cells = {k: decimal_points(path, names[k], spelled[k]) for k in spelled}
        commas = any(cells[k] is not spelled[k] for k in cells)
        for k in cells:
            if cells[k] is spelled[k] and names[k] not in words:
                check_points(path, names[k], cells[k], lines, decimal_commas=commas)
    alike = [] if like is None else [name for name in like.columns if like[name].dtype.kind not in "biuf"]
    frame = pandas().DataFrame({k: _column(path, names[k], cells[k], lines, words, alike) for k in range(len(names))})
    frame.columns = pandas().Index(names)
    return _without_row_numbers(path, frame)


def lines_of_rows(path: Path) -> list[int]:
    """The line of the file on which each row of `read_frame` stands."""
    return _rows(path)[2]


def _rows(path: Path) -> tuple[list[str] | None, list[list[str]], list[int]]:
    """The first row, the other rows in which some cell is not empty, and the line of each of these."""
    head, rows, lines = _all_rows(path)
    kept = [k for k, row in enumerate(rows) if any(row)]
    return head, [rows[k] for k in kept], [lines[k] for k in kept]


def _warn_of_empty_rows(path: Path) -> None:
    empty = [line for row, line in zip(*_all_rows(path)[1:], strict=True) if not any(row)]
    if empty:
        warnings.warn(
            f"{path}: {len(empty)} rows without any cell, such as row {empty[0]}, are left out",
            UserWarning,
            stacklevel=3,
        )


def _with_minus(cells: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The cells with a hyphen for the minus sign of typesetters, where a number follows it."""
    signed = [cell for cell in cells if cell.startswith("−") and NUMBER.fullmatch(cell[1:])]
    return np.array([f"-{cell[1:]}" if cell in signed else cell for cell in cells], dtype=object) if signed else cells


def _all_rows(path: Path) -> tuple[list[str] | None, list[list[str]], list[int]]:
    """The first row, the other rows, and the line of each of these."""
    try:
        rows, head, lines = read_rows(path, lambda _: True, says_groups=False)
    except OSError as error:
        raise InputError(f"{path}: expected a readable table, but {error.strerror or error}") from None
    return (rows[0], rows[1:], lines[1:]) if head is None and rows else (head, rows, lines)


def _check_names(path: Path, names: list[str], columns: np.ndarray[Any, Any]) -> None:
    """Refuse a first row that seems to hold data."""
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    counted = [name for name in names if name] in ([str(k + start) for k in range(len(names))] for start in (0, 1))
    among_cells = [name for name, column in zip(names, columns, strict=True) if name in set(column.tolist())]
    unnamed = [k for k, name in enumerate(names) if not name and k]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    got = ""
    if numbers and not counted:
        got = f"the number {numbers[0]}"
    elif twice is not None:
        got = f"{twice!r} twice"
    elif 2 * len(among_cells) >= len(names):
        got = f"{among_cells[0]!r}, which is a cell of its column as well"
    elif unnamed:
        got = f"none for column {unnamed[0] + 1}"
    if got:
        raise InputError(f"{path}: expected different names of columns in the first row, got {got}; add a row of names")


def _column(
    path: Path,
    name: str,
    cells: np.ndarray[Any, Any],
    lines: list[int],
    words: Collection[str],
    alike: Collection[str],
) -> Any:
    """A column of numbers or of words; NaN where a cell is missing."""
    missing = np.array([cell.lower() in MISSING_CELLS for cell in cells])
    _warn_of_markers(path, name, cells[missing])
    if name in alike or any(LEADING_ZERO.match(cell) for cell in cells):
        return _words(cells, missing)
    is_number = np.array([NUMBER.fullmatch(cell) is not None for cell in cells])
    if (is_number | missing).all() and is_number.any():
        if name in words and max(abs(float(cell)) for cell in cells[is_number]) >= LARGEST_WHOLE:
            return _words(cells, missing)  # as numbers they would lose digits
        if not missing.any() and all(WHOLE.fullmatch(cell) for cell in cells):
            return np.array([int(cell) for cell in cells])
        numbers = np.full(len(cells), np.nan)
        numbers[is_number] = [float(cell) for cell in cells[is_number]]
        return numbers
    readings = [None if gap else reading_of(cell) for cell, gap in zip(cells, missing, strict=True)]
    formatted = np.array([reading is not None for reading in readings])
    if name not in words and formatted.any() and (formatted | is_number | missing).all():
        row = int(formatted.argmax())
        raise InputError(
            f"{path}, row {lines[row]}, column {name!r}: expected numbers as digits and a decimal point, got "
            f"{cells[row]!r:.40}, which may be read as {readings[row]}; write the numbers plainly, or say "
            f"{name}=category with types if they are words of a category"
        )
    if is_number.any() and name not in words:
        wrong = int((~is_number & ~missing).argmax())
        share = is_number.sum() / (~missing).sum()
        expected = "a number" if share > 0.5 else "a word"
        wrong = wrong if share > 0.5 else int(is_number.argmax())
        raise InputError(
            f"{path}, row {lines[wrong]}, column {name!r}: expected {expected} as in other cells of the column, got "
            f"{cells[wrong]!r:.40}; leave the cell empty if it is missing, or say {name}=category with types if they "
            "are words of a category"
        )
    return _words(cells, missing)


def _words(cells: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> Any:
    present = cells.copy()
    present[missing] = None
    return pandas().Series(present).astype("str" if _has_text_dtype() else object)


def _warn_of_markers(path: Path, name: str, cells: np.ndarray[Any, Any]) -> None:
    """Say how many cells are missing by what is written in them, which may be meant as a value."""
    markers = [cell for cell in cells if cell]
    if markers:
        warnings.warn(
            f"{path}, column {name!r}: {len(markers)} cells ({', '.join(dict.fromkeys(markers))}) are taken as missing",
            UserWarning,
            stacklevel=4,
        )


def _has_text_dtype() -> bool:
    """Whether missing words stay missing in pandas' dtype of text, as they do from pandas 3."""
    return int(pandas().__version__.split(".")[0]) >= 3


def _without_row_numbers(path: Path, frame: DataFrame) -> DataFrame:
    """The frame without a first column that has no name and numbers the rows, as pandas writes its index."""
    first = frame.iloc[:, 0]
    if frame.columns[0] or frame.shape[1] < 2 or first.dtype.kind != "i" or (np.diff(first) != 1).any():
        return frame
    warnings.warn(f"{path}: the first column numbers the rows, and is left out", UserWarning, stacklevel=3)
    return frame.iloc[:, 1:]
