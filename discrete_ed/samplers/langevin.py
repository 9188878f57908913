"""Discrete Langevin samplers: all bits may flip at once, each independently of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from discrete_ed.energies.base import evaluation_size
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.samplers.kernels import Kernel, State, accept, check_numbers, evaluate, start, uniforms


@dataclass(frozen=True)
class _Langevin(Kernel):
    """The proposal, which both kernels share."""

    step_size: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.step_size < float("inf"):
            raise InputError(f"step_size: expected a positive number, got {self.step_size}")

    def init(self, local: LocalEvaluation, x: Tensor) -> State:
        return evaluate(local, x)

    def logits(self, delta: Tensor) -> Tensor:
        """The log odds `−Δ_i/2 − 1/(2α)` of flipping each bit, or making each move, `(B, D)`; `−inf` at frozen bits."""
        return -delta / 2 - 0.5 / self.step_size

    def choose(self, local: LocalEvaluation, state: State, generator: torch.Generator | None) -> Tensor:
        """The bits that each chain proposes to flip, or the moves that it proposes to make, `(B, D)` bool."""
        groups = local.energy.groups
        if groups is None:
            return uniforms(state, *state.x.shape, generator=generator) < self.logits(state.delta).sigmoid()
        u = uniforms(state, len(state.x), len(groups.variables), generator=generator)
        return groups.choose(self.logits(state.delta), u)

    def log_proposal(self, delta: Tensor, flips: Tensor, groups: Groups | None = None) -> Tensor:
        """The log probability of flipping just the bits `flips`, `(B, D)` bool, from the differences: `(B,)`."""
        logits = self.logits(delta)
        if groups is None:
            return torch.where(flips, logsigmoid(logits), logsigmoid(-logits)).sum(-1)
        return torch.where(flips, logits, 0).sum(-1) - groups.log_totals(logits).sum(-1)

    def moved(self, local: LocalEvaluation, x: Tensor, flips: Tensor) -> tuple[Tensor, Tensor]:
        """The states with the proposed bits flipped or moves made, and the moves back."""
        groups = local.energy.groups
        return (torch.where(flips, 1 - x, x), flips) if groups is None else groups.apply(x, flips)


@dataclass(frozen=True)
class DULA(_Langevin):
    """Discrete unadjusted Langevin: flip each bit with probability `σ(−Δ_i(x)/2 − 1/(2α))`, and accept always.

    **Biased**: without an accept step the chain samples another law than the energy's, at every step size; the error
    goes to zero with α if the energy is quadratic (Zhang et al. 2022). Use `DMALA` for the law itself.

    Args:
        step_size: α. Large steps flip many bits.

    Raises:
        InputError: `step_size` isn't positive.

    Source: Zhang, Liu and Liu 2022, arXiv 2206.09914. One step size for all bits; the preconditioned
    variant is not implemented.

    >>> from discrete_ed import Exact, IsingEnergy
    >>> kernel, local = DULA(step_size=0.5), Exact(IsingEnergy(4))
    >>> kernel.logits(kernel.init(local, torch.zeros(1, 4)).delta).sigmoid()
    tensor([[0.2689, 0.2689, 0.2689, 0.2689]])
    """

    keeps_law = False

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        return self.move(local, state, self.choose(local, state, generator))

    def move(self, local: LocalEvaluation, state: State, flips: Tensor) -> State:
        """Flip the bits `flips`, unless this leads to a state of probability zero."""
        x, _ = self.moved(local, state.x, flips)
        proposed = local(x)
        return accept(state, x, proposed, proposed.energy.isfinite())


@dataclass(frozen=True)
class DMALA(_Langevin):
    """Discrete Metropolis-adjusted Langevin: propose to flip each bit with probability `σ(−Δ_i(x)/2 − 1/(2α))`.

    The proposal `q(x'|x)`, a product over the bits, is accepted with probability
    `min(1, exp(E(x) − E(x')) q(x|x') / q(x'|x))`, which makes the kernel exact and reversible with either local
    evaluation. If bits are tied into groups, it is a product over the variables: a group makes move `i` or none with
    weights `exp(−Δ_i(x)/2 − 1/(2α))` and 1. (In the distance `‖x' − x‖²` of one-hot bits a move counts twice, so that α
    is half of the one for that distance.)

    Args:
        step_size: α; see `adapt_step_size`.

    Raises:
        InputError: `step_size` isn't positive.

    Source: Zhang, Liu and Liu 2022, arXiv 2206.09914. One step size for all bits; the preconditioned
    variant is not implemented.

    >>> from discrete_ed import Exact, IsingEnergy, sample
    >>> sample(DMALA(step_size=0.5), Exact(IsingEnergy(4)), torch.zeros(3, 4), steps=10).shape
    torch.Size([3, 4])
    """

    def step(self, local: LocalEvaluation, state: State, *, generator: torch.Generator | None = None) -> State:
        flips = self.choose(local, state, generator)
        u_accept = uniforms(state, len(state.x), generator=generator)
        return self.move(local, state, flips, u_accept.log())

    def move(self, local: LocalEvaluation, state: State, flips: Tensor, log_u: Tensor) -> State:
        """Propose to flip the bits `flips`, `(B, D)`; accept where `log_u` lies below the log acceptance ratio."""
        groups = local.energy.groups
        x, back = self.moved(local, state.x, flips)
        proposed = local(x)
        log_reverse = self.log_proposal(proposed.delta, back, groups) - self.log_proposal(state.delta, flips, groups)
        return accept(state, x, proposed, log_u < state.energy - proposed.energy + log_reverse)


def adapt_step_size(
    kernel: DMALA,
    local: LocalEvaluation,
    x: Tensor,
    steps: int,
    *,
    target: float = 0.574,
    generator: torch.Generator | None = None,
) -> tuple[DMALA, Tensor]:
    """Warm up chains and find the step size at which a share `target` of the proposals is accepted.

    After step `t`, `log α ← log α + 2 t^(−0.6) (accepted − target)`, with `accepted` the share of accepted proposals in
    the batch; the returned kernel has the mean of `log α` over the second half. Afterwards the step size must stay
    fixed, since a kernel that adapts has no fixed law. Proposals that flip nothing count as accepted. The step size
    therefore converges only if some proposals are rejected, and it is kept within `[1e-3, 1e3]`.

    Args:
        kernel: the kernel with the initial step size.
        x: the states at which the chains start, `(B, D)`.
        steps: number of steps of the warm-up.
        target: the acceptance to reach, in (0, 1); 0.574 is the best one for large locally balanced proposals (Sun et
            al. 2022, arXiv 2209.08183).

    Returns:
        The kernel with its step size, and the bits `(B, D)` after the warm-up.

    Raises:
        InputError: a kernel other than `DMALA`, `steps` below 1, or a `target` outside (0, 1).

    Source: stochastic approximation as in Andrieu and Thoms 2008, Statistics and Computing 18, 343–373.

    >>> from discrete_ed import Exact, IsingEnergy
    >>> g = torch.Generator().manual_seed(0)
    >>> ring = 0.3 * (torch.eye(16).roll(1, 0) + torch.eye(16).roll(-1, 0))
    >>> kernel, x = adapt_step_size(DMALA(), Exact(IsingEnergy(ring)), torch.zeros(64, 16), 200, generator=g)
    >>> 0.2 < kernel.step_size < 2, x.shape
    (True, torch.Size([64, 16]))
    """
    if not isinstance(kernel, DMALA):
        raise InputError(f"kernel: expected a DMALA, whose proposals may be rejected, got {type(kernel).__name__}")
    if steps < 1:
        raise InputError(f"steps: expected at least 1, got {steps}")
    if not 0 < target < 1:
        raise InputError(f"target: expected an acceptance in (0, 1), got {target}")
    log_alpha = log(kernel.step_size)
    kept = []
    state = start(kernel, local, x)
    with suitable_threads(evaluation_size(local.energy, x.numel())):
        for t in range(1, steps + 1):
            state = replace(kernel, step_size=exp(log_alpha)).step(local, state, generator=generator)
            share = state.accepted.double().mean().item()
            log_alpha += 2 * t**-0.6 * (share - target)
            log_alpha = min(max(log_alpha, log(1e-3)), log(1e3))
            kept.append(log_alpha)
    check_numbers(state, steps)
    kept = kept[len(kept) // 2 :]
    return replace(kernel, step_size=exp(sum(kept) / len(kept))), state.x
