"""Distances between two tables: of each column, and of each pair of columns."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from discrete_ed.tables.columns import Cells, Column, TableSchema

if TYPE_CHECKING:
    from pandas import DataFrame

PAIR_BINS = 5
"""number of bins, with equal shares of the real rows, into which a number is cut to be paired with other columns"""


@dataclass(frozen=True)
class ColumnDistance:
    """How far one column of a table is from that of real rows."""

    distance: float
    """between 0 and 1: total variation of a category or an ordinal, Kolmogorov–Smirnov of a number"""
    wasserstein: float | None
    """of a number, the Wasserstein-1 distance in standard deviations of the real cells; None for other kinds"""


@dataclass(frozen=True, eq=False)
class PairDistances:
    """How far the pairs of columns of a table are from those of real rows."""

    contingency: NDArray[np.float64]
    """total variation between the joint tables of two columns, numbers in bins, `(D, D)`"""
    correlation: NDArray[np.float64]
    """difference of Spearman's rank correlations of two ordinals or numbers, `(D, D)`, NaN for other pairs"""

    @property
    def mean_contingency(self) -> float | None:
        """The mean over all pairs of different columns; None for a single column."""
        return _mean_of_pairs(self.contingency)

    @property
    def mean_correlation(self) -> float | None:
        """The mean size of the differences of correlations; None without two ordered columns that vary."""
        return _mean_of_pairs(np.abs(self.correlation))


def marginal_distances(schema: TableSchema, real: DataFrame, other: DataFrame) -> Mapping[Hashable, ColumnDistance]:
    """The distance of each column of another table from that of real rows.

    Of a category or an ordinal, total variation `½ Σ_v |p(v) − q(v)|`; of a number, the Kolmogorov–Smirnov distance
    `max_v |F(v) − G(v)|` and the Wasserstein-1 distance `∫ |F − G| dv`, divided by the standard deviation of the real
    cells. A missing cell counts as one more value; in Wasserstein's distance it is left out.

    Raises:
        InputError: columns are absent, or hold values that the schema doesn't have.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> real = pd.DataFrame({"sex": ["f", "m"] * 50, "age": np.linspace(20, 60.5, 100)})
    >>> found = marginal_distances(recognise_columns(real), real, real.assign(sex="f"))
    >>> found["sex"].distance, found["age"].distance
    (0.5, 0.0)
    """
    a, b = schema.codes(real), schema.codes(other)
    return {column.name: _column_distance(column, a[:, k], b[:, k]) for k, column in enumerate(schema.columns)}


def pair_distances(schema: TableSchema, real: DataFrame, other: DataFrame) -> PairDistances:
    """The distance of each pair of columns of another table from that of real rows.

    Numbers are cut at the quantiles of the real rows, into five bins. A missing cell counts as one more value, and is
    left out of correlations.

    Raises:
        InputError: as `marginal_distances`.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> real = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["x", "y"] * 50})
    >>> pair_distances(recognise_columns(real), real, real.assign(b=["x", "x", "y", "y"] * 25)).mean_contingency
    0.5
    """
    a, b = schema.codes(real), schema.codes(other)
    parts = [_indicators(column, a[:, k], b[:, k]) for k, column in enumerate(schema.columns)]
    starts = np.cumsum([0, *(len(first[0]) for first, _ in parts)])[:-1]
    first, second = (np.concatenate([part[side] for part in parts], axis=1) for side in (0, 1))
    difference = np.abs(first.T @ first / len(a) - second.T @ second / len(b))
    contingency = np.add.reduceat(np.add.reduceat(difference, starts, axis=0), starts, axis=1) / 2
    return PairDistances(contingency, _correlations(schema, b) - _correlations(schema, a))


def _column_distance(column: Column, real: Cells, other: Cells) -> ColumnDistance:
    if column.is_discrete:
        p, q = (np.bincount(_with_missing(codes, len(column.values)), minlength=len(column.values) + 1) / len(codes)
                for codes in (real, other))  # fmt: skip
        return ColumnDistance(float(np.abs(p - q).sum() / 2), None)
    places = np.unique(np.concatenate([real, other]))
    f, g = (np.searchsorted(np.sort(codes), places, side="right") / len(codes) for codes in (real, other))
    last = (~np.isnan(places)).sum()  # missing cells are sorted last, so that the largest number sees their share
    present = [codes[~np.isnan(codes)] for codes in (real, other)]
    return ColumnDistance(float(np.abs(f - g)[:last].max(initial=0)), _wasserstein(*present))


def _wasserstein(real: Cells, other: Cells) -> float | None:
    if not len(real) or not len(other) or real.std() == 0:
        return None
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(real, other) / real.std())


def _with_missing(codes: Cells, missing: int) -> NDArray[np.int64]:
    """Codes as whole numbers, with a number for missing cells."""
    return np.where(np.isnan(codes), missing, np.nan_to_num(codes)).astype(np.int64)


def _indicators(column: Column, real: Cells, other: Cells) -> tuple[Cells, Cells]:
    """For both tables, whether each cell is in each bin or has each value, the last of which is missing, `(N, K)`."""
    count = len(column.values)
    if not column.is_discrete:
        present = real[~np.isnan(real)]
        cuts = np.unique(np.quantile(present, np.arange(1, PAIR_BINS) / PAIR_BINS)) if len(present) else present
        real, other = (np.where(np.isnan(codes), np.nan, np.searchsorted(cuts, codes)) for codes in (real, other))
        count = len(cuts) + 1
    first, second = (np.eye(count + 1)[_with_missing(codes, count)] for codes in (real, other))
    return first, second


def _correlations(schema: TableSchema, codes: Cells) -> NDArray[np.float64]:
    """Spearman's rank correlations `(D, D)`; NaN for categories, and for columns that are constant."""
    from discrete_ed.tables.optional import pandas

    ordered = [column.is_ordered for column in schema.columns]
    found = np.full((len(ordered), len(ordered)), np.nan)
    places = np.flatnonzero(ordered)
    if len(places):
        ranks = pandas().DataFrame(codes[:, places]).rank()
        with np.errstate(invalid="ignore", divide="ignore"):
            found[np.ix_(places, places)] = ranks.corr().to_numpy()
    return found


def _mean_of_pairs(values: NDArray[np.float64]) -> float | None:
    pairs = values[np.triu_indices(len(values), 1)]
    pairs = pairs[~np.isnan(pairs)]
    return float(pairs.mean()) if len(pairs) else None
