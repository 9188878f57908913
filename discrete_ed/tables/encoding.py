"""Tables of any kind as states: a bit for each value of a column, of which exactly one is on; and back."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError, check_count, check_seed
from discrete_ed.tables.binned_copula import BinnedCopula
from discrete_ed.tables.bins import Bins, usual_bins
from discrete_ed.tables.columns import Cells, TableSchema, listed
from discrete_ed.tables.optional import pandas
from discrete_ed.tables.recognition import Types, recognise_columns

if TYPE_CHECKING:
    from pandas import DataFrame

FAR = 1.0
"""distance from the range of the fitted numbers, in widths of this range, from which on a number is suspicious"""


@dataclass(frozen=True)
class TableEncoder:
    """How the rows of a table become states of bits, and states become rows.

    A category or an ordinal of K values is K bits, of which exactly one is on; with two values it is a single bit. A
    number is an ordinal whose values are bins. The bits of a missing cell are NaN.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sex": ["f", "m"] * 20, "size": ["S", "M", "L", "M"] * 10, "age": np.arange(40) + 0.5})
    >>> encoder = TableEncoder.fit(frame, bins=4)
    >>> encoder.sizes, encoder.bits, encoder.encode(frame).shape
    ((2, 3, 4), 8, torch.Size([40, 8]))
    >>> encoder.decode(encoder.encode(frame))["size"].equals(frame["size"])
    True
    """

    schema: TableSchema
    """the columns"""
    bins: Mapping[Hashable, Bins]
    """the bins of each column of numbers"""
    copula: BinnedCopula
    """the dependence of numbers inside their bins on all ordered columns; of no columns if none holds numbers"""

    @classmethod
    def fit(cls, frame: DataFrame, types: Types | None = None, *, bins: int | None = None) -> TableEncoder:
        """The code of a table.

        Args:
            frame: the table.
            types: kinds of columns, see `recognise_columns`.
            bins: about how many bins a number has; by default one for each 15 rows, from 4 to 20.

        Raises, Warns: as `recognise_columns`.
        """
        schema = recognise_columns(frame, types)
        codes = schema.codes(frame)
        count = usual_bins(len(frame)) if bins is None else check_count(bins, "bins", least=2)
        binned = {column.name: Bins.of(codes[:, k], count)
                  for k, column in enumerate(schema.columns) if not column.is_discrete}  # fmt: skip
        ordered = _in_copula(schema)
        sizes = _sizes(schema, binned)
        places = _places(schema, binned, codes)[:, ordered]
        copula = BinnedCopula.fit(codes[:, ordered], places, [sizes[k] for k in ordered])
        return cls(schema, binned, copula)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values, or of bins, of each column."""
        return _sizes(self.schema, self.bins)

    @property
    def places(self) -> tuple[range, ...]:
        """The bits of each column."""
        widths = [1 if size == 2 else size for size in self.sizes]
        ends = np.cumsum(widths).tolist()
        return tuple(range(end - width, end) for end, width in zip(ends, widths, strict=True))

    @property
    def bits(self) -> int:
        """The number of bits D of a state."""
        return self.places[-1].stop

    def positions(self, frame: DataFrame) -> Cells:
        """The position of each cell among the values or bins of its column, `(N, columns)`; NaN where it is missing.

        Raises:
            InputError: columns are absent, or hold values that were not in the table (named, with the way on).

        Warns:
            UserWarning: numbers far outside the range of the table.
        """
        codes = self.schema.codes(frame)
        for k, column in enumerate(self.schema.columns):
            if not column.is_discrete:
                self._warn_of_range(column.name, codes[:, k])
        return _places(self.schema, self.bins, codes)

    def encode(self, frame: DataFrame) -> Tensor:
        """The rows as states `(N, D)`, float32; NaN at all bits of a missing cell.

        Raises, Warns: as `positions`.
        """
        return self.states(self.positions(frame))

    def states(self, positions: Cells) -> Tensor:
        """The states `(N, D)` of positions `(N, columns)`."""
        parts = []
        for k, size in enumerate(self.sizes):
            cells = positions[:, k : k + 1]
            parts.append(np.where(np.isnan(cells), np.nan, cells == (1 if size == 2 else np.arange(size))))
        return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))

    def decode(self, states: Tensor, *, seed: int = 0, known: Cells | None = None) -> DataFrame:
        """The rows of states `(N, D)`: the same columns, order and dtypes as the table.

        A number is sampled in its bin, given the bins of the other numbers and ordinals of its row, see `BinnedCopula`,
        and rounded to the decimal places of the column. Where a bin has many numbers they fill it evenly, so that the
        numbers of a column have the law that they had in the table.

        Args:
            states: bits, NaN at all bits of a missing cell.
            seed: seed of the numbers.
            known: the codes of cells that are known, `(N, columns)`, NaN elsewhere, which the others then depend on;
                numbers are not made even then.

        Raises:
            InputError: states of another width, or with no bit or several bits of a column on.
        """
        rng = np.random.default_rng(check_seed(seed))
        codes = self.positions_of(states)
        ordered = _in_copula(self.schema)
        given = None if known is None else self._inside(known)[:, ordered]
        places = dict(zip(ordered, self.copula.sample(codes[:, ordered], rng, known=given).T, strict=True))
        for k, column in enumerate(self.schema.columns):
            if not column.is_discrete:
                bins = self.bins[column.name]
                codes[:, k] = column.rounded(bins.sample(codes[:, k], places[k], rng, stratified=known is None))
        return self.schema.frame(codes if known is None else np.where(np.isnan(known), codes, known))

    def _inside(self, codes: Cells) -> Cells:
        """The places of numbers inside their bins, NaN for all other columns."""
        found = np.full(codes.shape, np.nan)
        for k, column in enumerate(self.schema.columns):
            if not column.is_discrete:
                found[:, k] = self.bins[column.name].inside(codes[:, k])
        return found

    def positions_of(self, states: Tensor) -> Cells:
        """The inverse of `states`.

        Raises:
            InputError: as `decode`.
        """
        if states.ndim != 2 or states.shape[1] != self.bits:
            raise InputError(f"states: expected shape (N, {self.bits}), got {tuple(states.shape)}")
        x = states.detach().cpu().double().numpy()
        columns = []
        for column, place in zip(self.schema.columns, self.places, strict=True):
            bits = x[:, place.start : place.stop]
            missing = np.isnan(bits).all(axis=1)
            valid = missing | (np.isin(bits, (0, 1)).all(axis=1) & ((bits.shape[1] == 1) | (bits.sum(axis=1) == 1)))
            if not valid.all():
                row = int(valid.argmin())
                raise InputError(
                    f"states: expected exactly one of bits {place.start} to {place.stop - 1} (column {column.name!r}) "
                    f"to be on, got {bits[row].tolist()} in row {row}"
                )
            found = bits[:, 0] if bits.shape[1] == 1 else bits.argmax(axis=1)
            columns.append(np.where(missing, np.nan, found))
        return np.stack(columns, axis=1)

    def labels(self, column: Hashable) -> Any:
        """The values of a column, or the intervals of its bins, as an index of pandas."""
        found = self.schema[column]
        if found.is_discrete:
            return pandas().Index(list(found.values))
        return pandas().IntervalIndex.from_breaks([-np.inf, *self.bins[column].cuts, np.inf], closed="left")

    def _warn_of_range(self, name: Hashable, numbers: Cells) -> None:
        low, high = self.bins[name].knots[0][0], self.bins[name].knots[-1][-1]
        far = numbers[(numbers < low - FAR * (high - low)) | (numbers > high + FAR * (high - low))]
        if len(far):
            warnings.warn(
                f"column {name!r}: numbers such as {listed(dict.fromkeys(far.tolist()))} lie far outside those of the "
                f"fitted rows, from {low:g} to {high:g}; they are taken for the lowest or highest of them",
                UserWarning,
                stacklevel=4,
            )


def _in_copula(schema: TableSchema) -> list[int]:
    """The ordered columns; none if no number has bins."""
    some_numbers = any(not column.is_discrete for column in schema.columns)
    return [k for k, column in enumerate(schema.columns) if column.is_ordered and some_numbers]


def _sizes(schema: TableSchema, bins: Mapping[Hashable, Bins]) -> tuple[int, ...]:
    return tuple(
        len(column.values) if column.is_discrete else len(bins[column.name].knots) for column in schema.columns
    )


def _places(schema: TableSchema, bins: Mapping[Hashable, Bins], codes: Cells) -> Cells:
    """The position of each code among the values or bins of its column."""
    found = codes.copy()
    for k, column in enumerate(schema.columns):
        if not column.is_discrete:
            found[:, k] = bins[column.name].places(codes[:, k])
    return found
