"""Cells of any kind as bits, the way a `Reading` says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from discrete_ed.data.doubtful_numbers import FEWEST, check_measurements
from discrete_ed.data.numbers import NUMBER
from discrete_ed.data.reading import Reading
from discrete_ed.data.text_tables import (
    CODES,
    MISSING,
    MISSING_CELLS,
    ONE,
    OTHER,
    TEXT,
    ZERO,
    Spellings,
    cell_error,
    is_comma_number,
    read_rows,
    warn_of_labels,
)
from discrete_ed.errors import InputError, check_total

Cells = np.ndarray[Any, Any]
COMMA_HINT = " with a decimal point and without separators of thousands"
SUMMARIES = {"mean", "means", "average", "avg", "median", "total", "totals", "sum", "sd", "std", "se", "min", "max"}
"""names of last rows that hardly are observations"""
LISTED = 5
"""largest number of columns that a message lists"""


class Interpreted(NamedTuple):
    """A table whose cells have been read."""

    codes: Cells
    """codes of the cells, `(N, D)`, see `text_tables`"""
    names: tuple[str, ...]
    rows: Sequence[int]
    """the line of the file on which each row stands"""
    weights: Cells | None
    blocks: Cells | None


def interpreted(columns: Sequence[Cells] | None, names: tuple[str, ...], reading: Reading, path: Path) -> Interpreted:
    """Read the cells of a table.

    Args:
        columns: the cells of each column, numbers or text; None to read them from the text file.

    Raises:
        InputError: a column that isn't there, a cell that the reading says nothing of, weights that are no weights, a
            constant column of blocks, or a threshold that leaves a column with one value.
    """
    rows: Sequence[int] = ()
    first: list[str] = []
    if columns is None:
        lines, head, rows = read_rows(path, partial(_is_value, reading=reading), says_groups=reading.blocks is None)
        width = len(head) if head is not None else len(lines[0]) if lines else 0
        table = np.array(lines, dtype=object).reshape(len(lines), width)
        names = tuple((head[k].strip().lstrip("# ") if head else "") or f"x{k + 1}" for k in range(width))
        columns = list(table.T)
        first = [line[0] for line in lines]
    else:
        rows = range(1, len(columns[0]) + 1 if columns else 1)
    chosen = {name: _place(name, names, option, path, transpose=reading.transpose) for option, name in _named(reading)}
    aside = {chosen[name] for name in (reading.weights, reading.blocks) if name is not None}
    aside |= {chosen[name] for name in reading.drop}
    if first and 0 not in chosen.values() and _are_labels(first, reading):
        aside.add(0)
        if first[-1].casefold().strip(": ") in SUMMARIES and not reading.transpose:
            raise InputError(
                f"{path}, row {rows[-1]}: expected an observation, got a row called {first[-1]!r}: remove it"
            )
        if not reading.columns and not reading.transpose:
            warn_of_labels(path, first, stacklevel=5)
    kept = [chosen[name] for name in reading.columns] or [k for k in range(len(names)) if k not in aside]
    if twice := [name for name in reading.columns if chosen[name] in aside]:
        raise InputError(f"columns: expected columns that are not left out or used otherwise, got {twice[0]!r}")
    weights = None if reading.weights is None else _weights(columns[chosen[reading.weights]], rows, reading, path)
    blocks = None if reading.blocks is None else _blocks(columns[chosen[reading.blocks]], rows, reading, path)
    if reading.transpose:
        labelled = bool(first) and 0 not in kept
        columns = list(np.array([columns[k] for k in kept], dtype=columns[0].dtype).T)
        names = tuple(first) if labelled else tuple(f"x{k + 1}" for k in range(len(columns)))
        kept, rows = list(range(len(columns))), range(1, len(columns[0]) + 1 if columns else 1)
    names = tuple(names[k] for k in kept)
    codes = _codes([columns[k] for k in kept], names, rows, weights, reading, path)
    return Interpreted(codes, names, rows, weights, blocks)


def _named(reading: Reading) -> list[tuple[str, str]]:
    """Every column that the reading names, with the option that does."""
    found = [("columns", name) for name in reading.columns] + [("drop", name) for name in reading.drop]
    single = (("weights", reading.weights), ("blocks", reading.blocks))
    return found + [(option, name) for option, name in single if name is not None]


def _place(name: str, names: Sequence[str], option: str, path: Path, *, transpose: bool) -> int:
    """The place of a column, by its name or by its number from 1."""
    if name in names:
        return names.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    listed = ", ".join(names[:LISTED]) + (" …" if len(names) > LISTED else "")
    found = f"{path} ({listed})"
    if transpose:
        found += " as it is before it is transposed"
    raise InputError(f"{option}: expected a column of {found}, or its number, got {name!r}")


def _is_value(cell: str, reading: Reading) -> bool:
    """Whether a cell can be a value of the table, so that it hardly is the name of a column."""
    cell = cell.strip()
    if cell in CODES or cell in (reading.recode or {}):
        return True
    return NUMBER.fullmatch(cell) is not None


def _are_labels(cells: Sequence[str], reading: Reading) -> bool:
    """Whether a first column of text names the rows: all different, and no values."""
    different = len(set(cells)) == len(cells)
    words = not any(_is_value(cell, reading) or cell.lower() in MISSING_CELLS for cell in cells)
    numbered = len(cells) > 2 and reading.binarise is None and all(cell.isdecimal() for cell in cells)
    known = {*CODES, *(reading.recode or ())}
    return different and (words or (numbered and any(cell not in known for cell in cells)))


def _numbers(column: Cells) -> tuple[Cells, Cells]:
    """The cells as numbers, NaN where they aren't, and which cells are missing."""
    if column.dtype.kind in "iufb":
        numbers = column.astype(float)
        return numbers, np.isnan(numbers)
    found, places = np.unique(column.astype(str), return_inverse=True)
    values = [float(cell) if NUMBER.fullmatch(cell) else math.nan for cell in map(str.strip, found.tolist())]
    absent = [cell.strip().lower() in MISSING_CELLS for cell in found.tolist()]
    return np.array(values, float)[places], np.array(absent, bool)[places]


def _weights(column: Cells, rows: Sequence[int], reading: Reading, path: Path) -> Cells:
    numbers, _ = _numbers(column)
    if reading.transpose:
        raise InputError("transpose: expected no column of weights or blocks, since columns become rows")
    bad = np.flatnonzero(~(numbers >= 0) | np.isinf(numbers))
    if len(bad):
        row = int(bad[0])
        hint = COMMA_HINT if is_comma_number(str(column[row]).strip()) else ""
        raise InputError(
            f"{path}, row {rows[row]}, column {reading.weights!r}: expected a weight of at least 0{hint}, got "
            f"{str(column[row]).strip() or 'an empty cell'}"
        )
    if not numbers.any():
        raise InputError(f"{path}, column {reading.weights!r}: expected weights that are not all zero")
    with np.errstate(over="ignore"):
        check_total(float(numbers.sum()), f"{path}, column {reading.weights!r}")
    if len(numbers) > FEWEST and numbers[-1] == numbers[:-1].sum():
        raise InputError(
            f"{path}, row {rows[-1]}, column {reading.weights!r}: expected the weight of an observation, got the sum "
            "of all others: remove that row"
        )
    return numbers


def _blocks(column: Cells, rows: Sequence[int], reading: Reading, path: Path) -> Cells:
    if reading.transpose:
        raise InputError("transpose: expected no column of weights or blocks, since columns become rows")
    numbers, absent = _numbers(column)
    if absent.any():
        row = rows[int(absent.argmax())]
        raise InputError(f"{path}, row {row}, column {reading.blocks!r}: expected the name of a block, got none")
    values = numbers if column.dtype.kind in "iufb" else column.astype(str)
    found, blocks = np.unique(values, return_inverse=True)
    if len(found) == 1:
        raise InputError(f"{path}, column {reading.blocks!r}: expected at least two blocks, got only {found[0]!s}")
    return blocks


def _codes(
    columns: Sequence[Cells],
    names: Sequence[str],
    rows: Sequence[int],
    weights: Cells | None,
    reading: Reading,
    path: Path,
) -> Cells:
    """The codes of all cells; the first cell that has none is named in the error."""
    codes = np.zeros((len(rows), len(columns)), np.uint8)
    constant, measured = [], []
    for k, column in enumerate(columns):
        numbers, absent = _numbers(column)
        if reading.binarise is not None:
            known = np.isin(numbers, [float(cell) for cell in reading.recode or () if NUMBER.fullmatch(cell)])
            measured.append(np.where(known, np.nan, numbers))
        codes[:, k] = _column_codes(column, numbers, absent, weights, reading)
        observed = codes[:, k][codes[:, k] < MISSING]
        varied = len(np.unique(numbers[~np.isnan(numbers)])) > 1
        if reading.binarise is not None and varied and len(observed) and (observed == observed[0]).all():
            constant.append(names[k])
    bad = np.argwhere(codes >= (OTHER if reading.missing else MISSING))
    if len(bad):
        row, k = bad[0]
        cell = columns[k][row]
        if codes[row, k] == MISSING:
            raise cell_error(path, rows[row], names[k], cell, missing=True)
        expected = " or ".join(
            ([", ".join(reading.recode)] if reading.recode else [])
            + (["a number"] if reading.binarise is not None else [])
        )
        if not expected:
            raise cell_error(path, rows[row], names[k], cell, missing=False)
        text = str(cell).strip()
        expected += COMMA_HINT if is_comma_number(text) else ""
        if reading.recode and reading.binarise is None and not {",", "="} & set(text):
            word = text[:40]
            expected += f" (every cell needs a meaning: add {word}=0, {word}=1 or {word}=NA to recode)"
        raise InputError(f"{path}, row {rows[row]}, column {names[k]!r}: expected {expected}, got {str(cell)[:40]}")
    if reading.binarise is not None:
        check_measurements(measured, names, rows, path, named=bool(reading.columns))
    if constant:
        listed = ", ".join(constant[:LISTED]) + (
            f" and {len(constant) - LISTED} more" if len(constant) > LISTED else ""
        )
        raise InputError(
            f"binarise: expected a threshold that leaves two values in every column, got {reading.binarise}, with "
            f"which these are constant: {listed}"
        )
    return codes


def _column_codes(column: Cells, numbers: Cells, absent: Cells, weights: Cells | None, reading: Reading) -> Cells:
    """The codes of the cells of one column."""
    if column.dtype == bool:
        codes = column.astype(np.uint8)
    elif column.dtype.kind in "iuf":
        codes = np.full(len(column), OTHER, np.uint8)
        for value, code in ((0, ZERO), (1, ONE), (-1, CODES["-1"])):
            codes[numbers == value] = code
    else:
        spellings = Spellings(CODES)
        codes = np.array([spellings[cell] for cell in column], np.uint8)
    binary = bool((codes[~absent] < MISSING).all())
    codes[absent] = MISSING
    known = np.zeros(len(column), bool)
    if reading.recode is not None:
        before = codes.copy()
        if reading.binarise is None:
            codes[~absent] = TEXT
        for cell, bit in reading.recode.items():
            same = numbers == float(cell) if NUMBER.fullmatch(cell) else _is_word(column, cell)
            codes[same] = MISSING if bit is None else (ZERO, ONE)[bit]
            known |= same
        if set(reading.recode.values()) == {None} and reading.binarise is None:
            codes[~known] = before[~known]  # only missing cells were named
    if reading.binarise is not None:
        binary = binary and reading.binarise == "median"
        rest = ~known & (codes != MISSING)
        if not binary:
            threshold = reading.binarise
            if threshold == "median":
                threshold = _median(numbers[rest], None if weights is None else weights[rest])
            codes[rest] = np.where(np.isnan(numbers[rest]), TEXT, np.where(numbers[rest] > threshold, ONE, ZERO))
    return codes


def _is_word(column: Cells, word: str) -> Cells:
    if column.dtype.kind in "iufb":
        return np.zeros(len(column), bool)
    return column.astype(str) == word


def _median(numbers: Cells, weights: Cells | None) -> float:
    if not len(numbers):
        return 0.0
    if weights is None:
        return float(np.median(numbers))
    order = np.argsort(numbers)
    total = np.cumsum(weights[order])
    return float(numbers[order][np.searchsorted(total, total[-1] / 2)])
