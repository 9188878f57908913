"""All scores of synthetic tables at once, beside independent columns, a Gaussian copula, and real rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from discrete_ed.errors import InputError, check_seed
from discrete_ed.tables.baselines import sample_gaussian_copula, sample_independent_columns
from discrete_ed.tables.columns import Column, TableSchema, listed
from discrete_ed.tables.distances import ColumnDistance, PairDistances, marginal_distances, pair_distances
from discrete_ed.tables.learning import TREES, some_rows
from discrete_ed.tables.optional import expect_frame, pandas
from discrete_ed.tables.privacy import Privacy, privacy
from discrete_ed.tables.recognition import Types, recognise_columns
from discrete_ed.tables.two_sample import LEAST_ROWS, DetectionScore, detection_score
from discrete_ed.tables.utility import Utility, utility

if TYPE_CHECKING:
    from pandas import DataFrame

YARDSTICKS = REAL, INDEPENDENT, COPULA = "real rows", "independent columns", "Gaussian copula"
"""names of the yardsticks: training rows (the floor), and two trivial models"""
BEYOND_CHANCE = 3.0
"""standard errors by which shares of missing cells must differ to be warned of"""


@dataclass(frozen=True, eq=False)
class TableScores:
    """The scores of one table against real rows that no table was made from."""

    columns: Mapping[Hashable, ColumnDistance]
    """the distance of each column"""
    pairs: PairDistances
    """the distances of pairs of columns"""
    detection: DetectionScore
    """how well a classifier tells it from real rows"""
    utilities: tuple[Utility, ...]
    """for each target, how well a forest that learned from it predicts the target of real rows"""
    privacy: Privacy
    """how much it repeats training rows"""

    @property
    def marginal(self) -> float:
        """The mean distance of its columns, between 0 and 1."""
        return float(np.mean([column.distance for column in self.columns.values()]))

    def to_dict(self) -> dict[str, Any]:
        """The scores, without those of single pairs, under the keys of `result.json`."""
        return {
            "marginal": self.marginal,
            "pairwise": self.pairs.mean_contingency,
            "correlation": self.pairs.mean_correlation,
            "detection_auc": self.detection.auc,
            "detection_auc_error": self.detection.error,
            "utility": {str(each.target): _without_none(asdict(each)) for each in self.utilities},
            **_without_none({"copies": self.privacy.copies, "nearer": self.privacy.nearer}),
            "columns": {str(name): _without_none(asdict(column)) for name, column in self.columns.items()},
        }


@dataclass(frozen=True, eq=False)
class TableEvaluation:
    """Scores of synthetic tables and of yardsticks."""

    schema: TableSchema
    """the columns; values that only a synthetic table has come last"""
    real_schema: TableSchema
    """the columns with the values of real rows alone"""
    scores: Mapping[str, TableScores]
    """for each synthetic table by its name, then for `real rows`, `independent columns` and `Gaussian copula`"""
    rows: int
    """number of rows of each table that is scored"""
    held_out: int
    """number of real rows against which they are scored"""

    def to_dict(self) -> dict[str, Any]:
        """The scores under the keys of `result.json`."""
        return {
            "rows": self.rows,
            "held_out_rows": self.held_out,
            "columns": dict(self.real_schema.types()),
            "tables": {name: scores.to_dict() for name, scores in self.scores.items()},
        }


@dataclass(frozen=True, eq=False)
class PreparedTables:
    """Tables that can be scored, all with the same columns and the same number of rows."""

    schema: TableSchema
    """the columns; values that only a synthetic table has come last"""
    real_schema: TableSchema
    """the columns with the values of real rows alone"""
    tables: Mapping[str, DataFrame]
    """synthetic tables by their names, and the yardsticks"""
    fitted: DataFrame
    """the real rows to which the trivial models were fitted"""
    reference: DataFrame
    """the real rows against which tables are scored"""
    train: DataFrame
    """all training rows"""
    halved: bool
    """whether `fitted` and `reference` are halves of them"""


def evaluate_tables(
    train: DataFrame,
    held_out: DataFrame | None,
    synthetic: Mapping[str, DataFrame],
    *,
    types: Types | None = None,
    targets: tuple[Hashable, ...] = (),
    trees: int = TREES,
    seed: int = 0,
    callback: Callable[[str, int, int], None] | None = None,
) -> TableEvaluation:
    """Score synthetic tables against real rows, beside the scores of real rows and of two trivial models.

    All tables, the training rows among them, are reduced to the same number of rows and compared with the held-out
    rows: so the score of `real rows` is the floor, which no model can expect to pass, whatever chance does to tables of
    this size. The trivial models, `independent columns` and `Gaussian copula`, are fitted to all training rows.

    Args:
        train: the real rows from which the synthetic tables were made.
        held_out: real rows that they were not made from. If it is None, the training rows are halved at random, and the
            second half plays this part; scores of a model that repeats its training rows are then too good, and
            `Privacy.nearer` is None for synthetic tables.
        synthetic: synthetic tables by their names, with the columns of the training rows in any order.
        types: kinds of columns, see `recognise_columns`.
        targets: names of columns that a forest predicts, see `utility`.
        trees: number of trees of each forest.
        seed: seed of everything random.
        callback: called after each table with its name, the number of tables done, and their total.

    Raises:
        InputError: a table without the columns of the training rows, with cells of another type, or with fewer than 20
            rows; a target that is no column.

    Warns:
        UserWarning: as `recognise_columns`; values that no real row has.

    >>> import pandas as pd
    >>> x = np.random.default_rng(0).integers(2, size=(300, 2))
    >>> real = pd.DataFrame({"a": x[:, 0], "b": x[:, 0] ^ (x[:, 1] & (x[:, 0])), "c": 2.5 * x[:, 1]})
    >>> found = evaluate_tables(real[:100], real[100:200], {"mine": real[200:]}, trees=5)
    >>> [*found.scores]
    ['mine', 'real rows', 'independent columns', 'Gaussian copula']
    """
    prepared = prepare_tables(train, held_out, synthetic, types=types, targets=targets, seed=seed)
    return score_tables(prepared, targets=targets, trees=trees, seed=seed, callback=callback)


def prepare_tables(
    train: DataFrame,
    held_out: DataFrame | None,
    synthetic: Mapping[str, DataFrame],
    *,
    types: Types | None = None,
    targets: tuple[Hashable, ...] = (),
    seed: int = 0,
) -> PreparedTables:
    """The first, quick half of `evaluate_tables`, in which tables are refused."""
    rng = np.random.default_rng(check_seed(seed))
    if not synthetic:
        raise InputError("synthetic: expected at least one table, got none")
    reserved = [name for name in synthetic if name in YARDSTICKS]
    if reserved:
        raise InputError(f"synthetic: expected other names than those of the yardsticks, got {reserved[0]!r}")
    expect_frame(train, "train")
    known = train if held_out is None else pandas().concat([train, _like(train, held_out, "held_out")])
    schema = recognise_columns(known, types)
    for target in targets:
        if target not in schema.names:
            raise InputError(f"target: expected one of {listed(schema.names)}, got {target!r}")
    synthetic = {name: _like(train, table, name) for name, table in synthetic.items()}
    real_schema, schema = schema, _with_new_values(schema, synthetic)
    for name, table in synthetic.items():
        schema.codes(table)
        _warn_of_missing(name, table[list(schema.names)], known[list(schema.names)])
    fitted, reference = _halves(train, rng) if held_out is None else (train, held_out)
    count = min(len(fitted), *(len(table) for table in synthetic.values()))
    real = {"train": train} if held_out is None else {"train": train, "held_out": held_out}
    for name, table in (real | synthetic).items():
        least = 2 * LEAST_ROWS if held_out is None and table is train else LEAST_ROWS
        if len(table) < least:
            halves = " without held-out ones" if least > LEAST_ROWS else ""
            raise InputError(f"{name}: expected at least {least} rows{halves}, got {len(table)}")
    tables = {name: table.iloc[some_rows(len(table), count, rng)] for name, table in synthetic.items()}
    tables[REAL] = fitted.iloc[some_rows(len(fitted), count, rng)]
    tables[INDEPENDENT] = sample_independent_columns(schema, fitted, count, seed=seed)
    tables[COPULA] = sample_gaussian_copula(schema, fitted, count, seed=seed)
    return PreparedTables(schema, real_schema, tables, fitted, reference, train, held_out is None)


def _warn_of_missing(name: str, table: DataFrame, known: DataFrame) -> None:
    """Warn if the shares of missing cells differ by more than chance, as far as rows are independent of each other."""
    of_rows, of_known = (each.isna().to_numpy().mean(1) for each in (table, known))
    share, real = float(of_rows.mean()), float(of_known.mean())
    chance = sqrt(of_rows.var() / len(of_rows) + of_known.var() / len(of_known))
    if abs(share - real) > max(0.005, BEYOND_CHANCE * chance):
        warnings.warn(
            f"{name}: {share:.1%} of the cells are missing, of the real rows {real:.1%}; the scores take a missing "
            "cell for one more value, so they tell the tables apart by it",
            UserWarning,
            stacklevel=4,
        )


def score_tables(
    prepared: PreparedTables,
    *,
    targets: tuple[Hashable, ...] = (),
    trees: int = TREES,
    seed: int = 0,
    callback: Callable[[str, int, int], None] | None = None,
) -> TableEvaluation:
    """The second, longer half of `evaluate_tables`."""
    schema, fitted, reference = prepared.schema, prepared.fitted, prepared.reference
    scores = {}
    for done, (name, table) in enumerate(prepared.tables.items(), 1):
        if name == REAL:  # of training rows, all are training rows, so their share among held-out rows is the floor
            repeated = Privacy(privacy(schema, reference, fitted).copies, 0.5, None)
        elif prepared.halved and name not in YARDSTICKS:  # made from the reference rows as well
            repeated = privacy(schema, table, prepared.train)
        else:
            repeated = privacy(schema, table, fitted, reference, seed=seed)
        scores[name] = TableScores(
            columns=marginal_distances(schema, reference, table),
            pairs=pair_distances(schema, reference, table),
            detection=detection_score(schema, reference, table, trees=trees, seed=seed),
            utilities=tuple(utility(schema, table, reference, target, trees=trees, seed=seed) for target in targets),
            privacy=repeated,
        )
        if callback is not None:
            callback(name, done, len(prepared.tables))
    return TableEvaluation(schema, prepared.real_schema, scores, len(prepared.tables[REAL]), len(reference))


def _like(train: DataFrame, table: DataFrame, name: str) -> DataFrame:
    """The columns of another table, in the order of the training rows."""
    expect_frame(table, name)
    absent = [column for column in train.columns if column not in table.columns]
    more = [column for column in table.columns if column not in train.columns]
    if absent or more:
        got = f"none called {absent[0]!r}" if absent else f"{more[0]!r} as well"
        raise InputError(f"{name}: expected the columns {listed(list(train.columns))}, got {got}")
    return table[list(train.columns)]


def _halves(train: DataFrame, rng: np.random.Generator) -> tuple[DataFrame, DataFrame]:
    order = rng.permutation(len(train))
    return train.iloc[np.sort(order[: len(train) // 2])], train.iloc[np.sort(order[len(train) // 2 :])]


def _with_new_values(schema: TableSchema, synthetic: Mapping[str, DataFrame]) -> TableSchema:
    """The columns with the values that only synthetic tables have, after a warning."""
    columns = []
    for column in schema.columns:
        values = list(column.values)
        for name, table in synthetic.items():
            cells = table[column.name].dropna()
            new = [value for value in cells.unique().tolist() if column.is_discrete and value not in values]
            if new:
                warnings.warn(
                    f"{name}: {cells.isin(new).sum()} cells of column {column.name!r} have values that no real row "
                    f"has: {listed(new)}",
                    UserWarning,
                    stacklevel=3,
                )
                values += new
        dtype = column.dtype if len(values) == len(column.values) else object
        columns.append(Column(column.name, column.kind, dtype, tuple(values), column.decimals))
    return TableSchema(tuple(columns))


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
