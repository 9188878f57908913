"""What the Ising job can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from discrete_ed.errors import InputError, check_seed
from discrete_ed.jobs.options import ResumableConfig, expect
from discrete_ed.names import EstimatorName, PenaltyName

WHERE = {"out", "resume", "data", "table", "bias", "limits"}  # which say what is done, and where
HEARD = {  # all that the tables are told
    "table": {"samples", "estimator", "penalty", "seeds", "seed"},
    "bias": {"side", "sigma", "seed"},
    "limits": {"side", "sigma", "seeds", "seed"},
}
LATTICE = {"side", "dimension", "periodic"}
KNOWN = LATTICE | {"graph", "random_graph", "sigma", "field", "samples"}  # which a table of the user's has no use for
NOISE = {"block": {"epsilon", "block"}, "bernoulli": {"epsilon", "negatives", "w"}}  # what these estimators are told


@dataclass(frozen=True)
class RecoverConfig(ResumableConfig):
    """Recover the couplings of an Ising model, from a table of yours or from draws of a known model.

    Without --data: draws perfect samples of a lattice, recovers its couplings by energy discrepancy, and sets the error
    beside that of J = 0 and beside the best possible. With --data: couplings, fields, standard errors, edges and
    goodness of fit for a table of 0/1 or -1/+1. Everything goes into a run folder; open its report.html first.

    Couplings are those of E(s) = -1/2 s'Js - h's, s = -1 for 0 and +1 for 1, each pair counted once ("physics"); the
    literature on energy discrepancy writes log p = s'Js, which is half of them ("published"), and so does --sigma.

    Examples:
      python scripts/train_ising.py
      python scripts/train_ising.py --sigma 0.3 --samples 8000
      python scripts/train_ising.py --data observations.csv
      python scripts/train_ising.py --table --estimator single-site
    """

    data: Path | None = None
    """your observations: CSV, NPZ, NPY or Parquet, a row for each, at least 10 rows, cells 0/1 or -1/+1"""
    side: int = 10
    """side of the lattice"""
    dimension: int = 2
    """dimension of the lattice"""
    periodic: bool = True
    """whether the lattice closes to a torus"""
    graph: Path | None = None
    """interaction graph from a file (.g6, .s6, .jsonl, .edges, .graphml) in place of the lattice; edges of GraphML may
    have a number `coupling`, nodes a number `field` (physics), which then stand in place of --sigma, of --field"""
    random_graph: tuple[int, float] | None = None
    """nodes and mean degree of an Erdos-Renyi graph in place of the lattice"""
    sigma: float = 0.2
    """coupling of every edge in the published convention: half the physics coupling; may be negative"""
    field: float = 0.0
    """external field on every spin (physics)"""
    samples: int = 2000
    """samples to draw"""
    sampler: Literal["exact", "single-site"] = "exact"
    """how samples are drawn: exact where that is possible (transfer matrices, enumeration), else by clusters or
    tempering; or by sweeps of single spins from random states, as published data were"""
    sweeps: int = 1000
    """sweeps of --sampler single-site"""
    estimator: EstimatorName = "auto"
    """auto (maximum-likelihood up to 16 spins, else single-site); single-site energy discrepancy (exact: it is
    pseudo-likelihood); block (random blocks of spins enumerated);
    bernoulli (M copies; biased upwards on finite data unless epsilon is near .01); interaction-screening;
    ratio-matching; contrastive-divergence (chains); maximum-likelihood (by enumeration, at most 20 spins)"""
    penalty: PenaltyName = "auto"
    """what keeps noise out: auto (held-out data decide between refit, l1 and zero, never expected worse than J = 0),
    refit (select pairs, then estimate only these), l1, common (refit, then empirical Bayes, which assumes that all
    edges are alike), none, zero"""
    epsilon: float | None = None
    """noise of block (.1) and bernoulli (.01)"""
    negatives: int = 32
    """M, copies of a sample (bernoulli)"""
    w: float = 1.0
    """w, stabilisation (bernoulli)"""
    block: int = 6
    """spins in a block (block)"""
    table: bool = False
    """compare all estimators, or --estimator with --penalty alone where one of them is given, on the seven published
    columns, mean and sd of --seeds"""
    bias: bool = False
    """tabulate the mean learned coupling of bernoulli over epsilon and M, and of block, from 30,000 samples"""
    limits: bool = False
    """measure the error against the Cramer-Rao bound, and how often 95% intervals cover"""
    seeds: int = 5
    """seeds of --table; simulated sets of --limits are 40 times as many"""
    seed: int = 0
    """seed of everything random"""
    out: Path | None = None
    """run folder, which must be new or empty; without it: runs/recover/LABEL-TIME"""

    def __post_init__(self) -> None:
        expect(self, "at least 2", "side", low=2)
        expect(self, "at least 1", "dimension", "sweeps", "negatives", "seeds", low=1)
        expect(self, "at least 10", "samples", low=10)
        expect(self, "at least 0", "w", low=0)
        check_seed(self.seed)
        if not 1 <= self.block <= 10:
            raise InputError(f"block: expected 1 to 10 spins, got {self.block}")
        if self.epsilon is not None and not 0 < self.epsilon <= 0.5:
            raise InputError(f"epsilon: expected a probability in (0, 0.5], got {self.epsilon}")
        for name in ("sigma", "field"):
            if not abs(getattr(self, name)) < 10:
                raise InputError(f"{name}: expected a number between -10 and 10, got {getattr(self, name)}")
        if sum((self.table, self.bias, self.limits, self.data is not None)) > 1:
            raise InputError("table, bias, limits, data: expected at most one of them")
        if self.graph is not None and self.random_graph is not None:
            raise InputError("graph, random_graph: expected at most one of them")
        if self.random_graph is not None:
            nodes, degree = self.random_graph
            if nodes < 2 or not 0 < degree < nodes:
                raise InputError(f"random_graph: expected 2 nodes or more and 0 < degree < nodes, got {nodes} {degree}")
        if self.side**self.dimension > 10_000:
            raise InputError(f"side, dimension: expected at most 10,000 spins, got {self.side}^{self.dimension}")


def silent(config: RecoverConfig) -> dict[str, str]:
    """The options that have no say in the run, each with what keeps it silent."""
    for table, heard in HEARD.items():
        if getattr(config, table):
            return dict.fromkeys(vars(config).keys() - WHERE - heard, f"with --{table}")
    told = set().union(*NOISE.values()) - NOISE.get(config.estimator, set())
    found = {"seeds": "without --table or --limits", **dict.fromkeys(told, f"with --estimator {config.estimator}")}
    if config.sampler == "exact":
        found["sweeps"] = "with --sampler exact"
    if config.data is not None:
        found |= dict.fromkeys(KNOWN, "with --data")
    elif config.graph is not None or config.random_graph is not None:
        found |= dict.fromkeys(LATTICE, "with --graph or --random-graph")
    return found
