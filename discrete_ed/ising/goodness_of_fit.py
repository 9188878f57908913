"""Goodness of fit: means, covariances of pairs, moments of triples, numbers of spins up, likelihood."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.ising.packed_columns import PackedColumns
from discrete_ed.ising.parameters import Array
from discrete_ed.ising.site_fits import LARGE
from discrete_ed.likelihood import log_likelihood
from discrete_ed.likelihood.enumeration import check_enumerable

TRIPLES = 2000
"""largest number of triples of spins that are compared"""
BOOTSTRAP = 200
"""number of simulated pairs of samples, which show how much noise alone changes the number of spins up"""
FAILED = 3.0
"""multiple of the expected noise above which a difference counts as a failure of the model"""


@dataclass(frozen=True)
class GoodnessOfFit:
    """Statistics of the data and of samples of the model, and the differences expected from noise alone.

    >>> coins = np.random.default_rng(0).integers(0, 2, (2000, 5))
    >>> found = goodness_of_fit(coins, model=np.ones_like(coins))
    >>> found.mean_error > 10 * found.mean_noise
    True
    """

    means: Array
    """mean of each spin, data and model, `(2, D)`"""
    pairs: Array
    """covariance of each pair of spins, data and model, `(2, D (D − 1) / 2)`"""
    triples: Array
    """third central moment of triples of spins, at most 2,000 chosen at random, data and model, `(2, T)`"""
    sums: Array
    """share of samples with 0, 1, …, D spins up, data and model, `(2, D + 1)`"""
    mean_noise: float
    """root mean square difference of the means expected if the data were samples of the model; if the model was fitted
    to these means, only from the noise of the model's samples"""
    pair_noise: float
    """the same for pairs"""
    triple_noise: float
    """the same for triples"""
    sum_noise: float
    """expected total variation of the numbers of spins up"""

    @property
    def mean_error(self) -> float:
        """Root mean square difference of the spins' means."""
        return _rms(self.means[0] - self.means[1])

    @property
    def pair_error(self) -> float:
        """Root mean square difference of the pairs' covariances."""
        return _rms(self.pairs[0] - self.pairs[1])

    @property
    def triple_error(self) -> float:
        """Root mean square difference of the triples' moments."""
        return _rms(self.triples[0] - self.triples[1])

    @property
    def sum_distance(self) -> float:
        """Total variation between the distributions of the number of spins up."""
        return _total_variation(self.sums[0], self.sums[1])

    @property
    def measures(self) -> dict[str, tuple[float, float]]:
        """By name each difference between data and model, and the difference expected from noise alone."""
        return {
            "means": (self.mean_error, self.mean_noise),
            "covariances of pairs": (self.pair_error, self.pair_noise),
            "third moments of triples": (self.triple_error, self.triple_noise),
            "numbers of spins up": (self.sum_distance, self.sum_noise),
        }

    @property
    def failed(self) -> list[str]:
        """The names of the differences that are more than 3 times what noise explains."""
        return [name for name, (error, noise) in self.measures.items() if error > FAILED * noise]

    @property
    def warnings(self) -> list[str]:
        """A warning if a difference is more than 3 times what noise explains; an empty list if the model fits its
        data."""
        if not self.failed:
            return []
        lines = [
            f"{name} differ by {error:.4f} (noise alone: {noise:.4f})"
            for name, (error, noise) in self.measures.items()
            if name in self.failed
        ]
        return [f"the model does not reproduce its own data and should not be simulated from: {'; '.join(lines)}"]


def goodness_of_fit(
    data: Array,
    model: Array,
    *,
    fitted: bool = False,
    seed: int = 0,
    weights: Array | None = None,
    effective_rows: float | None = None,
) -> GoodnessOfFit:
    """Compare data with samples of a model.

    Args:
        data, model: bits, `(N, D)` and `(N', D)`. Where cells of the data are missing (NaN), each moment is that of the
            rows in which all of its cells are observed, and the number of spins up that of the complete rows.
        fitted: whether the model has the means of these data, as maximum likelihood makes it. Then only its samples
            may differ: by `√(mean_i (1 − m_i²) / N')`, without the data's own `(1 − m_i²) / N`.
        seed: seed of the choice of triples, and of the simulated noise of the number of spins up.
        weights: how much each row of the data counts, `(N,)`.
        effective_rows: the number of independent rows that say as much as the data; by default the sum of their
            weights.

    >>> x = np.random.default_rng(0).integers(0, 2, (4000, 5))
    >>> found = goodness_of_fit(x[:2000], x[2000:])
    >>> found.pair_error < 2 * found.pair_noise
    True
    """
    if data.shape[1] != model.shape[1]:
        raise InputError(f"model: expected samples of {data.shape[1]} spins, got {model.shape[1]}")
    d = data.shape[1]
    upper = np.triu_indices(d, 1)
    rng = np.random.default_rng(seed)
    chosen = _triples(d, rng)
    size = float(len(data) if weights is None else weights.sum()) if effective_rows is None else effective_rows
    sides = (_moments(data, weights, chosen, size), _moments(model, None, chosen, len(model)))
    upper_pairs = [side.pairs[upper] for side in sides]
    complete = max(round(size * sides[0].complete), 1)
    like_data, like_model = (
        rng.multinomial(count, sides[1].sums, BOOTSTRAP) / count for count in (complete, len(model))
    )
    return GoodnessOfFit(
        means=np.array([side.means for side in sides]),
        pairs=np.array(upper_pairs),
        triples=np.array([side.triples for side in sides]),
        sums=np.array([side.sums for side in sides]),
        mean_noise=float(np.sqrt(sum(side.mean_variance for side in sides[fitted:]))),
        pair_noise=float(np.sqrt(sum(side.pair_variance for side in sides))),
        triple_noise=float(np.sqrt(sum(side.triple_variance for side in sides))),
        sum_noise=_total_variation(like_data, like_model),
    )


class _Moments(NamedTuple):
    """Moments of rows of bits, with the mean variance that so many independent rows give each kind of them."""

    means: Array
    pairs: Array
    triples: Array
    sums: Array
    complete: float
    """share of the rows without a missing cell"""
    mean_variance: float
    pair_variance: float
    triple_variance: float


def _moments(bits: Array, weights: Array | None, triples: Array, size: float) -> _Moments:
    if bits.size > LARGE and weights is None and bits.dtype.kind != "f":
        return _moments_of_many(bits, triples, size)
    spins = 2.0 * bits - 1
    there = ~np.isnan(spins)
    share = np.full(len(bits), 1 / len(bits)) if weights is None else weights / weights.sum()
    rows = share @ there  # the share of rows in which a column is observed
    means = share @ np.where(there, spins, 0) / rows
    deviations = np.where(there, spins - means, 0)
    observed = (there.T * share) @ there.astype(float)
    observed = np.maximum(observed, 1e-12)
    second = (deviations.T * share) @ deviations / observed
    squares = ((deviations**2).T * share) @ (deviations**2) / observed
    upper = np.triu_indices(len(means), 1)
    third, spread = np.zeros(len(triples)), np.zeros(len(triples))
    for start in range(0, len(triples), 100):
        i, j, k = triples[start : start + 100].T
        product = deviations[:, i] * deviations[:, j] * deviations[:, k]
        together = np.maximum(share @ (there[:, i] & there[:, j] & there[:, k]), 1e-12)
        third[start : start + 100] = share @ product / together
        spread[start : start + 100] = (share @ product**2 / together - third[start : start + 100] ** 2) / together
    whole = there.all(1)
    up = np.bincount(bits[whole].sum(1).astype(int), share[whole], minlength=len(means) + 1)
    complete = float(share[whole].sum())
    return _Moments(
        means,
        second,
        third,
        up / max(complete, 1e-12),
        complete,
        float(((1 - means**2) / rows).mean()) / size,
        float(((squares - second**2) / observed)[upper].mean()) / size,
        float(spread.mean()) / size if len(triples) else 0.0,
    )


def _moments_of_many(bits: Array, triples: Array, size: float) -> _Moments:
    """The same of a large table of complete rows, from numbers of rows in which spins agree.

    With `(s − m)² = a − 2 m s`, where `a = 1 + m²`, means of squares follow from the means of products of spins.
    """
    columns = PackedColumns.of(bits)
    d = columns.count
    m = columns.means(np.arange(d)[:, None])
    a = 1 + m**2
    products = columns.second_moments()
    second = products - np.outer(m, m)
    squares = np.outer(a, a) - 2 * np.outer(a, m**2) - 2 * np.outer(m**2, a) + 4 * np.outer(m, m) * products
    third, spread = np.zeros(len(triples)), np.zeros(len(triples))
    if len(triples):
        i, j, k = triples.T
        whole = columns.means(triples)
        third = whole - m[i] * products[j, k] - m[j] * products[i, k] - m[k] * products[i, j] + 2 * m[i] * m[j] * m[k]
        spread = a[i] * a[j] * a[k] - 8 * m[i] * m[j] * m[k] * whole
        for x, y, z in ((i, j, k), (j, k, i), (k, i, j)):
            spread += 4 * a[x] * m[y] * m[z] * products[y, z] - 2 * a[x] * a[y] * m[z] ** 2
        spread -= third**2
    up = np.bincount(np.concatenate([part.sum(1, dtype=int) for part in np.array_split(bits, 64)]), minlength=d + 1)
    pairs = (squares - second**2)[np.triu_indices(d, 1)]
    return _Moments(
        m,
        second,
        third,
        up / len(bits),
        1.0,
        float((1 - m**2).mean()) / size,
        float(pairs.mean()) / size,
        float(spread.mean()) / size if len(triples) else 0.0,
    )


@dataclass(frozen=True)
class RowLogLikelihood:
    """Mean log-likelihood of the rows of a table, in nats."""

    mean: float
    """mean under the model"""
    independent: float
    """mean under independent columns with the table's shares of ones, for comparison"""


def row_log_likelihood(energy: IsingEnergy, bits: Array, weights: Array | None = None) -> RowLogLikelihood | None:
    """The exact mean log-likelihood of rows of zeros and ones `(N, D)`, by enumeration of at most 20 spins.

    Args:
        weights: how much each row counts, `(N,)`.

    Returns:
        That of the rows without missing cells (NaN), or None if there are none.

    >>> from discrete_ed import IsingEnergy
    >>> found = row_log_likelihood(IsingEnergy(2), np.array([[0, 0], [1, 1]]))
    >>> round(found.mean, 4), round(found.independent, 4)
    (-1.3863, -1.3863)
    """
    check_enumerable(bits.shape[1])  # log Z is a sum then, never an estimate
    exact = copy.deepcopy(energy).double()
    complete = ~np.isnan(bits).any(1)
    if not complete.any():
        return None
    bits = bits[complete]
    share = None if weights is None else weights[complete] / weights[complete].sum()
    rows = torch.from_numpy(bits).to(exact.fields)
    p = np.clip(bits.mean(0) if share is None else share @ bits, 1e-12, 1 - 1e-12)
    independent = float((p * np.log(p) + (1 - p) * np.log(1 - p)).sum())
    found = log_likelihood(exact, rows)
    return RowLogLikelihood(found.mean if share is None else float(share @ found.values.numpy()), independent)


def _triples(d: int, rng: np.random.Generator) -> Array:
    if comb(d, 3) <= TRIPLES:
        return np.array(list(combinations(range(d), 3)), dtype=int).reshape(-1, 3)
    return np.sort(np.array([rng.choice(d, 3, replace=False) for _ in range(TRIPLES)]), axis=1)


def _total_variation(p: Array, q: Array) -> float:
    """The total variation between distributions along the last axis; the mean over the other axes."""
    return 0.5 * float(np.abs(p - q).sum(-1).mean())


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean())) if values.size else 0.0
