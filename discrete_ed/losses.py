"""Losses: functions of an energy and a batch of data, to be minimised."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.perturbations import Bernoulli
from discrete_ed.states import check_states, enumerate_states


def energy_discrepancy(
    energy: Energy,
    x: Tensor,
    perturbation: Bernoulli,
    *,
    m: int = 32,
    w: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The stabilised Monte-Carlo estimate of energy discrepancy, a scalar.

    `L = mean_i log( w/M + (1/M) Σ_j exp(E(x_i) − E(x'_ij)) )`, with `x'_ij` the negatives of `x_i`.

    As `M → ∞` it tends to `E_p[E(x)] − E_p E_q[U_q(y)]` with the contrastive potential
    `U_q(y) = −log Σ_x q(y|x) exp(−E(x))`, whose minimiser satisfies `p ∝ exp(−E)`. It needs no samples of the model
    and no scores. At finite `M` it is biased: `w` keeps the logarithm from seeing only unlikely copies.

    Args:
        x: data, `(B, D)`, zeros and ones.
        perturbation: what turns data into negatives.
        m: number of negatives `M` of each data point.
        w: stabilisation; `w = 1` counts the data point among its own negatives, `w = 0` is the plain estimate.
        generator: source of the perturbation's noise, on the device of `x`.

    Raises:
        InputError: `x` is not a `(B, D)` float tensor of bits, `m < 1` or `w < 0`.

    Source: Schröder et al. 2023, arXiv 2307.07595.

    >>> from discrete_ed import Bernoulli, IsingEnergy
    >>> x = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    >>> loss = energy_discrepancy(IsingEnergy(2), x, Bernoulli(epsilon=0.1), m=4, w=0.0)
    >>> loss.item()  # an energy that is constant has no discrepancy to lose
    0.0
    """
    _check_batch(x)
    if m < 1:
        raise InputError(f"m: expected at least one negative for each data point, got {m}")
    if w < 0:
        raise InputError(f"w: expected a stabilisation of at least 0, got {w}")
    negatives = perturbation.negatives(x, energy.free(x), m, generator=generator)
    energies = energy(torch.cat([x.unsqueeze(1), negatives], dim=1))
    gaps = energies[:, :1] - energies[:, 1:]
    if w > 0:
        gaps = torch.cat([gaps, gaps.new_full((len(x), 1), log(w))], dim=1)
    return (gaps.logsumexp(1) - log(m)).mean()


def block_discrepancy(
    energy: Energy, x: Tensor, *, size: int = 6, epsilon: float = 0.1, generator: torch.Generator | None = None
) -> Tensor:
    """Energy discrepancy whose perturbation touches a random block `S` of `k` free bits, summed exactly; a scalar.

    All `2^k` states that differ from `x` inside the block are evaluated, so that the contrastive potential and the
    expectation over the perturbed `y_S` are sums, not estimates:

    `L = mean_i ( E(x_i) + Σ_y q(y|x_i) log Σ_{x'} q(y|x') exp(−E(x')) )`, `q` flipping each bit of `S` with
    probability ε.

    No `w` and no `M`: the only chance left is which block is drawn. Its minimiser is the truth for every `k` and ε.
    As ε → ½ it is block pseudo-likelihood (less `k log 2`); `k = 1` is single-site energy discrepancy.

    Args:
        x: data, `(B, D)`, zeros and ones.
        size: `k`, bits of a block, 1 to 10; a state with fewer free bits has all of them in its block.
        epsilon: ε, in (0, ½].

    >>> from discrete_ed import IsingEnergy
    >>> block_discrepancy(IsingEnergy(4), torch.zeros(2, 4), size=3).abs().item() < 1e-6  # nothing to tell apart
    True
    """
    _check_batch(x)
    if not 1 <= size <= 10:
        raise InputError(f"size: expected a block of 1 to 10 bits, got {size}")
    if not 0 < epsilon <= 0.5:
        raise InputError(f"epsilon: expected a probability in (0, 0.5], got {epsilon}")
    free = energy.free(x)
    keys = torch.rand(x.shape, generator=generator, device=x.device).masked_fill(~free, -1.0)
    block = keys.topk(min(size, x.shape[1]), dim=1).indices  # free bits first
    k = block.shape[1]
    patterns = enumerate_states(k, dtype=x.dtype).to(x.device)
    flips = x.new_zeros(len(x), 2**k, x.shape[1])
    flips.scatter_(2, block.unsqueeze(1).expand(-1, 2**k, -1), patterns.expand(len(x), -1, -1))
    # Patterns that differ in frozen bits only name one state; q sums to one over them, so they cancel.
    energies = energy((x.unsqueeze(1) - flips * free.unsqueeze(1)).abs())
    distance = (patterns.unsqueeze(1) - patterns).abs().sum(-1)
    log_q = distance * log(epsilon) + (k - distance) * log(1 - epsilon)  # row y, column x', both as flips of x
    reach = (log_q - energies.unsqueeze(1)).logsumexp(-1)
    return (energies[:, 0] + reach @ log_q[0].exp()).mean()


def pseudo_likelihood(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i −log p(x_i | x_∖i) = mean_n Σ_i softplus(−Δ_i(x_n))`, over the free bits; a scalar.

    All conditionals come from one `flip_delta`. It is also single-site energy discrepancy in its limit of many
    negatives, up to a constant.

    Source: Besag 1975, The Statistician 24, 179–195.

    >>> from discrete_ed import IsingEnergy
    >>> round(pseudo_likelihood(IsingEnergy(3), torch.zeros(5, 3)).item(), 4)  # 3 log 2
    2.0794
    """
    return _over_sites(energy, x, lambda delta: softplus(-delta))


def ratio_matching(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i (1 + p(x_n) / p(x_n with bit i flipped))^−2 = mean_n Σ_i sigmoid(−Δ_i)²`, free bits; a scalar.

    Source: Hyvärinen 2007, Computational Statistics & Data Analysis 51, 2499–2512.

    >>> from discrete_ed import IsingEnergy
    >>> ratio_matching(IsingEnergy(4), torch.zeros(5, 4)).item()
    1.0
    """
    return _over_sites(energy, x, lambda delta: (-delta).sigmoid().square())


def interaction_screening(energy: Energy, x: Tensor) -> Tensor:
    """`mean_n Σ_i exp(−Δ_i(x_n) / 2)`, over the free bits; a scalar.

    For an Ising energy `Δ_i / 2 = s_i (h_i + Σ_j J_ij s_j)`, the exponent of the interaction screening objective.

    Source: Vuffray et al. 2016, arXiv 1605.07252.

    >>> from discrete_ed import IsingEnergy
    >>> interaction_screening(IsingEnergy(4), torch.zeros(5, 4)).item()
    4.0
    """
    return _over_sites(energy, x, lambda delta: (-delta / 2).exp())


def contrastive_divergence(energy: Energy, x: Tensor, negatives: Tensor) -> Tensor:
    """`mean_i E(x_i) − mean_j E(x⁻_j)`: its gradient is maximum likelihood's where the negatives obey the model.

    Args:
        x: data, `(B, D)`.
        negatives: samples of the model `(B', D)`: chains started at the data (CD-k) or kept (PCD).

    Source: Hinton 2002, Neural Computation 14, 1771–1800.

    >>> from discrete_ed import IsingEnergy
    >>> contrastive_divergence(IsingEnergy(2), torch.zeros(5, 2), torch.ones(5, 2)).item()
    0.0
    """
    _check_batch(x)
    _check_batch(negatives, "negatives")
    return energy(x).mean() - energy(negatives).mean()


def _over_sites(energy: Energy, x: Tensor, local: Callable[[Tensor], Tensor]) -> Tensor:
    _check_batch(x)
    free = energy.free(x)
    return torch.where(free, local(energy.flip_delta(x).where(free, 0.0)), 0.0).sum(-1).mean()


def _check_batch(x: Tensor, name: str = "x") -> None:
    check_states(x, name=name)
    if x.ndim != 2 or len(x) == 0:
        raise InputError(f"{name}: expected a batch of shape (B, D) with B >= 1, got {tuple(x.shape)}")
