"""The options of the job that makes the tables of Ising estimators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect
from discrete_ed.names import EstimatorName, PenaltyName

MAX_SIDE = 10
"""side of the largest torus: transfer matrices sample it exactly"""


@dataclass(frozen=True)
class IsingTablesConfig(ResumableConfig):
    """Tables of the estimators of Ising couplings: errors on published models, bias, and distance from the limits.

    All samples are exact. Errors and couplings are in the published convention, log p = s'Js, whose couplings are half
    of the physics ones. The table goes into a run folder, cell by cell, so that a long run can be resumed.

    Examples:
      python scripts/ising_tables.py --table published --estimator single-site
      python scripts/ising_tables.py --table bias
      python scripts/ising_tables.py --table limits
    """

    table: Literal["published", "bias", "limits"] = "published"
    """published: all estimators, or --estimator with --penalty alone where one of them is given, on the seven published
    models, mean and sd over seeds. bias: the mean learned coupling of bernoulli over epsilon and M, and of block, from
    30,000 samples. limits: the error against the Cramer-Rao bound, and how often 95% intervals cover"""
    samples: Annotated[int, When(table="published")] = 2000
    """samples that each estimate has"""
    side: Annotated[int, When(table=("bias", "limits"))] = 10
    """side of the torus"""
    sigma: Annotated[float, When(table=("bias", "limits"))] = 0.2
    """coupling of every edge (published)"""
    estimator: Annotated[EstimatorName, When(table="published")] = "auto"
    """the one estimator of the table, see the job `recover`; auto means all, or single-site where --penalty is given"""
    penalty: Annotated[PenaltyName, When(table="published")] = "auto"
    """the one penalty of the table, see the job `recover`"""
    seeds: Annotated[int, When(table=("published", "limits"))] = 5
    """number of seeds; the coverage of intervals takes 40 times as many simulated sets"""
    seed: int = 0
    """first seed"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; without it: runs/ising-tables/TABLE-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 10", "samples", low=10)
        expect(self, "at least 1", "seeds", low=1)
        check_seed(self.seed)
        if not 2 <= self.side <= MAX_SIDE:
            raise InputError(f"side: expected 2 to {MAX_SIDE}, got {self.side}")
        if not abs(self.sigma) < 10:
            raise InputError(f"sigma: expected a number between -10 and 10, got {self.sigma}")
