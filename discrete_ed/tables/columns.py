"""The columns of a table of any kind: what each holds, and its cells as numbers and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError
from discrete_ed.names import ColumnKindName
from discrete_ed.tables.optional import expect_frame, pandas

if TYPE_CHECKING:
    from pandas import DataFrame, Series

Cells = NDArray[np.float64]

SHOWN = 5
"""largest number of values that a message lists"""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    >>> Column("size", "ordinal", "object", ("small", "large")).is_discrete
    True
    """

    name: Hashable
    """its name in the data frame"""
    kind: ColumnKindName
    """category (values without an order), ordinal (values in an order) or number"""
    dtype: Any
    """its pandas dtype, which decoded columns have as well"""
    values: tuple[Any, ...] = ()
    """the `K` values of a category or an ordinal, in order; none for a number"""
    decimals: int | None = None
    """of a number, the decimal places that suffice for all its cells; None if they have more than six"""

    @property
    def is_discrete(self) -> bool:
        """Whether it has a list of values."""
        return self.kind != "number"

    @property
    def is_ordered(self) -> bool:
        """Whether one cell can be larger than another."""
        return self.kind != "category"

    def codes(self, cells: Series) -> Cells:
        """The cells as numbers `(N,)`: the position of a value, or the number itself; NaN where a cell is missing.

        Raises:
            InputError: a value that the column doesn't have, or a cell that is no finite number.
        """
        missing = cells.isna().to_numpy()
        if not self.is_discrete:
            return _numbers(self.name, cells, missing)
        codes = np.full(len(cells), np.nan)
        positions = {value: position for position, value in enumerate(self.values)}
        codes[~missing] = cells[~missing].astype(object).map(positions).to_numpy(float)
        unseen = np.isnan(codes) & ~missing
        if unseen.any():
            others = list(dict.fromkeys(cells[unseen].tolist()))
            raise InputError(
                f"column {self.name!r}: expected values that were seen before ({listed(self.values)}), got "
                f"{listed(others)} in {int(unseen.sum())} of {len(cells)} rows; replace them, or mark them as missing"
            )
        return codes

    def cells(self, codes: Cells) -> Series:
        """The inverse of `codes`. Numbers have the dtype of the column, or float where they don't fit into it."""
        pd = pandas()
        missing = np.isnan(codes)
        if self.is_discrete:
            places = np.where(missing, -1, np.nan_to_num(codes)).astype(int)
            values = pd.Series(list(self.values), dtype=self.dtype)
            cells = values.take(np.maximum(places, 0)).reset_index(drop=True)
            return cells.where(~missing) if missing.any() else cells
        cells = pd.Series(codes)
        cannot_be_missing = isinstance(self.dtype, np.dtype) and self.dtype.kind in "iu"
        holds_all = _holds(self.dtype, codes[~missing]) and not (missing.any() and cannot_be_missing)
        return cells.astype(self.dtype) if holds_all else cells

    def rounded(self, numbers: Cells) -> Cells:
        """Numbers with the decimal places that the column has."""
        return numbers if self.decimals is None else numbers.round(self.decimals) + 0.0  # no −0


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, in order, as `recognise_columns` finds them.

    >>> import pandas as pd
    >>> schema = TableSchema((Column("size", "ordinal", "str", ("small", "large")), Column("age", "number", "int64")))
    >>> schema.codes(pd.DataFrame({"size": ["large", "small"], "age": [30, 41]}))
    array([[ 1., 30.],
           [ 0., 41.]])
    """

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[Hashable, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: Hashable) -> Column:
        return self.columns[self.position(name)]

    def position(self, name: Hashable) -> int:
        """The place of a column.

        Raises:
            InputError: there is no column of that name.
        """
        if name not in self.names:
            raise InputError(f"column: expected one of {listed(self.names)}, got {name!r}")
        return self.names.index(name)

    def codes(self, frame: DataFrame) -> Cells:
        """All cells as numbers, `(N, D)`, see `Column.codes`. The columns of the frame are matched by name.

        Raises:
            InputError: no data frame, a column that is absent, or cells that a column can't have.
        """
        frame = self.select(frame)
        return np.stack([column.codes(frame[column.name]) for column in self.columns], axis=1)

    def frame(self, codes: Cells) -> DataFrame:
        """The data frame whose cells have these codes, `(N, D)`: the same columns, order and dtypes.

        A column of whole numbers with missing cells has the dtype float, since integers of numpy can't be missing.
        """
        pd = pandas()
        if codes.ndim != 2 or codes.shape[1] != len(self.columns):
            raise InputError(f"codes: expected shape (N, {len(self.columns)}), got {codes.shape}")
        cells = {k: column.cells(codes[:, k]) for k, column in enumerate(self.columns)}
        frame = pd.DataFrame(cells)
        frame.columns = pd.Index(list(self.names))
        return frame

    def select(self, frame: DataFrame) -> DataFrame:
        """The columns of this schema, in its order.

        Raises:
            InputError: no data frame, or a column that is absent or there twice.
        """
        expect_frame(frame)
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise InputError(f"table: expected the columns {listed(self.names)}, got none called {absent[0]!r}")
        frame = frame[list(self.names)]
        if frame.shape[1] != len(self.columns):
            twice = frame.columns[frame.columns.duplicated()][0]
            raise InputError(f"table: expected different names of columns, got {twice!r} twice")
        return frame

    def types(self) -> Mapping[str, str]:
        """The kind of each column, by its name, with the number of its values."""
        return {
            str(column.name): f"{column.kind}, {len(column.values)} values" if column.is_discrete else column.kind
            for column in self.columns
        }


def listed(values: Any) -> str:
    """The first few values in words."""
    shown = [repr(value.item() if isinstance(value, np.generic) else value)[:40] for value in list(values)[:SHOWN]]
    return ", ".join([*shown, *(["…"] if len(values) > SHOWN else [])])


def _numbers(name: Hashable, cells: Series, missing: NDArray[np.bool_]) -> Cells:
    present = cells[~missing]
    wrong = [] if holds_numbers(cells) else [cell for cell in present if not is_number(cell)]
    if wrong:
        raise InputError(f"column {name!r}: expected numbers, got {wrong[0]!r}")
    numbers = np.full(len(cells), np.nan)
    numbers[~missing] = present.to_numpy(float)
    if np.isinf(numbers).any():
        raise InputError(f"column {name!r}: expected finite numbers, got an infinite one; mark it as missing")
    return numbers


def _holds(dtype: Any, numbers: Cells) -> bool:
    """Whether a dtype can hold numbers: whole ones within its bounds, or real ones that don't become infinite."""
    try:
        stored = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    except TypeError:
        return True  # such as a sparse one
    if stored.kind == "f":
        return bool((np.abs(numbers) <= float(np.finfo(stored).max)).all())
    if stored.kind not in "iu":
        return True
    bounds = np.iinfo(stored)
    return bool(((numbers == numbers.round()) & (numbers >= bounds.min) & (numbers <= bounds.max)).all())


def holds_numbers(cells: Series) -> bool:
    """Whether the dtype says that all cells are real numbers."""
    types = pandas().api.types
    real = types.is_integer_dtype(cells.dtype) or types.is_float_dtype(cells.dtype)
    return bool(real)


def is_number(cell: object) -> bool:
    """Whether a cell is a real number; a truth value is none.

    >>> is_number(2.5), is_number(np.int8(3)), is_number(True), is_number("2.5")
    (True, True, False, False)
    """
    return isinstance(cell, int | float | np.integer | np.floating) and not isinstance(cell, bool)
