"""Bernoulli noise on every bit, and a proposal of negatives that is informed by the energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn.functional import softplus

from discrete_ed.energies.base import Energy
from discrete_ed.energies.local import Exact, LocalEvaluation
from discrete_ed.errors import InputError
from discrete_ed.groups import Groups
from discrete_ed.perturbations.base import Contrast, Perturbation, check_epsilon, distances, weighted_contrast
from discrete_ed.perturbations.moves import HeatKernel, move_contrast


@dataclass(frozen=True)
class Bernoulli(Perturbation):
    """`y = x + ξ mod 2` with `ξ ~ Bernoulli(ε)` on every free bit; symmetric, `q(y|x) = q(x|y)`.

    *Forgets* about ε D bits, anywhere: the larger ε, the farther apart the states that it compares, from neighbours
    (ε → 0) to all with all (ε = ½, maximum likelihood). *Costs* `1 + M` energies. *Choose it* first, with few flips:
    once the energy separates data from negatives easily, the loss is near zero and its gradient is noisy; then flip
    fewer bits, or make the proposal `Informed`. For groups of bits every variable is redrawn uniformly with
    probability 2ε, which for a free bit is the same.

    Give the noise in exactly one of two ways:

    Args:
        epsilon: ε, the probability that a bit flips, in (0, ½].
        flips: the expected number of flips, so that ε = flips / (free bits), at most ½ (with groups, free variables);
            for states that differ in their number of free bits, such as graphs. A pair `(low, high)` samples that
            number log-uniformly, once for each state and shared by `y` and its copies, which makes the loss a mixture
            over noise levels: it compares near and far states at once, at no extra cost.

    Source: Schröder et al. 2023, arXiv 2307.07595 (discrete energy discrepancy).

    >>> Bernoulli(flips=2.0).rates(torch.ones(1, 10, dtype=torch.bool))
    tensor([[0.2000]])
    """

    epsilon: float | None = None
    flips: float | tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if (self.epsilon is None) == (self.flips is None):
            raise InputError(f"Bernoulli: expected either epsilon or flips, got {self.epsilon} and {self.flips}")
        if self.epsilon is not None:
            check_epsilon(self.epsilon)
        if self.flips is not None:
            low, high = self._range()
            if not 0 < low <= high < float("inf"):
                raise InputError(f"flips: expected a positive number or 0 < low <= high, got {self.flips}")

    def _range(self) -> tuple[float, float]:
        assert self.flips is not None
        if not isinstance(self.flips, Sequence):
            return self.flips, self.flips
        low, high = self.flips  # a list is accepted as well, since JSON has no tuples
        return low, high

    def rates(self, free: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """The flip probability ε of each state: `free` bits `(B, D)` to `(B, 1)`."""
        batch = (len(free), 1)
        if self.epsilon is not None:
            return torch.full(batch, self.epsilon, device=free.device)
        low, high = self._range()
        u = torch.rand(batch, generator=generator, device=free.device)
        flips = (log(low) + u * (log(high) - log(low))).exp()
        return (flips / free.sum(-1, keepdim=True).clamp(min=1)).clamp(max=0.5)

    def negatives(self, x: Tensor, free: Tensor, m: int, *, generator: torch.Generator | None = None) -> Tensor:
        """All `M` copies of a state start from the same `y`, with fresh noise for each."""
        rates = self.rates(free, generator=generator)
        u = torch.rand(len(x), m + 1, x.shape[-1], generator=generator, device=x.device)
        flipped = (u < rates.unsqueeze(1)) & free.unsqueeze(1)
        return (x.unsqueeze(1) - (flipped[:, :1] ^ flipped[:, 1:]).to(x.dtype)).abs()

    def odds(
        self, groups: Groups, x: Tensor, free: Tensor, *, generator: torch.Generator | None = None
    ) -> Callable[[Tensor], Tensor]:
        """The log odds of each move against staying, as a function of the state; see `MoveNoise`."""
        able = groups.totals(groups.movable(x, free).long()) > 0
        redrawn = (2 * self.rates(able, generator=generator)).to(x.dtype)
        values = groups.values_left(x, free).to(x.dtype)
        share = redrawn / values
        return lambda _: groups.spread(share.log() - (1 - redrawn + share).log())

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        if energy.groups is None:
            return super().contrast(energy, x, m, w, generator=generator)
        return move_contrast(self, energy, x, m, w, generator=generator)

    def matrix(self, states: Tensor) -> Tensor:
        """`q(y|x)` between all pairs of `(K, D)` states with every bit free; only for a fixed noise level."""
        bits = states.shape[-1]
        if self.epsilon is not None:
            epsilon = self.epsilon
        else:
            low, high = self._range()
            if low != high:
                raise InputError(f"flips: expected one number of flips for a transition matrix, got {self.flips}")
            epsilon = min(low / bits, 0.5)
        distance = distances(states)
        return epsilon**distance * (1 - epsilon) ** (bits - distance)


@dataclass(frozen=True)
class Informed(Perturbation):
    """Noise whose negatives are sampled from a proposal that uses the energy around `y`.

    `y ~ q(·|x)` is sampled from the noise. Then `x'` flips each free bit of `y` independently with log-odds
    `logit ε − τ Δ_i(y)`: the noise tilted by the local energy differences. Importance weights correct for it,
    `log q(y|x')/ρ_y(x') = c(y) + τ Σ_{i: x'_i ≠ y_i} Δ_i(y)`, so that the loss is the same energy discrepancy. If
    the bits were independent, `ρ_y` at τ = 1 would be the posterior `p(x|y)` of the model, and a single negative would
    be exact; τ = 0 is the plain noise.

    For groups of bits the moves of each variable take the place of the flip: they are tilted alike.

    *Forgets* the same as the noise. *Costs* `1 + M` energies and one local evaluation of `y`. *Choose it* if plain
    negatives are separated from data easily, that is for noise of more than a few flips: the same noise then needs far
    fewer negatives. `w = 1` keeps its meaning, since the data point is weighted like the negatives: the minimiser is
    the truth for every `M`. With `w = 0` and strongly dependent bits the weights are heavy-tailed; then lower τ. The
    proposal carries no gradient.

    Args:
        noise: the perturbation, `Bernoulli` or, for groups, `HeatKernel`.
        tilt: τ, in [0, 1].
        local: the local evaluation that gives the differences: `Exact`, which is cheap if `flip_delta` has a closed
            form, or `Taylor`, which costs one gradient. The weights are exact with both.

    Raises:
        InputError: other noise, or τ outside [0, 1].

    Source: this package; the proposals are those of locally informed samplers, Zanella 2020, arXiv 1711.07424.

    >>> from discrete_ed import IsingEnergy, energy_discrepancy
    >>> field = IsingEnergy(torch.zeros(1, 1), fields=torch.tensor([0.7]))
    >>> g = torch.Generator().manual_seed(0)
    >>> x, noise = torch.ones(1, 1), Informed(Bernoulli(epsilon=0.5))
    >>> losses = [energy_discrepancy(field, x, noise, m=1, w=0.0, generator=g).item() for _ in range(5)]
    >>> max(losses) - min(losses) < 1e-6  # independent bits: the estimate is exact for any samples
    True
    """

    noise: Bernoulli | HeatKernel
    tilt: float = 1.0
    local: Callable[[Energy], LocalEvaluation] = Exact

    def __post_init__(self) -> None:
        if not isinstance(self.noise, Bernoulli | HeatKernel):
            raise InputError(f"noise: expected Bernoulli noise or a HeatKernel, got {type(self.noise).__name__}")
        if not 0 <= self.tilt <= 1:
            raise InputError(f"tilt: expected a number in [0, 1], got {self.tilt}")

    def contrast(
        self, energy: Energy, x: Tensor, m: int, w: float, *, generator: torch.Generator | None = None
    ) -> Contrast:
        """The data point and `M` samples of the tilted proposal, weighted by `q(y|x')/ρ_y(x')`."""
        if energy.groups is not None or not isinstance(self.noise, Bernoulli):
            return move_contrast(self.noise, energy, x, m, w, self.tilt, self.local, generator=generator)
        free = energy.free(x)
        rates = self.noise.rates(free, generator=generator)
        u = torch.rand(len(x), m + 1, x.shape[-1], generator=generator, device=x.device)
        moved = (u[:, 0] < rates) & free
        y = (x - moved.to(x.dtype)).abs()
        # If y or its neighbour has probability zero, the difference says nothing: two such flips together may be
        # possible. The noise is then not tilted; the weights are those of the proposal that is used.
        delta = self.local(energy)(y).delta.nan_to_num(0.0, 0.0, 0.0)
        delta = (self.tilt * delta).masked_fill(~free, torch.inf)
        odds = rates.logit().to(x.dtype)
        flips = (u[:, 1:] < (odds - delta).sigmoid().unsqueeze(1)).to(x.dtype)
        negatives = (y.unsqueeze(1) - flips).abs()
        # log q − log ρ is softplus(logit ε − τΔ) − softplus(logit ε) for every free bit, and τΔ more where it flips.
        common = torch.where(free, softplus(odds - delta) - softplus(odds), 0.0).sum(-1, keepdim=True)
        undone = torch.cat([moved.to(x.dtype).unsqueeze(1), flips], dim=1)
        climb = (undone @ delta.where(free, 0.0).unsqueeze(-1)).squeeze(-1)
        return weighted_contrast(x, negatives, w, common + climb)

    def matrix(self, states: Tensor, groups: Groups | None = None) -> Tensor:
        """The matrix of the noise: the proposal changes how the loss is estimated, not the loss.

        Args:
            states: all states, see the noise.
            groups: the groups of the states, for a `HeatKernel`.

        Raises:
            InputError: groups with `Bernoulli` noise, which on groups is `HeatKernel("uniform", −log(1 − 2ε))`.
        """
        if isinstance(self.noise, HeatKernel):
            return self.noise.matrix(states, groups)
        if groups is not None:
            raise InputError(
                'groups: expected a HeatKernel with groups, got Bernoulli noise; HeatKernel("uniform", -log(1 - 2 * '
                "epsilon)) has its matrix"
            )
        return self.noise.matrix(states)
