"""Does a synthetic table repeat the rows it was made from? Copies of training rows, and rows too near to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from discrete_ed.errors import check_seed
from discrete_ed.tables.columns import Cells, TableSchema
from discrete_ed.tables.learning import some_rows

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_QUERIES, MOST_NEIGHBOURS = 2000, 10_000
"""largest numbers of rows whose neighbours are searched, and of rows of each table among which they are searched"""
CHUNK = 200  # rows whose distances to all others are held at once


@dataclass(frozen=True)
class Privacy:
    """How much a table repeats training rows."""

    copies: float
    """share of its rows that are training rows, cell by cell"""
    nearer: float | None
    """share of its rows whose nearest training row is nearer than their nearest held-out row, where equal distances
    count half: ½ for rows of the true law; None without held-out rows"""
    error: float | None
    """standard deviation of `nearer` for rows of the true law, if all were independent"""


def privacy(
    schema: TableSchema, other: DataFrame, train: DataFrame, held_out: DataFrame | None = None, *, seed: int = 0
) -> Privacy:
    """The shares of copies of training rows, and of rows that are nearer to training rows than to held-out ones.

    The distance of two rows is the sum over columns (Gower 1971) of 0 or 1 for equal and different categories, and of
    the difference of two ordinals or numbers divided by the range of the training rows; a missing cell differs from a
    present one by ½ to 1. As many training as held-out rows, chosen at random, are searched.

    Raises:
        InputError: columns are absent, or hold values that the schema doesn't have.

    Source: Gower 1971, Biometrics 27, 857–871.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> rows = pd.DataFrame({"age": np.random.default_rng(0).random(60)})
    >>> privacy(recognise_columns(rows), rows[:30], rows[:30], rows[30:])
    Privacy(copies=1.0, nearer=1.0, error=0.09128709291752768)
    """
    rng = np.random.default_rng(check_seed(seed))
    rows, known = schema.codes(other), schema.codes(train)
    copies = share_of_copies(rows, known)
    if held_out is None:
        return Privacy(copies, None, None)
    unknown = schema.codes(held_out)
    count = min(len(known), len(unknown), MOST_NEIGHBOURS)
    queries, *sets = _places(
        schema,
        known,
        rows[some_rows(len(rows), MOST_QUERIES, rng)],
        known[some_rows(len(known), count, rng)],
        unknown[some_rows(len(unknown), count, rng)],
    )
    to_train, to_held_out = (_nearest(queries, each) for each in sets)
    nearer = float(np.mean(to_train < to_held_out) + np.mean(to_train == to_held_out) / 2)
    return Privacy(copies, nearer, float(np.sqrt(0.25 / len(queries))))


def share_of_copies(rows: Cells, known: Cells) -> float:
    """The share of rows `(N, D)` that are among known rows `(M, D)`, all cells equal; missing cells are equal.

    >>> share_of_copies(np.array([[1.0, np.nan], [2.0, 3.0]]), np.array([[1.0, np.nan]]))
    0.5
    """
    first, second = ([row.tobytes() for row in np.where(np.isnan(x), np.nan, x + 0.0)] for x in (rows, known))
    known_rows = set(second)
    return sum(row in known_rows for row in first) / len(first)


def _places(schema: TableSchema, train: Cells, *tables: Cells) -> list[Cells]:
    """Rows as points whose city-block distances are those of `privacy`."""
    found: list[list[Cells]] = [[] for _ in tables]
    for k, column in enumerate(schema.columns):
        present = train[~np.isnan(train[:, k]), k]
        low, span = (present.min(), np.ptp(present) or 1.0) if len(present) else (0.0, 1.0)
        for parts, codes in zip(found, tables, strict=True):
            cells = codes[:, k : k + 1]
            missing = np.isnan(cells)
            if column.is_ordered:
                parts.append(np.where(missing, 0.5, (cells - low) / span))
            else:
                parts.append((cells == np.arange(len(column.values))) / 2)
            parts.append(missing / 2)
    return [np.concatenate(parts, axis=1) for parts in found]


def _nearest(queries: Cells, rows: Cells) -> Cells:
    """The city-block distance of each query `(Q, K)` to the nearest of the rows `(N, K)`."""
    from scipy.spatial.distance import cdist

    # rounded, so that sums of the same terms in any order are equal
    return np.concatenate([
        cdist(queries[k : k + CHUNK], rows, "cityblock").min(axis=1).round(9) for k in range(0, len(queries), CHUNK)
    ])  # fmt: skip
