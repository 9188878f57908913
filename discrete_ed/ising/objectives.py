"""The objectives of the estimators in closed form: value and gradient in the couplings and fields of an Ising model.

Every objective here is a mean over samples and a function of spins `s`, couplings `J` and fields `h`; it needs no
samples of the model. All but ratio matching are convex in `(J, h)`, since the energy is linear in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import expit, logsumexp

from discrete_ed.ising.parameters import Array, Parameters
from discrete_ed.states import enumerate_states

CELLS = 2_000_000
"""number of cells whose effects are computed at once"""
SPARSE = 0.05
"""share of couplings that are not zero below which their matrix is stored as a sparse one"""
SiteLoss = Callable[[Array], tuple[Array, Array, Array]]
"""`m ↦ (φ(m), φ'(m), φ''(m))`, elementwise: the loss of one spin as a function of its margin"""


class ObjectiveValue(NamedTuple):
    """The value of an objective and its gradient."""

    value: float
    gradient: Parameters
    """`∂/∂J_ij`, where `J_ij = J_ji` is one parameter, and `∂/∂h_i`"""


class Objective(Protocol):
    """A function of the parameters of an Ising model that is to be minimised."""

    def __call__(self, parameters: Parameters) -> ObjectiveValue:
        """Value and gradient at these parameters."""


def margins(spins: Array, parameters: Parameters) -> Array:
    """`m_ni = s_ni (h_i + Σ_j J_ij s_nj)`, half the energy difference of flipping spin `i`; `(N, D)`."""
    return spins * (parameters.fields + spins @ parameters.couplings)


def effects(spins: Array, parameters: Parameters) -> Iterator[tuple[Array, Array]]:
    """Some rows of spins after the other, and `h_i + Σ_j J_ij s_nj` there, `(R, D)` each."""
    couplings: Any = parameters.couplings
    if np.count_nonzero(couplings) < SPARSE * couplings.size:
        couplings = sp.csr_array(couplings)
    step = max(1, CELLS // spins.shape[1])
    for start in range(0, len(spins), step):
        part = np.asarray(spins[start : start + step], dtype=float)
        yield part, part @ couplings + parameters.fields


def row_losses(spins: Array, parameters: Parameters) -> Array:
    """`Σ_i −log p(s_ni | the others)` of each row, `(N,)`."""
    return np.concatenate([log_logistic(part * effect)[0].sum(1) for part, effect in effects(spins, parameters)])


@dataclass(frozen=True, eq=False)
class SiteObjective:
    """`mean_n Σ_i φ(m_ni)`: pseudo-likelihood, interaction screening and ratio matching.

    Args:
        spins: `s`, `(N, D)`, −1 and +1.
        phi: φ with its first two derivatives.
        weights: how much each sample counts, `(N,)`; by default all count once.
    """

    spins: Array
    phi: SiteLoss
    weights: Array | None = None

    def __call__(self, parameters: Parameters) -> ObjectiveValue:
        n = len(self.spins)
        value, slope, _ = self.phi(margins(self.spins, parameters))
        slope = slope * self.spins
        if self.weights is not None:
            n, slope, value = self.weights.sum(), slope * self.weights[:, None], self.weights @ value
            return ObjectiveValue(value.sum() / n, Parameters(_symmetric(slope.T @ self.spins / n), slope.sum(0) / n))
        gradient = Parameters(_symmetric(slope.T @ self.spins / n), slope.mean(0))
        return ObjectiveValue(float(value.sum()) / n, gradient)


def log_logistic(m: Array) -> tuple[Array, Array, Array]:
    """`φ(m) = log(1 + e^{−2m})`: pseudo-likelihood, which is exact single-site energy discrepancy; Besag 1975.

    `PseudoLikelihoodFit` computes the same loss for the search for edges, from rows of spins instead of rows of samples
    and with `expit`; both formulas stay, since the last digits of couplings depend on each.
    """
    small = np.exp(-2 * np.abs(m))
    both = 1 + small
    tanh = np.copysign((1 - small) / both, m)
    return np.log(both) - 2 * np.minimum(m, 0), tanh - 1, 1 - tanh**2


def screening(m: Array) -> tuple[Array, Array, Array]:
    """`φ(m) = e^{−m}`: interaction screening; Vuffray et al. 2016, arXiv 1605.07252."""
    value = np.exp(-np.maximum(m, -50))
    return value, -value, value


def squared_ratio(m: Array) -> tuple[Array, Array, Array]:
    """`φ(m) = (1 + e^{2m})^−2`: ratio matching; Hyvärinen 2007, Computational Statistics & Data Analysis 51."""
    p = expit(-2 * m)
    return p**2, -4 * p**2 * (1 - p), 8 * p**2 * (1 - p) * (2 - 3 * p)


@dataclass(frozen=True, eq=False)
class BlockDiscrepancy:
    """Energy discrepancy over blocks of `k` spins, the `2^k` states of each enumerated.

    `mean_n Σ_B ( E(s_n) + Σ_y q(y|s_n) log Σ_{s'} q(y|s') e^{−E(s')} )`, with `s'` and `y` equal to `s_n` outside the
    block `B`. The perturbation `Block` estimates the same with fresh blocks at every step. Only the choice of blocks
    is random, so there is no bias. Compiled with numba.

    Args:
        spins: `s`, `(N, D)`.
        blocks: sites of each sample's blocks, `(N, B, k)`.
        epsilon: ε, the probability that `q` flips a spin of the block.
    """

    spins: Array
    blocks: Array
    epsilon: float

    @classmethod
    def sampled(cls, spins: Array, rng: np.random.Generator, *, epsilon: float, size: int = 6) -> BlockDiscrepancy:
        """Divide the spins of each sample at random into blocks, once, so that the objective is deterministic.

        Up to `k − 1` spins of a sample are in no block; which ones differs from sample to sample.
        """
        n, d = spins.shape
        size = min(size, d)
        order = rng.permuted(np.broadcast_to(np.arange(d, dtype=np.int32), (n, d)), axis=1)
        return cls(spins, np.ascontiguousarray(order[:, : d - d % size]).reshape(n, -1, size), epsilon)

    def rows(self, chosen: Array) -> BlockDiscrepancy:
        """The objective on the samples with these numbers, each with its blocks."""
        return replace(self, spins=self.spins[chosen], blocks=self.blocks[chosen])

    def __call__(self, parameters: Parameters) -> ObjectiveValue:
        from discrete_ed.ising.flips import block_slope

        s, couplings = self.spins, np.ascontiguousarray(parameters.couplings)
        blocks = np.ascontiguousarray(self.blocks, np.int32)  # as `sampled` makes them: one layout is compiled once
        return _value_of_flips(s, *block_slope(s, margins(s, parameters), couplings, blocks, self.epsilon))


@dataclass(frozen=True, eq=False)
class BernoulliDiscrepancy:
    """Stabilised energy discrepancy with Bernoulli noise, whose flips are sampled once:

    `mean_n log( w/M + (1/M) Σ_j exp(E(s_n) − E(s'_nj)) )`, where `s'_nj` is `s_n` with the set `F_nj` flipped.

    The copies of a sample are `s'_nj = y_n + ξ'_nj`, so the energy of a copy follows from its few flips,
    `E(s') − E(y) = 2 Σ_F m_i − 2 Σ_{i,j ∈ F} J_ij y_i y_j`, with the margins `m` of `y`, and the copy itself is never
    built. A smaller ε is faster. Compiled with numba.

    Args:
        perturbed: `y`, `(N, D)`.
        starts: start of each set of flips in `sites`, `(N (M + 1) + 1,)`.
        sites: the sites of `y` to flip: for each sample those that lead back to `s`, then those of each copy.
        m: `M`, number of copies of each sample.
        w: stabilisation.

    Source: Schröder et al. 2023, arXiv 2307.07595.
    """

    perturbed: Array
    starts: Array
    sites: Array
    m: int
    w: float

    @classmethod
    def sampled(
        cls, spins: Array, rng: np.random.Generator, *, epsilon: float, m: int = 32, w: float = 1.0
    ) -> BernoulliDiscrepancy:
        """Sample the flips of `y = s + ξ` and `s' = y + ξ'` for every sample and copy."""
        from discrete_ed.ising.flips import sample_flips

        seed = rng.integers(2**64, dtype=np.uint64)
        law = _flip_law(spins.shape[1], epsilon)
        return cls(*sample_flips(np.ascontiguousarray(spins), m, law, seed), m, w)

    def rows(self, chosen: Array) -> BernoulliDiscrepancy:
        """The objective on the samples with these numbers, each with its flips."""
        copies = self.m + 1
        flips = np.diff(self.starts).reshape(-1, copies)[chosen]
        ends = zip(self.starts[:-1:copies][chosen].tolist(), self.starts[copies::copies][chosen].tolist(), strict=True)
        return replace(
            self,
            perturbed=self.perturbed[chosen],
            starts=np.append(0, np.cumsum(flips)).astype(self.starts.dtype),
            sites=np.concatenate([self.sites[first:last] for first, last in ends]),
        )

    @property
    def least(self) -> float:
        """`log(w / M)`, the infimum of the loss, reached if all copies have far more energy than their sample."""
        return float(np.log(self.w / self.m)) if self.w > 0 else -np.inf

    def __call__(self, parameters: Parameters) -> ObjectiveValue:
        from discrete_ed.ising.flips import bernoulli_slope

        y, couplings = self.perturbed, np.ascontiguousarray(parameters.couplings)
        m = margins(y, parameters)
        return _value_of_flips(y, *bernoulli_slope(y, m, couplings, self.starts, self.sites, self.m, self.w))


@dataclass(frozen=True, eq=False)
class NegativeLogLikelihood:
    """`−mean_n log p(s_n)`, with `log Z` and the model's moments summed over all `2^D` states.

    Args:
        spins: `s`, `(N, D)`; at most 20 spins.
        weights: how much each sample counts, `(N,)`; by default all count once.
    """

    spins: Array
    weights: Array | None = None

    @cached_property
    def moments(self) -> tuple[Array, Array]:
        """Means of `s sᵀ` and of `s` over the samples, which determine the likelihood."""
        if self.weights is None:
            return self.spins.T @ self.spins / len(self.spins), self.spins.mean(0)
        share = self.weights / self.weights.sum()
        return (self.spins.T * share) @ self.spins, share @ self.spins

    def __call__(self, parameters: Parameters) -> ObjectiveValue:
        states, law, log_z = enumerated(parameters)
        second, first = self.moments
        value = log_z - 0.5 * float((parameters.couplings * second).sum()) - float(parameters.fields @ first)
        pairs = (states * law[:, None]).T @ states - second
        return ObjectiveValue(value, Parameters(_symmetric(pairs / 2), law @ states - first))


class EnumeratedModel(NamedTuple):
    """An Ising model whose states were enumerated."""

    states: Array
    """all states, −1 and +1, in the order of `enumerate_states`, `(2^D, D)`"""
    law: Array
    """their probabilities, `(2^D,)`"""
    log_z: float
    """the log partition function"""


def enumerated(parameters: Parameters) -> EnumeratedModel:
    """The law of an Ising model in numpy, which estimators evaluate hundreds of times.

    `likelihood.log_law` enumerates any energy; this function is faster, as a quadratic form of a cached matrix of
    states.
    """
    states = _all_spins(len(parameters.fields))
    log_weight = 0.5 * ((states @ parameters.couplings) * states).sum(1) + states @ parameters.fields
    log_z = float(logsumexp(log_weight))
    return EnumeratedModel(states, np.exp(log_weight - log_z), log_z)


@lru_cache(maxsize=1)
def _all_spins(d: int) -> Array:
    return 2.0 * enumerate_states(d, dtype=torch.float64).numpy() - 1


def _value_of_flips(spins: Array, total: float, weight: Array, inside: Array) -> ObjectiveValue:
    """The mean and its gradient, from the sum `total`, the weight of each flip `(N, D)`, and of pairs of flips `(D,
    D)`."""
    outer, n = -2 * weight * spins, len(spins)
    return ObjectiveValue(total / n, Parameters(_symmetric((outer.T @ spins + inside) / n), outer.mean(0)))


@lru_cache(maxsize=16)
def _flip_law(spins: int, epsilon: float) -> Array:
    """Cumulated probabilities of 0, 1, … flips; the last entry is above every uniform."""
    from scipy.stats import binom  # half a second to import

    law = binom.cdf(np.arange(spins + 1), spins, epsilon)
    law[-1] = 2.0
    return law


def _symmetric(pairs: Array) -> Array:
    both = pairs + pairs.T
    np.fill_diagonal(both, 0)
    return both
