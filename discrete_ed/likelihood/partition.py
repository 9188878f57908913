"""The log partition function: summed exactly if that is possible, otherwise between two estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from discrete_ed.energies import Energy, RBMEnergy
from discrete_ed.energies.base import check_free, check_type, device_of, dtype_of, of_kind
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.energies.probe import check_function, check_model
from discrete_ed.errors import InputError
from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.enumeration import check_unconditional, enumerated_log_z, too_many_bits
from discrete_ed.likelihood.layers import rbm_log_z
from discrete_ed.names import ENUMERABLE_BITS
from discrete_ed.samplers import Kernel, local_for, sample, suitable_kernel
from discrete_ed.states import CHUNK_STATES, check_states


def log_z(energy: Energy, *, dtype: torch.dtype | None = None) -> float:
    """`log Z = log Σ_x exp(−E(x))` over all `2^D` states, exactly and in bounded memory, summed in float64.

    Up to 20 bits all states are enumerated, including frozen bits; a larger `RBMEnergy` is summed over its smaller
    layer (see `rbm_log_z`). For Ising models on a torus see `torus_log_z`; for all others `estimate_log_z` gives a
    bracket.

    Args:
        energy: an energy that knows its number of bits (see `Energy.bits`).
        dtype: precision of the enumerated states; by default that of the energy's parameters.

    Raises:
        InputError: too many bits, or an unknown number of them; an energy that is `Clamped`, or whose value doesn't
            depend on the state alone.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy, RBMEnergy
    >>> round(log_z(IsingEnergy(3)), 6)  # 3 log 2
    2.079442
    >>> round(log_z(RBMEnergy(30, 2, scale=0.0)), 6)  # 32 log 2
    22.18071
    """
    check_type(energy)
    value = exact_log_z(energy, energy.bits, dtype)
    if value is None:
        raise too_many_bits(energy.bits)
    return value


def exact_log_z(energy: Energy, bits: int, dtype: torch.dtype | None = None) -> float | None:
    """`log Z` by the method of `log_z` that can sum it, or None if none can."""
    check_unconditional(energy)
    if bits <= ENUMERABLE_BITS:
        return enumerated_log_z(energy, bits, dtype)
    machine = of_kind(energy, RBMEnergy)
    if machine is not None and min(machine.weight.shape) <= ENUMERABLE_BITS:
        return rbm_log_z(machine)
    return None


@dataclass(frozen=True)
class LogPartition:
    """`log Z`, exact or in a bracket.

    >>> exact = LogPartition(Bracket(1.5, 1.5, 0.0, 0.0), exact=True)
    >>> exact.low == exact.value == exact.high
    True
    """

    bracket: Bracket
    """estimates from below and above; if `log Z` is exact, both are its value, with errors of zero"""
    exact: bool
    """whether `log Z` was summed; otherwise it was estimated by annealed importance sampling"""

    @property
    def value(self) -> float:
        """`log Z`, or the middle of its two estimates."""
        return (self.bracket.lower + self.bracket.upper) / 2

    @property
    def low(self) -> float:
        """The lowest value that the estimates allow, each within 3 standard errors; `value` if exact."""
        b = self.bracket
        return min(b.lower - 3 * b.lower_error, b.upper - 3 * b.upper_error)

    @property
    def high(self) -> float:
        """The highest value that the estimates allow, each within 3 standard errors; `value` if exact."""
        b = self.bracket
        return max(b.lower + 3 * b.lower_error, b.upper + 3 * b.upper_error)


def estimate_log_z(
    energy: Energy,
    x: Tensor,
    *,
    kernel: Kernel | None = None,
    local: Callable[[Energy], LocalEvaluation] | None = None,
    temperatures: int = 1000,
    steps: int = 1,
    runs: int = 256,
    burn_in: int = 1000,
    width: float = 0.1,
    generator: torch.Generator | None = None,
) -> LogPartition:
    """`log Z` of an energy: exact if `log_z` can sum it, otherwise bracketed by forward and reverse annealing.

    Annealing is `ais` with inverse temperatures equally spaced from 0 to 1: forward runs start at uniform states, and
    reverse runs at the ends of chains that start at rows of `x`. If those chains have not reached the energy's law,
    the upper estimate may be too low. A warning is given if the bracket is wide or inverted.

    Args:
        x: states `(N, D)` at which chains may start, such as training data.
        kernel: kernel of the annealing and of the chains; by default that of `suitable_kernel` for annealing.
        local: makes the local evaluation of an energy, such as `Exact` for one that isn't differentiable in `x`; by
            default that of `local_for`.
        temperatures: number of inverse temperatures above 0.
        steps: number of kernel steps at each inverse temperature.
        runs: number of forward runs, and of reverse runs.
        burn_in: number of steps of the chains from which the reverse runs start.
        width: the widest bracket, in nats, that passes without a warning.

    Raises:
        InputError: no states, or some of their bits are frozen (`log Z` would depend on them).
        NumericalError: an energy isn't a number.

    Warns:
        RuntimeWarning: the bracket is wider than `width` or inverted.

    >>> from discrete_ed import IsingEnergy
    >>> found = estimate_log_z(IsingEnergy(3), torch.zeros(2, 3))
    >>> found.exact, round(found.value, 6)  # 3 log 2
    (True, 2.079442)
    """
    check_batch(energy, x)
    value = exact_log_z(energy, x.shape[1], x.dtype)
    if value is not None:
        return LogPartition(Bracket(value, value, 0.0, 0.0), exact=True)
    kernel = kernel or suitable_kernel(energy, purpose="annealing")
    evaluation = local(energy) if local else local_for(kernel, energy)
    rows = torch.randint(len(x), (runs,), generator=generator, device=x.device)
    target = sample(kernel, evaluation, x[rows], burn_in, generator=generator)
    betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64).tolist()
    bracket = ais(kernel, evaluation, target, target, betas, steps=steps, width=width, generator=generator)
    return LogPartition(bracket, exact=False)


def importance_log_z(
    energy: Energy, samples: int = 1_000_000, *, generator: torch.Generator | None = None
) -> tuple[float, float]:
    """`log Z` by importance sampling from uniform states, `log (2^D / n) Σ_k exp(−E(x_k))`, and its standard error.

    The published comparisons of densities in the plane use this estimate. It is too low on average (Jensen's
    inequality), and far too low, without any sign of it, if the model covers a small part of the space;
    `estimate_log_z` gives a bracket.

    Raises:
        InputError: `samples` below 1; an energy that freezes bits, or doesn't know their number.

    >>> from discrete_ed import BernoulliEnergy
    >>> log_z, error = importance_log_z(BernoulliEnergy(30), samples=100)
    >>> round(log_z, 4), error  # 30 log 2
    (20.7944, 0.0)
    """
    if samples < 1:
        raise InputError(f"samples: expected at least 1, got {samples}")
    check_type(energy)
    bits, device = energy.bits, device_of(energy)
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, samples, CHUNK_STATES):
            shape = (min(CHUNK_STATES, samples - start), bits)
            x = torch.randint(2, shape, generator=generator, device=device).to(dtype_of(energy))
            if not parts:
                check_function(energy, x)
                check_free(energy, x)
            parts.append(-energy(x).double())
    log_w = torch.cat(parts)
    w = (log_w - log_w.max()).exp()
    value = log_w.max() + w.mean().log() + bits * log(2)
    return value.item(), (w.std() / w.mean() / samples**0.5).item()


def check_batch(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` unless the states are bits `(N, D)`, at least one, that the energy accepts, all free."""
    check_states(x)
    if x.ndim != 2 or len(x) < 1:
        raise InputError(f"x: expected states of shape (N, D), at least one, got shape {tuple(x.shape)}")
    check_model(energy, x)
    check_free(energy, x)
