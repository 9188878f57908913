"""States of an energy's law: those of a simple law near it, weighted, resampled, and annealed where too few suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.rbm import RBMEnergy
from discrete_ed.errors import InputError, NumericalError
from discrete_ed.likelihood.annealing import largest_log_weight
from discrete_ed.likelihood.bracketing import PER_SWEEP
from discrete_ed.likelihood.partition import check_batch
from discrete_ed.likelihood.paths import Path
from discrete_ed.likelihood.schedule import equal_work, even
from discrete_ed.likelihood.starting import base_law, path_to

PILOT_RUNS = 128
"""runs in each direction that measure how fast the inverse temperature may change"""
PILOT = 0.25
"""length of the pilot runs, as a share of the others"""
PARTS = 20
"""parts of the schedule, after each of which progress is told, and the runs resampled if need be"""
PROPOSED = 2**20
"""largest number of states of the simple law that are weighted"""
PROPOSED_CELLS = 2**28
"""largest number of their bits"""
PART_PROPOSED = 2**14
"""number of them that are weighted at a time"""
FEWEST_EFFECTIVE = 50
"""least effective number of the first part, below which no more are weighted if annealing would take too long"""
ENOUGH = 10
"""effective number of weighted states for each one that is resampled, so that few of these are copies"""
SPARE = 0.5
"""share of the weighted states that may be in effect, where there aren't ten for each one that is resampled"""
BISECTIONS = 30
"""halvings of the interval in which the first inverse temperature lies"""
HALF = 0.5
"""share of the runs in effect, below which they are resampled"""
REST = 0.25
"""steps after the last resampling, as a share of the schedule, in which copies go apart; after each earlier one as many
as the part of the schedule before it has"""


@dataclass(frozen=True, eq=False)
class AnnealedStates:
    """States of an energy's law.

    >>> AnnealedStates(torch.zeros(4, 3), torch.zeros(2, 3), 3.5, 3.0, "independent bits", 1.0).ancestors
    3.0
    """

    states: Tensor
    """`(N, D)`"""
    from_rows: Tensor
    """ends of chains from rows of the data, `(M, D)`, as long as the annealing: if their law is another one, then
    one of both kinds of runs misses a part of the law"""
    effective: float
    """the effective number of states of the base, `(Σ w)² / Σ w²`"""
    ancestors: float
    """the effective number of states of the base from which the states descend, `(Σ n)² / Σ n²`, with `n` the number of
    descendants of each: states of one family took steps apart, but may still be alike"""
    base: str
    """the law at which the runs start, in words"""
    beta: float
    """the inverse temperature to which states of the base were weighted, and from which on runs were annealed; 1 if
    weights were enough"""


class StatePath:
    """A path from a simple law to that of an energy, along which states are annealed, and at whose end chains walk.

    Args:
        energy: the energy, all of whose bits are free.
        x: rows `(N, D)` to which the base is fitted (see `estimate_log_z`).
        generator: the source of randomness.
    """

    def __init__(self, energy: Energy, x: Tensor, generator: torch.Generator | None = None) -> None:
        check_batch(energy, x)
        self.rows = x
        mixture, self.base = base_law(energy, x, "both", generator)
        self.energy = energy
        self.path: Path = path_to(energy, mixture)
        self.geometric = of_kind(energy, RBMEnergy) is None
        self.updates = 1 if not self.geometric else max(1, self.path.updates // PER_SWEEP)
        self.generator = generator

    @property
    def cost(self) -> float:
        """Seconds of one core for one step of one run, roughly."""
        return 1e-6 * self.path.cost * self.updates

    def chains(self, x: Tensor, steps: int, beta: float = 1.0) -> Tensor:
        """The ends of chains from states `(B, D)`, of the law at an inverse temperature."""
        betas = torch.full((steps + 2,), beta, dtype=torch.float64)
        return self.path.walk(x[:0], x, betas, self.updates, self.generator).x

    def sample(
        self,
        rows: Tensor,
        counts: Sequence[int],
        steps: int,
        *,
        seconds: float = inf,
        callback: Callable[[int, int], None] | None = None,
    ) -> AnnealedStates | None:
        """Independent states of the law of the energy, by sequential Monte Carlo (population annealing).

        States of the base, a million at most, are weighted by `(p(x) / p_0(x))^β`, and as many as wanted are resampled:
        with `β = 1` if ten of them carry the weight of each one that is resampled, and otherwise with the largest β at
        which ten do. From there they are annealed along a schedule of equal work, with updates of single bits (or
        block Gibbs) at each of its steps. They are resampled at its end, and whenever less than half of them carry all
        weight, and take further steps after that, so that copies go apart.

        Args:
            rows: states of the data `(M, D)`, at which as many chains start.
            counts: numbers of states, falling; the first one that takes no longer than `seconds` is taken.
            steps: inverse temperatures of the whole path, each with a twelfth of a sweep (one step of block Gibbs for
                an RBM); from β on there is a share `1 − β` of them.
            seconds: how long annealing may take, as the time of one idle core. If it would take longer for all counts,
                there is no result.
            callback: called with the number of parts done and their total number.

        Raises:
            InputError: fewer than two steps.
            NumericalError: the energy is +∞ at all states of the simple law, or isn't a number.
        """
        if steps < 2:
            raise InputError(f"steps: expected at least 2, got {steps}")
        rest = max(1, int(REST * steps))
        proposed, log_w = self._proposed(counts[0], fast=self.cost * (steps + rest) * counts[-1] < seconds)
        for count in counts:
            beta = self._first(log_w, count)
            if beta == 1 or self.cost * ((1 - beta) * steps + rest) * count < seconds:
                break
        else:
            return None
        families = _systematic(_tempered(log_w, beta).softmax(0), count, self.generator)
        x, effective = proposed[families].to(rows), _effective(log_w)
        del proposed
        parts = 1
        if beta < 1:
            betas = self._schedule(beta, x, max(2, round((1 - beta) * steps)))
            parts = min(PARTS, len(betas) // 2)
            x, families, rows = self._annealed(x, families, rows, betas, parts, callback)
        x, rows = self.chains(x, rest), self.chains(rows, rest)
        if callback is not None:
            callback(parts, parts)
        sizes = families.unique(return_counts=True)[1].double()
        ancestors = (sizes.sum().square() / sizes.square().sum()).item()
        return AnnealedStates(x, rows, effective, ancestors, self.base, beta)

    def _proposed(self, count: int, *, fast: bool) -> tuple[Tensor, Tensor]:
        """States of the base `(N, D)`, uint8, and the logarithms of their weights `(N,)`."""
        states: list[Tensor] = []
        log_w = torch.zeros(0, dtype=torch.float64)
        most = min(PROPOSED, PROPOSED_CELLS // self.rows.shape[1])
        while (effective := _effective(log_w)) < ENOUGH * count and len(log_w) < most:
            if states and not fast and effective < FEWEST_EFFECTIVE:
                break
            x = self.path.base.sample(PART_PROPOSED, self.generator)
            with torch.no_grad():
                new = (-self.energy(x) - self.path.base.log_p(x)).double()
            log_w = torch.cat([log_w.to(new.device), new])
            states.append(x.to(torch.uint8))
        if not (log_w > -torch.inf).any():
            raise NumericalError(
                f"energy: +∞ at all {len(log_w)} states of the simple law ({self.base}), so none can be weighted; "
                "chains from possible rows need no such law: sample(Gibbs(), Exact(energy), rows, steps), which says "
                "if none of them moves"
            )
        largest_log_weight(log_w, "sampling from a simple law")
        return torch.cat(states), log_w

    def _first(self, log_w: Tensor, count: int) -> float:
        """The largest inverse temperature at which ten states carry the weight of each one that is resampled."""
        wanted = min(ENOUGH * count, SPARE * len(log_w))
        if _effective(log_w) >= wanted:
            return 1.0
        if not self.geometric:  # weights are known at both ends only
            return 0.0
        low, high = 0.0, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if _effective(_tempered(log_w, middle)) >= wanted else (low, middle)
        return low

    def _schedule(self, beta: float, x: Tensor, steps: int) -> Tensor:
        """Inverse temperatures from β to 1, `(steps + 1,)`, from the friction that short runs measure."""
        betas = beta + (1 - beta) * even(max(2, int(PILOT * steps)))
        chosen = torch.randperm(len(self.rows), generator=self.generator, device=x.device)[:PILOT_RUNS]
        down = self.chains(self.rows[chosen], len(betas))
        pilot = self.path.walk(x[:PILOT_RUNS], down, betas, self.updates, self.generator)
        return equal_work(betas, pilot.slopes, self.path.updates / self.updates, steps)

    def _annealed(
        self,
        x: Tensor,
        families: Tensor,
        rows: Tensor,
        betas: Tensor,
        parts: int,
        callback: Callable[[int, int], None] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """States of the law of the energy, the families to which they belong, and the ends of chains from rows."""
        steps, count = len(betas) - 1, len(x)
        log_w = torch.zeros(count, dtype=torch.float64, device=x.device)
        edges = torch.linspace(0, steps, parts + 1).round().long().tolist()
        for k, (low, high) in enumerate(pairwise(edges), 1):
            part = torch.cat([betas[low : high + 1], betas[high : high + 1]])  # the last gain is zero
            walk = self.path.walk(x, x[:0], part, self.updates, self.generator)
            gains = walk.log_w.to(log_w.device).nan_to_num(nan=-torch.inf)  # 0 · ∞: an impossible state, at equal β
            x, log_w = walk.x, log_w + gains
            rows = self.chains(rows, high - low)
            if k == parts or _effective(log_w) < HALF * count:
                places = _systematic(log_w.softmax(0), count, self.generator)
                x, families, log_w = x[places], families[places], torch.zeros_like(log_w)
                if k < parts:
                    x, rows = self.chains(x, high - low, betas[high].item()), self.chains(rows, high - low)
            if callback is not None and k < parts:
                callback(k, parts)
        return x, families, rows


def _effective(log_w: Tensor) -> float:
    """`(Σ w)² / Σ w²` of log weights `(N,)`; 0 if there are none above −∞."""
    return (1 / log_w.softmax(0).square().sum()).item() if (log_w > -torch.inf).any() else 0.0


def _tempered(log_w: Tensor, beta: float) -> Tensor:
    """`β log w`, as the limit from above for `β = 0`, at which impossible states stay so."""
    return torch.where(log_w > -torch.inf, beta * log_w, log_w)


def _systematic(weights: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """`count` places of weights `(N,)`, in random order: each as often as its share says, rounded up or down."""
    start = torch.rand((), generator=generator, device=weights.device, dtype=weights.dtype)
    at = (torch.arange(count, device=weights.device) + start) / count
    places = torch.searchsorted(weights.cumsum(0) / weights.sum(), at).clamp(max=len(weights) - 1)
    return places[torch.randperm(count, generator=generator, device=weights.device)]
