"""Train on synthetic rows, test on real ones: what a synthetic table is worth to someone who predicts a column."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from discrete_ed.errors import InputError, check_seed
from discrete_ed.tables.columns import Cells, TableSchema
from discrete_ed.tables.learning import TREES, features, fit_forest
from discrete_ed.tables.optional import scikit_learn

if TYPE_CHECKING:
    from pandas import DataFrame

CONFIDENCE_BINS = 10
"""number of bins of the calibration error, of equal width"""


@dataclass(frozen=True)
class Utility:
    """How well a forest that learned from one table predicts a column of real rows."""

    target: Hashable
    auc: float | None = None
    """area under the curve of each class against the others, averaged over classes; None for a number"""
    f1: float | None = None
    """F1 of the predicted classes, averaged over classes; None for a number"""
    brier_score: float | None = None
    """mean squared error of the probabilities of all classes, between 0 and 2, see `brier_score`; None for a number"""
    calibration_error: float | None = None
    """mean distance between the confidence in the predicted class and its accuracy, `Σ_b n_b |acc_b − conf_b| / N` over
    ten bins of confidence; None for a number"""
    rmse: float | None = None
    """root mean squared error of a number, in its own unit; None for other kinds"""


def utility(
    schema: TableSchema,
    learned: DataFrame,
    test: DataFrame,
    target: Hashable,
    *,
    trees: int = TREES,
    seed: int = 0,
) -> Utility:
    """Train a random forest on one table to predict a column, and test it on real rows.

    A category or an ordinal is classified, a number is regressed. Rows whose target is missing are left out.

    Args:
        schema: the columns of both tables.
        learned: the table to learn from, such as a synthetic one.
        test: real rows that no table was made from.
        target: the name of the column to predict.
        trees: number of trees of the forest.
        seed: seed of the forest.

    Raises:
        InputError: no such column, or no rows with a target; values that the schema doesn't have.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> real = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["x", "y"] * 50})
    >>> found = utility(recognise_columns(real), real, real, "b")
    >>> found.auc, found.f1, round(found.calibration_error, 2)
    (1.0, 1.0, 0.0)
    """
    check_seed(seed)
    column, place = schema[target], schema.position(target)
    if len(schema.columns) < 2:
        raise InputError("target: expected another column to predict it from, got a table of one column")
    tables = []
    for name, table in (("learned", learned), ("test", test)):
        codes = schema.codes(table)
        codes = codes[~np.isnan(codes[:, place])]
        if not len(codes):
            raise InputError(f"{name}: expected rows in which {target!r} is not missing, got none")
        tables.append((features(schema, codes, without=target), codes[:, place]))
    (x, y), (x_test, y_test) = tables
    if not column.is_discrete:
        predicted = fit_forest(x, y, regression=True, trees=trees, seed=seed).predict(x_test)
        return Utility(target, rmse=float(np.sqrt(np.mean((predicted - y_test) ** 2))))
    probabilities = np.zeros((len(y_test), len(column.values)))
    forest = fit_forest(x, y.astype(int), trees=trees, seed=seed)
    probabilities[:, forest.classes_] = forest.predict_proba(x_test)
    return score_classes(target, probabilities, y_test.astype(int))


def score_classes(target: Hashable, probabilities: Cells, classes: NDArray[Any]) -> Utility:
    """The scores of probabilities `(N, K)` of the `K` values of a column, against the values that it has, `(N,)`.

    >>> score_classes("b", np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])).auc
    1.0
    """
    metrics = scikit_learn("metrics")
    present = [k for k in np.unique(classes) if (classes != k).any()]
    areas = [metrics.roc_auc_score(classes == k, probabilities[:, k]) for k in present]
    predicted = probabilities.argmax(axis=1)
    f1 = metrics.f1_score(classes, predicted, labels=np.unique(classes), average="macro", zero_division=0)
    return Utility(
        target,
        auc=float(np.mean(areas)) if areas else None,
        f1=float(f1),
        brier_score=brier_score(probabilities, classes),
        calibration_error=calibration_error(probabilities, classes),
    )


def brier_score(probabilities: Cells, classes: NDArray[Any]) -> float:
    """The mean over rows of `Σ_k (p_k − 1[the class is k])²`, for probabilities `(N, K)` of classes, given those that
    came true, `(N,)`.

    It is a proper score: only the true probabilities have the lowest expected one. The calibration error is none, since
    the shares of the classes, told without a look at the row, are calibrated perfectly.

    Source: Brier 1950, Monthly Weather Review 78, 1–3.

    >>> brier_score(np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([0, 0]))
    0.25
    """
    true = np.arange(probabilities.shape[1]) == classes[:, None]
    return float(((probabilities - true) ** 2).sum(axis=1).mean())


def calibration_error(probabilities: Cells, classes: NDArray[Any]) -> float:
    """The expected calibration error of probabilities `(N, K)` of classes, given those that came true, `(N,)`.

    Rows are put into ten bins of equal width by the probability of their most probable class; the error is the mean
    distance, in a bin, between this probability and the share of rows for which the class is the true one.

    Source: Naeini, Cooper and Hauskrecht 2015, Obtaining well calibrated probabilities using Bayesian binning, AAAI.

    >>> calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 1, 1]))
    0.25
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    bins = np.minimum((confidence * CONFIDENCE_BINS).astype(int), CONFIDENCE_BINS - 1)
    return float(np.abs(np.bincount(bins, confidence - right)).sum() / len(classes))
