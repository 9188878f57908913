"""Noise levels: how data are blurred level by level, and an energy that knows the level."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from discrete_ed.energies.base import Energy, check_type, describe
from discrete_ed.energies.evaluated import check_shape
from discrete_ed.errors import InputError
from discrete_ed.states import CHUNK_STATES

BOUND = 6.0
"""largest λ(t) of `NoiseConditionalEnergy`: the flips of data without noise would have no bound"""


@dataclass(frozen=True)
class NoiseLevels:
    """Noise that resamples bits: level `t` in [0, 1] keeps a bit with probability `a(t) = cos(π t / 2)`.

    A bit that isn't kept is sampled anew with probability π of a one, so that `q_t(x_t | x_0)` goes from the data at
    `t = 0` to independent bits of density π at `t = 1`. From level `t` to a later level `t₂` a bit is kept with
    probability `r = a(t₂) / a(t)`. At density ½ this is Bernoulli noise, `x_t = x_0 + ξ mod 2` with
    `ξ ~ Bernoulli((1 − a)/2)`. With the density of sparse data it keeps them sparse at all levels.

    Args:
        count: T, the number of steps from noise to data; the levels are `t = k / T`.
        density: π, the probability of a one among resampled bits, in (0, 1).

    Raises:
        InputError: fewer than 1 step, or not a whole number, or a density outside (0, 1).

    >>> NoiseLevels(count=2).keep(torch.tensor([0.0, 0.5, 1.0]))
    tensor([1.0000, 0.7071, 0.0000])
    """

    count: int = 40
    density: float = 0.5

    def __post_init__(self) -> None:
        if not (isinstance(self.count, int | np.integer) and self.count >= 1):
            raise InputError(f"count: expected a whole number, at least one noise level, got {self.count}")
        if not 0 < self.density < 1:
            raise InputError(f"density: expected a probability inside (0, 1), got {self.density}")

    @property
    def log_odds(self) -> float:
        """`log π / (1 − π)`, the log odds of a one at the last level."""
        return log(self.density / (1 - self.density))

    def level(self, step: Tensor | int) -> Tensor:
        """`t = k / T` of the step `k`."""
        return torch.as_tensor(step) / self.count

    def keep(self, t: Tensor) -> Tensor:
        """`a(t)`, the probability that a bit is kept from the data to level `t`."""
        return torch.where(t >= 1, 0.0, (t * (pi / 2)).cos())

    def later(self, t: Tensor, changed: Tensor) -> Tensor:
        """The level at which noise from level `t` has changed so many of a state's bits as given, in expectation.

        Args:
            t: levels, `(...)`.
            changed: the share of changed bits, `(...)`, if ones are as frequent as in the noise.

        >>> NoiseLevels().later(torch.tensor([0.0, 0.3]), torch.tensor([0.1, 0.5]))
        tensor([0.4097, 1.0000])
        """
        kept = self.keep(t) * (1 - changed / (2 * self.density * (1 - self.density))).clamp(min=0)
        return torch.where(kept > 0, kept.clamp(max=1).acos() * (2 / pi), 1.0)

    def ones(self, keep: Tensor) -> tuple[Tensor, Tensor]:
        """The probabilities of a one after noise that keeps bits with probability `keep`: of a zero, and of a one."""
        from_zero = (1 - keep) * self.density
        return from_zero, keep + from_zero

    def blur(self, x: Tensor, free: Tensor, keep: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """`y ~ q(·|x)`: each free bit of states `(..., D)` is kept with probability `keep`, `(...)`, or resampled."""
        u = torch.rand(2, *x.shape, generator=generator, device=x.device)
        resampled = free & (u[0] >= keep.unsqueeze(-1))
        return torch.where(resampled, (u[1] < self.density).to(x.dtype), x)

    def evidence(self, y: Tensor, keep: Tensor) -> Tensor:
        """`log q(y_i | x_i = 1) − log q(y_i | x_i = 0)` of every bit: `(..., D)` and `(...)` to `(..., D)`."""
        from_zero, from_one = (p.unsqueeze(-1) for p in self.ones(keep))
        return torch.where(y > 0.5, from_one.log() - from_zero.log(), (1 - from_one).log() - (1 - from_zero).log())

    def between(self, log_odds: Tensor, y: Tensor, t: Tensor, later: Tensor) -> Tensor:
        """The log odds of a one at level `t`, given a state at a later level and what is known of the data.

        `log p(x_t,i = 1 | y) / p(x_t,i = 0 | y)` with `p(x_t,i | y) = Σ_k p(x_0,i = k | y) q(x_t,i | x_0,i = k, y_i)`.

        Args:
            log_odds: `log p(x_0,i = 1 | y) / p(x_0,i = 0 | y)` of every bit of the data, `(..., D)`.
            y: states at the later level, `(..., D)`.
            t: level of the states wanted, `(...)`.
            later: level of `y`, above `t`, `(...)`.
        """
        keep = self.keep(t)
        evidence = self.evidence(y, self.keep(later) / keep)
        of_zero, of_one = (p.unsqueeze(-1).logit() + evidence for p in self.ones(keep))
        known, unknown = logsigmoid(log_odds), logsigmoid(-log_odds)
        one, zero = (
            torch.logaddexp(known + logsigmoid(sign * of_one), unknown + logsigmoid(sign * of_zero)) for sign in (1, -1)
        )
        return one - zero

    def log_prob(self, y: Tensor, x: Tensor, free: Tensor, keep: Tensor) -> Tensor:
        """`log q(y|x)`, summed over the free bits: states `(..., D)` to `(...)`; −∞ where `y` can't come from `x`."""
        from_zero, from_one = (p.unsqueeze(-1) for p in self.ones(keep))
        one = torch.where(x > 0.5, from_one, from_zero)
        return torch.where(free, torch.where(y > 0.5, one, 1 - one).log(), 0.0).sum(-1)

    def bound(self, t: Tensor) -> Tensor:
        """λ(t): how far a bit's log odds given all others can lie from those of the density, at most `BOUND`.

        Whatever the data, `q_t(x_i = 1 | the others)` lies between `(1 − a) π` and `a + (1 − a) π`.
        """
        from_zero, from_one = self.ones(self.keep(t))
        reach = torch.maximum(from_one.logit() - self.log_odds, self.log_odds - from_zero.logit())
        return reach.clamp(max=BOUND)


def _check_level(t: Tensor | float) -> None:
    """Raise `InputError` unless a number is a noise level; tensors are taken, since a look at them takes time."""
    if not isinstance(t, Tensor) and not 0 <= t <= 1:
        raise InputError(f"t: expected a noise level in [0, 1], got {t}")


class NoiseConditionalEnergy(Energy):
    """An energy of data at every noise level, `p_t(x) ∝ exp(−E(x, t))`, with
    `E(x, t) = −logit(π) Σ_i x_i + λ(t) f(x, t)`.

    λ(t) is the bound of what a flip can change at level `t` (see `NoiseLevels.bound`), so that at `t = 1` the energy is
    that of independent bits exactly. Without a level it is the energy of the data, `E(x, 0)`, which every function of
    the package takes.

    Args:
        network: f, an energy built with `noise_levels=True`, whose `forward(x, t)` takes a noise level.
        count: T, see `NoiseLevels`.
        density: π, see `NoiseLevels`.

    Raises:
        InputError: a network that takes no noise level; count and density as in `NoiseLevels`; when evaluated, a
            number `t` outside [0, 1].

    >>> from discrete_ed import MLPEnergy
    >>> energy = NoiseConditionalEnergy(MLPEnergy(6, hidden=(8,), noise_levels=True))
    >>> x = torch.eye(6)
    >>> energy(x, 1.0).abs().max().item()  # independent fair coins
    0.0
    >>> torch.equal(energy(x), energy(x, 0.0))
    True
    """

    groupless = "noise levels flip single bits"

    def __init__(self, network: Energy, count: int = 40, density: float = 0.5) -> None:
        super().__init__()
        check_type(network, "network")
        if not getattr(network, "noise_levels", False):
            raise InputError(
                f"network: expected an energy that takes a noise level, got {type(network).__name__}; build it with "
                "noise_levels=True"
            )
        if network.groups is not None:
            raise InputError("network: expected one without groups, since noise levels flip single bits, got some")
        self.network = network
        self.bits = network.bits
        self.noise = NoiseLevels(count, density)

    def arguments(self) -> dict[str, Any]:
        return {"network": describe(self.network), "count": self.noise.count, "density": self.noise.density}

    def free(self, x: Tensor) -> Tensor:
        return self.network.free(x)

    def forward(self, x: Tensor, t: Tensor | float = 0.0) -> Tensor:
        """`E(x, t)`: states `(..., D)` and levels that broadcast to `(...)`, to energies `(...)`."""
        _check_level(t)
        level = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(x.shape[:-1])
        value = self.noise.bound(level) * self.network(x, level)
        check_shape(self.network, value, tuple(x.shape[:-1]))
        return value - self.noise.log_odds * x.sum(-1)

    @property
    def denoises(self) -> bool:
        """Whether the network also predicts the data from a noisy state, see `predict`."""
        return bool(getattr(self.network, "denoiser", False))

    def predict(self, y: Tensor, t: Tensor | float) -> Tensor:
        """`log p(x_0,i = 1 | y) / p(x_0,i = 0 | y)` for every bit of the data, given a state `y` at level `t`.

        This is learned apart from the energy, by `denoising_cross_entropy`: states `(B, D)` and levels `(B,)` or one
        number, to `(B, D)`.

        Raises:
            InputError: the network predicts nothing; a number `t` outside [0, 1].
        """
        _check_level(t)
        if not self.denoises:
            raise InputError(
                f"network: expected one that predicts the data, got {type(self.network).__name__}; build a "
                "PairGraphEnergy with denoiser=True"
            )
        level = torch.as_tensor(t, dtype=y.dtype, device=y.device).expand(y.shape[:-1])
        predicted: Tensor = self.network.predict(y, level)  # type: ignore[operator]
        return predicted + self.noise.log_odds

    def flip_delta(self, x: Tensor, t: Tensor | float = 0.0) -> Tensor:
        """`E(x with bit i flipped, t) − E(x, t)`, some `CHUNK_STATES` neighbours at a time."""
        _check_level(t)
        level = torch.as_tensor(t, dtype=x.dtype, device=x.device).expand(len(x))
        eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        rows = max(1, CHUNK_STATES // max(x.shape[1], 1))
        starts = range(0, len(x), rows)
        parts = [self((x[i : i + rows, None] - eye).abs(), level[i : i + rows, None]) for i in starts]
        return torch.cat([*parts, x.new_zeros(0, x.shape[1])]) - self(x, level).unsqueeze(-1)


def check_levels(energy: object) -> None:
    """Raise `InputError` unless it is an energy of all noise levels."""
    if not isinstance(energy, NoiseConditionalEnergy):
        raise InputError(f"energy: expected a NoiseConditionalEnergy, got {type(energy).__name__}")


class DenoisingEnergy(Energy):
    """The energy of states at level `t` given a later, noisier state `y`: `U(x) = E(x, t) − log q(y|x)`.

    `p(x_t | y) ∝ exp(−U(x))` is the law that the recovery likelihood fits. Bits that kept their value are likely, so
    it is a local law around `y`, which short chains can sample.

    Args:
        energy: the energy of all levels.
        t: the level of the states, one number or `(B,)`.
        later: the level of `y`, above `t`.
        y: the noisier states, `(B, D)` for batches of `B` states, or `(D,)` for one that all states share.

    Raises:
        InputError: another energy, or levels that don't satisfy `0 ≤ t < later ≤ 1`.

    Source: Gao et al. 2021, arXiv 2012.08125 (recovery likelihood, with normal noise on real vectors).
    """

    groupless = "noise levels flip single bits"
    level: Tensor
    """`t`"""
    later: Tensor
    """the level of `y`"""
    evidence: Tensor
    """`log q(y_i | x_i = 1) − log q(y_i | x_i = 0)`"""

    def __init__(self, energy: NoiseConditionalEnergy, t: Tensor | float, later: Tensor | float, y: Tensor) -> None:
        super().__init__()
        check_levels(energy)
        level, end = (torch.as_tensor(value, dtype=y.dtype, device=y.device) for value in (t, later))
        if not ((level >= 0) & (level < end) & (end <= 1)).all():
            raise InputError(f"later: expected levels 0 <= t < later <= 1, got {t} and {later}")
        self.energy = energy
        self.bits = energy.bits
        kept = energy.noise.keep(end) / energy.noise.keep(level)
        self.register_buffer("level", level, persistent=False)
        self.register_buffer("later", end, persistent=False)
        self.register_buffer("evidence", energy.noise.evidence(y, kept), persistent=False)

    def free(self, x: Tensor) -> Tensor:
        return self.energy.free(x)

    def forward(self, x: Tensor) -> Tensor:
        """`U(x)` up to the part of `log q(y|x)` that doesn't depend on `x`: states `(..., B, D)` to `(..., B)`."""
        return self.energy(x, self.level) - (x * self.evidence).sum(-1)

    def flip_delta(self, x: Tensor) -> Tensor:
        return self.energy.flip_delta(x, self.level) - (1 - 2 * x) * self.evidence
