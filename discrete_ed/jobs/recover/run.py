"""The job that recovers couplings, from samples of a known model or from a user's table."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from discrete_ed.energies import IsingEnergy
from discrete_ed.errors import InputError
from discrete_ed.graphs.interactions import interaction_graph
from discrete_ed.graphs.io import graph_files
from discrete_ed.ising import (
    Comparison,
    EstimatorSettings,
    GoodnessOfFit,
    Recovery,
    bound_for_edges,
    check_estimator,
    check_samples,
    compare_with_truth,
    goodness_of_fit,
    pair_counts,
    recover_couplings,
    resolve_estimator,
    row_log_likelihood,
    states_for_bound,
    weighted_means,
)
from discrete_ed.ising.forecast import COMPACT, forecast
from discrete_ed.jobs.options import changed_options, refuse_options_without_effect
from discrete_ed.jobs.progress import counted_progress
from discrete_ed.jobs.recover.config import RecoverConfig
from discrete_ed.jobs.recover.files import write_couplings, write_edges, write_fields, write_matrix, write_network
from discrete_ed.jobs.recover.report import report_known_model, report_table
from discrete_ed.jobs.recover.table import observed_table
from discrete_ed.jobs.resume import resumed
from discrete_ed.jobs.run_folder import RunFolder
from discrete_ed.jobs.text import finite
from discrete_ed.lattices import KnownModel, known_graph, known_lattice, known_random_graph, sample_ising
from discrete_ed.lattices.sampling import CHAINS, SampledStates, sample_near_rows
from discrete_ed.names import SMALL_BITS

JOB = "recover"
STAGES = 17
"""approximate number of messages of a recovery, which the progress bar counts"""
MODEL_SAMPLES, MODEL_CELLS, MODEL_CHAINS = 10_000, 2_000_000, 100_000
"""largest number of samples of a fitted model with which the data are compared, of their cells, and of the spins of all
chains that make them"""
MANY_SPINS = 200
"""number of spins above which sweeps of single spins are tried first"""


def run(config: RecoverConfig) -> dict[str, Any]:
    """Run the whole job; returns the content of `result.json`.

    Raises:
        InputError: a table, graph or run folder that can't be used; an option that has no effect.
    """
    config = resumed(config, JOB)
    refuse_options_without_effect(config, table=config.data is not None, graph_files=config.graph is not None)
    return from_known_model(config) if config.data is None else from_table(config)


def known_model(config: RecoverConfig) -> KnownModel:
    """The model that the options ask for.

    Raises:
        InputError: a graph that can't be read; `sigma` or `field` was given, and the graph's file has its own.
    """
    sigma, field = config.sigma, config.field
    if config.random_graph is not None:
        return known_random_graph(*config.random_graph, sigma=sigma, field=field, seed=config.seed)
    if config.graph is None:
        return known_lattice(config.side, config.dimension, periodic=config.periodic, sigma=sigma, field=field)
    known = known_graph(
        interaction_graph(config.graph, **config.reading()), config.graph.stem, sigma=sigma, field=field
    )
    own = {
        "sigma": (known.sigma, "the coupling of every edge"),
        "field": (known.field, "the field of every node"),
    }
    for option, (value, description) in own.items():
        if value is None and option in changed_options(config):
            raise InputError(
                f"{option}: expected none, since {config.graph} has {description}, got {getattr(config, option):g}"
            )
    return known


def recover(config: RecoverConfig, bits: torch.Tensor, *, fields: bool, **details: Any) -> Recovery:
    """Recover couplings as the options say, with a progress bar.

    Args:
        details: weights, blocks, names and the like, for `recover_couplings`.
    """
    settings = EstimatorSettings(config.epsilon, config.negatives, config.w, config.block)
    with tqdm(total=STAGES, desc="recover", unit="stage", leave=False) as bar:

        def callback(message: str) -> None:
            bar.set_postfix_str(message)
            bar.update(min(1, bar.total - bar.n))

        return recover_couplings(
            bits,
            config.estimator,
            config.penalty,
            fields=fields,
            settings=settings,
            seed=config.seed,
            callback=callback,
            **details,
        )


def from_known_model(config: RecoverConfig) -> dict[str, Any]:
    """Sample a known model, recover its couplings, and report their error."""
    known = known_model(config)
    truth, fields = known.parameters, bool(known.parameters.fields.any())
    spins = len(truth.fields)
    check_estimator(config.estimator, config.penalty, spins)  # before the run folder is made
    config = resolved_options(config, spins)
    inputs = [] if config.graph is None else graph_files(config.graph)
    label = known.label if known.sigma is None else f"{known.label}-{known.sigma:g}"
    sweeps = config.sweeps if config.sampler == "single-site" else None
    facts = {"table": False, "graph_files": config.graph is not None}
    with RunFolder(config.out, JOB, label, config, inputs, facts) as folder:
        generator = torch.Generator().manual_seed(config.seed)
        started = time.monotonic()
        with torch.no_grad(), counted_progress("sample", "sweep", transient=True) as callback:
            sampled = known.sample(config.samples, sweeps=sweeps, generator=generator, callback=callback)
        sampled_at = time.monotonic()
        check_samples(sampled.states, config.estimator, config.penalty, name=f"samples of {known.label}")
        recovery = Recovery(**folder.cached("recover", lambda: asdict(recover(config, sampled.states, fields=fields))))
        recovered_at = time.monotonic()
        comparison = compare_with_truth(recovery, truth, with_fields=fields)
        more = sampled
        if not sampled.costly:
            count = states_for_bound(comparison.true_edges)
            with torch.no_grad(), counted_progress("sample", "sweep", transient=True) as callback:
                more = known.sample(count, sweeps=sweeps, generator=generator, callback=callback)
        edges = np.argwhere(np.triu(truth.couplings, 1))
        bound = bound_for_edges(2 * more.states.double().numpy() - 1, edges, config.samples, with_fields=fields)
        result: dict[str, Any] = {
            "model": known.label,
            "sigma": known.sigma,
            "field": known.field,
            "samples": config.samples,
            "drawn": sampled.method,
            **_recovery_results(config, recovery),
            **_comparison_results(comparison, bound),
            "warnings": list(recovery.warnings),
            "seconds": {"draw": sampled_at - started, "recover": recovered_at - sampled_at},
        }
        write_couplings(folder, recovery, truth, with_fields=fields)
        write_network(folder, recovery, [str(site) for site in range(spins)])
        folder.save_energy("model", recovery.energy)
        report_known_model(folder, config, recovery, truth, comparison, result)
        folder.finish(result)
    return result


def from_table(config: RecoverConfig) -> dict[str, Any]:
    """Fit a user's table, and report the couplings with their errors, and how well the model reproduces the data."""
    data = config.data
    assert data is not None
    observed = observed_table(config)  # before the run folder is made
    table, cells = observed.table, observed.cells
    n, d = table.values.shape
    config = resolved_options(config, d)
    facts = {"table": True, "graph_files": False}
    if n * d > COMPACT:
        plain = table.missing is table.blocks is None and config.rows_in_block() in ("auto", 1)
        needed = forecast(n, d, config.estimator, config.penalty, plain=plain)
        print(f"{n:,} rows and {d:,} columns: {needed}, as forecast; {d * (d - 1) // 2:,} pairs are compared")
    with RunFolder(config.out, JOB, data.stem, config, [data], facts) as folder:
        started = time.monotonic()
        details = {
            "names": table.names,
            "weights": table.weights,
            "blocks": table.blocks,
            "block_length": config.rows_in_block(),
            "most_missing": config.most_missing,
        }
        recovery = Recovery(
            **folder.cached("recover", lambda: asdict(recover(config, torch.from_numpy(cells), fields=True, **details)))
        )
        recovered_at = time.monotonic()
        sampled = fitted_samples(config, recovery.energy, cells, observed.rows)
        has_its_means = recovery.estimator == "maximum-likelihood"
        fit = goodness_of_fit(
            cells,
            sampled.states.numpy().astype(np.uint8),
            fitted=has_its_means,
            seed=config.seed,
            weights=table.weights,
            effective_rows=recovery.effective_rows,
        )
        likelihood = row_log_likelihood(recovery.energy, cells, table.weights) if d <= SMALL_BITS else None
        result: dict[str, Any] = {
            "data": str(data),
            "samples": n,
            "spins": d,
            "rows": {
                "counted": observed.rows,
                "in_effect": recovery.effective_rows,
                "left_out": observed.left_out,
                "missing_cells": 0 if table.missing is None else int(table.missing.sum()),
            },
            **_recovery_results(config, recovery),
            "edges": {
                "found": len(recovery.edges),
                "couplings_kept": int(np.triu(recovery.couplings, 1).astype(bool).sum()),
                "not_identified": len(recovery.unclear),
            },
            "warnings": [*recovery.warnings, *fit.warnings],
            "goodness": {**_goodness_results(fit), "model_draws": sampled.method},
            "log_likelihood": None if likelihood is None else asdict(likelihood),
            "seconds": {"recover": recovered_at - started},
        }
        write_couplings(folder, recovery, names=table.names)
        write_matrix(folder, recovery, table.names)
        write_network(folder, recovery, table.names)
        write_edges(folder, recovery, table.names, pair_counts(cells, recovery.edges, table.weights))
        write_fields(folder, recovery, table.names, weighted_means(cells, table.weights))
        folder.save_energy("model", recovery.energy)
        report_table(folder, config, recovery, table.names, fit, result)
        folder.finish(result)
    return result


def fitted_samples(config: RecoverConfig, energy: IsingEnergy, cells: np.ndarray, rows: float) -> SampledStates:
    """Samples of a fitted model, with which its data are compared: fewer of a model of many spins."""
    d = cells.shape[1]
    count = max(min(MODEL_SAMPLES, max(1000, int(20 * rows)), MODEL_CELLS // d), 500)
    sweeps = config.sweeps if config.sampler == "single-site" else None
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        if d > MANY_SPINS and sweeps is None and cells.dtype.kind != "f":
            found = sample_near_rows(energy, torch.from_numpy(cells), count, generator=generator)
            if found is not None:
                return found
        chains = max(min(CHAINS, MODEL_CHAINS // d), 50)
        with counted_progress("sample", "sweep", transient=True) as callback:
            return sample_ising(energy, count, sweeps=sweeps, chains=chains, generator=generator, callback=callback)


def resolved_options(config: RecoverConfig, spins: int) -> RecoverConfig:
    """The options, with the values that the run uses where the user left an option open."""
    estimator = resolve_estimator(config.estimator, spins)
    return replace(config, estimator=estimator, epsilon=EstimatorSettings(config.epsilon).noise(estimator))


def _recovery_results(config: RecoverConfig, recovery: Recovery) -> dict[str, Any]:
    """The part of `result.json` that every recovery has."""
    return {
        "estimator": recovery.estimator,
        "penalty": config.penalty,
        "choice": recovery.choice,
        "seed": config.seed,
        "reliability": finite(recovery.reliability),
        "shrinkage": recovery.shrinkage,
        "common_law": None if recovery.common is None else {"mean": recovery.common[0], "sd": recovery.common[1]},
        "held_out": recovery.held_out,
    }


def _comparison_results(comparison: Comparison, bound: float | None) -> dict[str, Any]:
    """The part of `result.json` that compares with the truth; null for the logarithm of zero."""
    return {
        "neg_log_rmse": finite(comparison.neg_log_rmse),
        "all_zeros": finite(comparison.zero_neg_log_rmse),
        "bound": None if bound is None else finite(-float(np.log(bound / 2))),
        "rmse_physics": comparison.rmse,
        "rmse_fields": comparison.fields_rmse,
        "edges": {
            "true": comparison.true_edges,
            "found": comparison.found_edges,
            "right": comparison.right_edges,
            "bounded": comparison.bounded_edges,
            "covered": comparison.covered_edges,
        },
    }


def _goodness_results(fit: GoodnessOfFit) -> dict[str, Any]:
    """The part of `result.json` on goodness of fit."""
    moments = zip(("means", "pairs", "triples"), fit.measures.values(), strict=False)
    return {
        **{name: {"rms_difference": error, "expected_of_noise": noise} for name, (error, noise) in moments},
        "sum_total_variation": fit.sum_distance,
        "sum_total_variation_of_noise": fit.sum_noise,
    }
