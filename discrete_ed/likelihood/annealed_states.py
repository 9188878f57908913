"""States of an energy's law, resampled by their weights: states of a simple law near it, or ends of annealed runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from discrete_ed.energies import Energy
from discrete_ed.energies.base import of_kind
from discrete_ed.energies.rbm import RBMEnergy
from discrete_ed.errors import InputError
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
"""parts of the schedule, after each of which progress is told"""
PROPOSED = 2**20
"""largest number of states of the simple law that are weighted"""
PART_PROPOSED = 2**14
"""number of them that are weighted at a time"""
FEWEST_EFFECTIVE = 50
"""least effective number of the first part, below which its number says little about further ones"""
ENOUGH = 2
"""effective number of weighted states for each one that is resampled, so that few of these are copies"""


@dataclass(frozen=True, eq=False)
class AnnealedStates:
    """States of an energy's law, from annealed runs, or from weighted states of the base, which is annealing without
    any step.

    >>> AnnealedStates(torch.zeros(4, 3), torch.zeros(2, 3), 3.5, "independent bits", annealed=True).effective
    3.5
    """

    states: Tensor
    """ends of the runs, resampled in proportion to their weights, `(N, D)`"""
    from_rows: Tensor
    """ends of chains from rows of the data, `(M, D)`, of the length of the annealing: if their law is another one, then
    one of both kinds of runs misses a part of the law"""
    effective: float
    """the effective number of runs, `(Σ w)² / Σ w²`, or of states of the base"""
    base: str
    """the law at which the runs start, in words"""
    annealed: bool
    """whether runs were annealed; if not, states of the base were weighted"""


class StatePath:
    """A path from a simple law to that of an energy, along which states are annealed, and at whose end chains walk.

    Args:
        energy: the energy, all of whose bits are free.
        x: rows `(N, D)` to which the base is fitted (see `estimate_log_z`).
        generator: the source of randomness.
    """

    def __init__(self, energy: Energy, x: Tensor, generator: torch.Generator | None = None) -> None:
        check_batch(energy, x)
        mixture, self.base = base_law(energy, x, "both", generator)
        self.energy = energy
        self.path: Path = path_to(energy, mixture)
        self.updates = 1 if of_kind(energy, RBMEnergy) else max(1, self.path.updates // PER_SWEEP)
        self.generator = generator

    @property
    def cost(self) -> float:
        """Seconds of one core for one step of one run, roughly."""
        return 1e-6 * self.path.cost * self.updates

    def chains(self, x: Tensor, steps: int) -> Tensor:
        """The ends of chains of the energy from states `(B, D)`."""
        betas = torch.ones(steps + 2, dtype=torch.float64)
        return self.path.walk(x[:0], x, betas, self.updates, self.generator).x

    def weighted(self, rows: Tensor, count: int, fewest: int, steps: int) -> AnnealedStates | None:
        """States of the base, resampled in proportion to `p(x) / p_0(x)`; None if too few carry all weight.

        They are independent, and none of them depends on a chain. So many states of the base are weighted, a million
        at most, that two of them carry the weight of each one that is resampled.

        Args:
            rows: states of the data `(M, D)`, at which chains start.
            count: number of states.
            fewest: number of states if there can't be as many as `count`.
            steps: steps of these chains, each with a twelfth of a sweep (one step of block Gibbs for an RBM).
        """
        states: list[Tensor] = []
        log_w = torch.zeros(0, dtype=torch.float64, device=rows.device)
        effective = 0.0
        while effective < ENOUGH * count and len(log_w) < PROPOSED:
            x = self.path.base.sample(PART_PROPOSED, self.generator)
            with torch.no_grad():
                log_w = torch.cat([log_w, (-self.energy(x) - self.path.base.log_p(x)).double()])
            states.append(x.to(torch.uint8))
            effective = _effective(log_w)
            if effective < FEWEST_EFFECTIVE or effective * PROPOSED < ENOUGH * fewest * len(log_w):
                return None
        made = count if effective >= ENOUGH * count else fewest
        chosen = torch.cat(states)[_systematic(log_w.softmax(0), made, self.generator)]
        return AnnealedStates(chosen.to(rows), self.chains(rows, steps), effective, self.base, annealed=False)

    def anneal(
        self, rows: Tensor, count: int, steps: int, *, callback: Callable[[int, int], None] | None = None
    ) -> AnnealedStates:
        """Anneal states from the base to the law of the energy, along a schedule of equal work.

        Args:
            rows: states of the data `(M, D)`, at which as many chains start.
            count: number of runs.
            steps: inverse temperatures above 0, each with a twelfth of a sweep (one step of block Gibbs for an RBM).
            callback: called with the number of parts done and their total number.

        Raises:
            InputError: fewer than two steps.
            NumericalError: an energy is +∞ at all states that the runs reach.
        """
        if steps < 2:
            raise InputError(f"steps: expected at least 2, got {steps}")
        betas = even(max(2, int(PILOT * steps)))
        down = self.chains(rows[:PILOT_RUNS], len(betas))
        pilot = self.path.walk(
            self.path.base.sample(PILOT_RUNS, self.generator), down, betas, self.updates, self.generator
        )
        betas = equal_work(betas, pilot.slopes, self.path.updates / self.updates, steps)
        x = self.path.base.sample(count, self.generator)
        log_w = torch.zeros(count, dtype=torch.float64, device=x.device)
        edges = torch.linspace(0, steps, min(PARTS, max(1, steps // 2)) + 1).round().long().tolist()
        for k, (low, high) in enumerate(pairwise(edges), 1):
            part = torch.cat([betas[low : high + 1], betas[high : high + 1]])  # the last gain is zero
            walk = self.path.walk(x, x[:0], part, self.updates, self.generator)
            x, log_w = walk.x, log_w + walk.log_w.to(log_w.device)
            rows = self.chains(rows, high - low)
            if callback is not None:
                callback(k, len(edges) - 1)
        states = x[_systematic(log_w.softmax(0), count, self.generator)]
        return AnnealedStates(states, rows, _effective(log_w), self.base, annealed=True)


def _effective(log_w: Tensor) -> float:
    """`(Σ w)² / Σ w²` of log weights `(N,)`; 0 if there are none above −∞."""
    return (1 / log_w.softmax(0).square().sum()).item() if (log_w > -torch.inf).any() else 0.0


def _systematic(weights: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """`count` places of weights `(N,)`, in random order: each as often as its share says, rounded up or down."""
    start = torch.rand((), generator=generator, device=weights.device, dtype=weights.dtype)
    at = (torch.arange(count, device=weights.device) + start) / count
    places = torch.searchsorted(weights.cumsum(0) / weights.sum(), at).clamp(max=len(weights) - 1)
    return places[torch.randperm(count, generator=generator, device=weights.device)]
