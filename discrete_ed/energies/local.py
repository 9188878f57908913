"""How a sampler sees a model: only through its local evaluation `x ↦ (E(x), Δ(x))`.

`Exact` and `Taylor` are two different classes, since some kernels (Gibbs) need exact differences while others
(Gibbs-with-gradients) correct for an estimate. Any other class with the members of `LocalEvaluation` can be used as
well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError


class Evaluation(NamedTuple):
    """The energy of each state, and the energy differences of its flips: all that a sampler uses.

    >>> Evaluation(energy=torch.zeros(2), delta=torch.zeros(2, 5)).delta.shape
    torch.Size([2, 5])
    """

    energy: Tensor
    """`β E(x)`, shape `(B,)`"""
    delta: Tensor
    """`β (E(x with bit i flipped) − E(x))`, exact or estimated, shape `(B, D)`; `+inf` at frozen bits. If bits are tied
    into groups, the energies of the moves of `Groups`, with `+inf` where there is none."""


class LocalEvaluation(Protocol):
    """The interface between samplers and models: energies and differences at states, at an inverse temperature.

    `Exact` and `Taylor` are local evaluations. Another one is a class with these members; it need not inherit from this
    one.

    >>> from discrete_ed import IsingEnergy, Taylor
    >>> def lowest(local: LocalEvaluation, x):  # the bit whose flip lowers the energy most
    ...     return local(x).delta.argmin(-1)
    >>> lowest(Taylor(IsingEnergy(torch.zeros(2, 2), torch.tensor([0.1, 0.5]))), torch.zeros(1, 2))
    tensor([1])
    """

    @property
    def energy(self) -> Energy:
        """The energy whose law is sampled."""

    @property
    def beta(self) -> float | Tensor:
        """The inverse temperature: one number, or a tensor `(B,)` with one for each state of the batch."""

    @property
    def exact(self) -> bool:
        """Whether the differences are exact; kernels such as `Gibbs` refuse estimates."""

    def __call__(self, x: Tensor) -> Evaluation:
        """`β E(x)`, which must be exact, and `β Δ(x)`, with `+inf` at frozen bits, of states `(B, D)`."""

    def at_beta(self, beta: float | Tensor) -> LocalEvaluation:
        """The same evaluation at `beta` times this inverse temperature; `beta` is a number or `(B,)`."""


def _check_beta(beta: float | Tensor) -> None:
    """Raise `InputError` unless a number is an inverse temperature; tensors, which change at every step, are taken."""
    if not isinstance(beta, Tensor) and not 0 <= beta < inf:
        raise InputError(f"beta: expected an inverse temperature, at least 0, got {beta}")


def _per_bit(beta: float | Tensor) -> float | Tensor:
    return beta.unsqueeze(-1) if isinstance(beta, Tensor) else beta


def freeze(energy: Energy, x: Tensor, delta: Tensor) -> Tensor:
    """The differences with `+inf` at the frozen bits of the states `(B, D)`, and where there is no move."""
    groups, all_free = energy.groups, getattr(energy.free, "__func__", None) is Energy.free
    if groups is not None:
        return delta.masked_fill(~groups.movable(x, None if all_free else energy.free(x)), torch.inf)
    if all_free:  # two passes over the bits are saved
        return delta
    return delta.masked_fill(~energy.free(x), torch.inf)


@dataclass(frozen=True)
class Exact:
    """Local evaluation with the exact `energy.move_delta`, at inverse temperature `beta`.

    `beta` is one number, or a tensor `(B,)` with one for each state of the batch, as parallel tempering needs.

    Raises:
        InputError: a number `beta` that is negative, infinite or NaN.

    >>> from discrete_ed import IsingEnergy
    >>> magnet = IsingEnergy(torch.zeros(2, 2), fields=torch.tensor([1.0, 0.5]))
    >>> Exact(magnet, beta=2.0)(torch.tensor([[1.0, 1.0]])).delta
    tensor([[4., 2.]])
    """

    energy: Energy
    beta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _check_beta(self.beta)

    def __call__(self, x: Tensor) -> Evaluation:
        with torch.no_grad():
            delta = freeze(self.energy, x, _per_bit(self.beta) * self.energy.move_delta(x))
            return Evaluation(self.beta * self.energy(x), delta)

    @property
    def exact(self) -> bool:
        return True

    def at_beta(self, beta: float | Tensor) -> Exact:
        return replace(self, beta=self.beta * beta)


@dataclass(frozen=True)
class Taylor:
    """Local evaluation from one gradient, `Δ_i ≈ (1 − 2 x_i) ∂E/∂x_i`, at inverse temperature `beta`.

    For a bit `i` of a group it is `Δ_i ≈ ∂E/∂x_i − ∂E/∂x_j`, where `j` is the bit that is on. The first-order estimate
    of Gibbs-with-gradients (Grathwohl et al. 2021, arXiv 2102.04509). The energy must be differentiable in `x`. The
    energy itself is exact.

    Raises:
        InputError: a number `beta` that is negative, infinite or NaN; when called, an energy that isn't differentiable
            in `x`.

    >>> from discrete_ed import IsingEnergy
    >>> pair = IsingEnergy(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> Taylor(pair)(torch.tensor([[1.0, 1.0]])).delta  # exact here: an Ising energy is linear in each bit
    tensor([[2., 2.]])
    """

    energy: Energy
    beta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _check_beta(self.beta)

    def __call__(self, x: Tensor) -> Evaluation:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = (x.clone() if x.is_inference() else x).detach().requires_grad_()
            value = self.energy(leaf)
            slope = torch.autograd.grad(value.sum(), leaf, allow_unused=True)[0] if value.requires_grad else None
            if slope is None:
                raise InputError(
                    f"energy: expected {type(self.energy).__name__} to be differentiable in x, got no gradient; use "
                    "Exact, which needs none"
                )
        groups = self.energy.groups
        change = (1 - 2 * x) * slope if groups is None else groups.changes(x, slope)
        delta = freeze(self.energy, x, _per_bit(self.beta) * change)
        return Evaluation(self.beta * value.detach(), delta)

    @property
    def exact(self) -> bool:
        return False

    def at_beta(self, beta: float | Tensor) -> Taylor:
        return replace(self, beta=self.beta * beta)
