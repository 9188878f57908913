"""The interface of perturbations."""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError


class Contrast(NamedTuple):
    """The states that each data point is compared with, as sums over `y` and over the `x'` that could become `y`."""

    states: Tensor
    """`x'`, `(B, K, D)`; the first is the data point itself."""
    log_weight: Tensor
    """The logarithm of the weight of `exp(−E(x'))` in `exp(−U_q(y))`, `(B, Y, K)`."""
    law: Tensor
    """The probability of each `y`, `(B, Y)`; ones where a single `y` was sampled."""


class Perturbation:
    """A perturbation whose contrastive potential is estimated from `M` samples `x'_j ~ ρ_y`, `ρ_y(x') ∝ q(y|x')`.

    Subclasses define `negatives`. Those that know weights or a finite sum define `contrast` instead.

    >>> class Shuffle(Perturbation):  # forgets all but the number of ones
    ...     def negatives(self, x, free, m, *, generator=None):
    ...         keys = torch.rand(len(x), m, x.shape[-1], generator=generator)
    ...         return x.unsqueeze(1).expand_as(keys).gather(-1, keys.argsort(-1))
    >>> from discrete_ed import IsingEnergy, energy_discrepancy
    >>> energy_discrepancy(IsingEnergy(4), torch.eye(4), Shuffle(), w=0.0).item()
    0.0
    """

    def negatives(self, x: Tensor, free: Tensor, m: int, *, generator: torch.Generator | None = None) -> Tensor:
        """`M` samples `x'_j ~ ρ_y` for one `y ~ q(·|x)`: `x` and `free`, both `(B, D)`, to `(B, M, D)`."""
        raise NotImplementedError(f"{type(self).__name__} must define negatives(x, free, m): (B, D) → (B, M, D)")

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        """The data point with weight `w / M`, and `M` negatives with weight `1 / M` each, for one sampled `y`."""
        negatives = self.negatives(x, energy.free(x), m, generator=generator)
        return weighted_contrast(x, negatives, w, x.new_zeros(len(x), m + 1))

    def matrix(self, states: Tensor) -> Tensor:
        """`q(y|x)` with a row for each of the `(K, D)` states and a column for each `y`; for enumeration.

        The states must contain every state that the perturbation can reach from any of them.
        """
        raise NotImplementedError(f"{type(self).__name__} has no matrix")


def weighted_contrast(x: Tensor, negatives: Tensor, w: float, log_weight: Tensor) -> Contrast:
    """Data `(B, D)` and negatives `(B, M, D)` with weights `q(y|x') / ρ_y(x')` of both, `(B, 1 + M)`."""
    share = log_weight - log(negatives.shape[1])
    own = share[:, :1] + (log(w) if w > 0 else -torch.inf)
    states = torch.cat([x.unsqueeze(1), negatives], dim=1)
    return Contrast(states, torch.cat([own, share[:, 1:]], dim=1).unsqueeze(1), x.new_ones(len(x), 1))


def distances(states: Tensor) -> Tensor:
    """Hamming distances between all pairs of `(K, D)` states, `(K, K)`."""
    return (states.unsqueeze(1) - states).abs().sum(-1)


def check_perturbation(perturbation: object) -> None:
    """Raise `InputError` unless it is a perturbation."""
    if not isinstance(perturbation, Perturbation):
        got = f"the class {perturbation.__name__}" if isinstance(perturbation, type) else type(perturbation).__name__
        raise InputError(f"perturbation: expected a perturbation, such as Bernoulli(epsilon=0.1), got {got}")


def check_epsilon(epsilon: float) -> None:
    """Raise `InputError` unless ε lies in (0, ½]."""
    if not 0 < epsilon <= 0.5:
        raise InputError(f"epsilon: expected a probability in (0, 0.5], got {epsilon}")
