"""The options of the job that makes the tables of Ising estimators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, ResumableConfig, When, expect
from discrete_ed.names import TORUS_SIDE, EstimatorName, PenaltyName


@dataclass(frozen=True)
class IsingTablesConfig(ResumableConfig):
    """Tables of the estimators of Ising couplings: errors on published models, bias, and distance from the limits.

    All data are exact samples. Errors and couplings are in the published convention, log p = s'Js, whose couplings are
    half of the physics ones. The table is printed and written into a run folder, one cell at a time, so that a long run
    can be stopped and resumed.

    Examples:
      discrete-ed ising-tables --table published --estimator single-site
      discrete-ed ising-tables --table bias
      discrete-ed ising-tables --table limits
      python scripts/ising_tables.py --table limits
    """

    table: Literal["published", "bias", "limits"] = "published"
    """published: the errors of all estimators on the seven published models, mean and standard deviation over seeds;
    with --estimator or --penalty only of that one. bias: the mean learned coupling of bernoulli for several epsilon and
    M, and of block, from 30,000 samples. limits: the error against the Cramér-Rao bound, and how often 95% intervals
    contain the truth"""
    samples: Annotated[int, When(table="published")] = 2000
    """number of samples for each estimate"""
    side: Annotated[int, When(table=("bias", "limits"))] = 10
    """number of spins along each side of the torus"""
    sigma: Annotated[float, When(table=("bias", "limits"))] = 0.2
    """coupling of every edge in the published convention"""
    estimator: Annotated[EstimatorName, When(table="published")] = "auto"
    """the estimator of the table, as in the job recover; auto: all estimators, or single-site if --penalty is given"""
    penalty: Annotated[PenaltyName, When(table="published")] = "auto"
    """the penalty of the table, as in the job recover"""
    seeds: Annotated[int, When(table=("published", "limits"))] = 5
    """number of seeds; the coverage of intervals is measured on 40 times as many simulated data sets"""
    seed: int = 0
    """the first seed"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/ising-tables/TABLE-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 10", "samples", low=10)
        expect(self, "at least 1", "seeds", low=1)
        check_seed(self.seed)
        if not 2 <= self.side <= TORUS_SIDE:
            raise InputError(f"side: expected 2 to {TORUS_SIDE}, got {self.side}")
        if not abs(self.sigma) < 10:
            raise InputError(f"sigma: expected a number between -10 and 10, got {self.sigma}")
