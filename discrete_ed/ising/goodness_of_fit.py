"""Goodness of fit: means, covariances of pairs, moments of triples, numbers of spins up, likelihood."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import torch

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.ising.parameters import Array
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


def goodness_of_fit(data: Array, model: Array, *, fitted: bool = False, seed: int = 0) -> GoodnessOfFit:
    """Compare data with samples of a model.

    Args:
        data, model: bits, `(N, D)` and `(N', D)`.
        fitted: whether the model has the means of these data, as maximum likelihood makes it. Then only its samples
            may differ: by `√(mean_i (1 − m_i²) / N')`, without the data's own `(1 − m_i²) / N`.
        seed: seed of the choice of triples, and of the simulated noise of the number of spins up.

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
    means, pairs, triples, sums = [], [], [], []
    mean_variance = pair_variance = triple_variance = 0.0
    for bits in (data, model):
        spins = 2.0 * bits - 1
        means.append(spins.mean(0))
        if bits is model or not fitted:
            mean_variance += float((1 - means[-1] ** 2).mean()) / len(bits)
        deviations = spins - means[-1]
        second = deviations.T @ deviations / len(bits)
        pairs.append(second[upper])
        squares = (deviations**2).T @ (deviations**2) / len(bits)
        pair_variance += float((squares - second**2)[upper].mean()) / len(bits)
        third, spread = np.zeros(len(chosen)), np.zeros(len(chosen))
        for start in range(0, len(chosen), 100):
            i, j, k = chosen[start : start + 100].T
            product = deviations[:, i] * deviations[:, j] * deviations[:, k]
            third[start : start + 100], spread[start : start + 100] = product.mean(0), product.var(0)
        triples.append(third)
        triple_variance += float(spread.mean()) / len(bits) if len(chosen) else 0.0
        sums.append(np.bincount(bits.sum(1).astype(int), minlength=d + 1) / len(bits))
    like_data, like_model = (rng.multinomial(len(bits), sums[1], BOOTSTRAP) / len(bits) for bits in (data, model))
    return GoodnessOfFit(
        means=np.array(means),
        pairs=np.array(pairs),
        triples=np.array(triples),
        sums=np.array(sums),
        mean_noise=float(np.sqrt(mean_variance)),
        pair_noise=float(np.sqrt(pair_variance)),
        triple_noise=float(np.sqrt(triple_variance)),
        sum_noise=_total_variation(like_data, like_model),
    )


@dataclass(frozen=True)
class RowLogLikelihood:
    """Mean log-likelihood of the rows of a table, in nats."""

    mean: float
    """mean under the model"""
    independent: float
    """mean under independent columns with the table's shares of ones, for comparison"""


def row_log_likelihood(energy: IsingEnergy, bits: Array) -> RowLogLikelihood:
    """The exact mean log-likelihood of rows of zeros and ones `(N, D)`, by enumeration of at most 20 spins.

    >>> from discrete_ed import IsingEnergy
    >>> found = row_log_likelihood(IsingEnergy(2), np.array([[0, 0], [1, 1]]))
    >>> round(found.mean, 4), round(found.independent, 4)
    (-1.3863, -1.3863)
    """
    check_enumerable(bits.shape[1])  # log Z is a sum then, never an estimate
    exact = copy.deepcopy(energy).double()
    rows = torch.from_numpy(bits).to(exact.fields)
    p = np.clip(bits.mean(0), 1e-12, 1 - 1e-12)
    independent = float((p * np.log(p) + (1 - p) * np.log(1 - p)).sum())
    return RowLogLikelihood(log_likelihood(exact, rows).mean, independent)


def _triples(d: int, rng: np.random.Generator) -> Array:
    if comb(d, 3) <= TRIPLES:
        return np.array(list(combinations(range(d), 3)), dtype=int).reshape(-1, 3)
    return np.sort(np.array([rng.choice(d, 3, replace=False) for _ in range(TRIPLES)]), axis=1)


def _total_variation(p: Array, q: Array) -> float:
    """The total variation between distributions along the last axis; the mean over the other axes."""
    return 0.5 * float(np.abs(p - q).sum(-1).mean())


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean())) if values.size else 0.0
