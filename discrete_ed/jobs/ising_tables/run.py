"""The job that makes the tables of Ising estimators: published models, bias of energy discrepancy, and the limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from discrete_ed.ising import (
    Parameters,
    Support,
    covered,
    cramer_rao,
    cramer_rao_all_pairs,
    neg_log_rmse,
    recover_couplings,
)
from discrete_ed.ising.bounds import BOUND_STATES
from discrete_ed.ising.comparison import rmse
from discrete_ed.ising.minimise import minimise
from discrete_ed.ising.objectives import (
    BernoulliDiscrepancy,
    BlockDiscrepancy,
    Objective,
    SiteObjective,
    log_logistic,
)
from discrete_ed.jobs.ising_tables.config import IsingTablesConfig
from discrete_ed.jobs.ising_tables.report import Table, bias_table, limits_table, published_table, write_table
from discrete_ed.jobs.options import refuse_options_without_effect
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.lattices import KnownModel, known_lattice
from discrete_ed.names import EstimatorName, PenaltyName

JOB = "ising-tables"
COLUMNS = ((10, 0.1), (10, 0.2), (10, 0.3), (10, 0.4), (10, 0.5), (9, -0.1), (9, -0.2))
"""side and σ of the published models"""
ROWS: tuple[tuple[EstimatorName, PenaltyName], ...] = (
    ("single-site", "auto"),
    ("single-site", "refit"),
    ("single-site", "l1"),
    ("single-site", "common"),
    ("single-site", "none"),
    ("block", "refit"),
    ("bernoulli", "refit"),
    ("interaction-screening", "refit"),
    ("ratio-matching", "refit"),
    ("contrastive-divergence", "refit"),
)
BIAS_SAMPLES, LIMIT_SAMPLES, COVER_SAMPLES = 30_000, 60_000, 5_000
"""numbers of samples for the bias, for the errors against the bounds, and in a simulated data set"""
COVER_SETS = 40
"""number of simulated data sets for each seed, on which the coverage of the intervals is measured"""
BOUND_SEED = 1000
"""added to the seed for the samples from which bounds are estimated"""
COVER_SEED = 10_000
"""added to the seed for the simulated data sets"""


def run(config: IsingTablesConfig) -> dict[str, Any]:
    """Make the table, print it, and write it into a run folder; returns the content of `result.json`.

    Raises:
        InputError: an option that has no effect on this table, or a run folder that can't be used.
    """
    config = resumed(config, JOB)
    refuse_options_without_effect(config)
    make: dict[str, Callable[[IsingTablesConfig, RunFolder], tuple[Table, str]]] = {
        "published": published,
        "bias": bias,
        "limits": limits,
    }
    started = time.monotonic()
    with RunFolder(config.out, JOB, config.table, config) as folder:
        table, note = make[config.table](config, folder)
        result = {"table": table, "note": note, "seconds": time.monotonic() - started}
        write_table(folder, table, note)
        folder.finish(result)
    return result


def spins_of(model: KnownModel, count: int, seed: int) -> np.ndarray:
    """Exact samples, −1 and +1, `(N, D)`."""
    return 2 * model.sample(count, generator=torch.Generator().manual_seed(seed)).states.double().numpy() - 1


def edges_of(model: KnownModel) -> np.ndarray:
    """The edges of a model, `(P, 2)`."""
    return Support.of(model.parameters.couplings, with_fields=False).pairs


def published(config: IsingTablesConfig, folder: RunFolder) -> tuple[Table, str]:
    """−log RMSE in the published convention of every estimator on the seven models."""
    rows = ROWS
    if config.estimator != "auto" or config.penalty != "auto":
        rows = (("single-site" if config.estimator == "auto" else config.estimator, config.penalty),)
    scores: dict[tuple[str, str], list[list[float]]] = {row: [] for row in rows}
    zeros, bounds = [], []
    with tqdm(total=len(COLUMNS) * config.seeds * len(rows), desc="table", unit="fit") as bar:
        for side, sigma in COLUMNS:
            model = known_lattice(side, sigma=sigma)
            true = model.parameters.couplings
            zeros.append(neg_log_rmse(np.zeros_like(true), true))
            many = spins_of(model, BOUND_STATES, config.seed + BOUND_SEED)
            bound = cramer_rao(many, edges_of(model), config.samples, with_fields=False)
            bounds.append(-float(np.log(bound / 2)))
            for row in rows:
                scores[row].append([])
            for seed in range(config.seed, config.seed + config.seeds):
                bits = (spins_of(model, config.samples, seed) + 1) / 2
                for row in rows:
                    bar.set_postfix_str(f"{side}² σ {sigma:g}, {' '.join(row)}")
                    phase = f"{side}-{sigma:g}-{seed}-{'-'.join(row)}"
                    cell = folder.cached(phase, partial(_recovery_error, row, bits, true, seed))
                    scores[row][-1].append(cell["neg_log_rmse"])
                    case = {"side": side, "sigma": sigma, "seed": seed, "estimator": row[0], "penalty": row[1]}
                    folder.log({**case, **cell})
                    bar.update()
    return published_table(COLUMNS, scores, zeros, bounds, samples=config.samples, seeds=config.seeds)


def _recovery_error(
    row: tuple[EstimatorName, PenaltyName], bits: np.ndarray, true: np.ndarray, seed: int
) -> dict[str, Any]:
    started = time.monotonic()
    found = recover_couplings(bits, *row, fields=False, seed=seed)
    return {
        "choice": found.choice,
        "neg_log_rmse": neg_log_rmse(found.couplings, true),
        "seconds": time.monotonic() - started,
    }


def bias(config: IsingTablesConfig, folder: RunFolder) -> tuple[Table, str]:
    """Mean learned coupling of the edges, with all pairs free, on a torus whose edges all have coupling σ."""
    model = known_lattice(config.side, sigma=config.sigma)
    s = spins_of(model, BIAS_SAMPLES, config.seed)
    objectives: dict[str, Callable[[np.random.Generator], Objective]] = {
        "single-site (pseudo-likelihood)": lambda _: SiteObjective(s, log_logistic)
    }
    for epsilon, m in product((0.01, 0.05, 0.1), (32, 256)):
        objectives[f"bernoulli, ε = {epsilon:g}, M = {m}"] = partial(
            BernoulliDiscrepancy.sampled, s, epsilon=epsilon, m=m
        )
    for epsilon in (0.01, 0.1, 0.5):
        objectives[f"blocks of 6, ε = {epsilon:g}"] = partial(BlockDiscrepancy.sampled, s, epsilon=epsilon)
    is_edge = model.parameters.couplings != 0
    found = {}
    for name, objective in tqdm(objectives.items(), desc="bias", unit="estimator"):
        found[name] = folder.cached(name, partial(_learned_edges, objective, config.seed, is_edge, len(s)))
        folder.log({"estimator": name, **found[name]})
    return bias_table(found, side=config.side, sigma=config.sigma, samples=BIAS_SAMPLES)


def _learned_edges(
    sampled_objective: Callable[[np.random.Generator], Objective], seed: int, is_edge: np.ndarray, samples: int
) -> dict[str, Any]:
    started, d = time.monotonic(), len(is_edge)
    objective = sampled_objective(np.random.default_rng(seed))
    support = Support.all_pairs(d, with_fields=False)
    found = minimise(objective, support, Parameters.zeros(d), samples)
    seconds = time.monotonic() - started
    least = objective.least if isinstance(objective, BernoulliDiscrepancy) else -np.inf
    half, other = found.couplings / 2, np.triu(~is_edge, 1)
    return {
        "mean_edge": float(half[is_edge].mean()),
        "sd_edge": float(half[is_edge].std()),
        "mean_other": float(half[other].mean()),
        "separable": bool(objective(found).value < least + 1e-3),
        "seconds": seconds,
    }


def limits(config: IsingTablesConfig, folder: RunFolder) -> tuple[Table, str]:
    """The error against the Cramér–Rao bounds of all pairs and of known edges, and the coverage of 95% intervals."""
    side = config.side
    model = known_lattice(side, sigma=config.sigma)
    true, edges = model.parameters.couplings, edges_of(model)

    def errors(count: int, seed: int, penalty: PenaltyName) -> dict[str, Any]:
        bits = (spins_of(model, count, seed) + 1) / 2
        found = recover_couplings(bits, "single-site", penalty, fields=False, seed=seed)
        right = int(covered(found, true)[tuple(edges.T)].sum())
        return {"rmse": rmse(found.couplings, true), "covered": right, "choice": found.choice}

    def repeated(penalty: PenaltyName, count: int, seeds: range, name: str) -> list[dict[str, Any]]:
        found = []
        for seed in tqdm(seeds, desc=name, unit="set"):
            found.append(folder.cached(f"{penalty}-{count}-{seed}", partial(errors, count, seed, penalty)))
            folder.log({"what": name, "seed": seed, **found[-1]})
        return found

    seeds = range(config.seed, config.seed + config.seeds)
    many = spins_of(model, 100_000, config.seed + BOUND_SEED)
    all_pairs = cramer_rao_all_pairs(many[:BOUND_STATES], (side, side), LIMIT_SAMPLES)
    known_edges = cramer_rao(many, edges, LIMIT_SAMPLES, with_fields=False)
    names = ("all pairs free", "edges selected; known")
    measured = {
        names[0]: ([result["rmse"] for result in repeated("none", LIMIT_SAMPLES, seeds, names[0])], all_pairs),
        names[1]: ([result["rmse"] for result in repeated("refit", LIMIT_SAMPLES, seeds, names[1])], known_edges),
    }
    sets = range(config.seed + COVER_SEED, config.seed + COVER_SEED + COVER_SETS * config.seeds)
    shares = [result["covered"] / len(edges) for result in repeated("refit", COVER_SAMPLES, sets, "coverage")]
    return limits_table(
        measured,
        shares,
        side=side,
        sigma=config.sigma,
        seeds=config.seeds,
        samples=LIMIT_SAMPLES,
        cover_samples=COVER_SAMPLES,
    )
