"""Schedules of inverse temperatures along which annealing loses equal work at every step."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 32
"""parts of a schedule in which the friction is averaged"""
EVEN = 0.1
"""share of the steps that is spread evenly over β, so that no part of the path is left out"""
SHORTEST = 0.25
"""the shortest relaxation time that is believed, in sweeps"""


def even(temperatures: int) -> Tensor:
    """Inverse temperatures equally spaced from 0 to 1, `(T + 1,)`, float64."""
    return torch.linspace(0, 1, temperatures + 1, dtype=torch.float64)


def equal_work(betas: Tensor, slopes: Tensor, sweep: float, temperatures: int) -> Tensor:
    """A schedule whose steps lose equal work, from the moments of the slopes along another schedule.

    In linear response a run that moves with speed `v = dβ/dt` lags behind: the mean slope of the log density differs
    from its value in equilibrium by `ζ v`, where the friction `ζ(β) = Var(slope) · τ` grows with the relaxation time
    `τ`. It loses the work `∫ ζ v dβ`, which is least for `v ∝ ζ^{−1/2}`. The friction is measured as half of the
    difference between downward and upward runs, and never below that of a relaxation time of a quarter sweep.

    Args:
        betas: the schedule of the runs, `(T + 1,)`.
        slopes: the moments of their slopes, `Walk.slopes`, `(2, 2, T)`.
        sweep: steps of that schedule in which every bit is resampled once.
        temperatures: number of steps of the new schedule.

    Source: Crooks 2007, "Measuring thermodynamic length", Physical Review Letters 99, 100602; Sivak and Crooks 2012,
    Physical Review Letters 108, 190602.

    >>> flat = torch.zeros(2, 2, 8)
    >>> flat[1] = 1.0
    >>> equal_work(even(8), flat, 1.0, 4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    edges = torch.linspace(0, len(betas) - 1, min(BINS, len(betas) - 1) + 1).round().long()
    ends = list(zip(edges.tolist(), edges[1:].tolist(), strict=False))
    binned = torch.stack([slopes[:, :, low:high].nanmean(-1) for low, high in ends], -1)
    width = betas[edges].diff()
    speed = width / edges.diff()
    lag = (binned[0, 1] - binned[0, 0]).nan_to_num() / 2
    shortest = binned[1].nanmean(0).nan_to_num() * SHORTEST * sweep
    friction = torch.maximum(lag / speed, shortest).clamp(min=1e-12).log()
    friction = torch.cat([friction[:1], friction, friction[-1:]]).unfold(0, 3, 1).mean(-1).exp()
    time = friction.sqrt() * width
    time = (1 - EVEN) * time / time.sum() + EVEN * width
    reached = torch.cat([time.new_zeros(1), time.cumsum(0)])
    return _interpolate(even(temperatures), reached / reached[-1], betas[edges])


def _interpolate(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Linear interpolation of the points `(x, y)`, with increasing `x` from 0 to 1."""
    place = (torch.searchsorted(x, at) - 1).clamp(0, len(x) - 2)
    share = (at - x[place]) / (x[place + 1] - x[place])
    return torch.lerp(y[place], y[place + 1], share).clamp(0, 1)
