"""Exact results by enumeration, for small state spaces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from math import log2
from typing import NamedTuple

import torch
from torch import Tensor

from discrete_ed.energies.base import Energy, check_type, device_of, dtype_of, evaluation_size
from discrete_ed.energies.evaluated import check_shape
from discrete_ed.energies.probe import check_function
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.names import ENUMERABLE_BITS
from discrete_ed.runtime.threads import suitable_threads
from discrete_ed.states import CHUNK_STATES, enumerate_states, state_chunks


def log_law(energy: Energy, *, dtype: torch.dtype | None = None) -> Tensor:
    """`log p(x) = −E(x) − log Z` of all `2^D` states in the order of `enumerate_states`, `(2^D,)`; differentiable.

    All bits are enumerated, including frozen ones of a graph; an energy with known bits is refused. Under
    `torch.no_grad` the memory is bounded, since states are evaluated in chunks. If bits are tied into groups, the
    states are those of `energy.groups.states()`, in that order.

    Args:
        energy: an energy of at most 20 bits, or with groups of at most 2^20 states, which knows their number (see
            `Energy.bits`).
        dtype: precision of the states, hence of the arithmetic; by default that of the energy's parameters.

    Raises:
        InputError: too many bits, or an unknown number of them; an energy that is `Clamped`, whose value doesn't depend
            on the state alone, or that is +∞ everywhere, which has no law.

    >>> from discrete_ed import IsingEnergy
    >>> log_law(IsingEnergy(2)).exp().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    check_type(energy)
    logits = torch.cat([-value for _, value in _evaluate_all(energy, energy.bits, dtype)])
    if logits.isneginf().all():
        raise _without_law(energy)
    return logits.log_softmax(-1)


def sample_law(
    energy: Energy, count: int, generator: torch.Generator | None = None, *, dtype: torch.dtype | None = None
) -> Tensor:
    """Independent samples from exactly the law of an energy, by enumeration, `(count, D)`.

    Probabilities are normalised, and states are chosen, in float64.

    Args:
        energy: an energy of at most 20 bits, which knows their number (see `Energy.bits`).
        count: number of samples.
        generator: the source of randomness.
        dtype: precision of the states; by default that of the energy's parameters.

    Raises:
        InputError: too many bits, or an unknown number of them; an energy that is `Clamped`, or whose value doesn't
            depend on the state alone.

    >>> from discrete_ed import BernoulliEnergy
    >>> sample_law(BernoulliEnergy(torch.tensor([99.0, -99.0])), 2).tolist()
    [[1.0, 0.0], [1.0, 0.0]]
    """
    with torch.no_grad():
        law = log_law(energy, dtype=dtype).double().exp()
    rows = law.multinomial(count, replacement=True, generator=generator)
    dtype = dtype or dtype_of(energy)
    if energy.groups is not None:
        return energy.groups.states(dtype=dtype, device=law.device)[rows]
    return enumerate_states(energy.bits, dtype=dtype, device=law.device)[rows]


class Moments(NamedTuple):
    """First and second moments of a law over bits, float64.

    >>> from discrete_ed import IsingEnergy
    >>> moments(IsingEnergy(2)).marginals.tolist()
    [0.5, 0.5]
    """

    marginals: Tensor
    """`p(x_i = 1)`, `(D,)`"""
    pairs: Tensor
    """`p(x_i = 1, x_j = 1)`, `(D, D)`; the marginals on the diagonal"""


def moments(energy: Energy, *, dtype: torch.dtype | None = None) -> Moments:
    """The marginals `p(x_i = 1)`, `(D,)`, and `p(x_i = 1, x_j = 1)`, `(D, D)`, by enumeration in bounded memory.

    Args:
        energy: an energy of at most 20 bits, which knows their number (see `Energy.bits`).
        dtype: precision of the states; by default that of the energy's parameters.

    Raises:
        InputError: too many bits, or an unknown number of them; an energy that is `Clamped`, or whose value doesn't
            depend on the state alone.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy
    >>> moments(IsingEnergy(2)).pairs.tolist()
    [[0.5, 0.25], [0.25, 0.5]]
    """
    check_type(energy)
    bits = energy.bits
    log_z = enumerated_log_z(energy, bits, dtype)
    pairs = torch.zeros(bits, bits, dtype=torch.float64, device=device_of(energy))
    with torch.no_grad():
        for x, value in _evaluate_all(energy, bits, dtype):
            weight = (-value.double() - log_z).exp().unsqueeze(-1)
            pairs += x.double().T @ (weight * x.double())
    return Moments(pairs.diagonal().clone(), pairs)


def enumerated_log_z(energy: Energy, bits: int, dtype: torch.dtype | None = None) -> float:
    """`log Z = log Σ_x exp(−E(x))` over all `2^D` states, summed in float64 and in bounded memory.

    Raises:
        InputError: too many bits; an energy that is +∞ everywhere, which has no law.
        NumericalError: an energy is NaN.
    """
    with torch.no_grad():
        parts = [(-value.double()).logsumexp(-1) for _, value in _evaluate_all(energy, bits, dtype)]
    found = torch.stack(parts).logsumexp(-1)
    if found.isneginf():
        raise _without_law(energy)
    return number(found)


def _without_law(energy: Energy) -> InputError:
    return InputError(
        f"energy: expected a state whose probability isn't zero, got +inf of {type(energy).__name__} at all states, so "
        "that there is no law and Z = 0"
    )


def check_enumerable(bits: int, name: str = "bits") -> None:
    """Raise `InputError` if there are too many bits to enumerate their states."""
    if not 0 <= bits <= ENUMERABLE_BITS:
        raise too_many_bits(bits, name)


def too_many_bits(bits: int, name: str = "bits") -> InputError:
    """The error for a state space that is too large to enumerate."""
    return InputError(f"{name}: expected 0 to {ENUMERABLE_BITS} bits to enumerate, got {bits}")


def _evaluate_all(energy: Energy, bits: int, dtype: torch.dtype | None) -> Iterator[tuple[Tensor, Tensor]]:
    """All states with their energies, in chunks; in the energy's precision unless another is given."""
    groups = energy.groups
    if groups is None:
        check_enumerable(bits)
    elif groups.count > 2**ENUMERABLE_BITS:
        raise InputError(
            f"groups: expected at most 2^{ENUMERABLE_BITS} states to enumerate, got 2^{log2(groups.count):.0f}"
        )
    check_unconditional(energy)
    dtype = dtype or dtype_of(energy)
    if dtype.itemsize < 4:
        raise InputError(f"energy: expected single or double precision, got {dtype}; call energy.float()")
    count = 2**bits if groups is None else groups.count
    threads = suitable_threads(evaluation_size(energy, min(CHUNK_STATES, count) * bits))
    device = device_of(energy)
    chunks = state_chunks(bits, dtype=dtype, device=device) if groups is None else groups.state_chunks(dtype, device)
    for k, x in enumerate(chunks):
        if k == 0:
            check_function(energy, x)
        with threads:
            value = energy(x)
        check_shape(energy, value, (len(x),))
        yield x, value


def check_unconditional(energy: Energy) -> None:
    """Raise `InputError` for an energy that is clamped, or contains one that is: its law depends on the known bits."""
    for part in energy.modules():
        if isinstance(part, Energy) and part.unclamped is not part:
            raise InputError(
                f"energy: expected one without known bits, whose law depends on their values, got {type(part).__name__}"
                "; energy.unclamped is the energy without conditions"
            )


def number(value: Tensor) -> float:
    """The value of a `log Z` as a number, or a `NumericalError` if it is NaN."""
    found = value.item()
    if not math.isfinite(found) and found != -math.inf:
        raise NumericalError(f"log Z: expected a number, got {found}; an energy is NaN or −inf")
    return found
