"""Marginals of a fitted density: a linear term by which they become those of the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from discrete_ed.energies import BernoulliEnergy, Energy, SumEnergy
from discrete_ed.likelihood.annealed_states import AnnealedStates, StatePath
from discrete_ed.likelihood.base import smoothed

COUNTS = (5000, 2000, 1000)
"""numbers of states of each half, of which the first is taken that can be made in time"""
STEPS = 400
"""steps of their annealing, as in `sample_density`"""
SECONDS = 30.0
"""how long the annealing of a half may take, roughly, as the time of one idle core"""
FEWEST = 500
"""effective number of ancestors of each half below which nothing is changed"""
PRIOR = 0.1
"""inverse variance of each standardised term before any row was seen, divided by the number of rows"""
ERRORS = 1.0
"""standard errors of a loss of validation rows from which on the term is left out"""


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


def refit_marginals(energy: Energy, train: Tensor, valid: Tensor, *, seed: int = 0) -> RefittedMarginals:
    """Add `−bᵀx` to an energy, by which the marginals of its law become those of the training rows.

    As in maximum likelihood, `b` maximises `mean bᵀx − log E_p exp(bᵀx)` over the training rows, with a weak prior. The
    mean over the law `p` of the energy is one over states that are sampled from it by annealing (see
    `StatePath.sample`). What validation rows gain by a `b` that was fitted to one half of these states is measured with
    the other half. A term by which they lose more than a standard error is left out.

    Args:
        energy: a fitted energy, which isn't changed.
        train: training states, `(N, D)`.
        valid: validation states, `(M, D)`.
        seed: seed of the sampled states.

    >>> rows = (torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) < 0.8).float()
    >>> found = refit_marginals(BernoulliEnergy(3), rows[:1000], rows[1000:])
    >>> 0.5 < found.gain < 0.7, found.terms.sigmoid().round(decimals=1)  # log 2 less the entropy, thrice; the marginals
    (True, tensor([0.8000, 0.8000, 0.8000]))
    """
    if len(valid) < 2:
        return RefittedMarginals(energy, None, None, None)
    rows, valid = train.float(), valid.float()
    path = StatePath(energy, rows, torch.Generator(train.device).manual_seed(seed))
    sampled = [path.sample(rows[:2], COUNTS, STEPS, seconds=SECONDS) for _ in range(2)]
    halves = [half for half in sampled if half is not None and half.ancestors >= FEWEST]
    if len(halves) < 2:
        return RefittedMarginals(energy, None, None, None)
    means = smoothed(rows.sum(0), len(rows))
    gains, variances = [], []
    for fitted, judging in (halves, halves[::-1]):
        gain, variance = _gain(_terms(fitted.states, means), judging, valid)
        gains.append(gain)
        variances.append(variance)
    gain, error = sum(gains) / 2, (sum(variances) / 2) ** 0.5
    if gain < -ERRORS * error:
        return RefittedMarginals(energy, None, gain, error)
    b = _terms(torch.cat([half.states for half in halves]), means)
    return RefittedMarginals(SumEnergy(energy, BernoulliEnergy(b).to(train.device)), b, gain, error)


def _terms(states: Tensor, means: Tensor) -> Tensor:
    """`b` that is most likely, with a weak prior, given the means of the rows and states of the law `(N, D)`."""
    b = torch.zeros_like(means, requires_grad=True)
    precision = PRIOR * means * (1 - means)
    optimizer = torch.optim.LBFGS([b], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = (states @ b).logsumexp(0) - log(len(states)) - means @ b + (precision * b.square()).sum() / 2
        value.backward()
        return value

    optimizer.step(loss)
    return b.detach()


def _gain(b: Tensor, judging: AnnealedStates, valid: Tensor) -> tuple[float, float]:
    """The gain of a validation row by `b`, and the variance of that estimate."""
    change, gains = (judging.states @ b).double(), (valid @ b).double()
    log_mean = change.logsumexp(0).item() - log(len(change))
    spread = (change - log_mean).exp().var().item() / judging.ancestors
    return gains.mean().item() - log_mean, gains.var().item() / len(gains) + spread
