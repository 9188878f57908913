"""Annealed importance sampling: log Z from below and from above."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

import torch
from torch import Tensor

from discrete_ed.energies.base import evaluation_size
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.samplers.kernels import Kernel, check_kernel, start
from discrete_ed.samplers.schedules import annealed_chains
from discrete_ed.samplers.tempering import as_numbers, rescale
from discrete_ed.states import check_states

STANDARD_ERRORS = 4.5
"""number of standard errors by which an estimate may miss its value by chance: once in 150,000 times, if normal"""


@dataclass(frozen=True)
class Bracket:
    """A lower and an upper estimate of log Z, which bracket it in expectation.

    >>> Bracket(lower=1.0, upper=1.2, lower_error=0.01, upper_error=0.01).contains(1.1)
    True
    """

    lower: float
    """from the forward runs: `E[lower] <= log Z`"""
    upper: float
    """from the reverse runs: `E[upper] >= log Z`, if the targets follow the law"""
    lower_error: float
    """standard error of `lower`, to first order; reliable only if it is well below 1"""
    upper_error: float
    """standard error of `upper`, as above"""

    def contains(self, value: float, *, errors: float = STANDARD_ERRORS) -> bool:
        """Whether `value` lies between the estimates, each moved outwards by this number of standard errors."""
        return self.lower - errors * self.lower_error <= value <= self.upper + errors * self.upper_error


def ais(
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    target: Tensor,
    betas: Sequence[float],
    *,
    steps: int = 1,
    width: float = 1.0,
    generator: torch.Generator | None = None,
) -> Bracket:
    """Bracket `log Z = log Σ_x exp(−β E(x))` by annealed importance sampling, forward and reverse, with any kernel.

    Between `p_t(x) ∝ exp(−β_t E(x))`, from the uniform law over the free bits (`β_0 = 0`) to the energy's (`β_T = 1`),
    a forward run starts at a uniform state and sums up

        log w = Σ_{t=1..T} −(β_t − β_{t−1}) E(x_{t−1}),   x_t from x_{t−1} by steps that keep p_t,

    and `E[w] = Z / 2^F` with `F` free bits (with groups, the number of states takes the place of `2^F`); a reverse run
    starts at a target and goes down, with `E[1/w] = a 2^F / Z`, where `a` is the share of states whose energy isn't +∞,
    estimated from the forward starts. By Jensen's inequality the log of the forward mean is too low in expectation, and
    the reverse one too high.

    The kernel must keep the law of the local evaluation at each inverse temperature. Ising models run in compiled
    loops, as in `chain`.

    Args:
        x: states `(B, D)`, one forward run for each; their free bits are replaced by uniform ones.
        target: states `(B', D)` from the energy's law, exact samples or the ends of long chains; one reverse run for
            each. If they don't follow the law, `upper` may lie below log Z.
        betas: the schedule, rising from 0 to 1.
        steps: steps of the kernel at each inverse temperature.
        width: the widest bracket `upper − lower`, in nats, that passes without a warning.

    Returns:
        The bracket, with standard errors.

    Raises:
        InputError: a schedule that doesn't rise from 0 to 1; `steps` below 1; fewer than two rows in `x` or `target`;
            states that differ in a frozen bit; a kernel that doesn't keep the law, such as `DULA`.
        NumericalError: an energy is NaN or `−inf`, or every run has weight zero.

    Warns:
        RuntimeWarning: the bracket is wider than `width`, or it is inverted by more than 4.5 standard errors.

    Source: Neal 2001, Statistics and Computing 11, 125–139 (arXiv physics/9803008); the bracket from Grosse,
    Ghahramani and Adams 2015, arXiv 1511.02543.

    >>> from discrete_ed import Exact, GibbsWithGradients, IsingEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> energy, betas = IsingEnergy(torch.zeros(4, 4)), torch.linspace(0, 1, 5).tolist()
    >>> uniform = torch.rand(8, 4, generator=g).round()
    >>> bracket = ais(GibbsWithGradients(), Exact(energy), uniform, uniform, betas, generator=g)
    >>> round(bracket.lower, 4), round(bracket.upper, 4)  # 4 log 2
    (2.7726, 2.7726)
    """
    betas = as_numbers(betas)
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or sorted(set(betas)) != betas:
        raise InputError(f"betas: expected a schedule rising from 0 to 1, got {betas[:2]} to {betas[-2:]}")
    if steps < 1:
        raise InputError(f"steps: expected at least 1, got {steps}")
    check_kernel(kernel)
    if not kernel.keeps_law:
        raise InputError(
            f"kernel: expected one that keeps the energy's law, got {type(kernel).__name__}, which is biased"
        )
    for name, states in (("x", x), ("target", target)):
        check_states(states, name=name)
        if states.ndim != 2 or len(states) < 2:
            raise InputError(f"{name}: expected at least two states (B, D), got shape {tuple(states.shape)}")
    if x.shape[1] != target.shape[1]:
        raise InputError(f"target: expected {x.shape[1]} bits as in x, got {target.shape[1]}")
    free = local.energy.free(x)
    both, both_free = torch.cat([x, target]), torch.cat([free, local.energy.free(target)])
    if ((both_free != free[0]) | (~both_free & (both != x[0]))).any():
        raise InputError("x, target: expected the same frozen bits in all states, since log Z depends on them")
    groups = local.energy.groups
    if groups is None:
        uniform = (torch.rand(x.shape, generator=generator, device=x.device) < 0.5).to(x.dtype)
        start = torch.where(free, uniform, x)
        log_2f = int(free[0].sum()) * log(2)
    else:
        groups.check(x)
        start = groups.redrawn(x, free, generator=generator)
        log_2f = groups.values_left(x[:1], free[:1]).double().log().sum().item()
    log_w = _run(kernel, local, start, betas, steps, generator)
    log_back = _run(kernel, local, target, betas[::-1], steps, generator)
    (lower, lower_error), (back, upper_error) = _log_mean(log_w), _log_mean(log_back)
    possible = (log_w > -torch.inf).double().mean().item()  # a run that starts at probability zero has no weight
    upper_error = (upper_error**2 + (1 / possible - 1) / len(x)) ** 0.5
    bracket = Bracket(log_2f + lower, log_2f + log(possible) - back, lower_error, upper_error)
    gap = bracket.upper - bracket.lower
    if not gap <= width:
        warnings.warn(
            f"ais: the bracket of log Z is {gap:.3g} nats wide, from {bracket.lower:.6g} to {bracket.upper:.6g}: take "
            "more inverse temperatures or more steps at each",
            RuntimeWarning,
            stacklevel=2,
        )
    elif gap < -STANDARD_ERRORS * (lower_error**2 + upper_error**2) ** 0.5:
        warnings.warn(
            f"ais: the bracket of log Z is inverted ({bracket.lower:.6g} above {bracket.upper:.6g}): do the targets "
            "follow the energy's law?",
            RuntimeWarning,
            stacklevel=2,
        )
    return bracket


def _run(
    kernel: Kernel,
    local: LocalEvaluation,
    x: Tensor,
    betas: list[float],
    steps: int,
    generator: torch.Generator | None,
) -> Tensor:
    """The log weights of runs along a schedule, up or down, float64 `(B,)`."""
    now = next(beta for beta in betas if beta > 0)  # differences are rescaled, which can't undo a factor of zero
    state = start(kernel, local.at_beta(now), x)
    log_w = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    last = len(betas) - 2
    chains = annealed_chains(kernel, local, x, max(betas), generator)
    if chains is not None:
        for t, (old, new) in enumerate(pairwise(betas)):
            log_w -= (new - old) * chains.energies()
            if t < last:
                chains.step(new, steps)
        return log_w
    with suitable_threads(evaluation_size(local.energy, x.numel())):
        for t, (old, new) in enumerate(pairwise(betas)):
            log_w -= (new - old) * (state.energy.double() / now)
            if t < last:  # a step at the last law would not change the weight
                state, now = rescale(state, new / now), new
                for _ in range(steps):
                    state = kernel.step(local.at_beta(now), state, generator=generator)
    return log_w


def _log_mean(log_w: Tensor) -> tuple[float, float]:
    """The log of the mean weight, and its standard error: the relative standard error of the mean."""
    top = largest_log_weight(log_w, "ais")
    w = (log_w - top).exp()
    return (top + w.mean().log()).item(), (w.std() / w.mean() / len(w) ** 0.5).item()


def largest_log_weight(log_w: Tensor, name: str) -> Tensor:
    """The largest of the log weights `(B,)` of runs; `NumericalError`, with the way on, if it isn't finite."""
    top = log_w.max()
    if not top.isfinite():
        hint = ""
        if top.isneginf():
            hint = "; every run met an energy of +inf only: take more runs, or sum over the states, which is exact"
        else:
            hint = (
                "; an energy is +inf, or not a number, at states at which runs start: leave out rows of x that are "
                "impossible under the model, or sum over the states, which is exact"
            )
        raise NumericalError(f"{name}: expected finite weights, got a largest log weight of {top.item()}{hint}")
    return top
