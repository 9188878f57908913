"""Rounds of annealing, each longer than the last, until log Z is known closely enough or the budget is spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, inf, log

import numpy as np
import torch
from torch import Tensor

from discrete_ed.errors import InputError
from discrete_ed.likelihood.annealing import largest_log_weight
from discrete_ed.likelihood.paths import Path, Walk
from discrete_ed.likelihood.schedule import equal_work, even

FIRST_SWEEPS = 16
"""sweeps of a run of the first round"""
FEWEST = 64
"""least number of inverse temperatures of a round, if their number isn't given"""
PER_SWEEP = 12
"""inverse temperatures to a sweep, if a sweep has more updates than that"""
MOST_LONGER = 16
"""how many times longer a round may be than the one before"""
LEAST_LONGER = 1.5
"""how many times longer a round must be than the one before to be worth its cost"""
BURN_IN = 0.5
"""length of the chains before the reverse runs, as a share of theirs"""
ROUND_COST = 2 + BURN_IN
"""evaluations of a round for each forward run and update: forward, reverse, and the chains before"""
FAR_COST = 0.125
"""length of the forward runs from the other base, as a share of the others"""
HOPELESS = 0.2
"""share of the budget after which two rounds in a row that prove missed modes are the last"""
MISSED = 0.5
"""nats by which forward runs must lie above reverse ones, and by more than chance, to prove that modes are missed"""
SPURIOUS = 2.0
"""nats by which forward runs must lie above reverse runs from near the rows until the mass of the model is elsewhere"""
MOSTLY = 0.5
"""share of the mass that must lie far from short chains from the rows until it is called spurious"""
NEAR = 0.99
"""share of the ends of short chains from the rows that count as near one another"""
CHANCE = 4.5
"""standard errors of a difference that are put down to chance"""


@dataclass(frozen=True)
class LogZEstimate:
    """An estimate of log Z and its standard error.

    >>> LogZEstimate(1.0, 0.3).differs(LogZEstimate(3.0, 0.4), 4.5)  # by four standard errors
    False
    """

    value: float
    error: float

    def differs(self, other: LogZEstimate, errors: float) -> bool:
        """Whether it differs from another one by more than a number of standard errors."""
        return abs(self.value - other.value) > errors * (self.error**2 + other.error**2) ** 0.5


@dataclass(frozen=True)
class Annealing:
    """What the runs of the last round say about log Z, and how many there were.

    >>> one = LogZEstimate(2.0, 0.01)
    >>> Annealing(one, one, one, one, one, one, temperatures=100, updates=4, runs=256, evaluations=10**6).missed
    False
    """

    forward: LogZEstimate
    """from forward runs, which start at the base; too low in expectation"""
    reverse: LogZEstimate
    """from reverse runs; too high in expectation if their starts follow the law. If both kinds of starts disagree by
    more than three standard errors, it is the one further from `forward`, so that the bracket covers both"""
    rows: LogZEstimate
    """from the reverse runs that start at the ends of chains from the rows"""
    annealed: LogZEstimate
    """from the reverse runs that start at the ends of chains from where forward runs of the round before arrived"""
    far: LogZEstimate
    """from forward runs that start at another base, which look for mass far from the rows"""
    first_rows: LogZEstimate
    """as `rows`, in the first round, whose chains are too short to go far from the rows"""
    temperatures: int
    """inverse temperatures above 0"""
    updates: int
    """updates of every run at each of them"""
    runs: int
    """forward runs; as many reverse runs, half of them with either kind of start"""
    evaluations: int
    """updates of all runs in all rounds"""
    far_share: float = 0.0
    """share of the states that forward runs reach, weighted, which lie further from all ends of short chains from the
    rows than nearly all of these from one another; such chains flip single bits only"""

    @property
    def missed(self) -> bool:
        """Whether forward runs find more mass than reverse runs, by more than chance and by more than half a nat.

        Forward runs hardly ever overestimate log Z, so the starts of these reverse runs miss modes.
        """
        return any(
            up.value - down.value > MISSED and up.differs(down, CHANCE)
            for up in (self.forward, self.far)
            for down in (self.rows, self.annealed)
        )

    @property
    def spurious(self) -> bool:
        """Whether most of the mass lies where short chains from the rows don't come."""
        if self.far_share > MOSTLY:
            return True
        return self.forward.value - self.first_rows.value > SPURIOUS and self.forward.differs(self.first_rows, CHANCE)

    @property
    def gap(self) -> float:
        """The distance from forward to reverse; negative if the bracket is inverted."""
        return self.reverse.value - self.forward.value

    @property
    def half_width(self) -> float:
        """Half of the distance between forward and reverse, plus three standard errors of the middle of both."""
        return abs(self.gap) / 2 + 3 * (self.forward.error**2 + self.reverse.error**2) ** 0.5 / 2


def check_settings(runs: int, temperatures: int | None, steps: int, width: float, seconds: float) -> None:
    """Raise `InputError` unless annealing can run with these settings of `estimate_log_z`."""
    for name, least, value in (("runs", 4, runs), ("temperatures", 1, temperatures), ("steps", 1, steps)):
        if value is not None and not (isinstance(value, int | np.integer) and value >= least):
            raise InputError(f"{name}: expected a whole number, at least {least}, got {value}")
    if not width > 0:
        raise InputError(f"width: expected a positive number of nats, got {width}")
    if not 0 < seconds < inf:
        raise InputError(f"seconds: expected a positive time, got {seconds}")


def bracket_by_annealing(
    path: Path,
    far: Path,
    near: Path,
    rows: Tensor,
    *,
    runs: int,
    width: float,
    temperatures: int | None = None,
    steps: int = 1,
    budget: float,
    generator: torch.Generator | None = None,
) -> Annealing:
    """Rounds of forward and reverse annealing between a mixture of independent bits and the law of an energy.

    The first round has an even schedule. Each later one has a schedule of equal work, from the lag of the runs of the
    round before, and the length that should bring the interval down to `width`; rounds end when it is reached, when the
    budget is spent, or when a fifth of it is spent and two rounds in a row prove that modes are missed.

    Args:
        path: from the base at which forward runs start to the law of the energy.
        far: the same from another base, which is not fitted to the rows.
        near: the same as `path`, but for chains that flip single bits only.
        rows: states `(N, D)` at which the chains start whose ends are the starts of half of the reverse runs.
        runs: number of forward runs, and of reverse runs.
        width: the width of the interval at which rounds end.
        temperatures: if given, there are only two rounds: the second has so many inverse temperatures, the first an
            eighth of them.
        steps: how many times more updates there are at every inverse temperature than by default.
        budget: updates of all runs together.
        generator: the source of randomness.

    Raises:
        NumericalError: an energy isn't a number, or is +∞ at all states from which runs of one kind start.
    """
    seed = torch.initial_seed() if generator is None else generator.initial_seed()
    own = torch.Generator(rows.device).manual_seed((seed + 1) % 2**63)
    far_starts = far.base.sample(runs, own)  # looked at before the budget is spent
    look = far.walk(far_starts, rows[:0], even(1), 1, own)
    largest_log_weight(look.log_w, "annealing from the base of the model's own states")
    updates = max(1, path.updates // PER_SWEEP) * steps
    sweep = path.updates / updates
    rounds = _Rounds(path, rows, runs, updates, generator)
    length = max(FEWEST, ceil(FIRST_SWEEPS * sweep)) if temperatures is None else max(1, temperatures // 8)
    betas, found, last, first = even(length), None, None, None
    while True:
        last, slopes, found = found, *rounds.round(betas)
        first = first or found.rows
        left = budget - rounds.evaluations
        most = int(left / (runs * updates * (ROUND_COST + FAR_COST)))
        reached = 2 * found.half_width <= width or (found.missed and rounds.evaluations > HOPELESS * budget)
        if temperatures is not None:
            longer = temperatures if last is None else 0
        elif reached and last is not None and last.missed == found.missed:
            longer = 0
        else:
            needed = ceil((2 * found.half_width / width) ** 2 * length)
            longer = min(max(needed, 2 * length), MOST_LONGER * length, most)
        if longer < (1 if temperatures is not None else LEAST_LONGER * length):
            break
        betas = equal_work(betas, slopes, sweep, longer)
        length = longer
    betas = even(max(2, int(FAR_COST * length)))
    walk = far.walk(far_starts, rows[:0], betas, updates, generator)
    spent = rounds.evaluations + runs * updates * (len(betas) - 2)
    share = rounds.far_share(near, even(max(2, int(BURN_IN * FIRST_SWEEPS * sweep))))
    far_runs = _estimate(walk.log_w, far.offset, 1)
    return replace(found, first_rows=first, far=far_runs, evaluations=spent, far_share=share)


class _Rounds:
    """Rounds of annealing; chains from the rows go on from one round to the next."""

    def __init__(self, path: Path, rows: Tensor, runs: int, updates: int, generator: torch.Generator | None) -> None:
        self.path, self.runs, self.updates, self.generator = path, runs, updates, generator
        places = torch.randint(len(rows), (runs,), generator=generator, device=rows.device)
        self.rows = self.data = rows[places]
        self.annealed = self.rows[:0]
        self.evaluations = 0

    def round(self, betas: Tensor) -> tuple[Tensor, Annealing]:
        """Forward and reverse runs along a schedule: the moments of their slopes, and the estimates."""
        ups = self.path.base.sample(self.runs, self.generator)
        halves = self.runs - self.runs // 2, self.runs // 2
        kinds = (self.rows[: halves[0]], self.annealed[: halves[1]]) if len(self.annealed) else (self.rows,)
        chains = torch.ones(max(2, int(BURN_IN * len(betas))) + 1, dtype=torch.float64)
        starts = self._walk(ups[:0], torch.cat(kinds), chains).x
        walk = self._walk(ups, starts, betas)
        forward = _estimate(walk.log_w[: self.runs], self.path.offset, 1)
        possible = (walk.log_w[: self.runs] > -torch.inf).double().mean().item()
        back = walk.log_w[self.runs :]
        reverse = _estimate(back, self.path.offset, -1, possible)
        first, second = (
            _estimate(part, self.path.offset, -1, possible) for part in (back[: halves[0]], back[halves[0] :])
        )
        if len(kinds) == 1:
            first = second = reverse
        elif first.differs(second, 3):
            reverse = max(first, second, key=lambda kind: abs(kind.value - forward.value))
        self.rows = torch.cat([starts[: halves[0]], self.rows[halves[0] :]])
        self.annealed = _resampled(walk, self.runs, self.generator)
        found = Annealing(forward, reverse, first, second, forward, first, len(betas) - 1, self.updates, self.runs, 0)
        return walk.slopes, found

    def far_share(self, near: Path, betas: Tensor) -> float:
        """See `Annealing.far_share`; the chains are as long as a schedule."""
        ends = near.walk(self.data[:0], self.data, torch.ones_like(betas), self.updates, self.generator).x
        among = torch.cdist(ends, ends, p=1).fill_diagonal_(inf).min(1).values
        away = torch.cdist(self.annealed, ends, p=1).min(1).values
        return (away > among.quantile(NEAR)).double().mean().item()

    def _walk(self, up: Tensor, down: Tensor, betas: Tensor) -> Walk:
        self.evaluations += (len(up) + len(down)) * (len(betas) - 2) * self.updates
        return self.path.walk(up, down, betas, self.updates, self.generator)


def _resampled(walk: Walk, runs: int, generator: torch.Generator | None) -> Tensor:
    """The ends of the forward runs, resampled in proportion to their weights."""
    weights = (walk.log_w[:runs] - walk.log_w[:runs].max()).exp()
    return walk.x[:runs][weights.multinomial(runs, replacement=True, generator=generator)]


def _estimate(log_w: Tensor, offset: float, sign: int, possible: float = 1.0) -> LogZEstimate:
    """`log Z` from the log weights of forward (`sign = 1`) or reverse (`sign = −1`) runs.

    A share of the states of the base is `possible`: the energy of all others is +∞, and reverse runs don't reach them.
    """
    top = largest_log_weight(log_w, "annealing")
    w = (log_w - top).exp()
    value, error = (top + w.mean().log()).item(), (w.std() / w.mean() / len(w) ** 0.5).item()
    if sign < 0:
        error = (error**2 + (1 / possible - 1) / len(w)) ** 0.5
    return LogZEstimate(offset + log(possible) + sign * value, error)
