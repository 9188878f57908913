"""What each estimator minimises, in closed form: value and gradient in the couplings and fields of an Ising model.

Every objective here is a mean over samples and a function of spins `s`, couplings `J` and fields `h`; it needs no
samples of the model. All but ratio matching are convex in `(J, h)`, since the energy is linear in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from scipy.special import expit, logsumexp
from scipy.stats import binom

from discrete_ed.states import enumerate_states

Array = np.ndarray


class Slope(NamedTuple):
    """An objective and its gradient."""

    value: float
    pairs: Array
    """`∂/∂J_ij` of a coupling that counts as one parameter, `(D, D)`, symmetric with zero diagonal."""
    fields: Array
    """`∂/∂h_i`, `(D,)`."""


class Objective(Protocol):
    """A function of couplings `(D, D)` and fields `(D,)` to be minimised."""

    def __call__(self, couplings: Array, fields: Array) -> Slope:
        """Value and gradient."""


def margins(spins: Array, couplings: Array, fields: Array) -> Array:
    """`m_ni = s_ni (h_i + Σ_j J_ij s_nj)`, half the energy that flipping spin `i` costs; `(N, D)`."""
    return spins * (fields + spins @ couplings)


@dataclass(frozen=True)
class Local:
    """`mean_n Σ_i φ(m_ni)`: pseudo-likelihood, interaction screening and ratio matching.

    Args:
        spins: `s`, `(N, D)`, −1 and +1.
        phi: `m ↦ (φ(m), φ'(m), φ''(m))`, elementwise.
    """

    spins: Array
    phi: Callable[[Array], tuple[Array, Array, Array]]

    def __call__(self, couplings: Array, fields: Array) -> Slope:
        n = len(self.spins)
        value, slope, _ = self.phi(margins(self.spins, couplings, fields))
        slope = slope * self.spins
        pairs = slope.T @ self.spins / n
        return Slope(float(value.sum()) / n, _symmetric(pairs), slope.mean(0))


def log_logistic(m: Array) -> tuple[Array, Array, Array]:
    """`φ(m) = log(1 + e^{−2m})`: pseudo-likelihood, which is exact single-site energy discrepancy; Besag 1975."""
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


@dataclass(frozen=True)
class Block:
    """Energy discrepancy over blocks of `k` spins, the `2^k` states of each enumerated.

    `mean_n Σ_B ( E(s_n) + Σ_y q(y|s_n) log Σ_{s'} q(y|s') e^{−E(s')} )`, with `s'` and `y` equal to `s_n` outside the
    block `B`: what `Block` perturbations estimate with fresh blocks. Only which blocks are drawn is left to chance: no
    bias. Compiled with numba.

    Args:
        spins: `s`, `(N, D)`.
        blocks: sites of each sample's blocks, `(N, B, k)`.
        epsilon: ε, the probability that `q` flips a spin of the block.
    """

    spins: Array
    blocks: Array
    epsilon: float

    @classmethod
    def drawn(cls, spins: Array, rng: np.random.Generator, *, size: int = 6, epsilon: float = 0.1) -> Block:
        """Each sample's spins cut at random into blocks, once: the objective stays the same from step to step.

        Up to `k − 1` spins of a sample are left over, others in each.
        """
        n, d = spins.shape
        size = min(size, d)
        order = rng.permuted(np.broadcast_to(np.arange(d, dtype=np.int32), (n, d)), axis=1)
        return cls(spins, order[:, : d - d % size].reshape(n, -1, size), epsilon)

    def rows(self, chosen: Array) -> Block:
        """The objective on the samples with these numbers, each with its blocks."""
        return replace(self, spins=self.spins[chosen], blocks=self.blocks[chosen])

    def __call__(self, couplings: Array, fields: Array) -> Slope:
        from discrete_ed.ising.flips import block_slope

        s = self.spins
        m = margins(s, couplings, fields)
        return _flipped(s, *block_slope(s, m, np.ascontiguousarray(couplings), self.blocks, self.epsilon))


@dataclass(frozen=True)
class Bernoulli:
    """Stabilised energy discrepancy with Bernoulli noise, its flips drawn once and kept:

    `mean_n log( w/M + (1/M) Σ_j exp(E(s_n) − E(s'_nj)) )`, where `s'_nj` is `s_n` with the set `F_nj` flipped.

    The copies of a sample are `s'_nj = y_n + ξ'_nj`, so a copy costs what few flips cost,
    `E(s') − E(y) = 2 Σ_F m_i − 2 Σ_{i,j ∈ F} J_ij y_i y_j`, with the margins `m` of `y`, and is never built; small ε is
    fast. Compiled with numba.

    Args:
        perturbed: `y`, `(N, D)`.
        starts: where flips begin in `sites`, `(N (M + 1) + 1,)`.
        sites: the sites of `y` to flip: for each sample those that lead back to `s`, then one copy after another.
        m: `M`, copies of a sample.
        w: stabilisation.

    Source: Schröder et al. 2023, arXiv 2307.07595.
    """

    perturbed: Array
    starts: Array
    sites: Array
    m: int
    w: float

    @classmethod
    def drawn(
        cls, spins: Array, rng: np.random.Generator, *, epsilon: float = 0.01, m: int = 32, w: float = 1.0
    ) -> Bernoulli:
        """Flips of `y = s + ξ` and `s' = y + ξ'` for every sample and copy."""
        from discrete_ed.ising.flips import draw_flips

        seed = rng.integers(2**64, dtype=np.uint64)
        law = _flip_law(spins.shape[1], epsilon)
        return cls(*draw_flips(np.ascontiguousarray(spins), m, law, seed), m, w)

    def rows(self, chosen: Array) -> Bernoulli:
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

    def __call__(self, couplings: Array, fields: Array) -> Slope:
        from discrete_ed.ising.flips import bernoulli_slope

        y = self.perturbed
        m = margins(y, couplings, fields)
        flips = bernoulli_slope(y, m, np.ascontiguousarray(couplings), self.starts, self.sites, self.m, self.w)
        return _flipped(y, *flips)


@dataclass(frozen=True)
class Likelihood:
    """`−mean_n log p(s_n)`, with `log Z` and the model's moments summed over all `2^D` states.

    Args:
        spins: `s`, `(N, D)`; at most 20 spins.
    """

    spins: Array

    def __call__(self, couplings: Array, fields: Array) -> Slope:
        n = len(self.spins)
        states, law, log_z = enumerated(couplings, fields)
        second, first = self.spins.T @ self.spins / n, self.spins.mean(0)
        value = log_z - 0.5 * float((couplings * second).sum()) - float(fields @ first)
        pairs = (states * law[:, None]).T @ states - second
        return Slope(value, _symmetric(pairs / 2), law @ states - first)


def enumerated(couplings: Array, fields: Array) -> tuple[Array, Array, float]:
    """All states `(2^D, D)`, −1 and +1, their probabilities, and `log Z`."""
    states = _all_spins(len(fields))
    log_weight = 0.5 * ((states @ couplings) * states).sum(1) + states @ fields
    log_z = float(logsumexp(log_weight))
    return states, np.exp(log_weight - log_z), log_z


@lru_cache(maxsize=1)
def _all_spins(d: int) -> Array:
    return 2.0 * enumerate_states(d, dtype=torch.float64).numpy() - 1


def _flipped(spins: Array, total: float, weight: Array, inside: Array) -> Slope:
    """The slope of a sum over samples in which spins flip with some weight, `(N, D)`, and pairs with them, `(D, D)`."""
    outer, n = -2 * weight * spins, len(spins)
    return Slope(total / n, _symmetric((outer.T @ spins + inside) / n), outer.mean(0))


@lru_cache(maxsize=16)
def _flip_law(spins: int, epsilon: float) -> Array:
    """Cumulated probabilities of 0, 1, … flips; the last one above every uniform."""
    law = binom.cdf(np.arange(spins + 1), spins, epsilon)
    law[-1] = 2.0
    return law


def _symmetric(pairs: Array) -> Array:
    both = pairs + pairs.T
    np.fill_diagonal(both, 0)
    return both
