"""How much memory and time a recovery takes, before it is begun."""

from __future__ import annotations

from typing import NamedTuple

from discrete_ed.ising.estimators import ESTIMATORS, resolve_estimator
from discrete_ed.ising.selection import LASSO_SIZE, PENALTIES
from discrete_ed.names import EstimatorName, PenaltyName
from discrete_ed.runtime.memory import check_fits
from discrete_ed.runtime.threads import cores

COMPACT = 1e6
"""number of cells above which a table is held as bits"""
BASE = 0.7e9
"""bytes of the program without a table"""
BYTES_PACKED, BYTES_DENSE, BYTES_PAIR = 6.0, 300.0, 120.0
"""bytes for each cell of a table that is held as bits, of another one, and for each pair of columns, rounded up from
measurements"""
SCANS, SCAN_SPEED = 30.0, 5e10
"""number of products of all spins with all slopes, and how many of their operations a core does in a second"""
CELL_TIME, SPIN_TIME, START_TIME = 2e-7, 0.025, 5.0
"""seconds for a cell, for a spin, and for the program itself, on one core"""


class Forecast(NamedTuple):
    """What a recovery takes at least, roughly."""

    memory: float
    """bytes at the peak"""
    seconds: float
    """on the cores of this machine, if nothing else runs on them; NaN where it was never measured"""

    def __str__(self) -> str:
        gigabytes = f"{self.memory / 1e9:.1f} GB of memory"
        if self.seconds != self.seconds:
            return gigabytes
        minutes = f"{self.seconds / 60:.0f} minutes" if self.seconds >= 90 else f"{max(self.seconds, 1):.0f} seconds"
        return f"{gigabytes} and {minutes} on {cores()} core{'s' * (cores() > 1)}"


def is_compact(rows: int, spins: int, estimator: EstimatorName, penalty: PenaltyName) -> bool:
    """Whether a table of independent complete rows is held as bits: it is large, and only edges are searched for."""
    rule = PENALTIES.get(penalty)
    entry = ESTIMATORS.get(resolve_estimator(estimator, spins))
    if rule is None or entry is None or rows * spins <= COMPACT or not entry.is_pseudo_likelihood:
        return False
    tries_lasso = rule.tries_lasso and rows * spins**2 <= LASSO_SIZE
    return rule.tries_refit and not tries_lasso


def forecast(rows: int, spins: int, estimator: EstimatorName, penalty: PenaltyName, *, plain: bool = True) -> Forecast:
    """What a recovery takes, from measurements of others.

    Args:
        plain: whether the table is complete and its rows are independent.
    """
    cells, pairs = float(rows * spins), float(spins**2)
    if plain and is_compact(rows, spins, estimator, penalty):
        scans = SCANS * 2 * cells * spins / SCAN_SPEED
        seconds = (scans + CELL_TIME * cells) / cores() + SPIN_TIME * spins + START_TIME
        return Forecast(BASE + BYTES_PACKED * cells + BYTES_PAIR * pairs, seconds)
    return Forecast(BASE + BYTES_DENSE * cells + BYTES_PAIR * pairs, float("nan"))


def check_memory(rows: int, spins: int, estimator: EstimatorName, penalty: PenaltyName, *, plain: bool = True) -> None:
    """Refuse a recovery that would not fit into memory.

    Raises:
        InputError: it needs more than this machine has left.
    """
    needed = int(forecast(rows, spins, estimator, penalty, plain=plain).memory)
    if needed < 2 * BASE:  # so small a run is never refused
        return
    way_on = "choose fewer columns or rows"
    if not (plain and is_compact(rows, spins, estimator, penalty)):
        way_on += (
            "; single-site with penalty auto or refit needs far less for complete rows without blocks"
            if not is_compact(rows, spins, estimator, penalty)
            else "; complete rows without blocks need far less"
        )
    check_fits(needed, "x", f"a table of {rows:,} rows and {spins:,} columns whose recovery", way_on)
