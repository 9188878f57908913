"""States of an energy's law from annealed runs: many runs from a simple law, resampled by their weights."""

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


@dataclass(frozen=True, eq=False)
class AnnealedStates:
    """States of an energy's law, from annealed runs.

    >>> AnnealedStates(torch.zeros(4, 3), torch.zeros(2, 3), 3.5, "independent bits").effective
    3.5
    """

    states: Tensor
    """ends of the runs, resampled in proportion to their weights, `(N, D)`"""
    from_rows: Tensor
    """ends of chains of the same length from rows of the data, `(M, D)`: if their law is another one, then one of both
    kinds of runs misses a part of the law"""
    effective: float
    """the effective number of runs, `(Σ w)² / Σ w²`"""
    base: str
    """the law at which the runs start, in words"""


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
        weights = (log_w - log_w.max()).exp()
        effective = (weights.sum() ** 2 / weights.square().sum()).item()
        return AnnealedStates(x[_systematic(weights, self.generator)], rows, effective, self.base)


def _systematic(weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """As many places as weights `(N,)`, in random order: each as often as its share says, rounded up or down."""
    count = len(weights)
    start = torch.rand((), generator=generator, device=weights.device, dtype=weights.dtype)
    at = (torch.arange(count, device=weights.device) + start) / count
    places = torch.searchsorted(weights.cumsum(0) / weights.sum(), at).clamp(max=count - 1)
    return places[torch.randperm(count, generator=generator, device=weights.device)]
