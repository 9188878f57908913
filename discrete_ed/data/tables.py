"""Binary tables: text, numpy and Parquet files, read cell by cell and refused with the cell named.

A text file has one row on each line, with cells separated by commas, semicolons, tabs, bars or blanks; the first row
may name the columns, and the first column may name the rows. A numpy file holds one 2-D array (`.npy`), or an archive
(`.npz`) that holds one array or one called `data` or `x`. Cells are 0 and 1, −1 and +1, true and false, or yes and no;
one table uses one of these. `Reading` says how to read other tables.

A file is data: nothing in it is executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.arrays import read_array
from discrete_ed.data.cells import interpreted
from discrete_ed.data.parquet_tables import each_parquet_column
from discrete_ed.data.reading import Reading
from discrete_ed.data.text_tables import (
    CODES,
    FALSE,
    KINDS,
    MINUS,
    MISSING,
    NO,
    ONE,
    OTHER,
    TRUE,
    YES,
    ZERO,
    Spellings,
    cell_error,
    read_text,
)
from discrete_ed.errors import InputError

Bits = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

PARQUET = (".parquet", ".pq")
PICKLES = (".pkl", ".pickle", ".pt", ".p", ".joblib")  # endings of files that are refused, since a pickle can run code


@dataclass(frozen=True)
class Table:
    """A binary table: rows are states, columns have names.

    >>> Table(np.eye(2, dtype=np.uint8), ("sun", "rain")).values.sum(0)
    array([1, 1], dtype=uint64)
    """

    values: Bits
    """zeros and ones, `(N, D)` uint8; zero where a cell is missing"""
    names: tuple[str, ...]
    """names of the `D` columns; `x1, …, xD` if the file gives none"""
    missing: np.ndarray[Any, Any] | None = None
    """which cells are missing, `(N, D)`; None if none are"""
    weights: np.ndarray[Any, Any] | None = None
    """how much each row counts, `(N,)`, from the column of weights"""
    blocks: np.ndarray[Any, Any] | None = None
    """the number of each row's block, `(N,)`, from the column of blocks"""


def read_table(path: str | Path, reading: Reading | None = None) -> Table:
    """The binary table in a text file (`.csv`, `.data`, any other ending), a `.npy`, `.npz` or `.parquet` file.

    −1, false and no become 0. Any decimal or scientific spelling of exactly 0, 1 or −1 is read. Text is UTF-8, or
    UTF-16 with a byte-order mark; blank lines are skipped, and a delimiter at the end of every line begins no column. A
    line that begins with # is a comment unless it has as many cells as the first row.

    The first row of a text file names the columns if at least one of its cells is neither a number, a truth value nor
    missing, and fewer than half of its cells are binary (so that `1,0,x` is data with a wrong cell). It also names them
    if it counts them (0, 1, 2, … or 1, 2, 3, …, at least three, possibly after one cell that is not a number); in a
    table of two columns 0 and 1 are read as data, with a warning. Columns without a name are named by their position,
    such as `x3`.

    The first column of a text file names the rows, and is left out with a warning, if its cells are not all binary, no
    two of them are equal, all other columns are binary, and it holds only words, or whole numbers in at least three
    rows. The first row may name all columns but this one.

    Args:
        reading: how cells become bits, which columns are read, and whether cells may be missing; by default every cell
            is binary and none is missing.

    Raises:
        InputError: the file can't be read; a cell is missing or is neither 0/1, −1/+1, true/false nor yes/no, or not of
            the kind of those before it (row, as numbered in the file from 1, and column are named); rows differ in
            length; names repeat; fewer than two rows; the reading doesn't suit the table.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "mine.csv").write_text("sun,rain\\n1,0\\n0,1\\n")
    ...     table = read_table(f"{folder}/mine.csv")
    >>> table.names, table.values.tolist()
    (('sun', 'rain'), [[1, 0], [0, 1]])
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending in PICKLES:
        raise InputError(
            f"{path}: expected a table (.csv, .data, .npy, .npz, .parquet), got a pickle, which can run code"
        )
    if path.exists() and not path.is_file():  # reading a device may never end
        raise InputError(f"{path}: expected a readable table, but it is not a regular file")
    reading = reading or Reading()
    try:
        if not reading.is_plain:
            return _interpreted(path, ending, reading)
        if ending in (".npy", ".npz"):
            codes, names = _read_numpy(path, reading.missing)
            rows: Sequence[int] = range(1, len(codes) + 1)
        elif ending in PARQUET:
            codes, names = _read_parquet(path, reading.missing)
            rows = range(1, len(codes) + 1)
        else:
            codes, names, rows = read_text(path, missing=reading.missing)
    except OSError as error:
        raise InputError(f"{path}: expected a readable table, but {error.strerror or error}") from None
    _check_shape(path, len(codes), names)
    return _table(codes, names, rows, path)


def _interpreted(path: Path, ending: str, reading: Reading) -> Table:
    """The table as a reading wants it, from cells of any kind."""
    if ending in (".npy", ".npz"):
        array = _array(path)
        found = interpreted(list(array.T), tuple(f"x{k + 1}" for k in range(array.shape[1])), reading, path)
    elif ending in PARQUET:
        names, columns = _parquet_columns(path, reading)
        found = interpreted(columns, names, reading, path)
    else:
        found = interpreted(None, (), reading, path)
    _check_shape(path, len(found.codes), found.names)
    table = _table(found.codes, found.names, found.rows, path)
    return replace(table, weights=found.weights, blocks=found.blocks)


def _check_shape(path: Path, rows: int, names: tuple[str, ...]) -> None:
    if len(set(names)) < len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise InputError(f"{path}: expected different names of columns, got {twice!r} twice")
    if rows < 2 or not names:
        none = "" if names or not rows else " and no column"
        raise InputError(f"{path}: expected at least two rows and one column, got {rows} rows{none}")


def _table(codes: Bits, names: tuple[str, ...], rows: Sequence[int], path: Path) -> Table:
    """Codes of cells as bits; all cells must be of one kind."""
    parts = np.array_split(codes, 1 + codes.size // 2**24)  # each is counted as numbers of eight bytes
    counts = np.sum([np.bincount(part.ravel(), minlength=OTHER + 1) for part in parts], axis=0)
    kinds = dict(zip(KINDS, ((ZERO, ONE), (MINUS, ONE), (FALSE, TRUE), (NO, YES)), strict=True))
    present = set(np.flatnonzero(counts).tolist()) - {MISSING}
    if not any(present <= set(kind) for kind in kinds.values()):
        low = next(code for code in codes.flat if code not in (ONE, MISSING))  # a 1 belongs to two of the kinds
        expected = max(KINDS, key=lambda text: (counts[list(kinds[text])].sum(), low in kinds[text]))
        row, column = np.argwhere(~np.isin(codes, (*kinds[expected], MISSING)))[0]
        raise InputError(
            f"{path}, row {rows[row]}, column {names[column]!r}: expected {expected}, as in other cells of the table "
            "(otherwise use recode to say what each means), got "
            + ("0", "1", "-1", "false", "true", "no", "yes")[codes[row, column]]
        )
    meaning = np.zeros(OTHER + 1, np.uint8)
    meaning[[ONE, TRUE, YES]] = 1
    return Table(meaning[codes], names, codes == MISSING if counts[MISSING] else None)


def _array(path: Path) -> np.ndarray[Any, Any]:
    array = read_array(path, ("data", "x"))
    if array.ndim != 2:
        raise InputError(f"{path}: expected a 2-D array (rows, columns), got shape {array.shape}")
    return array


def _read_numpy(path: Path, missing: bool) -> tuple[Bits, tuple[str, ...]]:
    array = _array(path)
    names = tuple(f"x{k + 1}" for k in range(array.shape[1]))
    return _array_codes(array, names, path, missing), names


def _read_parquet(path: Path, missing: bool) -> tuple[Bits, tuple[str, ...]]:
    codes: list[np.ndarray[Any, Any]] = []

    def add(name: str, values: np.ndarray[Any, Any], absent: np.ndarray[Any, Any]) -> None:
        if absent.any() and not missing:
            raise cell_error(path, int(absent.argmax()) + 1, name, "null", missing=True)
        found = np.full(len(values), MISSING, np.uint8)
        found[~absent] = _array_codes(values[~absent].reshape(-1, 1), (name,), path, missing)[:, 0]
        codes.append(found)

    names = each_parquet_column(path, add)
    return np.stack(codes, 1) if codes else np.zeros((0, 0), np.uint8), names


def _parquet_columns(path: Path, reading: Reading) -> tuple[tuple[str, ...], list[np.ndarray[Any, Any]]]:
    """The names of all columns, and their cells; NaN where a number is missing."""
    columns: list[np.ndarray[Any, Any]] = []

    def add(name: str, values: np.ndarray[Any, Any], absent: np.ndarray[Any, Any]) -> None:
        del name
        if values.dtype.kind in "iufb":
            values = np.where(absent, np.nan, values.astype(float)) if absent.any() else values
        columns.append(values)

    named = {name for name in (*reading.columns, reading.weights, reading.blocks) if name is not None}
    return each_parquet_column(path, add, named=named, unread=set(reading.drop)), columns


def _array_codes(array: np.ndarray[Any, Any], names: tuple[str, ...], path: Path, missing: bool) -> Bits:
    if array.dtype == bool:
        codes: Bits = np.where(array, TRUE, FALSE).astype(np.uint8)
        return codes
    if array.dtype.kind not in "iuf":  # strings, objects (including None) and dates are read as text
        characters = array.tobytes() if array.dtype.kind == "U" else b""
        points = np.frombuffer(characters, "u4" if array.dtype.isnative else ">u4")
        if points.max(initial=0) > 0x10FFFF:  # numpy makes invalid strings of these
            raise InputError(f"{path}: expected numbers or truth values, got text with invalid characters")
        spellings = Spellings(CODES)
        codes = np.array([[spellings[str(cell)] for cell in row] for row in array.tolist()], np.uint8)
        codes = codes.reshape(array.shape)  # keeps the columns of a table without rows
    else:
        codes = np.full(array.shape, OTHER, np.uint8)
        for value, code in ((0, ZERO), (1, ONE), (-1, MINUS)):
            codes[array == value] = code
        if array.dtype.kind == "f":
            codes[np.isnan(array)] = MISSING
    bad = np.argwhere(codes >= (OTHER if missing else MISSING))
    if len(bad):
        row, column = bad[0]
        raise cell_error(path, row + 1, names[column], array[row, column], missing=codes[row, column] == MISSING)
    return codes
