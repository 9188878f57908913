"""The user's table, read as the options say and checked before the run folder is made."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from discrete_ed.data.reading import Reading
from discrete_ed.data.tables import Table, read_table
from discrete_ed.errors import InputError
from discrete_ed.ising import check_samples, resolve_estimator
from discrete_ed.ising.forecast import check_memory
from discrete_ed.ising.preparation import check_block_length, check_estimator_of_rows, check_proportions
from discrete_ed.jobs.recover.config import RecoverConfig

WEIGHT_NAMES = {"weight", "weights", "count", "counts", "freq", "frequency", "n"}
BLOCK_NAMES = {"subject", "participant", "trial", "session", "block", "group", "id"}
"""names of columns that hardly are variables, though their cells may be binary"""


@dataclass(frozen=True, eq=False)
class ObservedTable:
    """A table that passed all checks."""

    table: Table
    left_out: int
    """number of rows that were left out for a missing cell, or for a weight of zero"""

    @property
    def cells(self) -> np.ndarray:
        """Zeros and ones, a byte each, or numbers with NaN where a cell is missing, `(N, D)`."""
        if self.table.missing is None:
            return self.table.values
        values = self.table.values.astype(float)
        values[self.table.missing] = np.nan
        return values

    @property
    def rows(self) -> float:
        """The number of rows, each counted as its weight says if weights are counts."""
        weights = self.table.weights
        if weights is None or (weights != np.rint(weights)).any():
            return len(self.table.values)
        return float(weights.sum())


def observed_table(config: RecoverConfig) -> ObservedTable:
    """Read the table of `config.data`.

    Raises:
        InputError: a table, column, weight or block that can't be used; see `read_table` and `recover_couplings`.
    """
    assert config.data is not None
    reading = Reading(
        recode=config.meanings(),
        binarise=config.threshold(),
        columns=config.columns or (),
        drop=config.drop or (),
        transpose=config.transpose,
        weights=config.weights,
        blocks=config.blocks,
        missing=config.missing != "refuse",
    )
    table = read_table(config.data, reading)
    warn_of_names(config, table.names)
    kept = np.ones(len(table.values), bool) if table.weights is None else table.weights > 0
    if table.missing is not None and config.missing == "listwise":
        kept &= ~table.missing.any(1)
        if kept.sum() < 2:
            raise InputError(f"missing: expected rows without missing cells for listwise, got {kept.sum()}")
    elif table.missing is not None and not table.missing.all():
        kept &= ~table.missing.all(1)  # such as lines of delimiters alone, which spreadsheets write
    table = _rows(table, kept, listwise=config.missing == "listwise")
    found = ObservedTable(table, int((~kept).sum()))
    plain = table.blocks is table.missing is None and config.rows_in_block() in ("auto", 1)
    check_memory(*table.values.shape, config.estimator, config.penalty, plain=plain)
    spins = check_samples(
        found.cells,
        config.estimator,
        config.penalty,
        name=str(config.data),
        names=table.names,
        weights=table.weights,
        most_missing=config.most_missing,
        compact=True,
    )
    if table.weights is not None and table.blocks is None:
        check_proportions(spins, table.weights, f"{config.data}, column {config.weights!r}")
    length = check_block_length(config.rows_in_block(), len(table.values), table.weights, table.blocks)
    plain = table.weights is table.blocks is table.missing and length in (1, "auto")
    check_estimator_of_rows(resolve_estimator(config.estimator, len(table.names)), plain=plain)
    if table.blocks is not None and len(np.unique(table.blocks)) < 2:
        raise InputError(
            f"{config.data}, column {config.blocks!r}: expected at least two blocks in the rows that count"
        )
    return found


def warn_of_names(config: RecoverConfig, names: tuple[str, ...]) -> None:
    """Warn of columns that are read as variables, though their names say that they are none."""
    for option, known in (("weights", WEIGHT_NAMES), ("blocks", BLOCK_NAMES)):
        found = [name for name in names if name.casefold() in known]
        if found and getattr(config, option) is None and not (config.columns and found[0] in config.columns):
            warnings.warn(
                f"{config.data}: column {found[0]!r} is read as a variable; if it is none, use {option} or drop",
                stacklevel=3,
            )


def _rows(table: Table, kept: np.ndarray, *, listwise: bool) -> Table:
    missing, weights, blocks = (
        None if part is None else part[kept] for part in (table.missing, table.weights, table.blocks)
    )
    return replace(
        table, values=table.values[kept], missing=None if listwise else missing, weights=weights, blocks=blocks
    )
