"""Exact answers: by enumeration where the space is small, by the smaller layer of a restricted Boltzmann machine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies import RBMEnergy
from discrete_ed.energies.base import Energy, check_kind, check_shape, device_of, dtype_of
from discrete_ed.errors import InputError, NumericalError

MAX_BITS = 20  # 2^20 states: eight megabytes of float64
CHUNK = 2**14  # states evaluated at once


def _evaluated(energy: Energy, bits: int, dtype: torch.dtype | None) -> Iterator[tuple[Tensor, Tensor]]:
    """All states with their energies, some at a time; in the energy's precision unless another is given."""
    for x in chunks(bits, dtype or dtype_of(energy), device_of(energy)):
        value = energy(x)
        check_shape(energy, value, (len(x),))
        yield x, value


def chunks(bits: int, dtype: torch.dtype, device: torch.device | str = "cpu", name: str = "bits") -> Iterator[Tensor]:
    """All states in the order of `enumerate_states`, some at a time."""
    if not 0 <= bits <= MAX_BITS:
        raise InputError(f"{name}: expected 0 to {MAX_BITS} bits to enumerate, got {bits}")
    powers = torch.arange(bits - 1, -1, -1, device=device)
    for start in range(0, 2**bits, CHUNK):
        numbers = torch.arange(start, min(start + CHUNK, 2**bits), device=device)
        yield ((numbers.unsqueeze(-1) >> powers) & 1).to(dtype)


def log_law(energy: Energy, bits: int, *, dtype: torch.dtype | None = None) -> Tensor:
    """`log p(x) = −E(x) − log Z` of all `2^D` states in the order of `enumerate_states`, `(2^D,)`; differentiable.

    All bits are enumerated, frozen ones too. Under `torch.no_grad` the memory is bounded: states are evaluated some
    at a time.

    Args:
        bits: `D`, at most 20.
        dtype: of the states, hence of the arithmetic; that of the energy's parameters where not given.

    Raises:
        InputError: too many bits.

    >>> from discrete_ed import IsingEnergy
    >>> log_law(IsingEnergy(2), 2).exp().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return torch.cat([-value for _, value in _evaluated(energy, bits, dtype)]).log_softmax(-1)


def log_z(energy: Energy, bits: int, *, dtype: torch.dtype | None = None) -> float:
    """`log Z = log Σ_x exp(−E(x))` over all `2^D` states, summed in float64 and in bounded memory.

    Args:
        bits: `D`, at most 20.
        dtype: of the states; that of the energy's parameters where not given.

    Raises:
        InputError: too many bits.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy
    >>> round(log_z(IsingEnergy(3), 3), 6)  # 3 log 2
    2.079442
    """
    with torch.no_grad():
        parts = [(-value.double()).logsumexp(-1) for _, value in _evaluated(energy, bits, dtype)]
    return number(torch.stack(parts).logsumexp(-1))


class Moments(NamedTuple):
    """First and second moments of a law over bits, float64."""

    marginals: Tensor
    """`p(x_i = 1)`, `(D,)`."""
    pairs: Tensor
    """`p(x_i = 1, x_j = 1)`, `(D, D)`; the marginals on the diagonal."""


def moments(energy: Energy, bits: int, *, dtype: torch.dtype | None = None) -> Moments:
    """The marginals `p(x_i = 1)`, `(D,)`, and `p(x_i = 1, x_j = 1)`, `(D, D)`, by enumeration in bounded memory.

    Args:
        bits: `D`, at most 20.
        dtype: of the states; that of the energy's parameters where not given.

    Raises:
        InputError: too many bits.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy
    >>> moments(IsingEnergy(2), 2).pairs.tolist()
    [[0.5, 0.25], [0.25, 0.5]]
    """
    total = log_z(energy, bits, dtype=dtype)
    pairs = torch.zeros(bits, bits, dtype=torch.float64, device=device_of(energy))
    with torch.no_grad():
        for x, value in _evaluated(energy, bits, dtype):
            weight = (-value.double() - total).exp().unsqueeze(-1)
            pairs += x.double().T @ (weight * x.double())
    return Moments(pairs.diagonal().clone(), pairs)


def _layers(energy: RBMEnergy) -> tuple[Tensor, Tensor, Tensor, bool]:
    """`W`, the bias of its rows and of its columns in float64, columns the smaller layer; whether those are hidden."""
    check_kind(energy, RBMEnergy)
    weight, visible, hidden = (
        parameter.detach().double() for parameter in (energy.weight, energy.visible_bias, energy.hidden_bias)
    )
    if weight.shape[1] <= weight.shape[0]:
        return weight, visible, hidden, True
    return weight.T, hidden, visible, False


def rbm_log_z(energy: RBMEnergy) -> float:
    """`log Z` of a restricted Boltzmann machine: the smaller layer is enumerated, the other summed in closed form.

    `Z = Σ_h exp(cᵀh) Π_i (1 + exp(b_i + (W h)_i))`, or the same with the layers exchanged; float64.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> round(rbm_log_z(RBMEnergy(30, 2, scale=0.0)), 6)  # 32 log 2
    22.18071
    """
    weight, outer, inner, _ = _layers(energy)
    parts = [
        (x @ inner + softplus(outer + x @ weight.T).sum(-1)).logsumexp(-1)
        for x in chunks(len(inner), torch.float64, weight.device, "smaller layer")
    ]
    return number(torch.stack(parts).logsumexp(-1))


def rbm_marginals(energy: RBMEnergy) -> Tensor:
    """`p(x_i = 1)` of the visible bits of a restricted Boltzmann machine, `(D,)`, float64, as `rbm_log_z` sums.

    Raises:
        InputError: both layers have more than 20 bits.

    >>> from discrete_ed import RBMEnergy
    >>> rbm_marginals(RBMEnergy(3, 2, scale=0.0))
    tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    """
    total = rbm_log_z(energy)
    weight, outer, inner, hidden = _layers(energy)
    marginals = weight.new_zeros(len(outer) if hidden else len(inner))
    for x in chunks(len(inner), torch.float64, weight.device, "smaller layer"):
        inputs = outer + x @ weight.T
        p = (x @ inner + softplus(inputs).sum(-1) - total).exp()
        marginals += p @ (inputs.sigmoid() if hidden else x)
    return marginals


def number(value: Tensor) -> float:
    """The value of a `log Z`, or a `NumericalError` where it is none."""
    found = value.item()
    if not math.isfinite(found) and found != -math.inf:
        raise NumericalError(f"log Z: expected a number, got {found}; an energy is NaN or −inf")
    return found
