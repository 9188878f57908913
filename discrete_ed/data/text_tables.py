"""Binary tables as text: the kinds of cells, and how rows, names of columns and names of rows are recognised.

The docstring of `read_table` gives the rules.
"""

from __future__ import annotations

import csv
import re
import sys
import warnings
from array import array
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.decoding import decoded
from discrete_ed.data.numbers import NUMBER, all_differ, named_by_numbers, names_columns, warn_of_numbers
from discrete_ed.errors import InputError

KINDS = ("0 or 1", "-1 or +1", "true or false", "yes or no")  # kinds of binary cells, as error messages name them
ZERO, ONE, MINUS, FALSE, TRUE, NO, YES, MISSING, OTHER, TEXT = range(10)  # what a cell can be; OTHER: another number
BINARY = bytes(range(MISSING))  # the codes of binary cells
CODES = {
    **dict.fromkeys(("0", "0.0"), ZERO),
    **dict.fromkeys(("1", "1.0", "+1", "+1.0"), ONE),
    **dict.fromkeys(("-1", "-1.0", "−1"), MINUS),
    **dict.fromkeys(("false", "False", "FALSE"), FALSE),
    **dict.fromkeys(("true", "True", "TRUE"), TRUE),
    **dict.fromkeys(("no", "No", "NO"), NO),
    **dict.fromkeys(("yes", "Yes", "YES"), YES),
}
MISSING_CELLS = {"", "na", "n/a", "nan", "<na>", "null", "none", "?"}
OTHER_LINES = "begin lines that are no rows of the table with #, or remove them"
MAX_SPELLINGS = 1000
"""number of different spellings of cells whose codes are cached"""


def read_text(path: Path, *, missing: bool = False) -> tuple[np.ndarray[Any, Any], tuple[str, ...], Sequence[int]]:
    """The codes of all cells, the names of the columns, and the line of the file on which each row stands.

    Args:
        missing: whether cells may be missing.

    Raises:
        InputError: a wrong cell or row, as `read_table` describes.
    """
    numbered = _numbered_rows(path, says_groups=True)
    first, head = next(numbered, (1, []))
    titled = _are_titles(head)
    if not titled and (second := list(islice(numbered, 1))):
        numbered = chain(second, numbered)
        others = sum(_code(cell) == OTHER for cell in head)  # more than a wrong cell or two
        if all_differ(head) and 2 * others > len(head) and max(map(_code, second[0][1][1:]), default=OTHER) < OTHER:
            titled = True
            warn_of_numbers(path, head, "since its numbers all differ, and those below are others", stacklevel=4)
    spellings = Spellings(CODES)
    codes, labels, rows = [], [], array("q")
    cells = first_cells = head
    wrong_from = OTHER if missing else MISSING
    for row, cells in numbered if titled else chain([(first, head)] if head else [], numbered):
        expect_cells(path, row, cells, head)
        found = bytes(map(spellings.__getitem__, cells))
        codes.append(found)
        labels.append(cells[0])
        rows.append(row)
        if found.translate(None, BINARY) and max(found[1:], default=0) >= wrong_from:
            break  # the table will be refused, so the rest need not be read
    table = np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), len(head))
    labelled = len(head) > 1 and _are_labels(table[:, 0], labels)
    if titled:
        head = [head[0].lstrip("# ") or head[0], *head[1:]]  # numpy writes names behind a #
    _refuse_second_names(path, rows, cells, titled=titled and len(rows) == 1)
    if labelled:
        table, head, cells = table[:, 1:], head[1:], cells[1:]
    names = tuple((titled and cell.strip()) or f"x{k}" for k, cell in enumerate(head, 1))
    wrong = np.argwhere(table >= wrong_from)
    if len(wrong):
        row, column = wrong[0]
        cell = labels[row] if column == 0 and not labelled else cells[column]  # the last row that was read
        raise cell_error(path, rows[row], names[column], cell.strip(), missing=table[row, column] == MISSING)
    if [cell.strip() for cell in first_cells] == ["0", "1"]:
        warnings.warn(
            f"{path}: the first row, 0 and 1, is read as data, though it may be meant to number the columns",
            stacklevel=3,
        )
    if labelled:
        warn_of_labels(path, labels, stacklevel=4)
    return table, names, rows


def _refuse_second_names(path: Path, rows: Sequence[int], cells: list[str], *, titled: bool) -> None:
    """Refuse a table whose second row names the columns again: different words, as values hardly are."""
    if titled and len(set(cells)) == len(cells) > 2 and all(_code(cell) == TEXT for cell in cells):
        raise InputError(
            f"{path}, row {rows[0]}: expected values, got words in all cells, such as {cells[-1].strip()[:40]!r}; "
            "only one row may name the columns: begin the lines above it with #, or remove them"
        )


def read_rows(
    path: Path, is_value: Callable[[str], bool], *, says_groups: bool = True
) -> tuple[list[list[str]], list[str] | None, list[int]]:
    """The cells of all rows as they stand in the file, the names of the columns if the first row has names, and the
    line of each row.

    Args:
        is_value: whether a cell can be a value of the table.
        says_groups: whether groups of rows between blank lines are warned of.
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    head: list[str] | None = None
    for line, cells in _numbered_rows(path, says_groups):
        expect_cells(path, line, cells, rows[0] if rows else head or cells)
        if not rows and head is None and (names_columns(cells) or 2 * sum(map(is_value, cells)) < len(cells)):
            head = cells
            continue
        rows.append(list(map(sys.intern, map(str.strip, cells))))  # few spellings, each stored once
        lines.append(line)
    if head is None and named_by_numbers(rows):
        head = rows.pop(0)
        lines.pop(0)
        warn_of_numbers(
            path, head, "since its numbers all differ or rise evenly, and those of no other row do", stacklevel=6
        )
    return rows, head, lines


def expect_cells(path: Path, row: int, cells: Sequence[str], head: Sequence[str]) -> None:
    """Refuse a row that has not as many cells as the first one."""
    if len(cells) != len(head):
        raise InputError(
            f"{path}, row {row}: expected {len(head)} cells as in the first row, got {len(cells)}; {OTHER_LINES}"
        )


def warn_of_labels(path: Path, labels: Sequence[str], *, stacklevel: int) -> None:
    """Warn that the first column was taken for names of rows."""
    counts = all(label.strip().isdecimal() for label in labels)
    hint = "; if it counts equal rows, name it as weights" if counts else ""
    warnings.warn(f"{path}: the first column names the rows, and is left out{hint}", stacklevel=stacklevel)


def _numbered_rows(path: Path, says_groups: bool) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each row.

    Where the first row names all columns but the first one, which names the rows, as R writes tables, it gets an empty
    name for that one.
    """
    lines = decoded(path).splitlines()
    if says_groups:
        _warn_of_groups(lines, path)
    numbered = _rows(lines, path)
    start = list(islice(numbered, 2))
    if len(start) == 2 and len(start[1][1]) == len(start[0][1]) + 1 and _are_titles(start[0][1]):
        rows = [(cells[0].strip(), cells[-1].strip()) for _, cells in islice(_rows(lines, path), 1, None)]
        names = [first for first, _ in rows]
        closed = not any(last for _, last in rows)  # a delimiter at the end of every row but the first
        words = not any(NUMBER.fullmatch(name) or name in CODES or name.lower() in MISSING_CELLS for name in names)
        if not closed and len(set(names)) == len(names) > 1 and (words or all(name.isdecimal() for name in names)):
            start[0] = (start[0][0], ["", *start[0][1]])
    return chain(start, numbered)


def _warn_of_groups(lines: Sequence[str], path: Path) -> None:
    """Warn of blank lines that divide the rows into groups, such as trials, each of at least two rows."""
    starts = [0, *(row + 1 for row, line in enumerate(lines) if not line.strip()), len(lines) + 1]
    sizes = [size for size in np.diff(starts) - 1 if size > 0]
    groups = sizes[sizes[:1] == [1] :]  # names of the columns, or a title, may stand alone
    if len(groups) > 1 and min(groups) > 1:
        warnings.warn(
            f"{path}: blank lines divide the rows into {len(groups)} groups, which are read as one table; if rows of a "
            "group depend on each other, number the groups in a column and name it as blocks",
            stacklevel=6,
        )


def _rows(lines: Sequence[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of each line that is neither blank nor a comment.

    The delimiter is the one that occurs most often in the first of these lines.
    """
    comments = _comments(lines)
    delimiter = _delimiter(_first(lines, comments))
    if delimiter is None:
        alone = len(_first(lines, comments).split()) == 1
        for row, line in enumerate(lines, 1):
            if line.strip() and row - 1 not in comments:
                if alone and _delimiter(line) is not None:
                    raise InputError(
                        f"{path}, row {row}: expected one cell as in the first row, got {line[:40]}; {OTHER_LINES}"
                    )
                yield row, _between_blanks(line)
        return
    kept = [line for row, line in enumerate(lines) if line.strip() and row not in comments]
    closed = all(line.rstrip(" ").endswith(delimiter) for line in kept)
    ended = (f"{line}\n" for line in lines)  # without it, words on two lines of one cell would become one word
    reader = csv.reader(ended, delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            if reader.line_num - 1 in comments:
                continue
            if len(cells) > 1 or lines[reader.line_num - 1].strip():
                yield reader.line_num, cells[:-1] if closed and not cells[-1].strip() else cells
    except csv.Error as error:
        raise InputError(f"{path}: expected a table of cells, but {error}") from None


def _between_blanks(line: str) -> list[str]:
    """The cells of a line that blanks separate; quotation marks may enclose them."""
    if '"' not in line:
        return line.split()
    return next(csv.reader([line.strip()], delimiter=" ", skipinitialspace=True))


def delimiter_of(path: Path) -> str | None:
    """The delimiter of the cells of a file; None if they are separated by blanks."""
    lines = decoded(path).splitlines()
    return _delimiter(_first(lines, _comments(lines)))


def _first(lines: Sequence[str], comments: set[int]) -> str:
    return next((line for row, line in enumerate(lines) if line.strip() and row not in comments), "")


def _delimiter(line: str) -> str | None:
    """The delimiter that occurs most often in a line; None if its cells are separated by blanks."""
    found = max(",;\t|", key=line.count)
    return found if found in line else None


def _comments(lines: Sequence[str]) -> set[int]:
    """The numbers, from 0, of the lines that are comments: they begin with #, and have not as many cells as the first
    line that doesn't.

    So a first line such as `# oak,elm` above two columns still names them. A first line such as `sep=;`, by which
    spreadsheets know the delimiter, is a comment too.
    """
    if lines and re.fullmatch(r'"?sep=.?"?', lines[0].strip(), re.IGNORECASE):
        return {0} | {1 + row for row in _comments(lines[1:])}
    marked = [row for row, line in enumerate(lines) if line.lstrip().startswith("#")]
    if not marked:
        return set()
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = _delimiter(first)
    width = len(first.split(delimiter))
    return {row for row in marked if len(lines[row].lstrip(" \t#").split(delimiter)) != width or width == 1}


def _are_titles(cells: list[str]) -> bool:
    """Whether a first row names the columns."""
    codes = [_code(cell) for cell in cells]
    if names_columns(cells):
        return True
    return TEXT in codes and 2 * sum(code < MISSING for code in codes) < len(codes)


def _are_labels(codes: np.ndarray[Any, Any], labels: list[str]) -> bool:
    """Whether a first column names the rows."""
    if (codes < MISSING).all() or len({label.strip() for label in labels}) < len(labels):
        return False
    return bool((codes == TEXT).all()) or (len(labels) > 2 and all(label.strip().isdecimal() for label in labels))


class Spellings(dict[str, int]):
    """Codes of cells by their spelling. New spellings are cached, up to a limit."""

    def __missing__(self, cell: str) -> int:
        code = _code(cell)
        if code < MISSING and len(self) < MAX_SPELLINGS:
            self[cell] = code
        return code


def _code(cell: str) -> int:
    """The code of a cell in any spelling."""
    cell = cell.strip()
    if cell in CODES:
        return CODES[cell]
    if cell.lower() in MISSING_CELLS:
        return MISSING
    if not NUMBER.fullmatch(cell):
        return TEXT
    try:
        number = Decimal(cell)  # as a float, 1e-999 would be 0
    except ArithmeticError:  # the exponent is out of bounds
        return OTHER
    return next((code for value, code in ((0, ZERO), (1, ONE), (-1, MINUS)) if number == value), OTHER)


def cell_error(path: Path, row: int, name: str, cell: object, *, missing: bool) -> InputError:
    """The error that names a cell."""
    got = f"a missing value ({str(cell)!r})" if missing else str(cell)[:40]
    way_on = "" if missing else " (otherwise use recode, binarise, weights or drop)"
    text = str(cell).strip()
    if not missing and _is_missing_code(text):
        way_on = f" (if it means that the cell is missing, use recode {text}=NA; {way_on[2:]}"
    elif not missing and is_comma_number(text):
        way_on = f" (numbers have a decimal point and no separators of thousands; {way_on[2:]}"
    elif not missing and re.fullmatch(r"[^\W\d]\w{0,19}", text):
        way_on = f" (if it means 1, use recode {text}=1,…; {way_on[2:]}"
    return InputError(f"{path}, row {row}, column {name!r}: expected {', '.join(KINDS)}{way_on}, got {got}")


def is_comma_number(cell: str) -> bool:
    """Whether a cell has commas in a number, of which nobody can tell whether they divide decimals or thousands."""
    return re.fullmatch(r"[+-]?\d+(,\d+)+", cell) is not None


def _is_missing_code(cell: str) -> bool:
    """Whether a cell looks like a code for a missing value, such as -999, 99, - or a full stop."""
    return re.fullmatch(r"-?9+(\.0*)?|-[2-9](\.0*)?|-[1-9]\d+(\.0*)?|[^\w\s]+", cell) is not None
