"""Langevin kernels on real vectors: small frozen dataclasses with `init` and `step`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.errors import InputError, NumericalError

Potential = Callable[[Tensor], Tensor]
"""an energy: `(B, D)` to `(B,)`"""


class VectorState(NamedTuple):
    """The state of chains on real vectors between two steps, detached from autograd."""

    x: Tensor
    """`(B, D)`."""
    energy: Tensor
    """`E(x)`, `(B,)`."""
    slope: Tensor
    """`∇E(x)`, `(B, D)`."""
    accepted: Tensor
    """whether the last proposal was accepted, `(B,)` bool"""


def evaluate(energy: Potential, x: Tensor) -> VectorState:
    """The state at `x`, `(B, D)`, of chains that have not moved yet."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        value = energy(leaf)
        (slope,) = torch.autograd.grad(value.sum(), leaf)
    return VectorState(leaf.detach(), value.detach(), slope, torch.zeros(len(x), dtype=torch.bool, device=x.device))


def langevin_mean(state: VectorState, step_size: float) -> Tensor:
    """`x − η ∇E(x)`, the mean of a Langevin step."""
    return state.x - step_size * state.slope


@dataclass(frozen=True)
class Langevin:
    """`x' = x − η ∇E(x) + √(2η) ξ`, with no accept step.

    Its stationary law is that of the energy only in the limit `η → 0`: on a normal law of variance σ² it has variance
    `σ² / (1 − η / 2σ²)`.

    Source: Roberts and Tweedie 1996, Bernoulli 2, 341–363.

    >>> from discrete_ed.theory.continuous import GaussianEnergy
    >>> kernel, energy = Langevin(step_size=0.1), GaussianEnergy(torch.zeros(2))
    >>> kernel.step(energy, kernel.init(energy, torch.zeros(3, 2))).x.shape
    torch.Size([3, 2])
    """

    step_size: float

    def __post_init__(self) -> None:
        _check(self.step_size)

    def init(self, energy: Potential, x: Tensor) -> VectorState:
        """The state of chains at `x`, `(B, D)`."""
        return evaluate(energy, x)

    def step(self, energy: Potential, state: VectorState, *, generator: torch.Generator | None = None) -> VectorState:
        """One step of every chain."""
        moved = evaluate(energy, _propose(state, self.step_size, generator))
        return moved._replace(accepted=torch.ones_like(moved.accepted))


@dataclass(frozen=True)
class MALA:
    """The Langevin proposal with the Metropolis–Hastings accept step: reversible for `exp(−E)` at any step size.

    Accepts with `min(1, exp(E(x) − E(x')) N(x; x' − η∇E(x'), 2η) / N(x'; x − η∇E(x), 2η))`.

    Source: Roberts and Tweedie 1996, Bernoulli 2, 341–363.

    >>> from discrete_ed.theory.continuous import GaussianEnergy
    >>> x = sample(MALA(step_size=0.5), GaussianEnergy(torch.tensor([3.0])), torch.zeros(1000, 1), 50)
    >>> abs(x.mean().item() - 3) < 0.3
    True
    """

    step_size: float

    def __post_init__(self) -> None:
        _check(self.step_size)

    def init(self, energy: Potential, x: Tensor) -> VectorState:
        """The state of chains at `x`, `(B, D)`."""
        return evaluate(energy, x)

    def step(self, energy: Potential, state: VectorState, *, generator: torch.Generator | None = None) -> VectorState:
        """One step of every chain."""
        proposed = evaluate(energy, _propose(state, self.step_size, generator))
        u = torch.rand(len(state.x), generator=generator, device=state.x.device, dtype=state.x.dtype)
        accepted = u.log() < self.log_acceptance(state, proposed)
        move = accepted.unsqueeze(-1)
        return VectorState(
            torch.where(move, proposed.x, state.x),
            torch.where(accepted, proposed.energy, state.energy),
            torch.where(move, proposed.slope, state.slope),
            accepted,
        )

    def log_acceptance(self, current: VectorState, proposed: VectorState) -> Tensor:
        """The logarithm of the Metropolis–Hastings ratio, `(B,)`."""
        forth = (proposed.x - langevin_mean(current, self.step_size)).square().sum(-1)
        back = (current.x - langevin_mean(proposed, self.step_size)).square().sum(-1)
        return current.energy - proposed.energy + (forth - back) / (4 * self.step_size)


def sample(
    kernel: Langevin | MALA,
    energy: Potential,
    x: Tensor,
    steps: int,
    *,
    generator: torch.Generator | None = None,
    callback: Callable[[int, VectorState], None] | None = None,
) -> Tensor:
    """Run the chains for some steps: `(B, D)` in, `(B, D)` out.

    Args:
        kernel: `Langevin` or `MALA`.
        energy: `(B, D)` to `(B,)`.
        x: the states at which the chains start, `(B, D)`.
        steps: number of steps.
        generator: the source of randomness.
        callback: called after each step with the number of steps done and the state.

    Raises:
        InputError: `x` isn't `(B, D)`, or `steps < 0`.
        NumericalError: a chain, or its energy, became infinite or NaN.

    >>> from discrete_ed.theory.continuous import GaussianEnergy
    >>> sample(MALA(0.5), GaussianEnergy(torch.zeros(2)), torch.zeros(5, 2), steps=10).shape
    torch.Size([5, 2])
    """
    if x.ndim != 2:
        raise InputError(f"x: expected a batch of shape (B, D), got {tuple(x.shape)}")
    if steps < 0:
        raise InputError(f"steps: expected at least 0, got {steps}")
    state = kernel.init(energy, x)
    for step in range(1, steps + 1):
        state = kernel.step(energy, state, generator=generator)
        if callback is not None:
            callback(step, state)
    lost = int(((~state.x.isfinite()).any(-1) | ~state.energy.isfinite()).sum())
    if lost:
        raise NumericalError(
            f"sample: {lost} of {len(x)} chains diverged or have no finite energy; try a smaller step size"
        )
    return state.x


def _propose(state: VectorState, step_size: float, generator: torch.Generator | None) -> Tensor:
    noise = torch.randn(state.x.shape, generator=generator, device=state.x.device, dtype=state.x.dtype)
    return langevin_mean(state, step_size) + (2 * step_size) ** 0.5 * noise


def _check(step_size: float) -> None:
    if not 0 < step_size < float("inf"):
        raise InputError(f"step_size: expected a positive number, got {step_size}")
