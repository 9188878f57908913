"""The columns of a Parquet file, one after the other: numbers, truth values, or text."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from discrete_ed.errors import InputError

Cells = np.ndarray[Any, Any]
MAX_CELLS = 2**28
"""largest number of cells, since a file can be far smaller than its cells"""


def each_parquet_column(
    path: Path,
    use: Callable[[str, Cells, Cells], None],
    *,
    named: Collection[str] = (),
    unread: Collection[str] = (),
) -> tuple[str, ...]:
    """Call a function with the name, the cells and the missing cells of each column; returns the names.

    Categories are read as their values, and dates and times as text. The index of a data frame, which pandas writes as
    a column, names the rows, and is left out with a warning.

    Args:
        named: names of columns that are read even if they are the index.
        unread: names or numbers from 1 of columns whose cells are not needed, so that they may be of any type.

    Raises:
        InputError: no Parquet file; too many cells; a column of another type.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(f"{path}: reading Parquet needs pyarrow (pip install pyarrow)") from None
    if int(pyarrow.__version__.split(".")[0]) < 15:  # older versions unpickle objects that a file names: CVE-2023-47248
        raise InputError(f"{path}: reading Parquet needs pyarrow 15 or newer, got {pyarrow.__version__}")
    try:
        with parquet.ParquetFile(path) as file:
            rows, fields = file.metadata.num_rows, list(file.schema_arrow)
            if rows * len(fields) > MAX_CELLS:  # a column that hardly varies takes almost no bytes
                raise InputError(
                    f"{path}: expected at most {MAX_CELLS} cells, got {rows} rows and {len(fields)} columns"
                )
            index = _index_of(file.schema_arrow) - set(named)
            fields = [field for field in fields if field.name not in index]
            if index:
                warnings.warn(f"{path}: the index of the data frame names the rows, and is left out", stacklevel=5)
            skipped = {field.name for k, field in enumerate(fields, 1) if {field.name, str(k)} & set(unread)}
            for field in fields:  # before any is read
                if field.name not in skipped and not _is_readable(field.type):
                    raise InputError(
                        f"{path}, column {field.name!r}: expected numbers, truth values or text (otherwise use drop), "
                        f"got {field.type}"
                    )
            for field in fields:
                if field.name in skipped:
                    use(field.name, np.broadcast_to(np.array(""), rows), np.zeros(rows, bool))
                    continue
                column = file.read(columns=[field.name]).column(0)
                if len(column) != rows:
                    raise InputError(f"{path}, column {field.name!r}: expected {rows} rows, got {len(column)}")
                use(field.name, _cells(column), column.is_null().to_numpy())
    except (InputError, OSError):
        raise
    except Exception as error:  # pyarrow raises its own kinds of errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: expected a Parquet table, but {reason:.200}") from None
    return tuple(field.name for field in fields)


def _index_of(schema: Any) -> set[str]:
    """The names of the columns that hold the index of the data frame that was written."""
    found = (schema.pandas_metadata or {}).get("index_columns", [])
    return {name for name in found if isinstance(name, str)}


def _is_readable(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_readable(kind.value_type)
    numbers = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_temporal(kind)
    return bool(numbers or text or types.is_null(kind))


def _cells(column: Any) -> Cells:
    """The cells of a column as numbers, truth values or text."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_null(column.type) or types.is_decimal(column.type):
        column = column.cast(pyarrow.float64())
    if types.is_temporal(column.type):
        column = column.cast(pyarrow.string())
    values = column.to_numpy()
    if values.dtype == object:
        is_bool = types.is_boolean(column.type)
        values = np.array(["" if cell is None else cell for cell in values], bool if is_bool else str)
    return np.asarray(values)
