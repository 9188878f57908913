"""Laws between a mixture of independent bits and the law of an energy, and the runs that walk along them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from discrete_ed.likelihood.base import Mixture

PRODUCT = 3e-5
"""microseconds of a multiplication in a product of matrices, roughly"""
FUNCTION = 2e-3
"""microseconds of an exponential, roughly"""
BUFFERED = 256
"""steps of the schedule whose gains are kept until their moments are computed"""


class Walk(NamedTuple):
    """What runs along a path leave behind."""

    x: Tensor
    """the states at the ends of the runs, `(B, D)`"""
    log_w: Tensor
    """log weights of the runs, `(B,)`, float64"""
    slopes: Tensor
    """mean and variance, over upward and over downward runs, of the slope of the log density in β at each step of the
    schedule, counted from its low end; `(2, 2, T)`: moment, direction, step; float64, NaN where there are no runs"""


class Path(Protocol):
    """The laws `p_β` from a mixture of independent bits (`β = 0`) to the law of an energy (`β = 1`)."""

    @property
    def base(self) -> Mixture:
        """The law at `β = 0`."""

    @property
    def offset(self) -> float:
        """The logarithm of what sums over variables other than `x` contribute at `β = 0`, less that at `β = 1`."""

    @property
    def updates(self) -> int:
        """Number of updates of a sweep, in which every bit is resampled once."""

    @property
    def cost(self) -> float:
        """The microseconds of an update of one run on one core, roughly."""

    def walk(
        self, up: Tensor, down: Tensor, betas: Tensor, updates: int, generator: torch.Generator | None = None
    ) -> Walk:
        """Run the first states up along a schedule and the others down, with some updates at each β.

        Args:
            up: states `(B, D)` from the base.
            down: states `(B', D)` from the law of the energy.
            betas: the schedule `(T + 1,)`, float64, which does not fall; if all are one, runs are chains of the energy.
            updates: updates at each inverse temperature but the last, after which the weights would not change.
        """


class Slopes:
    """The moments of the slopes of the log density, `Walk.slopes`, from the gains of the log weights at each step."""

    def __init__(self, betas: Tensor, ups: int) -> None:
        self.widths, self.ups = betas.diff(), ups
        self.moments = torch.full((2, 2, len(self.widths)), torch.nan, dtype=torch.float64)
        self.waiting: list[Tensor] = []
        self.done = 0

    def add(self, gains: Tensor) -> None:
        """The gains of the log weights `(B,)` at the next step."""
        self.waiting.append(gains)
        if len(self.waiting) == BUFFERED:
            self._reduce()

    def finish(self) -> Tensor:
        """The moments, `(2, 2, T)`."""
        if self.waiting:
            self._reduce()
        return self.moments

    def _reduce(self) -> None:
        gains = torch.stack(self.waiting).cpu()
        first, last = self.done, self.done + len(gains)
        up, down = gains[:, : self.ups], gains[:, self.ups :].flip(0)
        steps = len(self.widths)
        for direction, (part, place) in enumerate(
            ((up, slice(first, last)), (down, slice(steps - last, steps - first)))
        ):
            if part.shape[1]:
                slope = (part if direction == 0 else -part) / self.widths[place, None]
                slope = torch.where(slope.isfinite(), slope, torch.nan)  # impossible states have none
                mean = slope.nanmean(1)
                self.moments[0, direction, place] = mean
                self.moments[1, direction, place] = (slope - mean[:, None]).square().nanmean(1)
        self.done = last
        self.waiting = []


def direction_betas(betas: Tensor, ups: int, downs: int, like: Tensor) -> Tensor:
    """The inverse temperatures of every run at every step, `(T + 1, B)`: the schedule up, then the schedule down."""
    betas = betas.to(like.dtype).to(like.device)
    return torch.cat([betas[:, None].expand(-1, ups), betas.flip(0)[:, None].expand(-1, downs)], 1)
