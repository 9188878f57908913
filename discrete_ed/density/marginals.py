"""Marginals of a fitted density: a linear term by which they become those of the training rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliEnergy, Energy, SumEnergy
from discrete_ed.likelihood.base import Mixture, smoothed
from discrete_ed.likelihood.starting import base_law

PROPOSED = 2**20
"""number of states of the simple law that are weighted"""
PART_PROPOSED = 2**14
"""number of them that are weighted at a time"""
PROPOSED_CELLS = 2**28
"""largest number of their bits"""
KEPT = 2.0**16
"""largest expected number of weighted states of each half that are kept, by a lottery that changes no mean"""
FEWEST_EFFECTIVE = 500
"""effective number of each half of the states below which nothing is changed"""
PRIOR = 1e-3
"""inverse variance of the normal law before any row was seen, divided by the number of rows"""
ERRORS = 1.0
"""standard errors that the gain must exceed"""


@dataclass(frozen=True, eq=False)
class RefittedMarginals:
    """An energy whose marginals were refitted, or the energy as it was if validation rows gain nothing."""

    energy: Energy
    terms: Tensor | None
    """`b`, `(D,)`; None if it isn't in the energy"""
    gain: float | None
    """log-likelihood that a validation row gains by the term, in nats; None if nothing is known: too few states
    carry all weight, or there are fewer than two validation rows"""
    error: float | None
    """its standard error"""


@dataclass(frozen=True, eq=False)
class _Weighted:
    """States `(N, D)` with the logarithms of their weights, which add up to one, `(N,)`."""

    states: Tensor
    log_w: Tensor

    @property
    def effective(self) -> float:
        return (1 / (2 * self.log_w).logsumexp(0).exp()).item()


def refit_marginals(
    energy: Energy, train: Tensor, valid: Tensor, *, seed: int = 0, proposed: int = PROPOSED
) -> RefittedMarginals:
    """Add `−bᵀx` to an energy, by which the marginals of its law become those of the training rows.

    As in maximum likelihood, `b` maximises `mean bᵀx − log E_p exp(bᵀx)` over the training rows, in which the mean over
    the law `p` of the energy is one over weighted states of a simple law near it (see `estimate_log_z`). What
    validation rows gain by a `b` that was fitted to one half of these states is measured with the other half, and the
    term is kept only where that is more than its standard error.

    Args:
        energy: a fitted energy, which isn't changed.
        train: training states, `(N, D)`.
        valid: validation states, `(M, D)`.
        seed: seed of the weighted states.
        proposed: their number; with many columns fewer are taken, for want of memory.

    >>> rows = (torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) < 0.8).float()
    >>> found = refit_marginals(BernoulliEnergy(3), rows[:1000], rows[1000:], proposed=2**15)
    >>> round(found.gain, 1), found.terms.sigmoid().round(decimals=1)  # log 2 less the entropy, thrice; the marginals
    (0.6, tensor([0.8000, 0.8000, 0.8000]))
    """
    generator = torch.Generator(train.device).manual_seed(seed)
    rows, valid = train.float(), valid.float()
    mixture, _ = base_law(energy, rows, "both", generator)
    proposed = min(proposed, PROPOSED_CELLS // train.shape[1])
    halves = [_weighted(energy, mixture, proposed // 2, generator) for _ in range(2)]
    if len(valid) < 2 or any(half.effective < FEWEST_EFFECTIVE for half in halves):
        return RefittedMarginals(energy, None, None, None)
    means = smoothed(rows.sum(0), len(rows))
    gains, variances = [], []
    for fitted, judging in (halves, halves[::-1]):
        gain, variance = _gain(_terms(fitted, means), judging, valid)
        gains.append(gain)
        variances.append(variance)
    gain, error = sum(gains) / 2, (sum(variances) / 2) ** 0.5
    if gain <= ERRORS * error:
        return RefittedMarginals(energy, None, gain, error)
    whole = _Weighted(
        torch.cat([half.states for half in halves]),
        torch.cat([half.log_w for half in halves]).log_softmax(0),
    )
    b = _terms(whole, means)
    return RefittedMarginals(SumEnergy(energy, BernoulliEnergy(b).to(train.device)), b, gain, error)


def _weighted(energy: Energy, mixture: Mixture, count: int, generator: torch.Generator) -> _Weighted:
    """States of the mixture, weighted by `exp(−E(x)) / r(x)`."""
    states, log_w = [], []
    for _ in range(max(1, count // PART_PROPOSED)):
        x = mixture.sample(min(count, PART_PROPOSED), generator)
        with torch.no_grad():
            log_w.append((-energy(x) - mixture.log_p(x)).double())
        states.append(x.to(torch.uint8))
    weights = torch.cat(log_w).softmax(0)
    # states are left out by a fair lottery: those that stay have the weight 1 / KEPT at least
    chance = (KEPT * weights).clamp(max=1)
    stays = torch.rand(chance.shape, generator=generator, device=chance.device, dtype=chance.dtype) < chance
    kept = weights[stays] / chance[stays]
    return _Weighted(torch.cat(states)[stays].float(), kept.log().log_softmax(0))


def _terms(weighted: _Weighted, means: Tensor) -> Tensor:
    """`b` that is most likely, with a weak prior, given the means of the rows."""
    b = torch.zeros_like(means, requires_grad=True)
    log_w = weighted.log_w.to(means.dtype)
    optimizer = torch.optim.LBFGS([b], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = (weighted.states @ b + log_w).logsumexp(0) - means @ b + PRIOR / 2 * b.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return b.detach()


def _gain(b: Tensor, weighted: _Weighted, valid: Tensor) -> tuple[float, float]:
    """The gain of a validation row by `b`, and the variance of that estimate."""
    change = (weighted.states @ b).double()
    gains = (valid @ b).double()
    w = weighted.log_w.exp()
    ratio = change.exp() / (w @ change.exp())
    spread = (w.square() @ (ratio - 1).square()).item()
    log_mean = (change + weighted.log_w).logsumexp(0).item()
    return gains.mean().item() - log_mean, gains.var().item() / len(gains) + spread
