"""How well a fitted model tells the data: correlations of pairs and triples, and how many spins are up at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from discrete_ed.errors import InputError
from discrete_ed.ising.objectives import Array

TRIPLES = 2000


@dataclass(frozen=True)
class Goodness:
    """The same numbers from data and from draws of the model."""

    pairs: Array
    """Covariance of each pair of spins, data and model, `(2, D (D − 1) / 2)`."""
    triples: Array
    """Third central moment of triples of spins, at most 2,000 drawn at random, data and model, `(2, T)`."""
    sums: Array
    """Share of samples with 0, 1, …, D spins up, data and model, `(2, D + 1)`."""
    pair_noise: float
    """Root mean square difference that pairs would show if the data were draws of the model."""
    triple_noise: float
    """The same of triples."""

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
        return 0.5 * float(np.abs(self.sums[0] - self.sums[1]).sum())


def goodness(data: Array, model: Array, *, seed: int = 0) -> Goodness:
    """Compare data with draws of a fitted model.

    Args:
        data, model: bits, `(N, D)` and `(N', D)`.
        seed: of the choice of triples.

    >>> x = np.random.default_rng(0).integers(0, 2, (4000, 5))
    >>> found = goodness(x[:2000], x[2000:])
    >>> found.pair_error < 2 * found.pair_noise
    True
    """
    if data.shape[1] != model.shape[1]:
        raise InputError(f"model: expected draws of {data.shape[1]} spins, got {model.shape[1]}")
    d = data.shape[1]
    upper = np.triu_indices(d, 1)
    chosen = _triples(d, np.random.default_rng(seed))
    pairs, triples, sums, pair_variance, triple_variance = [], [], [], 0.0, 0.0
    for bits in (data, model):
        spins = 2.0 * bits - 1
        deviations = spins - spins.mean(0)
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
    return Goodness(
        np.array(pairs),
        np.array(triples),
        np.array(sums),
        float(np.sqrt(pair_variance)),
        float(np.sqrt(triple_variance)),
    )


def _triples(d: int, rng: np.random.Generator) -> Array:
    if comb(d, 3) <= TRIPLES:
        return np.array(list(combinations(range(d), 3)), dtype=int).reshape(-1, 3)
    return np.sort(np.array([rng.choice(d, 3, replace=False) for _ in range(TRIPLES)]), axis=1)


def _rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean())) if values.size else 0.0
