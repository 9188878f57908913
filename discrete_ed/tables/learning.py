"""What the scores that need a learner share: columns as features, and the forests that learn from them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import check_count
from discrete_ed.tables.columns import Cells, TableSchema
from discrete_ed.tables.optional import scikit_learn

TREES = 100
"""default number of trees of a forest"""
LEAF = 5  # least number of rows in a leaf; with fewer, probabilities are near 0 and 1


def features(schema: TableSchema, codes: Cells, *, without: Hashable | None = None) -> Cells:
    """Codes `(N, D)` as features: an indicator for each value of a category, and ordinals and numbers as they are.

    A missing cell has no indicator, or is NaN, which forests know how to treat.
    """
    parts = []
    for k, column in enumerate(schema.columns):
        if column.name == without and without is not None:
            continue
        if column.is_ordered:
            parts.append(codes[:, k : k + 1])
        else:
            parts.append((codes[:, k : k + 1] == np.arange(len(column.values))).astype(float))
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(codes), 0))


def fit_forest(x: Cells, y: NDArray[Any], *, regression: bool = False, trees: int = TREES, seed: int = 0) -> Any:
    """A random forest of scikit-learn, fitted to features `(N, K)` and classes or numbers `(N,)`."""
    ensemble = scikit_learn("ensemble")
    kind = ensemble.RandomForestRegressor if regression else ensemble.RandomForestClassifier
    return kind(check_count(trees, "trees"), min_samples_leaf=LEAF, random_state=seed).fit(x, y)


def some_rows(rows: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of `count` random rows, in order; all rows if there are no more."""
    return np.arange(rows) if rows <= count else np.sort(rng.choice(rows, count, replace=False))
