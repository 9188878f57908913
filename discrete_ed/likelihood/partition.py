"""The log partition function: summed exactly if that is possible, otherwise between two estimates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import log

import torch
from torch import Tensor

from discrete_ed.energies import Energy, IsingEnergy, RBMEnergy
from discrete_ed.energies.base import check_type, device_of, dtype_of, of_kind, state_bits
from discrete_ed.energies.evaluated import check_free
from discrete_ed.energies.local import LocalEvaluation
from discrete_ed.energies.probe import check_function, check_model
from discrete_ed.errors import InputError
from discrete_ed.likelihood.annealing import Bracket, ais
from discrete_ed.likelihood.base import Mixture
from discrete_ed.likelihood.bracketing import MOSTLY, Annealing, bracket_by_annealing, check_settings
from discrete_ed.likelihood.enumeration import check_unconditional, enumerated_log_z, too_many_bits
from discrete_ed.likelihood.layers import rbm_log_z, smaller_layer
from discrete_ed.likelihood.single_site import SingleSite
from discrete_ed.likelihood.sparse import gray_log_z, treewidth_log_z
from discrete_ed.likelihood.starting import BaseName, base_law, path_to
from discrete_ed.names import ENUMERABLE_BITS, GRAY_BITS
from discrete_ed.samplers import Kernel, local_for, sample, suitable_kernel
from discrete_ed.states import CHUNK_STATES, check_states


def log_z(energy: Energy, *, dtype: torch.dtype | None = None) -> float:
    """`log Z = log Σ_x exp(−E(x))` over all `2^D` states, exactly and in bounded memory, summed in float64.

    Up to 20 bits all states are enumerated, including frozen bits; if bits are tied into groups, up to 2^20 states of
    the groups. A larger `RBMEnergy` is summed over its smaller layer (see `rbm_log_z`), and a larger `IsingEnergy` by
    Gray code up to 26 spins, or where its couplings are so sparse that variable elimination can (see
    `treewidth_log_z`). For Ising models on a torus see also `torus_log_z`; for all others `estimate_log_z` gives a
    bracket.

    Args:
        energy: an energy that knows its number of bits (see `Energy.bits`).
        dtype: precision of the enumerated states; by default that of the energy's parameters.

    Raises:
        InputError: too many bits, or an unknown number of them; an energy that is `Clamped`, or whose value doesn't
            depend on the state alone; one that is +∞ at all states, so that Z = 0.
        NumericalError: an energy is NaN.

    >>> from discrete_ed import IsingEnergy, RBMEnergy
    >>> round(log_z(IsingEnergy(3)), 6)  # 3 log 2
    2.079442
    >>> round(log_z(RBMEnergy(30, 2, scale=0.0)), 6)  # 32 log 2
    22.18071
    """
    check_type(energy)
    value = exact_log_z(energy, energy.bits, dtype)
    if value is None and energy.groups is not None:
        found = state_bits(energy, energy.bits)
        raise InputError(f"groups: expected at most 2^{ENUMERABLE_BITS} states to sum over, got 2^{found:.0f}")
    if value is None:
        raise too_many_bits(energy.bits)
    return value


def exact_log_z(energy: Energy, bits: int, dtype: torch.dtype | None = None) -> float | None:
    """`log Z` by the method of `log_z` that can sum it, or None if none can."""
    check_unconditional(energy)
    if state_bits(energy, bits) <= ENUMERABLE_BITS:
        return enumerated_log_z(energy, bits, dtype)
    machine, spins = of_kind(energy, RBMEnergy), of_kind(energy, IsingEnergy)
    if machine is not None and smaller_layer(machine) <= ENUMERABLE_BITS:
        return rbm_log_z(machine)
    if spins is not None and energy is spins:
        found = gray_log_z(spins) if bits <= GRAY_BITS else None
        return treewidth_log_z(spins) if found is None else found
    return None


@dataclass(frozen=True)
class LogPartition:
    """`log Z`: exact, in a bracket, or refused.

    >>> exact = LogPartition(Bracket(1.5, 1.5, 0.0, 0.0), exact=True)
    >>> exact.low == exact.value == exact.high
    True
    >>> print(exact.verdict)
    log Z is exact.
    """

    bracket: Bracket
    """estimates from below and above; if `log Z` is exact, both are its value, with errors of zero"""
    exact: bool
    """whether `log Z` was summed; otherwise it was estimated by annealed importance sampling"""
    annealing: Annealing | None = None
    """the runs behind the bracket; None if `log Z` is exact, or was estimated with a kernel of the caller's choice"""
    base: str | None = None
    """the law at which these runs start, in words"""

    @property
    def refused(self) -> bool:
        """Whether the runs prove that modes were missed, so that `log Z` is known from below only."""
        return self.annealing is not None and self.annealing.missed

    @property
    def spurious(self) -> bool:
        """Whether almost all mass lies where short chains from the rows don't come: the model has a spurious mode."""
        return self.annealing is not None and self.annealing.spurious

    @property
    def value(self) -> float:
        """`log Z`, or the middle of its two estimates; NaN if it is refused."""
        return math.nan if self.refused else (self.bracket.lower + self.bracket.upper) / 2

    @property
    def low(self) -> float:
        """The lowest value that the estimates allow; `value` if exact.

        It lies below `value` by half of the distance between the estimates and three standard errors of their middle.
        If the value is refused, it is the highest forward estimate less three standard errors.
        """
        if self.refused and self.annealing is not None:
            return max(found.value - 3 * found.error for found in (self.annealing.forward, self.annealing.far))
        return self.value - self._half_width

    @property
    def high(self) -> float:
        """The highest value that the estimates allow, as far above `value`; `value` if exact, ∞ if it is refused."""
        return math.inf if self.refused else self.value + self._half_width

    @property
    def _half_width(self) -> float:
        b = self.bracket
        return abs(b.upper - b.lower) / 2 + 3 * math.hypot(b.lower_error, b.upper_error) / 2

    @property
    def verdict(self) -> str:
        """What is known about `log Z`, in one sentence."""
        if self.exact:
            return "log Z is exact."
        if self.annealing is not None and self.refused:
            return (
                f"log Z is refused: forward annealing finds at least {self.low:.2f}, yet reverse annealing gives "
                f"{self.annealing.rows.value:.2f} from the rows and {self.annealing.annealed.value:.2f} from annealed "
                "states: reverse runs of one kind start where a mode of the model is missed."
            )
        gap = self.bracket.upper - self.bracket.lower
        known = f"log Z is {self.value:.3f} ± {self._half_width:.3f}: forward and reverse annealing differ by {gap:.3f}"
        if self.annealing is not None and self.annealing.far_share > MOSTLY:
            return (
                f"{known}, but {self.annealing.far_share:.0%} of the mass of the model lies where short chains from "
                "the rows don't come."
            )
        if self.annealing is not None and self.spurious:
            return (
                f"{known}, but short chains from the rows account for {self.annealing.first_rows.value:.2f} only: "
                "almost all mass of the model lies far from the rows."
            )
        return f"{known}, and nothing shows that a mode was missed."


def estimate_log_z(
    energy: Energy,
    x: Tensor,
    *,
    base: BaseName | Mixture = "auto",
    temperatures: int | None = None,
    steps: int = 1,
    runs: int = 256,
    width: float = 0.05,
    seconds: float = 60.0,
    kernel: Kernel | None = None,
    local: Callable[[Energy], LocalEvaluation] | None = None,
    burn_in: int = 1000,
    exact: bool = True,
    generator: torch.Generator | None = None,
) -> LogPartition:
    """`log Z` of an energy: exact if `log_z` can sum it, otherwise bracketed by forward and reverse annealing.

    Forward runs start at a base law, exactly sampled, and reverse runs at the ends of chains: half of them begin at
    rows of `x`, the others where earlier forward runs arrived. Rounds of growing length, with schedules that lose
    equal work at every step, go on until the interval from `low` to `high` is at most `width`, or the budget is spent.
    If forward runs find more mass than reverse ones, modes were missed and the value is refused (see `LogPartition`). A
    mode that neither kind of run ever reaches can't be noticed.

    An `IsingEnergy` whose fields are all zero has `E(s) = E(−s)`. Its rows are used twice, as they are and with all
    bits flipped, so that rows of one phase stand for both.

    Args:
        x: states `(N, D)` at which chains may start, such as training data.
        base: `frequencies`, independent bits with those of `x`; `mixture`, of independent bits, fitted to `x`; `auto`,
            the frequencies for an `RBMEnergy` and an `IsingEnergy`, whose steps are fast, and `both` for others;
            `model`, a law that is fitted to states which short annealing of the model itself reaches from the uniform
            law; `both`, one that is fitted to `x` (trees, for energies whose steps are slow) and to those states, or
            the mixture that is a part of the energy; `uniform`; or a mixture of your own.
        temperatures: number of inverse temperatures above 0 of the last round; by default as many as needed.
        steps: how many times more updates there are at every inverse temperature than by default.
        runs: number of forward runs, and of reverse runs.
        width: the widest interval, in nats, that passes without a warning, and at which rounds end.
        seconds: the budget, as the time of one idle core. It is counted in updates of single runs, by a rough cost of
            each, and not measured, so that a seed gives the same bits on any machine.
        kernel: a kernel for `ais`, which then runs once instead of all rounds, from the uniform law, with
            `temperatures` equally spaced (1000 by default), and `steps` of the kernel at each.
        local: makes the local evaluation of an energy for that kernel; by default that of `local_for`.
        burn_in: number of steps of the chains from which the reverse runs of that kernel start.
        exact: whether `log Z` is summed where that is possible; False anneals in any case.
        generator: the source of randomness.

    Raises:
        InputError: no states, or some of their bits are frozen (`log Z` would depend on them); an unknown base; a
            setting that isn't positive.
        NumericalError: an energy isn't a number, or is +∞ wherever runs start.

    Warns:
        RuntimeWarning: the interval is wider than `width`, or the value is refused.

    >>> from discrete_ed import IsingEnergy
    >>> found = estimate_log_z(IsingEnergy(3), torch.zeros(2, 3))
    >>> found.exact, round(found.value, 6)  # 3 log 2
    (True, 2.079442)
    """
    check_settings(runs, temperatures, steps, width, seconds)
    check_batch(energy, x)
    value = exact_log_z(energy, x.shape[1], x.dtype) if exact else None
    if value is not None:
        return LogPartition(Bracket(value, value, 0.0, 0.0), exact=True)
    x = _symmetric(energy, x)
    if kernel is not None or local is not None:
        kernel = kernel or suitable_kernel(energy, purpose="annealing")
        evaluation = local(energy) if local else local_for(kernel, energy)
        rows = torch.randint(len(x), (runs,), generator=generator, device=x.device)
        target = sample(kernel, evaluation, x[rows], burn_in, generator=generator)
        betas = torch.linspace(0, 1, (temperatures or 1000) + 1, dtype=torch.float64).tolist()
        bracket = ais(kernel, evaluation, target, target, betas, steps=steps, width=width, generator=generator)
        return LogPartition(bracket, exact=False)
    mixture, words = base_law(energy, x, base, generator)
    seed = torch.initial_seed() if generator is None else generator.initial_seed()
    own = torch.Generator(x.device).manual_seed((seed + 2) % 2**63)
    path = path_to(energy, mixture)
    annealing = bracket_by_annealing(
        path,
        path_to(energy, base_law(energy, x, "model", own)[0]),
        replace(path, jumps=False) if isinstance(path, SingleSite) else path,
        x,
        runs=runs,
        width=width,
        temperatures=temperatures,
        steps=steps,
        budget=1e6 * seconds / path.cost,
        generator=generator,
    )
    up, down = annealing.forward, annealing.reverse
    found = LogPartition(Bracket(up.value, down.value, up.error, down.error), False, annealing, words)
    if found.refused or found.spurious:
        warnings.warn(found.verdict, RuntimeWarning, stacklevel=2)
    elif found.high - found.low > width:
        warnings.warn(
            f"log Z is known to ± {found.high - found.value:.2g} only, since the bracket of forward and reverse "
            f"annealing is {annealing.gap:.3g} nats wide after {annealing.evaluations:.2g} updates: take more "
            "seconds, or more inverse temperatures",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


def _symmetric(energy: Energy, x: Tensor) -> Tensor:
    """The rows `(N, D)`, and their opposites too if every state of an Ising model has the energy of its opposite."""
    spins = of_kind(energy, IsingEnergy)
    return x if spins is None or spins.fields.any() else torch.cat([x, 1 - x])


def importance_log_z(
    energy: Energy, samples: int = 1_000_000, *, generator: torch.Generator | None = None
) -> tuple[float, float]:
    """`log Z` by importance sampling from uniform states, `log (2^D / n) Σ_k exp(−E(x_k))`, and its standard error.

    The published comparisons of densities in the plane use this estimate. It is too low on average (Jensen's
    inequality), and far too low, without any sign of it, if the model covers a small part of the space;
    `estimate_log_z` gives a bracket.

    Raises:
        InputError: `samples` below 2; an energy that freezes bits, or doesn't know their number.

    >>> from discrete_ed import BernoulliEnergy
    >>> log_z, error = importance_log_z(BernoulliEnergy(30), samples=100)
    >>> round(log_z, 4), error  # 30 log 2
    (20.7944, 0.0)
    """
    if samples < 2:
        raise InputError(f"samples: expected at least 2, for a standard error, got {samples}")
    check_type(energy)
    bits, device = energy.bits, device_of(energy)
    parts: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, samples, CHUNK_STATES):
            shape = (min(CHUNK_STATES, samples - start), bits)
            x = torch.randint(2, shape, generator=generator, device=device).to(dtype_of(energy))
            if energy.groups is not None:
                x = energy.groups.uniform(len(x), x, generator=generator)
            if not parts:
                check_function(energy, x)
                check_free(energy, x)
            parts.append(-energy(x).double())
    log_w = torch.cat(parts)
    w = (log_w - log_w.max()).exp()
    value = log_w.max() + w.mean().log() + state_bits(energy, bits) * log(2)
    return value.item(), (w.std() / w.mean() / samples**0.5).item()


def check_batch(energy: Energy, x: Tensor) -> None:
    """Raise `InputError` unless the states are bits `(N, D)`, at least one, that the energy accepts, all free."""
    check_states(x)
    if x.ndim != 2 or len(x) < 1:
        raise InputError(f"x: expected states of shape (N, D), at least one, got shape {tuple(x.shape)}")
    check_model(energy, x)
    check_free(energy, x)
