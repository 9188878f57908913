"""Binary tables: text, numpy and Parquet files, read cell by cell and refused with the cell named.

Text has a row on a line, cells parted by comma, semicolon, tab or blanks, with or without a row of names above. A numpy
file holds one 2-D array (`.npy`), or in an archive (`.npz`) one array, or one called `data` or `x`. Cells are 0 and 1,
−1 and +1, or true and false; one table keeps to one of the three.

A file is data: nothing in it is executed.
"""

from __future__ import annotations

import codecs
import csv
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.data.arrays import read_array
from discrete_ed.errors import InputError

Bits = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

KINDS = ("0 or 1", "-1 or +1", "true or false")
ZERO, ONE, MINUS, FALSE, TRUE, MISSING, OTHER = range(7)  # what a cell can be
CODES = {
    **dict.fromkeys(("0", "0.0"), ZERO),
    **dict.fromkeys(("1", "1.0", "+1", "+1.0"), ONE),
    **dict.fromkeys(("-1", "-1.0", "−1"), MINUS),
    **dict.fromkeys(("false", "False", "FALSE"), FALSE),
    **dict.fromkeys(("true", "True", "TRUE"), TRUE),
}
MISSING_CELLS = {"", "na", "n/a", "nan", "<na>", "null", "none", "?"}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MAX_CELLS = 2**27
PICKLES = (".pkl", ".pickle", ".pt", ".p", ".joblib")


@dataclass(frozen=True)
class Table:
    """A binary table: rows are states, columns have names.

    >>> Table(np.eye(2, dtype=np.uint8), ("sun", "rain")).values.sum(0)
    array([1, 1], dtype=uint64)
    """

    values: Bits
    """Zeros and ones, `(N, D)` uint8."""
    names: tuple[str, ...]
    """Names of the `D` columns; `x1, …, xD` where the file gives none."""


def read_table(path: str | Path) -> Table:
    """The binary table in a text file (`.csv`, `.data`, any other ending), a `.npy`, `.npz` or `.parquet` file.

    −1 and false become 0. A first row is taken as names where it has text, and no number or truth value, or where it
    counts its columns (0, 1, 2, … or 1, 2, 3, …, three or more). A first column is taken for the names of the rows, and
    left out with a warning, where it isn't binary, all others are, and no name comes twice. Blank lines count for
    nothing.

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
    if path.exists() and not path.is_file():  # a device may never end
        raise InputError(f"{path}: expected a readable table, but it is no file")
    try:
        if ending in (".npy", ".npz"):
            codes, names, first = *_read_numpy(path), 1
        elif ending in (".parquet", ".pq"):
            codes, names, first = *_read_parquet(path), 1
        else:
            codes, names, first = _read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: expected a readable table, but {reason}") from None
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise InputError(f"{path}: expected different names of columns, got {twice!r} twice")
    if len(codes) < 2 or not names:
        raise InputError(f"{path}: expected at least two rows and one column, got {len(codes)} rows")
    return Table(_to_bits(codes, names, first, path), names)


def _to_bits(codes: Bits, names: tuple[str, ...], first: int, path: Path) -> Bits:
    """Codes of cells to bits; all of one kind."""
    seen = np.bincount(codes.ravel(), minlength=5) > 0
    kinds = {"0 or 1": (ZERO, ONE), "-1 or +1": (MINUS, ONE), "true or false": (FALSE, TRUE)}
    if not any(all(code in kind for code in np.flatnonzero(seen)) for kind in kinds.values()):
        low = next(code for code in codes.ravel() if code != ONE)  # a 1 alone doesn't tell the kind
        expected, kind = next((text, kind) for text, kind in kinds.items() if low in kind)
        row, column = np.argwhere(~np.isin(codes, kind))[0]
        raise InputError(
            f"{path}, row {first + row}, column {names[column]!r}: expected {expected}, as in other cells of the "
            f"table, got {('0', '1', '-1', 'false', 'true')[codes[row, column]]}"
        )
    return ((codes == ONE) | (codes == TRUE)).astype(np.uint8)


class _Refused(InputError):
    """A cell that isn't binary, and the name of its column."""

    def __init__(self, told: str, name: str) -> None:
        super().__init__(told)
        self.name = name


def _refuse(path: Path, row: int, name: str, cell: object, *, missing: bool) -> InputError:
    got = f"a missing value ({str(cell)!r})" if missing else str(cell)[:40]
    expected = f"{', '.join(KINDS[:2])}, {KINDS[2]}"
    return _Refused(f"{path}, row {row}, column {name!r}: expected {expected}, got {got}", name)


def _read_text(path: Path) -> tuple[Bits, tuple[str, ...], int]:
    content = path.read_bytes()
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        lines = content.decode("utf-16" if wide else "utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected text; save it as UTF-8") from None
    rows = list(itertools.islice(_rows(lines, path), 2))
    head = rows[0][1] if rows else []
    names = _names(head)
    if names is not None and len(rows) > 1 and len(rows[1][1]) == len(names) + 1:  # R leaves the rows' own name out
        names = ("", *names)
    width = len(names or head)
    named = tuple(name or f"x{k}" for k, name in enumerate(names or [""] * width, 1))
    data = [row for row in rows if names is None or row is not rows[0]]
    first = data[0][0] if data else 1

    def read(skip: int) -> Bits:
        body = itertools.islice(_rows(lines, path), int(names is not None), None)
        told: set[str] = set()
        codes = []
        for number, cells in body:
            if len(cells) != width:
                raise InputError(f"{path}, row {number}: expected {width} cells as in the first row, got {len(cells)}")
            told.update(cells[:skip])
            codes.append(_codes(cells[skip:], named[skip:], path, number))
        if skip and len(told) < len(codes):
            raise InputError(f"{path}: expected different names of rows")
        return np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), width - skip)

    try:
        return read(0), named, first
    except InputError as error:
        if not (isinstance(error, _Refused) and error.name == named[0] and width > 2):
            raise
        try:
            codes = read(1)
        except InputError:
            raise error from None
    warnings.warn(f"{path}: the first column, {named[0]!r}, names the rows and is left out", stacklevel=3)
    return codes, named[1:], first


def _rows(lines: Sequence[str], path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that isn't blank, and its number; the delimiter is the one that the first has most of."""
    head = next((line for line in lines if line.strip()), None)
    if head is None:
        return
    delimiter = max(",;\t", key=head.count)
    single = delimiter not in head
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        for number, cells in enumerate((line.split() for line in lines) if single else reader, 1):
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield number, cells
    except csv.Error as error:
        raise InputError(f"{path}: expected a table of cells, but {error}") from None


def _names(cells: list[str]) -> tuple[str, ...] | None:
    """The first row as names, or None where it holds data."""
    names = tuple(cell.strip() for cell in cells)
    for start in (0, 1):
        counts = [str(k + start) for k in range(len(names))]
        if len(names) > 2 and list(names) == counts:
            return names
        if len(names) > 3 and list(names[1:]) == counts[:-1] and not NUMBER.fullmatch(names[0]):
            return names  # pandas', whose index comes first
    kept = [name for name in names if name.lower() not in MISSING_CELLS]
    if not kept or any(name in CODES or NUMBER.fullmatch(name) for name in kept):
        return None
    return names


def _codes(cells: list[str], names: tuple[str, ...], path: Path, row: int) -> bytes:
    try:
        return bytes([CODES[cell] for cell in cells])
    except KeyError:
        codes = [_code(cell.strip()) for cell in cells]
    if OTHER in codes or MISSING in codes:
        column = next(k for k, code in enumerate(codes) if code >= MISSING)
        raise _refuse(path, row, names[column], cells[column].strip(), missing=codes[column] == MISSING)
    return bytes(codes)


@lru_cache(4096)
def _code(cell: str) -> int:
    if cell.lower() in MISSING_CELLS:
        return MISSING
    if NUMBER.fullmatch(cell):
        return {0.0: ZERO, 1.0: ONE, -1.0: MINUS}.get(float(cell), OTHER)
    return CODES.get(cell, OTHER)


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
    if int(pyarrow.__version__.split(".")[0]) < 15:  # older ones unpickle what a file asks for: CVE-2023-47248
        raise InputError(f"{path}: reading Parquet needs pyarrow 15 or newer, got {pyarrow.__version__}")
    try:
        with parquet.ParquetFile(path) as file:
            rows, names = file.metadata.num_rows, tuple(map(str, file.schema_arrow.names))
            if rows * len(names) > MAX_CELLS:  # a column that hardly varies takes next to no bytes
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
                    raise _refuse(path, row + 1, name, "null", missing=True)
                columns.append(_array_codes(column.to_numpy().reshape(-1, 1), (name,), path)[:, 0])
    except (InputError, OSError):
        raise
    except Exception as error:  # pyarrow has errors of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a Parquet table, but {reason:.200}") from None
    return np.stack(columns, 1) if columns else np.zeros((0, 0), np.uint8), names


def _array_codes(array: np.ndarray[Any, Any], names: tuple[str, ...], path: Path) -> Bits:
    if array.dtype == bool:
        codes: Bits = np.where(array, TRUE, FALSE).astype(np.uint8)
        return codes
    if array.dtype.kind not in "iuf":  # strings, objects (among them None), dates: as text
        characters = array.tobytes() if array.dtype.kind == "U" else b""
        points = np.frombuffer(characters, "u4" if array.dtype.isnative else ">u4")
        if points.max(initial=0) > 0x10FFFF:  # numpy makes broken strings of these
            raise InputError(f"{path}: expected numbers or truth values, got text that is none")
        cells = [[str(cell) for cell in row] for row in array.tolist()]
        text = b"".join(_codes(row, names, path, number) for number, row in enumerate(cells, 1))
        return np.frombuffer(text, np.uint8).reshape(len(array), len(names))
    codes = np.full((len(array), len(names)), OTHER, np.uint8)
    for value, code in ((0, ZERO), (1, ONE), (-1, MINUS)):
        codes[array == value] = code
    if array.dtype.kind == "f":
        codes[np.isnan(array)] = MISSING
    bad = np.argwhere(codes >= MISSING)
    if len(bad):
        row, column = bad[0]
        raise _refuse(path, row + 1, names[column], array[row, column], missing=codes[row, column] == MISSING)
    return codes
