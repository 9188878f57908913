"""The interface of perturbations."""

from __future__ import annotations

import warnings
from math import log
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy
from discrete_ed.errors import InputError
from discrete_ed.states import check_states


class Contrast(NamedTuple):
    """The states that each data point is compared with, as sums over `y` and over the `x'` that could become `y`."""

    states: Tensor
    """`x'`, `(B, K, D)`; the first is the data point itself."""
    log_weight: Tensor
    """The logarithm of the weight of `exp(−E(x'))` in `exp(−U_q(y))`, `(B, Y, K)`."""
    law: Tensor
    """The probability of each `y`, `(B, Y)`; ones where a single `y` was sampled."""
    rest: Energy | None = None
    """what is left of the energy, if a part of it cancels with weights that are therefore left out; None: all of it"""


class Perturbation:
    """A perturbation whose contrastive potential is estimated from `M` samples `x'_j ~ ρ_y`, `ρ_y(x') ∝ q(y|x')`.

    Subclasses define `negatives`. Those that know weights or a finite sum define `contrast` instead. What they return
    is checked at the first call. If bits are tied into groups, negatives must be states of these groups.

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
        free = energy.free(x)
        check_negatives(self, x, free)
        negatives = self.negatives(x, free, m, generator=generator)
        return weighted_contrast(x, negatives, w, x.new_zeros(len(x), m + 1))

    def matrix(self, states: Tensor) -> Tensor:
        """`q(y|x)` with a row for each of the `(K, D)` states and a column for each `y`; for enumeration.

        The states must contain every state that the perturbation can reach from any of them.

        Raises:
            InputError: the perturbation has none.
        """
        raise InputError(f"perturbation: expected one that defines matrix(states), got {type(self).__name__}")


def weighted_contrast(x: Tensor, negatives: Tensor, w: float, log_weight: Tensor) -> Contrast:
    """Data `(B, D)` and negatives `(B, M, D)` with weights `q(y|x') / ρ_y(x')` of both, `(B, 1 + M)`."""
    share = log_weight - log(negatives.shape[1])
    own = share[:, :1] + (log(w) if w > 0 else -torch.inf)
    states = torch.cat([x.unsqueeze(1), negatives], dim=1)
    return Contrast(states, torch.cat([own, share[:, 1:]], dim=1).unsqueeze(1), x.new_ones(len(x), 1))


STILL_BATCHES = 10
"""number of batches whose negatives may all equal the data before this is warned of"""
PROBED = 3
"""number of negatives of the first call, which differs from its number of states"""


def check_negatives(perturbation: Perturbation, x: Tensor, free: Tensor) -> None:
    """Raise `InputError` unless `negatives` returns `(B, M, D)`; checked at the first call, with two states, M = 3.

    If the numbers of states and negatives were equal, swapped axes would go unnoticed. No random numbers are consumed.
    """
    made = _checks_made(perturbation)
    if "negatives" in made or not len(x):
        return
    few, generator = x[:2], torch.Generator(x.device).manual_seed(0)
    devices = [] if x.device.type == "cpu" else [x.device]
    with torch.random.fork_rng(devices, device_type="cuda" if x.device.type == "cpu" else x.device.type):
        found = perturbation.negatives(few, free[:2], PROBED, generator=generator)
    expected = (len(few), PROBED, x.shape[1])
    if not isinstance(found, Tensor) or found.shape != expected:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise InputError(
            f"negatives: expected {type(perturbation).__name__} to map {tuple(few.shape)} states and M = {PROBED} to "
            f"shape (B, M, D) = {expected}, got {got}"
        )
    made.add("negatives")


def check_contrast(perturbation: Perturbation, energy: Energy, x: Tensor, contrast: Contrast) -> None:
    """Raise `InputError` unless the states of a contrast are bits in the type of `x`, the first is the data point, and
    frozen bits are those of the data point; checked at the first call with a kind of energy, shapes always."""
    name = type(perturbation).__name__
    if not isinstance(contrast, Contrast):
        raise InputError(
            f"perturbation: expected {name}.contrast to give a Contrast, got {type(contrast).__name__}; make one by "
            "weighted_contrast(x, negatives, w, log_weight) of discrete_ed.perturbations.base"
        )
    states = contrast.states
    count = states.shape[1] if states.ndim == 3 else 0
    if states.shape != (len(x), count, x.shape[1]) or contrast.log_weight.shape[-1] != count:
        raise InputError(
            f"perturbation: expected {name} to give states (B, K, D) with log weights (B, Y, K) for data "
            f"{tuple(x.shape)}, got {tuple(states.shape)} and {tuple(contrast.log_weight.shape)}"
        )
    if states.dtype != x.dtype:
        raise InputError(f"perturbation: expected {name} to keep the type {x.dtype} of the data, got {states.dtype}")
    if energy.groups is not None and not energy.groups.valid(states).all():
        raise InputError(
            f"perturbation: expected {name} to keep exactly one bit of each group on, got other states; Bernoulli, "
            "HeatKernel, Grid, Block and Informed keep groups"
        )
    made = _checks_made(perturbation)
    if "moved" not in made and energy.free(x).any():
        _look_for_moves(perturbation, bool((states != x.unsqueeze(1)).any()))
    if type(energy) in made:
        return
    check_states(states, name=f"states of {name}")
    moved = states != x.unsqueeze(1)
    if moved[:, 0].any():
        raise InputError(f"perturbation: expected the first state of {name} to be the data point, got another one")
    frozen = int((moved & ~energy.free(x).unsqueeze(1)).any(-1).sum())
    if frozen:
        raise InputError(
            f"perturbation: expected {name} to change free bits only, got {frozen} of {len(x) * count} states with a "
            "changed frozen bit; `free` marks the bits that may change"
        )
    made.add(type(energy))


def _look_for_moves(perturbation: Perturbation, moved: bool) -> None:
    """Warn once if all negatives of the first batches equal their data; the gradient is then zero up to rounding."""
    made = _checks_made(perturbation)
    made.add("moved" if moved else ("still", len(made)))
    if sum(isinstance(check, tuple) for check in made) == STILL_BATCHES and not moved:
        made.add("moved")  # looked at for the last time
        warnings.warn(
            f"perturbation: all negatives of {type(perturbation).__name__} in the first {STILL_BATCHES} batches equal "
            "the data, so the loss compares nothing and nothing is learned; use more noise",
            RuntimeWarning,
            stacklevel=4,
        )


def _checks_made(perturbation: Perturbation) -> set[object]:
    """The checks that a perturbation has passed, which it remembers (unless its class has `__slots__`)."""
    made: set[object] = getattr(perturbation, "__dict__", {}).setdefault("_checks", set())
    return made


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
