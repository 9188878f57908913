"""The options of the job that recovers couplings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import HOUSEKEEPING, GraphFileConfig, When, expect, expect_noise
from discrete_ed.names import EstimatorName, PenaltyName

# the conditions under which some of the options have an effect
KNOWN_MODEL = When(data=None)
TABLE = When("with --data", table=True)
LATTICE = When(data=None, graph=None, random_graph=None)


@dataclass(frozen=True)
class RecoverConfig(GraphFileConfig):
    """Recover the couplings of an Ising model, from your table of observations or from samples of a known model.

    With --data, a table of 0/1 or -1/+1: estimates couplings and fields with standard errors, selects edges, and tests
    the goodness of fit. Without --data: samples a lattice exactly, recovers its couplings by energy discrepancy, and
    reports the error next to that of J = 0 and to the smallest error possible. The couplings (couplings.npz, tables of
    edges and fields) and the figures go into a run folder; open its report.html first.

    Couplings are in the physics convention, E(s) = -1/2 s'Js - h's with s = -1 for 0 and s = +1 for 1, each pair
    counted once. The literature on energy discrepancy uses the published convention, log p = s'Js, whose couplings are
    half as large; so does --sigma.

    Examples:
      discrete-ed recover --data observations.csv
      discrete-ed recover --sigma 0.3 --samples 8000
      python scripts/train_ising.py --data observations.csv
    """

    data: Path | None = None
    """your table: CSV, NPZ, NPY or Parquet, one row for each observation (at least 10), cells 0/1, -1/+1, true/false or
    yes/no; lines that begin with # are comments"""
    recode: Annotated[str | None, TABLE] = None
    """what cells mean, such as 1=0,2=1 or male=0,female=1; CELL=NA means that the cell is missing, and =0 that an empty
    cell is 0"""
    binarise: Annotated[str | None, TABLE] = None
    """a threshold: a number above it is 1, another number 0; median: the median of each column"""
    columns: Annotated[tuple[str, ...] | None, TABLE] = None
    """the only columns to read, by name or by number from 1"""
    drop: Annotated[tuple[str, ...] | None, TABLE] = None
    """columns to leave out"""
    transpose: Annotated[bool, TABLE] = False
    """for a table whose rows are the variables and whose columns are the observations"""
    weights: Annotated[str | None, TABLE] = None
    """the column that says how much each row counts. Whole numbers are counts of equal rows; others are proportions"""
    blocks: Annotated[str | None, TABLE] = None
    """the column that names the block of each row, such as a subject or a recording: only rows of different blocks are
    independent, and splits, choices and standard errors go by whole blocks"""
    block_length: Annotated[str, TABLE] = "auto"
    """number of rows in sequence that are a block. auto: rows are tested, and where neighbours depend on each other,
    blocks are as long as that needs, with a warning; 1: rows are independent"""
    missing: Annotated[Literal["expect", "listwise", "refuse"], TABLE] = "expect"
    """what to do about missing cells. expect: use every observed cell, and expect the others under the model; listwise:
    leave out every row with a missing cell; refuse"""
    most_missing: Annotated[float, When("with --data and --missing expect", table=True, missing="expect")] = 0.5
    """largest share of missing cells that a column may have"""
    side: Annotated[int, LATTICE] = 10
    """number of spins along each side of the lattice"""
    dimension: Annotated[int, LATTICE] = 2
    """dimension of the lattice"""
    periodic: Annotated[bool, LATTICE] = True
    """whether opposite sides of the lattice are joined, which makes it a torus"""
    graph: Annotated[Path | None, KNOWN_MODEL] = None
    """interaction graph from a file (graph6, edge list, JSON, GraphML and others) instead of the lattice; in GraphML
    every edge may have a number `coupling` and every node a number `field` (physics), which then replace --sigma and
    --field"""
    random_graph: Annotated[tuple[int, float] | None, KNOWN_MODEL] = None
    """nodes and mean degree of an Erdos-Renyi graph instead of the lattice"""
    sigma: Annotated[float, KNOWN_MODEL] = 0.2
    """coupling of every edge in the published convention: half the physics coupling; may be negative"""
    field: Annotated[float, KNOWN_MODEL] = 0.0
    """external field on every spin (physics)"""
    samples: Annotated[int, KNOWN_MODEL] = 2000
    """number of samples of the known model"""
    sampler: Literal["exact", "single-site"] = "exact"
    """how the known model is sampled. exact: with transfer matrices or by enumeration where that is possible, otherwise
    with cluster moves or parallel tempering; single-site: Gibbs sweeps over single spins from random states, as
    published data were made"""
    sweeps: Annotated[int, When(sampler="single-site")] = 1000
    """number of Gibbs sweeps of --sampler single-site"""
    estimator: EstimatorName = "auto"
    """auto: maximum-likelihood up to 16 spins, single-site above; single-site: energy discrepancy with single flips,
    which equals pseudo-likelihood; block: energy discrepancy on random blocks of spins, whose states are enumerated;
    bernoulli: energy discrepancy with M noisy copies, biased upwards on finite data unless epsilon is near 0.01;
    interaction-screening; ratio-matching; contrastive-divergence: with Gibbs chains; maximum-likelihood: by
    enumeration, at most 20 spins"""
    penalty: PenaltyName = "auto"
    """how couplings that are only noise are suppressed. auto: held-out data decide between refit, l1 and zero, so that
    the expected error never exceeds that of J = 0; refit: select pairs, then estimate only these; l1: lasso; common:
    refit, then shrink the edges towards their mean by empirical Bayes, which assumes that all edges are alike; none;
    zero: all couplings 0"""
    epsilon: Annotated[float | None, When(estimator=("block", "bernoulli"))] = None
    """ε, the probability that noise flips a spin; by default 0.1 for block and 0.01 for bernoulli"""
    negatives: Annotated[int, When(estimator="bernoulli")] = 32
    """M, number of noisy copies of each sample"""
    w: Annotated[float, When(estimator="bernoulli")] = 1.0
    """w, stabilisation of the loss"""
    block: Annotated[int, When(estimator="block")] = 6
    """number of spins in a block"""
    seed: int = 0
    """seed of everything random"""
    out: Annotated[Path | None, HOUSEKEEPING] = None
    """run folder, which must be new or empty; by default runs/recover/LABEL-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 2", "side", low=2)
        expect(self, "at least 1", "dimension", "sweeps", "negatives", low=1)
        expect(self, "at least 10", "samples", low=10)
        expect(self, "at least 0", "w", low=0)
        check_seed(self.seed)
        self.meanings()
        self.threshold()
        self.rows_in_block()
        if not 0 <= self.most_missing < 1:
            raise InputError(f"most_missing: expected a share from 0 to below 1, got {self.most_missing}")
        if not 1 <= self.block <= 10:
            raise InputError(f"block: expected 1 to 10 spins, got {self.block}")
        expect_noise(self, "epsilon")
        for name in ("sigma", "field"):
            if not abs(getattr(self, name)) < 10:
                raise InputError(f"{name}: expected a number between -10 and 10, got {getattr(self, name)}")
        if self.graph is not None and self.random_graph is not None:
            raise InputError(
                f"graph, random_graph: expected at most one of them, got {self.graph} and {self.random_graph}"
            )
        if self.random_graph is not None:
            nodes, degree = self.random_graph
            if nodes < 2 or not 0 < degree < nodes:
                raise InputError(
                    f"random_graph: expected at least 2 nodes and 0 < degree < nodes, got {nodes} {degree}"
                )
        if self.side**self.dimension > 10_000:
            raise InputError(f"side, dimension: expected at most 10,000 spins, got {self.side}^{self.dimension}")

    def meanings(self) -> dict[str, int | None] | None:
        """What `recode` says of cells; None stands for missing.

        Raises:
            InputError: it can't be interpreted.
        """
        return None if self.recode is None else _recoded(self.recode)

    def threshold(self) -> float | Literal["median"] | None:
        """What `binarise` says, as a number if it is one.

        Raises:
            InputError: it can't be interpreted.
        """
        return None if self.binarise is None else _threshold(self.binarise)

    def rows_in_block(self) -> int | Literal["auto"]:
        """The length of blocks as a number, or `auto`.

        Raises:
            InputError: it is neither.
        """
        if self.block_length == "auto":
            return "auto"
        if not self.block_length.isdecimal() or int(self.block_length) < 1:
            raise InputError(f"block_length: expected auto or a whole number of at least 1, got {self.block_length!r}")
        return int(self.block_length)


def _recoded(text: str) -> dict[str, int | None]:
    meanings: dict[str, int | None] = {"0": 0, "1": 1, "NA": None}
    found = {}
    for part in text.split(","):
        cell, equals, meaning = part.rpartition("=")
        if not equals or meaning.strip() not in meanings:
            raise InputError(f"recode: expected CELL=0, CELL=1 or CELL=NA, separated by commas, got {part!r}")
        if cell.strip() in found:
            raise InputError(f"recode: expected each cell once, got {cell.strip()!r} twice")
        found[cell.strip()] = meanings[meaning.strip()]
    return found


def _threshold(text: str) -> float | Literal["median"]:
    if text == "median":
        return "median"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"binarise: expected a number with a decimal point, or median, got {text!r}")
    return number
