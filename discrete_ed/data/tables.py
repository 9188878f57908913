"""Binary tables: text, numpy and Parquet files, read cell by cell and refused with the cell named.

A text file has one row on each line, with cells separated by commas, semicolons, tabs or blanks; the first row may name
the columns, and the first column may name the rows. A numpy file holds one 2-D array (`.npy`), or an archive (`.npz`)
that holds one array or one called `data` or `x`. Cells are 0 and 1, −1 and +1, or true and false; one table uses one of
the three.

A file is data: nothing in it is executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.arrays import read_array
from discrete_ed.data.text_tables import (
    CODES,
    FALSE,
    KINDS,
    MINUS,
    MISSING,
    ONE,
    OTHER,
    TRUE,
    ZERO,
    Spellings,
    cell_error,
    read_text,
)
from discrete_ed.errors import InputError

Bits = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

MAX_CELLS = 2**27  # of a Parquet table, whose file can be far smaller than its cells
PICKLES = (".pkl", ".pickle", ".pt", ".p", ".joblib")  # endings of files that are refused, since a pickle can run code


@dataclass(frozen=True)
class Table:
    """A binary table: rows are states, columns have names.

    >>> Table(np.eye(2, dtype=np.uint8), ("sun", "rain")).values.sum(0)
    array([1, 1], dtype=uint64)
    """

    values: Bits
    """zeros and ones, `(N, D)` uint8"""
    names: tuple[str, ...]
    """names of the `D` columns; `x1, …, xD` if the file gives none"""


def read_table(path: str | Path) -> Table:
    """The binary table in a text file (`.csv`, `.data`, any other ending), a `.npy`, `.npz` or `.parquet` file.

    −1 and false become 0. Any decimal or scientific spelling of exactly 0, 1 or −1 is read. Text is UTF-8, or UTF-16
    with a byte-order mark; blank lines are skipped, and a delimiter at the end of every line begins no column.

    The first row of a text file names the columns if at least one of its cells is neither a number, a truth value nor
    missing, and fewer than half of its cells are binary (so that `1,0,x` is data with a wrong cell). It also names them
    if it counts them (0, 1, 2, … or 1, 2, 3, …, at least three, possibly after one cell that is not a number); in a
    table of two columns 0 and 1 are read as data, with a warning. Columns without a name are named by their position,
    such as `x3`.

    The first column of a text file names the rows, and is left out with a warning, if its cells are not all binary, no
    two of them are equal, all other columns are binary, and it holds only words, or whole numbers in at least three
    rows.

    Raises:
        InputError: the file can't be read; a cell is missing or is neither 0/1, −1/+1 nor true/false, or not of the
            kind of those before it (row, as numbered in the file from 1, and column are named); rows differ in
            length; names repeat; fewer than two rows.

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
    try:
        if ending in (".npy", ".npz"):
            codes, names = _read_numpy(path)
            rows: Sequence[int] = range(1, len(codes) + 1)
        elif ending in (".parquet", ".pq"):
            codes, names = _read_parquet(path)
            rows = range(1, len(codes) + 1)
        else:
            codes, names, rows = read_text(path)
    except OSError as error:
        raise InputError(f"{path}: expected a readable table, but {error.strerror or error}") from None
    if len(set(names)) < len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise InputError(f"{path}: expected different names of columns, got {twice!r} twice")
    if len(codes) < 2 or not names:
        raise InputError(f"{path}: expected at least two rows and one column, got {len(codes)} rows")
    return Table(_to_bits(codes, names, rows, path), names)


def _to_bits(codes: Bits, names: tuple[str, ...], rows: Sequence[int], path: Path) -> Bits:
    """Codes of cells to bits; all cells must be of one kind."""
    seen = np.bincount(codes.ravel(), minlength=5) > 0
    kinds = {"0 or 1": (ZERO, ONE), "-1 or +1": (MINUS, ONE), "true or false": (FALSE, TRUE)}
    if not any(all(code in kind for code in np.flatnonzero(seen)) for kind in kinds.values()):
        low = next(code for code in codes.ravel() if code != ONE)  # a 1 belongs to two of the kinds
        expected, kind = next((text, kind) for text, kind in kinds.items() if low in kind)
        row, column = np.argwhere(~np.isin(codes, kind))[0]
        raise InputError(
            f"{path}, row {rows[row]}, column {names[column]!r}: expected {expected}, as in other cells of the "
            f"table, got {('0', '1', '-1', 'false', 'true')[codes[row, column]]}"
        )
    return ((codes == ONE) | (codes == TRUE)).astype(np.uint8)


def _read_numpy(path: Path) -> tuple[Bits, tuple[str, ...]]:
    array = read_array(path, ("data", "x"))
    if array.ndim != 2:
        raise InputError(f"{path}: expected a 2-D array (rows, columns), got shape {array.shape}")
    names = tuple(f"x{k + 1}" for k in range(array.shape[1]))
    return _array_codes(array, names, path), names


def _read_parquet(path: Path) -> tuple[Bits, tuple[str, ...]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow (pip install pyarrow)") from None
    if int(pyarrow.__version__.split(".")[0]) < 15:  # older versions unpickle objects that a file names: CVE-2023-47248
        raise InputError(f"{path}: reading Parquet needs pyarrow 15 or newer, got {pyarrow.__version__}")
    try:
        with parquet.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, tuple(map(str, file.schema_arrow.names))
            if rows * len(names) > MAX_CELLS:  # a column that hardly varies takes almost no bytes
                raise InputError(
                    f"{path}: expected at most {MAX_CELLS} cells, got {rows} rows and {len(names)} columns"
                )
            kinds = pyarrow.types
            for field in file.schema_arrow:
                if not any(is_kind(field.type) for is_kind in (kinds.is_boolean, kinds.is_integer, kinds.is_floating)):
                    raise InputError(f"{path}, column {field.name!r}: expected {', '.join(KINDS)}, got {field.type}")
            columns = []
            for name in names:
                column = file.read(columns=[name]).column(0)
                if len(column) != rows:
                    raise InputError(f"{path}, column {name!r}: expected {rows} rows, got {len(column)}")
                if column.null_count:
                    row = column.is_null().to_pylist().index(True)
                    raise cell_error(path, row + 1, name, "null", missing=True)
                columns.append(_array_codes(column.to_numpy().reshape(-1, 1), (name,), path)[:, 0])
    except (InputError, OSError):
        raise
    except Exception as error:  # pyarrow raises its own kinds of errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a Parquet table, but {reason:.200}") from None
    return np.stack(columns, 1) if columns else np.zeros((0, 0), np.uint8), names


def _array_codes(array: np.ndarray[Any, Any], names: tuple[str, ...], path: Path) -> Bits:
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
    bad = np.argwhere(codes >= MISSING)
    if len(bad):
        row, column = bad[0]
        raise cell_error(path, row + 1, names[column], array[row, column], missing=codes[row, column] == MISSING)
    return codes
