"""Trivial models of a table, beside which a synthetic table is judged: independent columns and a Gaussian copula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from discrete_ed.errors import check_count, check_seed
from discrete_ed.tables.columns import Cells, Column, TableSchema
from discrete_ed.tables.optional import pandas

if TYPE_CHECKING:
    from pandas import DataFrame

LARGEST_CORRELATION = 0.999


def sample_independent_columns(schema: TableSchema, frame: DataFrame, count: int, *, seed: int = 0) -> DataFrame:
    """A table in which each column is resampled from that of a table, independently of the others.

    So every column has the right law, missing cells included, and no two columns depend on each other.

    Raises:
        InputError: the frame lacks columns, or has values that the schema doesn't have.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> frame = pd.DataFrame({"a": ["x", "y"] * 50, "b": ["x", "y"] * 50})
    >>> sampled = sample_independent_columns(recognise_columns(frame), frame, 1000)
    >>> sampled.shape, bool(0.4 < (sampled["a"] == sampled["b"]).mean() < 0.6)
    ((1000, 2), True)
    """
    codes = schema.codes(frame)
    rng = np.random.default_rng(check_seed(seed))
    rows = rng.integers(len(codes), size=(check_count(count, "count"), codes.shape[1]))
    return schema.frame(np.take_along_axis(codes, rows, axis=0))


def sample_gaussian_copula(schema: TableSchema, frame: DataFrame, count: int, *, seed: int = 0) -> DataFrame:
    """Rows from the Gaussian copula of a table, with the laws of its columns.

    Each cell becomes a normal score: its place among the sorted cells of its column, at random among equal cells, as a
    quantile of the normal law. Rows of normal numbers with the correlations of these scores are then turned back into
    cells of the same places. Equal cells blur the scores; their correlations are divided by what that costs to first
    order, `Σ_k (φ(a_k) − φ(b_k))² / p_k` for values `k` of share `p_k` between the quantiles `a_k` and `b_k`, and made
    positive definite. Categories are sorted by how often they occur, which is arbitrary where there are more than two.
    Cells are missing at random, with the share of their column.

    Raises:
        InputError: as `sample_independent_columns`.

    >>> import pandas as pd
    >>> from discrete_ed.tables import recognise_columns
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> frame = pd.DataFrame({"a": x, "b": np.exp(x)})
    >>> sampled = sample_gaussian_copula(recognise_columns(frame), frame, 1000)
    >>> bool(sampled.corr("spearman").loc["a", "b"] > 0.99)
    True
    """
    from scipy.special import ndtr, ndtri

    codes, count = schema.codes(frame), check_count(count, "count")
    rng = np.random.default_rng(check_seed(seed))
    scores, kept = np.full(codes.shape, np.nan), np.empty(codes.shape[1])
    ordered = []
    for k, column in enumerate(schema.columns):
        present = np.flatnonzero(~np.isnan(codes[:, k]))
        keys = _sort_keys(column, codes[present, k])
        order = np.lexsort((rng.random(len(present)), keys))
        scores[present[order], k] = ndtri((np.arange(len(present)) + 0.5) / len(present))
        kept[k] = _kept_by_equal_cells(keys)
        ordered.append(codes[present[order], k])
    sampled = ndtr(rng.standard_normal((count, len(ordered))) @ _root(_latent_correlations(scores, kept)))
    columns = []
    for cells, places, missing in zip(ordered, sampled.T, np.isnan(codes).mean(axis=0), strict=True):
        chosen = cells[np.minimum((places * len(cells)).astype(int), len(cells) - 1)] if len(cells) else np.nan
        columns.append(np.where(rng.random(count) < missing, np.nan, chosen))
    return schema.frame(np.stack(columns, axis=1))


def _sort_keys(column: Column, codes: Cells) -> Cells:
    """Numbers by which the cells of a column are sorted."""
    if column.is_ordered:
        return codes
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return np.argsort(np.argsort(-counts, kind="stable"))[inverse].astype(float)


def _kept_by_equal_cells(keys: Cells) -> float:
    """The share of the variance of normal scores that is between the values of a column; 1 if no two are equal."""
    from scipy.special import ndtri

    if not len(keys):
        return 1.0
    _, counts = np.unique(keys, return_counts=True)
    shares = counts / counts.sum()
    ends = np.exp(-(ndtri(np.concatenate([[0], shares.cumsum()[:-1], [1]])) ** 2) / 2) / np.sqrt(2 * np.pi)
    return float((np.diff(ends) ** 2 / shares).sum()) or 1.0


def _latent_correlations(scores: Cells, kept: Cells) -> Cells:
    """Correlations of normal scores `(N, D)`, NaN where missing, before equal cells blurred them."""
    found = np.nan_to_num(pandas().DataFrame(scores).corr().to_numpy(copy=True))
    found = np.clip(found / np.outer(kept, kept), -LARGEST_CORRELATION, LARGEST_CORRELATION)
    np.fill_diagonal(found, 1.0)
    return found


def _root(correlations: Cells) -> Cells:
    """The symmetric square root of the correlations `(D, D)`, whose negative eigenvalues are set to zero."""
    values, vectors = np.linalg.eigh(correlations)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root / np.linalg.norm(root, axis=0)
