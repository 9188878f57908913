"""Log-likelihoods: exact where the normaliser can be summed, else between two estimates of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from discrete_ed.energies import Energy, RBMEnergy
from discrete_ed.energies.base import CHUNK, check_energy, check_free, device_of, dtype_of, of_kind
from discrete_ed.energies.local import LocalEvaluation, Taylor
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.enumeration import MAX_BITS, log_z, rbm_log_z
from discrete_ed.samplers import GibbsWithGradients, Kernel, sample
from discrete_ed.states import check_states


@dataclass(frozen=True)
class LogPartition:
    """What is known of `log Z`."""

    bracket: Bracket
    """Below and above; both the number itself, without errors, where it is exact."""
    exact: bool
    """Whether it was summed, by enumeration or by a layer, or estimated by annealed importance sampling."""

    @property
    def value(self) -> float:
        """`log Z`; the middle of the two estimates where there are two."""
        return (self.bracket.lower + self.bracket.upper) / 2

    @property
    def low(self) -> float:
        """The lowest that the estimates allow, each within 3 standard errors; `value` where exact."""
        b = self.bracket
        return min(b.lower - 3 * b.lower_error, b.upper - 3 * b.upper_error)

    @property
    def high(self) -> float:
        """The highest, likewise."""
        b = self.bracket
        return max(b.lower + 3 * b.lower_error, b.upper + 3 * b.upper_error)


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """`log p(x) = −E(x) − log Z` of some states, in nats, and what it comes to on average."""

    values: Tensor
    """Of each state, `(N,)`, float64; with the middle of the two estimates of `log Z` where that is estimated."""
    log_partition: LogPartition
    """What is known of `log Z`."""

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.values.mean().item()

    @property
    def lower(self) -> float:
        """The mean with the highest `log Z` that the estimates allow (see `LogPartition`): the careful value."""
        return self.mean - (self.log_partition.high - self.log_partition.value)

    @property
    def upper(self) -> float:
        """The mean with the lowest."""
        return self.mean + (self.log_partition.value - self.log_partition.low)

    @property
    def error(self) -> float:
        """Standard error of the mean over the states, as draws from their law; `log Z` has errors of its own."""
        return self.values.std().item() / len(self.values) ** 0.5 if len(self.values) > 1 else float("nan")

    @property
    def exact(self) -> bool:
        """Whether `log Z` is exact, so that `lower = mean = upper`."""
        return self.log_partition.exact


def estimate_log_z(
    energy: Energy,
    x: Tensor,
    *,
    kernel: Kernel | None = None,
    local: Callable[[Energy], LocalEvaluation] = Taylor,
    temperatures: int = 1000,
    steps: int = 1,
    runs: int = 256,
    burn_in: int = 1000,
    width: float = 0.1,
    generator: torch.Generator | None = None,
) -> LogPartition:
    """`log Z` of an energy: exact if it can be summed, else bracketed by forward and reverse annealing.

    Up to 20 bits all states are enumerated; an `RBMEnergy` whose smaller layer has at most 20 bits is summed over that
    layer. Else `ais`, with inverse temperatures equally spaced from 0 to 1: forward runs start at uniform draws, and
    reverse runs at the ends of chains that start at rows of `x`. If those chains have not reached the energy's law,
    the upper estimate may be too low; a wide or inverted bracket is warned of.

    Args:
        x: states `(N, D)` at which chains may start, such as training data.
        kernel: for the annealing and the chains; Gibbs-with-gradients where not given.
        local: `Taylor`, or `Exact` for an energy that isn't differentiable in `x`.
        temperatures: number of inverse temperatures above 0.
        steps: steps of the kernel at each.
        runs: forward runs, and reverse runs.
        burn_in: steps of the chains before the reverse runs.
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
    _check(energy, x)
    bits = x.shape[1]
    value = None
    if bits <= MAX_BITS:
        value = log_z(energy, bits, dtype=x.dtype)
    else:
        machine = of_kind(energy, RBMEnergy)
        if machine is not None and min(machine.weight.shape) <= MAX_BITS:
            value = rbm_log_z(machine)
    if value is not None:
        return LogPartition(Bracket(value, value, 0.0, 0.0), exact=True)
    kernel = kernel or GibbsWithGradients()
    rows = torch.randint(len(x), (runs,), generator=generator, device=x.device)
    target = sample(kernel, local(energy), x[rows], burn_in, generator=generator)
    betas = torch.linspace(0, 1, temperatures + 1, dtype=torch.float64).tolist()
    bracket = ais(kernel, local(energy), target, target, betas, steps=steps, width=width, generator=generator)
    return LogPartition(bracket, exact=False)


def log_likelihood(
    energy: Energy, x: Tensor, z: LogPartition | None = None, *, generator: torch.Generator | None = None
) -> LogLikelihood:
    """The log-likelihood of states under an energy, each and on average: exact, or a bracket; `exact` tells which.

    Args:
        x: states `(N, D)`.
        z: what `estimate_log_z` found, to use it again or to choose how it is estimated; where not given it is
            estimated with default settings, and its chains start at `x`.
        generator: of the estimate.

    Raises:
        InputError: `x` isn't a float tensor of bits, or the energy returns something of another shape.
        NumericalError: an energy isn't a number.

    >>> from discrete_ed import BernoulliEnergy
    >>> result = log_likelihood(BernoulliEnergy(4), torch.zeros(10, 4))
    >>> result.exact, round(result.mean, 6), result.lower == result.upper  # −4 log 2
    (True, -2.772589, True)
    >>> result.values.shape
    torch.Size([10])
    """
    _check(energy, x)
    if z is None:
        z = estimate_log_z(energy, x, generator=generator)
    with torch.no_grad():
        energies = torch.cat([energy(rows).double() for rows in x.split(CHUNK)])
    if energies.isnan().any() or energies.isneginf().any():
        bad = int((energies.isnan() | energies.isneginf()).sum())
        raise NumericalError(f"energy: expected numbers, got NaN or -inf at {bad} of {len(x)} states")
    return LogLikelihood(-energies - z.value, z)


def importance_log_z(
    energy: Energy, bits: int, draws: int = 1_000_000, *, generator: torch.Generator | None = None
) -> tuple[float, float]:
    """`log Z` by importance sampling from uniform states, `log (2^D / n) Σ_k exp(−E(x_k))`, and its standard error.

    How the published comparisons on densities in the plane do it. Too low on average (Jensen), and without warning far
    too low where the model fills a small part of the space; `estimate_log_z` brackets.

    Raises:
        InputError: `draws` below 1, or an energy that freezes bits.

    >>> from discrete_ed import BernoulliEnergy
    >>> log_z, error = importance_log_z(BernoulliEnergy(30), 30, draws=100)
    >>> round(log_z, 4), error  # 30 log 2
    (20.7944, 0.0)
    """
    if draws < 1:
        raise InputError(f"draws: expected at least 1, got {draws}")
    device = device_of(energy)
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, draws, CHUNK):
            shape = (min(CHUNK, draws - start), bits)
            x = torch.randint(2, shape, generator=generator, device=device).to(dtype_of(energy))
            if not parts:
                check_free(energy, x)
            parts.append(-energy(x).double())
    log_w = torch.cat(parts)
    w = (log_w - log_w.max()).exp()
    value = log_w.max() + w.mean().log() + bits * log(2)
    return value.item(), (w.std() / w.mean() / draws**0.5).item()


def _check(energy: Energy, x: Tensor) -> None:
    check_states(x)
    if x.ndim != 2 or len(x) < 1:
        raise InputError(f"x: expected states of shape (N, D), at least one, got shape {tuple(x.shape)}")
    check_energy(energy, x)
    check_free(energy, x)
