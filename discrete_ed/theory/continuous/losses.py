"""Losses on real vectors: energy discrepancy with Gaussian noise, and score matching, its limit for small noise."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor, nn

from discrete_ed.errors import InputError


def energy_discrepancy(
    energy: nn.Module,
    x: Tensor,
    t: float | tuple[float, float],
    *,
    m: int = 4,
    w: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`L = mean_i log( w/M + (1/M) Σ_j exp(E(x_i) − E(x'_ij)) )`, `x'_ij = x_i + √t ξ_i + √t ξ'_ij`; a scalar.

    The perturbation is Gaussian of variance `t`: `y = x + √t ξ`, and each of the `M` copies has independent noise. As
    `M → ∞` the loss tends to `ED_t = E_p[E(x)] − E_p E[U_t(y)]`, `U_t(y) = −log E exp(−E(y + √t ξ'))`. Small noise
    compares gradients: `ED_t / t` tends to `score_matching` as `t → 0`. Large noise compares masses: with
    `c(t) = E log p_t(y)` of the noisy data, `|ED_t + E_p log p_E − c(t)| ≤ W₂²(p, p_E) / 2t`, so that the loss tends to
    maximum likelihood.

    Args:
        x: data, `(B, D)`.
        t: variance of the noise; for a pair `(low, high)` it is sampled log-uniformly for each data point, a mixture
            over noise levels.
        m: number of negatives `M` of each data point.
        w: stabilisation; at `w = 1` the minimiser is the truth for every `M`.

    Raises:
        InputError: `x` isn't `(B, D)`, the energies aren't `(B,)`, or an argument is out of range.

    Source: Schröder et al. 2023, arXiv 2307.06431.

    >>> from discrete_ed.theory.continuous import GaussianEnergy
    >>> flat = GaussianEnergy(torch.zeros(2), 1e8)
    >>> energy_discrepancy(flat, torch.zeros(5, 2), 1.0, w=0.0).abs().item() < 1e-5
    True
    """
    low, high = t if isinstance(t, tuple) else (t, t)
    if not 0 < low <= high < float("inf"):
        raise InputError(f"t: expected a positive variance or 0 < low <= high, got {t}")
    if m < 1:
        raise InputError(f"m: expected at least one negative for each data point, got {m}")
    if w < 0:
        raise InputError(f"w: expected a stabilisation of at least 0, got {w}")
    if x.ndim != 2 or len(x) == 0:
        raise InputError(f"x: expected a batch of shape (B, D) with B >= 1, got {tuple(x.shape)}")
    level = torch.rand(len(x), 1, 1, generator=generator, device=x.device, dtype=x.dtype)
    scale = (log(low) + level * (log(high) - log(low))).div(2).exp()
    noise = torch.randn(len(x), m + 1, x.shape[1], generator=generator, device=x.device, dtype=x.dtype)
    negatives = x.unsqueeze(1) + scale * (noise[:, :1] + noise[:, 1:])
    here = energy(x)
    if here.shape != (len(x),):
        raise InputError(f"energy: expected numbers ({len(x)},) at states {tuple(x.shape)}, got {tuple(here.shape)}")
    gaps = here.unsqueeze(1) - energy(negatives)
    if w > 0:
        gaps = torch.cat([gaps, gaps.new_full((len(x), 1), log(w))], dim=1)
    return (gaps.logsumexp(1) - log(m)).mean()


def score_matching(energy: nn.Module, x: Tensor) -> Tensor:
    """`mean_i ½ ‖∇E(x_i)‖² − Tr ∇²E(x_i)`, a scalar; differentiable in the parameters.

    The trace needs a backward pass for each of the `D` coordinates.

    Source: Hyvärinen 2005, Journal of Machine Learning Research 6, 695–709.

    >>> from discrete_ed.theory.continuous import GaussianEnergy
    >>> score_matching(GaussianEnergy(torch.zeros(2), 1.0), torch.zeros(5, 2)).item()  # −D at the mode
    -2.0
    """
    leaf = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(energy(leaf).sum(), leaf, create_graph=True)
    trace = torch.zeros_like(slope[:, 0])
    for i in range(x.shape[1]):
        (row,) = torch.autograd.grad(slope[:, i].sum(), leaf, create_graph=True)
        trace = trace + row[:, i]
    return (slope.square().sum(1) / 2 - trace).mean()
