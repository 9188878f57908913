"""A classifier two-sample score: how well a forest tells synthetic from real rows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from discrete_ed.errors import InputError, check_seed
from discrete_ed.tables.columns import TableSchema
from discrete_ed.tables.learning import TREES, features, fit_forest, some_rows
from discrete_ed.tables.optional import scikit_learn

if TYPE_CHECKING:
    from pandas import DataFrame

FOLDS = 5
MOST_ROWS = 5000
"""largest number of rows of each table that the classifier sees"""
LEAST_ROWS = 4 * FOLDS


@dataclass(frozen=True)
class DetectionScore:
    """How well a classifier tells two tables apart."""

    auc: float
    """area under the curve of sensitivity over the share of false alarms: ½ if it can't, 1 if it always can"""
    error: float
    """standard deviation of the area if both tables have one law, `√((m + n + 1) / 12mn)`"""
    rows: int
    """number of rows of each table"""


def detection_score(
    schema: TableSchema, real: DataFrame, other: DataFrame, *, trees: int = TREES, seed: int = 0
) -> DetectionScore:
    """The classifier two-sample score of another table against real rows, by five-fold cross-validation of a forest.

    Both tables give the same number of rows, at most 5,000, chosen at random. The area under the curve is that of the
    probabilities that the forest gives to the rows of all folds. It is ½ for tables of one law, up to a few times
    `error` (by cross-validation rather below than above), and an unseen copy of a real row counts as real.

    Raises:
        InputError: fewer than 20 rows in a table, or values that the schema doesn't have.

    Source: Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests, arXiv 1610.06545.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> real = pd.DataFrame({"age": np.arange(40) + 0.5})
    >>> detection_score(recognise_columns(real), real, real + 100, trees=10).auc
    1.0
    """
    rng = np.random.default_rng(check_seed(seed))
    count = min(len(real), len(other), MOST_ROWS)
    if count < LEAST_ROWS:
        raise InputError(f"rows: expected at least {LEAST_ROWS} in each table for a classifier, got {count}")
    parts = [schema.codes(table)[some_rows(len(table), count, rng)] for table in (real, other)]
    x, y = features(schema, np.concatenate(parts)), np.repeat([0, 1], count)
    probabilities = np.empty(2 * count)
    folds = scikit_learn("model_selection").StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for learned, held_out in folds.split(x, y):
        forest = fit_forest(x[learned], y[learned], trees=trees, seed=seed)
        probabilities[held_out] = forest.predict_proba(x[held_out])[:, 1]
    auc = scikit_learn("metrics").roc_auc_score(y, probabilities)
    return DetectionScore(float(auc), float(np.sqrt((2 * count + 1) / (12 * count**2))), count)
