"""What the bins of a row leave open: the Gaussian copula of ordered columns, sampled given their bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discrete_ed.tables.columns import Cells
from discrete_ed.tables.optional import scikit_learn

SMOOTHED = 0.5
"""number of extra rows in each bin, so that no bin is empty"""
RIDGE = 0.002
"""what is added to the variances of the scores, so that no two of them determine each other"""
MOST_ROWS = 5000
"""largest number of rows to which a copula is fitted"""
ROUNDS = 10
"""how often covariances of the scores are taken, and scores of equal and missing cells sampled given the others"""
SWEEPS = 20
"""sweeps over the scores of a row given its bins"""
EDGE = 0.001
"""distance from the ends of its bin, as a share of it, that each place has at least, so that scores are finite"""
SMALLEST = 1e-300


@dataclass(frozen=True, eq=False)
class BinnedCopula:
    """The Gaussian copula of `d` ordered columns, which are known up to bins.

    A cell with the place `u` among the sorted cells of its column has the normal score `z = Φ⁻¹(u)`, and the scores of
    a row have the law `N(0, C)`. If its cells are in bins, where that of column j has the ends `a_j < u_j < b_j`, this
    leaves a normal law that is truncated to a box,

        p(z | bins) ∝ exp(−½ zᵀ C⁻¹ z),  Φ⁻¹(a_j) < z_j < Φ⁻¹(b_j),

    so that columns depend on each other inside bins as well, and most where these are wide. With a single bin for each
    column it is the Gaussian copula itself.
    """

    ends: tuple[Cells, ...]
    """for each column the shares of rows up to the ends of its bins, from 0 to 1, `(K + 1,)`"""
    precision: Cells
    """`C⁻¹`, `(d, d)`"""

    @classmethod
    def fit(cls, cells: Cells, bins: Cells, sizes: Sequence[int]) -> BinnedCopula:
        """The copula of the rows of a table.

        `C` are the correlations of the scores, shrunk as Ledoit and Wolf do. Scores of equal cells are between those of
        the next smaller and the next larger ones, and of missing cells anything: both are sampled given the others, and
        `C` is taken again, a few times (the rank likelihood of Hoff, by stochastic EM steps). The same rows give the
        same copula.

        Args:
            cells: numbers, or the positions of the values of ordinals, `(N, d)`; NaN where missing.
            bins: the bin of each cell, `(N, d)`; NaN where missing.
            sizes: the number of bins of each column.

        Source: Hoff 2007, Annals of Applied Statistics 1, 265–283; Ledoit and Wolf 2004, Journal of Multivariate
        Analysis 88, 365–411.

        >>> x = np.random.default_rng(0).normal(size=(500, 1)) * [1, -1]
        >>> copula = BinnedCopula.fit(x, (x > 0) * 1.0, [2, 2])
        >>> bool(copula.precision[0, 1] > 10)
        True
        """
        ends = []
        for column, size in zip(bins.T, sizes, strict=True):
            counts = np.bincount(column[~np.isnan(column)].astype(int), minlength=size) + SMOOTHED
            ends.append(np.concatenate([[0.0], counts.cumsum() / counts.sum()]))
            ends[-1][-1] = 1.0
        if cells.shape[1] < 2:  # no column to depend on
            return cls(tuple(ends), np.eye(cells.shape[1]))
        rng = np.random.default_rng(0)
        rows = cells[rng.permutation(len(cells))[:MOST_ROWS]]
        low, high = np.stack([_ends_of_ranks(column) for column in rows.T], axis=2)
        z = _normal_quantile(low + (high - low) * rng.random(rows.shape))
        lowest, highest = _normal_quantile(low), _normal_quantile(high)
        for _ in range(ROUNDS):
            precision: Cells = np.linalg.inv(_shrunk_correlations(z)).astype(np.float64)
            z = sample_truncated_normal(precision, lowest, highest, z, sweeps=1, rng=rng)
        return cls(tuple(ends), precision)

    def sample(self, bins: Cells, rng: np.random.Generator, *, known: Cells | None = None) -> Cells:
        """The place of each cell inside its bin, from 0 at its lower end to 1 at its upper one, `(B, d)`.

        Args:
            bins: the bin of each cell, `(B, d)`; NaN where any may be.
            rng: the source of randomness.
            known: places inside bins that are known, `(B, d)`, NaN elsewhere; they stay as they are, up to `EDGE`.
        """
        given = np.full(bins.shape, np.nan) if known is None else known.clip(EDGE, 1 - EDGE)
        low, high = np.zeros(bins.shape), np.ones(bins.shape)
        for column, ends in enumerate(self.ends):
            present = ~np.isnan(bins[:, column])
            places = bins[present, column].astype(int)
            low[present, column], high[present, column] = ends[places], ends[places + 1]
        free = np.isnan(given)
        z = _normal_quantile(low + (high - low) * np.where(free, rng.uniform(EDGE, 1 - EDGE, bins.shape), given))
        if bins.shape[1] > 1:
            lowest, highest = (np.where(free, _normal_quantile(end), z) for end in (low, high))
            z = sample_truncated_normal(self.precision, lowest, highest, z, sweeps=SWEEPS, rng=rng)
        return ((_normal_share(z) - low) / (high - low)).clip(0, 1)


def sample_truncated_normal(
    precision: Cells, low: Cells, high: Cells, z: Cells, *, sweeps: int, rng: np.random.Generator
) -> Cells:
    """Samples of `p(z) ∝ exp(−½ zᵀ P z)` on boxes, a box for each row, by Gibbs sampling.

    Given the others, `z_j` is normal with mean `−Σ_k P_jk z_k / P_jj` and variance `1 / P_jj`, truncated to its
    interval, and sampled by its quantiles.

    Args:
        precision: P, `(d, d)`.
        low, high: the ends of the boxes, `(B, d)`, which may be infinite; where they are equal, `z` stays.
        z: where chains start, `(B, d)`, in the boxes.
        sweeps: how often each coordinate is sampled.
        rng: the source of randomness.

    Source: Geweke 1991, Computing Science and Statistics 23, 571–578.

    >>> z = sample_truncated_normal(np.eye(2), np.zeros((9, 2)), np.ones((9, 2)), np.full((9, 2), 0.5), sweeps=1,
    ...                             rng=np.random.default_rng(0))
    >>> bool(((z > 0) & (z < 1)).all())
    True
    """
    z = z.copy()
    for _ in range(sweeps):
        for j in rng.permutation(len(precision)):
            deviation = precision[j, j] ** -0.5
            mean = z[:, j] - z @ precision[j] / precision[j, j]
            a, b = (low[:, j] - mean) / deviation, (high[:, j] - mean) / deviation
            upper = a > 0  # there, shares are counted from above, where they have more digits
            a, b = np.where(upper, -b, a), np.where(upper, -a, b)
            below = _normal_share(a)
            share = below + (_normal_share(b) - below) * rng.random(len(z))
            sampled = _normal_quantile(share.clip(SMALLEST, None))
            z[:, j] = (mean + deviation * np.where(upper, -sampled, sampled)).clip(low[:, j], high[:, j])
    return z


def _ends_of_ranks(column: Cells) -> Cells:
    """The shares of the present cells of a column that are smaller than each cell, and that are not larger, `(2, N)`;
    0 and 1 where it is missing."""
    missing = np.isnan(column)
    present = np.sort(column[~missing])
    sides = [np.searchsorted(present, column, side) / max(1, len(present)) for side in ("left", "right")]
    return np.stack([np.where(missing, end, side) for end, side in enumerate(sides)])


def _shrunk_correlations(z: Cells) -> Cells:
    covariance = scikit_learn("covariance").ledoit_wolf(z)[0]
    deviations = np.sqrt(np.diag(covariance))
    correlations: Cells = covariance / np.outer(deviations, deviations)
    return (correlations + RIDGE * np.eye(len(correlations))) / (1 + RIDGE)


def _normal_share(z: Cells) -> Cells:
    from scipy.special import ndtr  # only needed here, and slow to import

    found: Cells = ndtr(z)
    return found


def _normal_quantile(u: Cells) -> Cells:
    from scipy.special import ndtri

    found: Cells = ndtri(u)
    return found
